"""Tracking servers, and what was read from them of a version."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.serializers import ReasonSerializer
from governance.accounts.permissions import require
from governance.api.principals import person_of
from governance.api.serializers import FilterSerializer, NamespacedWriteSerializer
from governance.api.views import RecordViewSet
from governance.jobs.api import JobSerializer, accepted
from governance.jobs.models import Job
from lineage import actions
from lineage.actions.annotations import DESCRIBERS
from lineage.api import records
from lineage.api.fields import WordField
from lineage.models import ModelVersion, TrackingServer
from lineage.tracking.reading import ask_for_reading, last_reading
from lineage.tracking.servers import leads_there, server_of


class TrackingServerWriteSerializer(NamespacedWriteSerializer):
    """The server to name."""

    uri = WordField(
        required=True, max_length=500, help_text=_("Base address, http or https; blank: none any more [MLflow].")
    )


class TrackingServerFilters(FilterSerializer):
    """Of servers that were named."""

    namespace = serializers.CharField(required=False, source="namespace__name")


class TrackingServerViewSet(RecordViewSet):
    """Tracking servers, as administrators named them; the newest of a namespace is in force."""

    collection = "tracking-servers"
    model = TrackingServer
    related = ("namespace",)
    serializer_class = records.TrackingServerSerializer
    create_serializer_class = TrackingServerWriteSerializer
    filter_class = TrackingServerFilters

    def create(self, request: Request) -> Response:
        """Name the server of a namespace. An administrator, in their session; its secret is the operator's to keep."""
        data = self.read(TrackingServerWriteSerializer)
        reason, namespace = self.reason(data), self.namespace(data)
        made = actions.name_tracking_server(
            actor=person_of(request), reason=reason, namespace=namespace, uri=data["uri"]
        )
        return self.written(made)


class ReadingSerializer(serializers.Serializer[Any]):
    """How far the reading of a version's tracking server is."""

    server = serializers.CharField(allow_null=True, help_text=_("The one in force; null: none is named."))
    leads_there = serializers.BooleanField(help_text=_("Whether its address or run is one of a tracking server."))
    state = serializers.ChoiceField(choices=Job.State.choices, allow_null=True, help_text=_("null: never asked for."))
    message = serializers.CharField(allow_null=True, help_text=_("What it is doing, did, or failed with."))
    bytes = serializers.IntegerField(allow_null=True, help_text=_("Read so far."))
    attempts = serializers.IntegerField(allow_null=True, help_text=_("Tries begun."))
    asked_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    result = serializers.DictField(allow_null=True, help_text=_("Digest, files, bytes, data inputs, metrics."))


class TrackingMixin(RecordViewSet):
    """model-versions/{id}/tracking and model-versions/{id}/read-tracking."""

    @extend_schema(responses={200: ReadingSerializer})
    @action(detail=True, methods=["get"], url_path="tracking", url_name="tracking")
    def tracking(self, request: Request, id: str) -> Response:
        """What became of reading its tracking server: waiting, running, done or failed, and why."""
        version: ModelVersion = self.find(id)
        server, job = server_of(version.model.namespace_id), last_reading(version)
        told: dict[str, Any] = {"server": server.uri if server else None, "leads_there": leads_there(version)}
        for name in ("state", "message", "attempts", "asked_at", "ended_at", "result"):
            told[name] = getattr(job, name) if job else None
        told["bytes"] = job.done if job else None
        return Response(ReadingSerializer(told).data)

    @extend_schema(request=ReasonSerializer, responses={202: JobSerializer})
    @action(detail=True, methods=["post"], url_path="read-tracking", url_name="read-tracking")
    def read_tracking(self, request: Request, id: str) -> Response:
        """Read its tracking server again: pipelines and model owners. Follow the job, or `tracking`."""
        version: ModelVersion = self.find(id)
        require(self.principal, *DESCRIBERS, namespace=version.model.namespace)
        reason = self.reason(self.read(ReasonSerializer))
        job, _new = ask_for_reading(asked_by=self.principal, reason=reason, model_version=version)
        return accepted(job, self.get_serializer_context())
