"""Model versions as files in published formats: CycloneDX with the sign-offs, and the model card."""

from abc import abstractmethod

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from approvals.exports import cyclonedx, model_card
from approvals.exports.version_facts import VersionFacts, to_be_told, version_facts
from governance.api.documents import ID, Document, DocumentQuery, answered, json_bytes, moment_asked, standing
from governance.api.views import ApiView, readable, resolve
from lineage.models import ModelVersion


class VersionDocumentView(ApiView):
    """A document about a model version."""

    collection = "model-versions"

    def document(self, request: Request, id: str) -> HttpResponse:
        """Read it as of the moment asked for, and answer with the file. Raises Missing, Invalid."""
        moment = moment_asked(request)
        with standing(moment):
            version = resolve(to_be_told(readable(ModelVersion, self.principal)), id)
            told = self.told(version_facts(version, self.principal, moment or timezone.now()))
        return answered(request, told)

    @abstractmethod
    def told(self, facts: VersionFacts) -> Document:
        """The file."""


class CycloneDXView(VersionDocumentView):
    """GET model-versions/{id}/cyclonedx."""

    @extend_schema(
        operation_id="model_versions_cyclonedx",
        parameters=[ID, DocumentQuery],
        responses={
            (200, "application/vnd.cyclonedx+json"): OpenApiResponse(
                response=OpenApiTypes.OBJECT, description=_("CycloneDX 1.6 ML-BOM.")
            )
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """A version as CycloneDX 1.6: its model card, what it was made from, evidence and sign-offs as declarations."""
        return self.document(request, id)

    def told(self, facts: VersionFacts) -> Document:
        """The bill of materials."""
        name = f"{facts.model.name}-{facts.version.number}"
        return Document(name, "cdx.json", cyclonedx.MEDIA_TYPE, json_bytes(cyclonedx.bom(facts)))


class ModelCardView(VersionDocumentView):
    """GET model-versions/{id}/model-card."""

    @extend_schema(
        operation_id="model_versions_model_card",
        parameters=[ID, DocumentQuery],
        responses={
            (200, "text/markdown"): OpenApiResponse(
                response=OpenApiTypes.STR, description=_("Markdown with a head of YAML.")
            )
        },
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """A version as a model card in the Hugging Face form: use, data, figures, limits, and who signed."""
        return self.document(request, id)

    def told(self, facts: VersionFacts) -> Document:
        """The card."""
        content = model_card.model_card(facts).encode()
        return Document(f"{facts.model.name}-{facts.version.number}", "md", model_card.MEDIA_TYPE, content)
