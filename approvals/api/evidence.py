"""End points of plans and evidence."""

from django.db.models import Prefetch, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.plans import lock_plan
from approvals.api.serializers_evidence import (
    EvidenceFilters,
    EvidenceSerializer,
    EvidenceWriteSerializer,
    PlanFilters,
    PlanSerializer,
    PlanWriteSerializer,
)
from approvals.models import (
    Evidence,
    EvidenceAnswer,
    EvidenceSource,
    EvidenceValue,
    Plan,
    PlanCriterion,
    PlanKind,
    Promotion,
)
from approvals.queries import with_verdict
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Principal
from governance.api.views import RecordViewSet, readable, resolve
from lineage.models import Dataset, DatasetVersion, Model, ModelVersion

SUBJECTS = {"model_version": ModelVersion, "dataset_version": DatasetVersion, "promotion": Promotion}


class PlanViewSet(RecordViewSet):
    """Plans: what will be measured and what will count as good, locked before anything is measured."""

    collection = "plans"
    model = Plan
    orderings = ("id", "recorded_at")
    search_fields = ("title", "description")
    serializer_class = PlanSerializer
    create_serializer_class = PlanWriteSerializer
    filter_class = PlanFilters
    related = ("namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[Plan]:
        """With their criteria."""
        return readable(Plan, principal).prefetch_related(Prefetch("criteria", PlanCriterion.objects.order_by("pk")))

    def create(self, request: Request) -> Response:
        """Lock a plan. The same plan locked before answers 200."""
        data = self.read(PlanWriteSerializer)
        reason = self.reason(data)
        field, kind = ("model", Model) if data.get("model") is not None else ("dataset", Dataset)
        subject = resolve(readable(kind, self.principal), data[field], field=field)
        for name in ("model", "dataset"):
            data.pop(name, None)
        if (owner := data.pop("owner", None)) is not None:
            data["owner"] = resolve(readable_principals(self.principal).filter(is_active=True), owner, field="owner")
        plan, created = lock_plan(
            actor=self.principal, reason=reason, subject=subject, kind=PlanKind(data.pop("kind")), **data
        )
        return self.written(plan, created=created)


class EvidenceViewSet(RecordViewSet):
    """Evidence: what was measured under a plan. The verdict is worked out by the server."""

    collection = "evidence"
    model = Evidence
    orderings = ("id", "recorded_at")
    search_fields = ("tool", "plan__title")
    serializer_class = EvidenceSerializer
    create_serializer_class = EvidenceWriteSerializer
    filter_class = EvidenceFilters
    related = ("namespace",)

    def queryset_for(self, principal: Principal) -> QuerySet[Evidence]:
        """With verdict and values."""
        parts = {"values": EvidenceValue, "answers": EvidenceAnswer, "sources": EvidenceSource}
        in_order = [Prefetch(name, kind._default_manager.order_by("pk")) for name, kind in parts.items()]
        return with_verdict(readable(Evidence, principal).prefetch_related(*in_order))

    def create(self, request: Request) -> Response:
        """Report evidence. The same report sent again answers 200."""
        data = self.read(EvidenceWriteSerializer)
        reason = self.reason(data)
        plan = resolve(readable(Plan, self.principal).select_related("namespace"), data.pop("plan"), field="plan")
        field = next(name for name in SUBJECTS if data.get(name) is not None)
        subject = resolve(readable(SUBJECTS[field], self.principal), data[field], field=field)
        for name in SUBJECTS:
            data.pop(name, None)
        digest = data.pop("subject_digest")
        evidence, created = report_evidence(
            actor=self.principal, reason=reason, plan=plan, subject=subject, subject_digest=digest,
            measured=Measured(**data),
        )  # fmt: skip
        return self.written(with_verdict(Evidence.objects.filter(pk=evidence.pk)).get(), created=created)
