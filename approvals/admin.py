"""Judgements in the auditors' admin, to read: nothing here signs, promotes or ends anything. Writes are actions."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
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
from governance.history.admin import GovernedAdmin, register_all

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


def part(model: type[Any], *fields: str) -> type[Part]:
    """An inline of a model's rows, in their order of recording."""
    return type(f"{model.__name__}Part", (Part,), {"model": model, "fields": fields, "readonly_fields": fields})


@admin.register(Environment)
class EnvironmentAdmin(GovernedAdmin):
    """Environments, in their order."""

    list_display = ("name", "order", "live_traffic", "observe_only_until", *STAMP)


@admin.register(PolicyVersion)
class PolicyVersionAdmin(GovernedAdmin):
    """Policy versions with what they ask."""

    list_display = ("policy", "number", "publication", *STAMP)
    inlines: ClassVar[Any] = [part(Requirement, "position", "key", "kind", "title", "params", "binds")]

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """A policy's name is made of its namespace and environment."""
        return ("policy__namespace", "policy__environment", "publication", "recorded_by")


@admin.register(Requirement)
class RequirementAdmin(GovernedAdmin):
    """What each policy version asks."""

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """A policy version's name is made of its policy's, and that of its namespace and environment."""
        return ("policy_version__policy__namespace", "policy_version__policy__environment", "recorded_by")


@admin.register(PolicyPublication)
class PolicyPublicationAdmin(GovernedAdmin):
    """What went in force when, and by whom."""

    list_display = ("policy_version", *STAMP)

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """As of requirements: a policy version's name is made of its policy's."""
        return ("policy_version__policy__namespace", "policy_version__policy__environment", "recorded_by")


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

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """A trial's name is its plan's."""
        return ("trial__plan", "recorded_by")


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

    def get_list_select_related(self, request: HttpRequest) -> Sequence[str]:
        """Names are made of the dataset's, evidence's of its plan's."""
        return (
            "dataset_version__dataset", "expectation_set__dataset", "quality__plan", "drift__plan", "recorded_by",
        )  # fmt: skip


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
