"""The portfolio over HTTP: what is live, what is planned, what is at risk, per namespace."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.portfolio import portfolio
from governance.api.principals import namespace_of
from governance.api.serializers import FilterSerializer
from governance.api.views import ApiView


class PortfolioQuery(FilterSerializer):
    """Of which namespace."""

    own = frozenset({"format"})
    namespace = serializers.CharField(required=False, help_text=_("Left out: all that you may read."))


class LiveByTierSerializer(serializers.Serializer[Any]):
    """Live through the gate, by risk tier."""

    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    low = serializers.IntegerField()


class PartSerializer(serializers.Serializer[Any]):
    """A namespace in numbers."""

    namespace = serializers.CharField(source="namespace.name")
    models = serializers.IntegerField()
    live = LiveByTierSerializer()
    as_found = serializers.IntegerField(help_text=_("Serves, and never passed a gate."))
    proposed = serializers.IntegerField(help_text=_("Intakes nobody has decided on."))
    releases = serializers.IntegerField(help_text=_("Open."))
    at_risk = serializers.IntegerField(help_text=_("The sum of what follows, found_soon left out."))
    notices = serializers.IntegerField(help_text=_("Standing under what is live."))
    found_late = serializers.IntegerField(help_text=_("As found, and past the date by which to be governed."))
    found_soon = serializers.IntegerField(help_text=_("As found, with that date within 30 days."))
    findings = serializers.IntegerField(help_text=_("Open and overdue."))
    reviews = serializers.IntegerField(help_text=_("Overdue, of what is live."))
    breaches = serializers.IntegerField(help_text=_("Of the limits of monitoring plans, open, by what is live."))
    silences = serializers.IntegerField(help_text=_("Monitoring plans of what is live whose windows do not come."))


class PortfolioSerializer(serializers.Serializer[Any]):
    """The portfolio now."""

    at = serializers.DateTimeField()
    results = PartSerializer(many=True)


class PortfolioView(ApiView):
    """The portfolio."""

    collection = "portfolio"

    @extend_schema(parameters=[PortfolioQuery], responses={200: PortfolioSerializer})
    def get(self, request: Request) -> Response:
        """What is live, planned and at risk, per namespace you may read."""
        query = PortfolioQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        name = query.validated_data.get("namespace")
        namespace = namespace_of(self.principal, name) if name is not None else None
        parts = portfolio(self.principal, namespace=namespace).parts
        return Response(PortfolioSerializer({"at": timezone.now(), "results": parts}).data)
