"""End points of environments: where to promote to, and gates that only observe."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.api.fields import ActSerializer, recorded
from approvals.api.serializers_environments import (
    EnvironmentSerializer,
    ObserveChangeFilters,
    ObserveChangeSerializer,
    ObserveConfirmationSerializer,
    ObservedSerializer,
    ObserveSerializer,
)
from approvals.models import Environment, ObserveOnlyChange
from approvals.observed import report
from governance.api.acts import act
from governance.api.views import RecordViewSet


class EnvironmentViewSet(RecordViewSet):
    """Environments: the places models are promoted to."""

    collection = "environments"
    model = Environment
    serializer_class = EnvironmentSerializer

    @act(ObserveSerializer, answer=ObserveChangeSerializer, creates=True)
    def observe(self, request: Request, id: str) -> Response:
        """Ask that its gate only observes, until a moment. Shorter is in effect at once, longer when confirmed."""
        environment = self.find(id)
        data = self.read(ObserveSerializer)
        reason = self.reason(data)
        change = set_observe_only(actor=self.principal, reason=reason, environment=environment, until=data["until"])
        return recorded(change, ObserveChangeSerializer)

    @extend_schema(responses=ObservedSerializer)
    @action(detail=True, methods=["get"])
    def observed(self, request: Request, id: str) -> Response:
        """What its gate would have refused while it only observes, or did last, per requirement and reason."""
        return Response(ObservedSerializer(report(self.find(id), self.principal)).data)


class ObserveChangeViewSet(RecordViewSet):
    """Changes to observe-only: what a policy owner asked for, and who confirmed it."""

    collection = "observe-only-changes"
    model = ObserveOnlyChange
    serializer_class = ObserveChangeSerializer
    filter_class = ObserveChangeFilters
    related = ("environment", "confirmation")

    @act(ActSerializer, answer=ObserveConfirmationSerializer, creates=True)
    def confirm(self, request: Request, id: str) -> Response:
        """Confirm it. A policy owner of everywhere who did not ask for it."""
        change = self.find(id)
        reason = self.reason(self.read(ActSerializer))
        confirmed = confirm_observe_only(actor=self.principal, reason=reason, change=change)
        return recorded(confirmed, ObserveConfirmationSerializer)
