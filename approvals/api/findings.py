"""End points of findings."""

from collections.abc import Callable
from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.findings import answer_finding, close_finding, raise_finding, reopen_finding
from approvals.api.fields import recorded
from approvals.api.serializers_findings import (
    FindingEventSerializer,
    FindingFilters,
    FindingSerializer,
    FindingTextSerializer,
    FindingWriteSerializer,
)
from approvals.models import Finding, FindingEvent, Promotion
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.api.acts import act
from governance.api.views import RecordViewSet, readable, resolve
from lineage.models import Dataset, Model, ModelVersion

SUBJECTS = {"model": Model, "model_version": ModelVersion, "dataset": Dataset, "promotion": Promotion}


class FindingViewSet(RecordViewSet):
    """Findings: what someone found wrong or demands, and what became of it."""

    collection = "findings"
    model = Finding
    orderings = ("id", "recorded_at")
    search_fields = ("text",)
    serializer_class = FindingSerializer
    create_serializer_class = FindingWriteSerializer
    filter_class = FindingFilters
    related = ("namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[Finding]:
        """With their events, and whether they are open for who filters by it."""
        newest = FindingEvent.objects.filter(finding=OuterRef("pk")).order_by("-id").values("kind")[:1]
        is_open = Case(When(newest_event=FindingEvent.Kind.CLOSED, then=False), default=True)
        found: QuerySet[Finding] = readable(Finding, principal).prefetch_related("events")
        found = found.alias(newest_event=Subquery(newest)).alias(is_open=is_open)
        return found

    def create(self, request: Request) -> Response:
        """Raise a finding; while open and blocking it closes the gate for what it is about."""
        data = self.read(FindingWriteSerializer)
        reason = self.reason(data)
        field = next(name for name in SUBJECTS if data.get(name) is not None)
        subject = resolve(readable(SUBJECTS[field], self.principal), data[field], field=field)
        for name in SUBJECTS:
            data.pop(name, None)
        if (owner := data.pop("owner", None)) is not None:
            data["owner"] = resolve(readable_principals(self.principal).filter(is_active=True), owner, field="owner")
        kind, severity = Finding.Kind(data.pop("kind")), Finding.Severity(data.pop("severity"))
        return self.written(
            raise_finding(actor=self.principal, reason=reason, subject=subject, kind=kind, severity=severity, **data)
        )

    @act(FindingTextSerializer, answer=FindingEventSerializer, creates=True)
    def answer(self, request: Request, id: str) -> Response:
        """Answer it; that closes nothing."""
        return self._event(answer_finding, id)

    @act(FindingTextSerializer, answer=FindingEventSerializer, creates=True)
    def close(self, request: Request, id: str) -> Response:
        """Close it: an overseer who does not have to answer it."""
        return self._event(close_finding, id)

    @act(FindingTextSerializer, answer=FindingEventSerializer, creates=True)
    def reopen(self, request: Request, id: str) -> Response:
        """Reopen it."""
        return self._event(reopen_finding, id)

    def _event(self, act: Callable[..., FindingEvent], id: str) -> Response:
        finding = self.find(id)
        data: dict[str, Any] = self.read(FindingTextSerializer)
        reason = self.reason(data)
        event = act(actor=self.principal, reason=reason, finding=finding, text=data["text"])
        return recorded(event, FindingEventSerializer)
