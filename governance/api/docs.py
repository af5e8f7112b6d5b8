"""The schema and its page. Apart from `schema`, which REST framework must be able to import before any view exists."""

from functools import cache
from typing import Any

from django.utils.translation import get_language
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


@cache
def whole_schema(language: str | None) -> dict[str, Any]:
    """The schema in a language. It is the same for everyone and takes seconds to draw: once a process."""
    generator: Any = SchemaGenerator
    found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


class SchemaView(SpectacularAPIView):
    """GET /api/v1/schema: JSON unless YAML is asked for."""

    def _get_schema_response(self, request: Request) -> Response:
        return Response(whole_schema(get_language()))

    renderer_classes = [OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer]


class DocsView(SpectacularSwaggerSplitView):
    """GET /api/docs: the schema as a page, from our own static files, with nothing inline."""

    url_name = "api-schema"
    template_name = "api/docs.html"
