"""End points of expectations and checks of data."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.expectations import record_expectations
from approvals.api.serializers_checks import (
    DataCheckFilters,
    DataCheckSerializer,
    ExpectationSetFilters,
    ExpectationSetSerializer,
    ExpectationSetWriteSerializer,
    VersionChecksSerializer,
)
from approvals.api.yaml_bodies import PolicyYamlParser, named_where_it_stands, source_of
from approvals.checks import checks_with_verdicts, standing_of
from approvals.models import DataCheck
from governance.accounts.models import Principal
from governance.api.parsers import StrictJSONParser
from governance.api.views import ApiView, RecordViewSet, readable, resolve
from lineage.models import Dataset, DatasetVersion, ExpectationSet


class ExpectationSetViewSet(RecordViewSet):
    """Expectations: what is asked of each version of a dataset. Recorded, numbered; the newest set is asked."""

    collection = "expectations"
    model = ExpectationSet
    orderings = ("id",)
    serializer_class = ExpectationSetSerializer
    create_serializer_class = ExpectationSetWriteSerializer
    filter_class = ExpectationSetFilters
    parser_classes = (StrictJSONParser, PolicyYamlParser)
    related = ("dataset__namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[ExpectationSet]:
        """With their plans."""
        return readable(ExpectationSet, principal).prefetch_related("plans")

    def create(self, request: Request) -> Response:
        """Record what is expected, as JSON or YAML. The same as the newest set answers 200."""
        with named_where_it_stands(source_of(request)):
            data = self.read(ExpectationSetWriteSerializer)
            reason = self.reason(data)
            dataset = resolve(
                readable(Dataset, self.principal).select_related("namespace"), data["dataset"], field="dataset"
            )
            made, created = record_expectations(
                actor=self.principal, reason=reason, dataset=dataset, items=data["items"]
            )
        return self.written(made, created=created)


class DataCheckViewSet(RecordViewSet):
    """Checks: profiles held against what is expected, worked out by the server as they arrive."""

    collection = "data-checks"
    model = DataCheck
    orderings = ("id",)
    serializer_class = DataCheckSerializer
    filter_class = DataCheckFilters
    related = ("expectation_set__dataset__namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[DataCheck]:
        """With the verdicts of their evidence."""
        return checks_with_verdicts(readable(DataCheck, principal))


class VersionChecksView(ApiView):
    """How a dataset version stands to what is expected of it."""

    collection = "dataset-versions"

    @extend_schema(
        parameters=[OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH, description="The version's id.")],
        responses={200: VersionChecksSerializer},
    )
    def get(self, request: Request, id: str) -> Response:
        """What is expected, what would be looked at, and every check so far."""
        version: DatasetVersion = resolve(readable(DatasetVersion, self.principal), id)
        checks = list(checks_with_verdicts(DataCheck.objects.filter(dataset_version=version)).order_by("-pk")[:50])
        told: dict[str, Any] = {**standing_of(version), "results": checks}
        return Response(VersionChecksSerializer(told, context={"request": request}).data)
