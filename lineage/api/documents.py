"""Facts as files in published formats: Croissant of a dataset version, OpenLineage of a run and of a model version."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from governance.api.documents import ID, Document, DocumentQuery, answered, json_bytes, moment_asked, standing
from governance.api.views import ApiView, readable, resolve
from lineage.exports import croissant, openlineage
from lineage.exports.upstream import reads
from lineage.models import DatasetVersion, ModelVersion, Run


def file_of(described: Any) -> OpenApiResponse:
    """How a file is told to OpenAPI."""
    return OpenApiResponse(response=OpenApiTypes.OBJECT, description=described)


EVENTS = OpenApiResponse(
    response={"type": "array", "items": {"type": "object", "additionalProperties": True}},
    description=_("A list of OpenLineage 2-0-2 run events."),
)


class CroissantView(ApiView):
    """GET dataset-versions/{id}/croissant."""

    collection = "dataset-versions"

    @extend_schema(
        operation_id="dataset_versions_croissant",
        parameters=[ID, DocumentQuery],
        responses={(200, "application/ld+json"): file_of(_("Croissant 1.1 with RAI, provenance and terms (ODRL)."))},
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """A version as Croissant 1.1 (JSON-LD): content, columns, provenance, responsible-AI facts, terms as ODRL."""
        moment = moment_asked(request)
        with standing(moment):
            rows = readable(DatasetVersion, self.principal).select_related("dataset__namespace", "dataset__owner")
            version: DatasetVersion = resolve(rows, id)
            told = croissant.croissant(version, self.principal, moment or timezone.now())
        name = f"{version.dataset.name}-{version.label}"
        return answered(request, Document(name, "croissant.json", croissant.MEDIA_TYPE, json_bytes(told)))


class RunEventsView(ApiView):
    """GET runs/{id}/openlineage."""

    collection = "runs"

    @extend_schema(
        operation_id="runs_openlineage",
        parameters=[ID, DocumentQuery],
        responses={(200, "application/json"): EVENTS},
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """A run as OpenLineage events: its start and its end, with what it read and wrote."""
        with standing(moment_asked(request)):
            run: Run = resolve(readable(Run, self.principal).select_related("namespace"), id)
            told = openlineage.events([run], reads(self.principal))
        return answered(request, Document(run.run_key, "openlineage.json", "application/json", json_bytes(told)))


class ModelVersionEventsView(ApiView):
    """GET model-versions/{id}/openlineage."""

    collection = "model-versions"

    @extend_schema(
        operation_id="model_versions_openlineage",
        parameters=[ID, DocumentQuery],
        responses={(200, "application/json"): EVENTS},
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """Every run that a model version came from, as OpenLineage events in order of their moments.

        Runs of namespaces that the caller does not read are left out.
        """
        with standing(moment_asked(request)):
            version: ModelVersion = resolve(readable(ModelVersion, self.principal).select_related("model"), id)
            told = openlineage.events_above(version, reads(self.principal))
        name = f"{version.model.name}-{version.number}"
        return answered(request, Document(name, "openlineage.json", "application/json", json_bytes(told)))
