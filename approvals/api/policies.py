"""End points of policies."""

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.policies import publish_policy, write_policy_version
from approvals.api.fields import ActSerializer, recorded
from approvals.api.serializers_policies import (
    PolicyFilters,
    PolicySerializer,
    PolicyWriteSerializer,
    PublicationSerializer,
)
from approvals.api.yaml_bodies import PolicyYamlParser, named_where_it_stands, source_of
from approvals.documents import document_of, place_of, to_yaml
from approvals.models import Environment, PolicyVersion
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from governance.api.acts import act
from governance.api.parsers import StrictJSONParser
from governance.api.principals import namespace_of
from governance.api.views import RecordViewSet
from governance.errors import Missing
from lineage.models import RiskTier

YAML_TYPE = "application/yaml; charset=utf-8"


def environment_named(name: str, *, field: str = "environment") -> Environment:
    """The environment of a name. Raises Missing, naming the field."""
    found = Environment.objects.filter(name=name).first()
    if found is None:
        raise Missing(_("There is no environment of that name."), errors={field: [_("No such environment.")]})
    return found


class PolicyViewSet(RecordViewSet):
    """Policies: immutable versions; the newest published of a place is in force."""

    collection = "policies"
    model = PolicyVersion
    serializer_class = PolicySerializer
    create_serializer_class = PolicyWriteSerializer
    filter_class = PolicyFilters
    parser_classes = (StrictJSONParser, PolicyYamlParser)
    related = ("policy__namespace", "policy__environment", "publication__lapse")

    def queryset_for(self, principal: Principal) -> QuerySet[PolicyVersion]:
        """Everyone's policies, and those of readable namespaces."""
        mine = readable_namespaces(principal)
        if not mine.exists():
            return PolicyVersion.objects.none()
        return PolicyVersion.objects.filter(
            Q(policy__namespace__isnull=True) | Q(policy__namespace__in=mine)
        ).prefetch_related("requirements")

    def create(self, request: Request) -> Response:
        """Write a policy version, as JSON or as YAML; another policy owner publishes it."""
        with named_where_it_stands(source_of(request)):
            data = self.read(PolicyWriteSerializer)
            reason, name = self.reason(data), data.pop("namespace")
            version = write_policy_version(
                actor=self.principal, reason=reason, environment=environment_named(data.pop("environment")),
                risk_tier=RiskTier(data.pop("risk_tier")),
                namespace=None if name is None else namespace_of(self.principal, name), **data,
            )  # fmt: skip
        return self.written(version)

    @extend_schema(responses={(200, "application/yaml"): OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"], url_path="yaml", url_name="yaml")
    def as_yaml(self, request: Request, id: str) -> HttpResponse:
        """The version as YAML, to keep with code and to send again as it is or changed."""
        version = self.find(id)
        answer = HttpResponse(to_yaml(document_of(version), place_of(version)), content_type=YAML_TYPE)
        answer["Content-Disposition"] = f'attachment; filename="policy-{version.policy_id}-{version.number}.yaml"'
        return answer

    @act(ActSerializer, answer=PublicationSerializer, creates=True)
    def publish(self, request: Request, id: str) -> Response:
        """Put it in force. A policy owner who did not write it."""
        version = self.find(id)
        reason = self.reason(self.read(ActSerializer))
        publication = publish_policy(actor=self.principal, reason=reason, policy_version=version)
        return recorded(publication, PublicationSerializer)
