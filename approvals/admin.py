"""Judgements in the auditors' admin, to read: nothing here signs, promotes or ends anything. Writes are actions."""

import json
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, Func, JSONField, QuerySet, Value
from django.http import HttpRequest

from approvals.models import (
    DataCheck,
    Environment,
    Evidence,
    EvidenceAnswer,
    EvidenceSource,
    EvidenceValue,
    Finding,
    FindingEvent,
    GateDecision,
    Plan,
    PlanCriterion,
    PolicyPublication,
    PolicyVersion,
    Promotion,
    PromotionEnd,
    RefusedAttempt,
    Release,
    ReleaseClosure,
    Requirement,
    ServingNotice,
    ServingNoticeEnd,
    SignOff,
    SignOffWithdrawal,
    Trial,
    TrialDeviation,
    TrialDeviationAcceptance,
    TrialGuardrail,
)
from governance.accounts.models import User
from governance.history.admin import GovernedAdmin, register_all, related

STAMP = ("recorded_by", "recorded_at")


class Part(admin.TabularInline):  # type: ignore[type-arg]  # takes no type arguments at run time
    """Rows that came with their record, shown beneath it and changed by nobody."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_staff)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what the rows name and what its text is made of; masked fields as the reader reads them."""
        rows: Any = super().get_queryset(request)
        if not isinstance(request.user, User):
            nothing: QuerySet[Any] = rows.none()
            return nothing
        reader = Value(request.user.principal_id)
        read = {
            f"{name}_read": Func(reader, F(name), function=function, output_field=JSONField())
            for name, function in self.model.masked.items()
        }
        named = [str(name) for name in self.fields or ()]
        shown: QuerySet[Any] = rows.select_related(*related(self.model, named)).annotate(**read)
        return shown


def part(model: type[Any], *fields: str) -> type[Part]:
    """An inline of a model's rows, in their order of recording; masked fields as the reader reads them."""
    shown = tuple(_read(name) if name in model.masked else name for name in fields)
    members: dict[str, Any] = {"model": model, "fields": shown, "readonly_fields": shown}
    members |= {_read(name): _shown(model, name) for name in model.masked}
    return type(f"{model.__name__}Part", (Part,), members)


def _read(name: str) -> str:
    return f"{name}_as_read"


def _shown(model: type[Any], name: str) -> Any:
    @admin.display(description=model._meta.get_field(name).verbose_name)
    def shown(_inline: Part, record: Any) -> str:
        return json.dumps(getattr(record, f"{name}_read"), ensure_ascii=False)

    return shown


@admin.register(Environment)
class EnvironmentAdmin(GovernedAdmin):
    """Environments, in their order."""

    list_display = ("name", "order", "live_traffic", "observe_only_until", *STAMP)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(GovernedAdmin):
    """Policy versions with what they ask."""

    list_display = ("policy", "number", "publication", *STAMP)
    inlines: ClassVar[Any] = [part(Requirement, "position", "key", "kind", "title", "params", "binds")]


@admin.register(Requirement)
class RequirementAdmin(GovernedAdmin):
    """What each policy version asks."""


@admin.register(PolicyPublication)
class PolicyPublicationAdmin(GovernedAdmin):
    """What went in force when, and by whom."""

    list_display = ("policy_version", *STAMP)


@admin.register(Plan)
class PlanAdmin(GovernedAdmin):
    """Plans with their criteria."""

    list_display = ("title", "kind", "model", "dataset", "owner", "locked_at", "recorded_by")
    search_fields = ("title",)
    inlines: ClassVar[Any] = [part(PlanCriterion, "metric", "comparator", "threshold", "slice", "dataset_role")]


@admin.register(Trial)
class TrialAdmin(GovernedAdmin):
    """Trials with what they guard; counts, looks and deviations have lists of their own."""

    list_display = ("plan", "environment", "metric", "champion_units", "challenger_units", "looks", *STAMP)
    inlines: ClassVar[Any] = [part(TrialGuardrail, "metric", "metric_kind", "better", "margin")]


@admin.register(TrialDeviation)
class TrialDeviationAdmin(GovernedAdmin):
    """Deviations from trials' plans, with their acceptance."""

    list_display = ("trial", "kind", "text", "happened_at", *STAMP)
    inlines: ClassVar[Any] = [part(TrialDeviationAcceptance, "reason", "recorded_at", "recorded_by")]


@admin.register(Evidence)
class EvidenceAdmin(GovernedAdmin):
    """Evidence with its values; what it is worth is the gate's to say."""

    list_display = ("plan", "model_version", "dataset_version", "promotion", "claim", "run_started_at", *STAMP)
    inlines: ClassVar[Any] = [
        part(EvidenceValue, "metric", "value", "slice", "dataset_role", "ci_low", "ci_high", "unit"),
        part(EvidenceAnswer, "item", "answer", "comment"),
        part(EvidenceSource, "principal", "profile"),
    ]


@admin.register(DataCheck)
class DataCheckAdmin(GovernedAdmin):
    """Profiles held against what is expected."""

    list_display = ("dataset_version", "expectation_set", "baseline_reason", "quality", "drift", *STAMP)


@admin.register(Release)
class ReleaseAdmin(GovernedAdmin):
    """Releases with their votes, refusals and end."""

    list_display = ("id", "model_version", "environment", "slot", "purpose", *STAMP)
    inlines: ClassVar[Any] = [
        part(SignOff, "requirement", "vote", "printed_name", "signed_at", "meaning", "comment"),
        part(RefusedAttempt, "recorded_at", "recorded_by"),
        part(ReleaseClosure, "kind", "reason", "recorded_at", "recorded_by"),
    ]


@admin.register(SignOff)
class SignOffAdmin(GovernedAdmin):
    """Votes, each with its statement word for word."""

    list_display = ("printed_name", "vote", "requirement", "release", "role_grant", "signed_at")
    inlines: ClassVar[Any] = [part(SignOffWithdrawal, "reason", "recorded_at", "recorded_by")]


@admin.register(Promotion)
class PromotionAdmin(GovernedAdmin):
    """Promotions with their decision and end."""

    list_display = ("id", "model", "environment", "slot", "release", "replaces", "started_at", "recorded_by")
    inlines: ClassVar[Any] = [
        part(GateDecision, "policy_version", "would_have_refused", "decided_at", "snapshot", "requirements"),
        part(PromotionEnd, "kind", "reason", "ended_at", "recorded_by"),
    ]


@admin.register(ServingNotice)
class ServingNoticeAdmin(GovernedAdmin):
    """What changed under live promotions, with what became of it."""

    list_display = ("id", "promotion", "cause", "due_at", *STAMP)
    inlines: ClassVar[Any] = [part(ServingNoticeEnd, "kind", "reason", "fallback", "recorded_at", "recorded_by")]


@admin.register(Finding)
class FindingAdmin(GovernedAdmin):
    """Findings with what became of them."""

    list_display = ("id", "kind", "severity", "blocks", "due", "owner", *STAMP)
    inlines: ClassVar[Any] = [part(FindingEvent, "kind", "text", "recorded_at", "recorded_by")]


register_all("approvals")
