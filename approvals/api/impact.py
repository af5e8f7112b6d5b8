"""What is live that came from a record, over HTTP."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.impact import live_below
from lineage.api.graph import NodeQuery, NodeView


class LiveBelowSerializer(serializers.Serializer[Any]):
    """A live promotion below the record."""

    promotion = serializers.IntegerField(source="id")
    release = serializers.IntegerField(source="release_id")
    namespace = serializers.CharField(source="release.model_version.model.namespace.name")
    model = serializers.CharField(source="release.model_version.model.name")
    model_version = serializers.IntegerField(source="release.model_version_id")
    number = serializers.IntegerField(source="release.model_version.number")
    environment = serializers.CharField(source="environment.name")
    slot = serializers.CharField()
    started_at = serializers.DateTimeField()


class ImpactSerializer(serializers.Serializer[Any]):
    """What is live that came from it."""

    results = LiveBelowSerializer(many=True)
    elsewhere = serializers.IntegerField(
        help_text=_("How many more are live in namespaces that are not yours to read.")
    )


class ImpactView(NodeView):
    """What is live that came from a record."""

    @extend_schema(parameters=[NodeQuery], responses={200: ImpactSerializer})
    def get(self, request: Request) -> Response:
        """Every live promotion below a dataset version, run or model version, however many steps away, or of itself."""
        asked = self.asked(request, NodeQuery)
        self.require_readable(asked["node"])
        mine = self.namespaces()
        found = list(live_below(*asked["node"]))
        shown = [one for one in found if one.release.model_version.model.namespace_id in mine]
        return Response(ImpactSerializer({"results": shown, "elsewhere": len(found) - len(shown)}).data)
