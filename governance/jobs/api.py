"""`/api/v1/jobs`: long work, how far it is, and its file. Asked for where its subject is, for example a release."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.api.serializers import ReasonSerializer
from governance.accounts.models import Principal
from governance.api.fields import IdField
from governance.api.serializers import FilterSerializer, StrictModelSerializer
from governance.api.views import RecordViewSet
from governance.jobs.actions import cancel
from governance.jobs.models import Job
from governance.jobs.queries import jobs_of, oversees
from governance.jobs.views import file_answer


class JobSerializer(StrictModelSerializer):
    """Long work that somebody asked for."""

    file = serializers.SerializerMethodField(help_text=_("Where its file can be had for some days; null: none."))
    fault = serializers.SerializerMethodField(
        help_text=_("What went wrong on our side; null but for administrators and auditors of everything.")
    )

    class Meta:
        model = Job
        fields = (
            *("id", "kind", "key", "params", "reason", "asked_by", "asked_at", "state", "started_at", "heartbeat_at"),
            *("ended_at", "done", "total", "message", "result", "url", "file", "file_name", "file_bytes"),
            *("file_sha256", "attempts", "cancelled_by", "fault"),
        )
        read_only_fields = fields

    def get_file(self, job: Job) -> str | None:
        """A path of this API."""
        return f"/api/v1/jobs/{job.pk}/file" if job.has_file else None

    def get_fault(self, job: Job) -> str | None:
        """For administrators and auditors of everything."""
        view: Any = self.context.get("view")
        return (job.fault or None) if getattr(view, "sees_faults", False) else None


class JobFilters(FilterSerializer):
    """Of jobs."""

    kind = serializers.CharField(required=False)
    key = serializers.CharField(required=False, help_text=_("What it is about, for example release:12."))
    state = serializers.ChoiceField(choices=Job.State.choices, required=False)
    asked_by = IdField(source="asked_by_id", required=False)


class JobViewSet(RecordViewSet):
    """Long work: who asked sees it, and administrators and auditors of everything do."""

    collection = "jobs"
    model = Job
    serializer_class = JobSerializer
    filter_class = JobFilters

    def queryset_for(self, principal: Principal) -> QuerySet[Job]:
        """See jobs_of."""
        return jobs_of(principal)

    @property
    def sees_faults(self) -> bool:
        """Whether the caller is shown what went wrong on our side; asked once a request."""
        if not hasattr(self, "_sees_faults"):
            self._sees_faults = oversees(self.principal)
        return self._sees_faults

    @extend_schema(
        responses={
            (200, kind): OpenApiResponse(OpenApiTypes.BINARY, description=str(_("The file.")))
            for kind in ("application/zip", "application/octet-stream")
        }
    )
    @action(detail=True, methods=["get"], url_path="file", url_name="file")
    def file(self, request: Request, id: str) -> HttpResponseBase:
        """Download the job's file; its SHA-256 stands in X-Content-SHA256."""
        return file_answer(self.find(id), self.principal)

    @extend_schema(request=ReasonSerializer, responses=JobSerializer)
    @action(detail=True, methods=["post"], url_path="cancel", url_name="cancel")
    def cancel(self, request: Request, id: str) -> Response:
        """Cancel a job that waits or runs: who asked for it, and administrators of everything.

        Running work stops at its next step. What it committed stays; nothing is half written.
        """
        job = self.find(id)
        cancel(actor=self.principal, reason=self.reason(self.read(ReasonSerializer)), job=job)
        return Response(self.get_serializer(self.find(id)).data)


def accepted(job: Job, context: Mapping[str, Any]) -> Response:
    """The answer to whoever asked for a job: 202, and where to look."""
    where = f"/api/v1/jobs/{job.pk}"
    return Response(JobSerializer(job, context=dict(context)).data, status=status.HTTP_202_ACCEPTED,
                    headers={"Location": where})  # fmt: skip
