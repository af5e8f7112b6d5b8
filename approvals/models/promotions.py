"""What went live, on which decision, and what ended it."""

from collections.abc import Mapping
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment, Slot
from approvals.models.fields import MomentSetField
from approvals.models.policies import PolicyVersion
from approvals.models.releases import Release
from governance.history.models import BornFinalModel

#: Masks what the gate answered for a reader (approvals/gate/95_reading.sql).
REQUIREMENTS_READ_BY: Final = "muniment.requirements_read_by"
#: The same of what is said with one reason.
REASON_READ_BY: Final = "muniment.reason_read_by"
MASKED: Final[Mapping[str, str]] = {"requirements": REQUIREMENTS_READ_BY}


class Promotion(BornFinalModel):
    """A version goes live. Only through an open gate: a trigger asks it, under lock, in the same transaction."""

    class Kind(models.TextChoices):
        RELEASE = "release", _("release")
        ROLLBACK = "rollback", _("rollback to an earlier version")
        REINSTATEMENT = "reinstatement", _("reinstatement after a suspension")
        FALLBACK = "fallback", _("fallback, as the policy says")

    namespace_path = "release__model_version__model__namespace"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="promotions", verbose_name=_("release"))
    model = models.ForeignKey(
        "lineage.Model",
        on_delete=models.PROTECT,
        db_index=False,
        related_name="promotions",
        verbose_name=_("model"),
        help_text=_("The release's; the database compares."),
    )
    environment = models.ForeignKey(
        Environment,
        on_delete=models.PROTECT,
        related_name="promotions",
        verbose_name=_("environment"),
        help_text=_("The release's; the database compares."),
    )
    slot = models.CharField(
        _("slot"), max_length=10, choices=Slot, help_text=_("The release's; the database compares.")
    )
    replaces = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_by",
        verbose_name=_("replaces"),
        help_text=_("What was live in the slot when it was asked for; if that has changed, the promotion is refused."),
    )
    kind = models.CharField(
        _("kind"), max_length=14, choices=Kind, default=Kind.RELEASE, help_text=_("How it came to go live.")
    )
    repeats = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="repeated_by",
        verbose_name=_("brings back"),
        help_text=_("The earlier promotion of the same release; blank for a release."),
    )
    started_at = MomentSetField(
        _("started at"), blank=True, editable=False, help_text=_("By the database's clock, under lock (UTC).")
    )

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        constraints = [
            models.CheckConstraint(condition=Q(slot__in=Slot.values), name="promotion_slot_known"),
            models.CheckConstraint(
                condition=Q(kind="release", repeats__isnull=True)
                | Q(kind__in=["rollback", "reinstatement", "fallback"], repeats__isnull=False),
                name="promotion_kind_known",
            ),
        ]
        indexes = [
            models.Index(fields=["model", "environment", "slot", "-started_at"], name="promotion_of_slot"),
            models.Index(fields=["recorded_at", "id"], name="promotion_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class PromotionEnd(BornFinalModel):
    """The end of a promotion; at most one each, and final."""

    class Kind(models.TextChoices):
        SUPERSEDED = "superseded", _("superseded")
        ROLLED_BACK = "rolled_back", _("rolled back")
        SUSPENDED = "suspended", _("suspended")
        RECALLED = "recalled", _("recalled")
        RETIRED = "retired", _("retired")

    namespace_path = "promotion__release__model_version__model__namespace"

    promotion = models.OneToOneField(
        Promotion, on_delete=models.PROTECT, related_name="end", verbose_name=_("promotion")
    )
    kind = models.CharField(
        _("kind"), max_length=12, choices=Kind, help_text=_("`superseded` is written by the promotion that follows.")
    )
    reason = models.TextField(_("reason"), help_text=_("Why it ended, 1 to 2,000 characters."))
    ended_at = MomentSetField(_("ended at"), blank=True, editable=False, help_text=_("By the database's clock (UTC)."))

    class Meta:
        verbose_name = _("end of a promotion")
        verbose_name_plural = _("ends of promotions")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["superseded", "rolled_back", "suspended", "recalled", "retired"]),
                name="promotion_end_kind_known",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="promotion_end_has_reason"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class GateDecision(BornFinalModel):
    """Why a promotion was let pass: every requirement as it stood, and the snapshot that was looked at."""

    namespace_path = "release__model_version__model__namespace"
    written_by_database = True
    masked = MASKED

    promotion = models.OneToOneField(
        Promotion, on_delete=models.PROTECT, related_name="decision", verbose_name=_("promotion")
    )
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("release"))
    policy_version = models.ForeignKey(
        PolicyVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("policy version"),
        help_text=_("Blank only where an observe-only environment let pass without a policy."),
    )
    would_have_refused = models.BooleanField(
        _("would have refused"), help_text=_("True: the gate was closed and the environment observe-only.")
    )
    requirements = models.JSONField(
        _("requirements"), help_text=_("A list of {key, kind, status, reason, params, rests_on}, as the gate answered.")
    )
    snapshot = models.TextField(_("snapshot"), help_text=_("pg_current_snapshot() of the asking statement."))
    decided_at = models.DateTimeField(_("decided at"), help_text=_("By the database's clock, after the locks (UTC)."))

    class Meta:
        verbose_name = _("gate decision")
        verbose_name_plural = _("gate decisions")

    def __str__(self) -> str:
        return f"{self.pk}"


class RefusedAttempt(BornFinalModel):
    """Someone asked for a promotion and the gate was closed. Recorded by the door in a transaction of its own."""

    namespace_path = "release__model_version__model__namespace"
    masked = MASKED

    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, related_name="refused_attempts", verbose_name=_("release")
    )
    requirements = models.JSONField(
        _("requirements"), help_text=_("A list of {key, kind, status, reason, params, rests_on}, as the gate answered.")
    )

    class Meta:
        verbose_name = _("refused attempt")
        verbose_name_plural = _("refused attempts")

    def __str__(self) -> str:
        return f"{self.pk}"


class LiveSlot(models.Model):
    """What may serve now, one row per model, environment and slot. Derived: kept by triggers, read by everyone."""

    id = models.BigAutoField(primary_key=True)
    model = models.ForeignKey(
        "lineage.Model", on_delete=models.PROTECT, db_index=False, related_name="live_slots", verbose_name=_("model")
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="live_slots", verbose_name=_("environment")
    )
    slot = models.CharField(_("slot"), max_length=10, choices=Slot)
    promotion = models.OneToOneField(
        Promotion, on_delete=models.PROTECT, related_name="live_slot", verbose_name=_("promotion")
    )

    class Meta:
        verbose_name = _("live slot")
        verbose_name_plural = _("live slots")
        constraints = [
            models.UniqueConstraint(fields=["model", "environment", "slot"], name="live_slot_one_each"),
        ]

    def __str__(self) -> str:
        return f"{self.model} · {self.environment} · {self.get_slot_display()}"
