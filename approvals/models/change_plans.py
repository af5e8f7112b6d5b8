"""The retraining envelope: a predetermined change control plan, its uses, and its end before its time.

A plan is carried by the release of its base version, read by everyone who signs that release, and in force from its
promotion under full sign-off (approvals/gate/18_envelope.sql). A retrain inside goes live on the signatures it keeps.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment, Slot
from approvals.models.fields import text_list
from governance.history.models import BornFinalModel


class ChangePlan(BornFinalModel):
    """What may change about a version by retraining, within which bands, on which signatures, how often, until when.

    Whatever it does not name stays as it is in the base version: other parameters, schema, features, supplier, purpose,
    risk tier, places of deployment.
    """

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        related_name="change_plans",
        verbose_name=_("base version"),
        help_text=_("The version that changes are measured from; its release carries the plan."),
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="change_plans", verbose_name=_("environment")
    )
    slot = models.CharField(_("slot"), max_length=10, choices=Slot, default=Slot.CHAMPION)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(
        _("description"), blank=True, help_text=_("Why, and how retraining is done, up to 5,000 characters.")
    )
    parameters = models.JSONField(
        _("parameters that may vary"),
        default=dict,
        blank=True,
        help_text=_("{name: {min, max} as decimal text, or {one_of: [values]}}; others stay [SPDX hyperparameter]."),
    )
    code_commits = text_list(
        _("code commits"), _("Commits that may train it, beside the base version's own."), max_length=128
    )
    new_data = models.BooleanField(
        _("newer data"),
        default=False,
        help_text=_("Whether newer versions of the base version's training datasets may be used; else the same ones."),
    )
    bands = models.JSONField(
        _("bands"),
        help_text=_(
            "What measured values must lie in: a list of {plan, metric, slice, dataset_role, low, high, change_low, "
            "change_high, whole_interval, independent}. low, high: in the metric's unit; change_low, change_high: "
            "against the base version's value; all as decimal text."
        ),
    )
    keeps = ArrayField(
        models.CharField(max_length=64),
        verbose_name=_("signatures that remain"),
        default=list,
        blank=True,
        help_text=_("Keys of the policy's sign-off requirements that a retrain inside still needs."),
    )
    uses = models.PositiveSmallIntegerField(_("uses"), help_text=_("How many retrains may go live on it, 1 to 100."))
    ends_at = models.DateTimeField(_("ends"), help_text=_("In force no longer than this, at most two years (UTC)."))

    class Meta:
        verbose_name = _("retraining envelope")
        verbose_name_plural = _("retraining envelopes")
        constraints = [
            models.CheckConstraint(condition=Q(slot__in=Slot.values), name="change_plan_slot_known"),
            models.CheckConstraint(condition=Q(uses__gte=1, uses__lte=100), name="change_plan_uses_in_range"),
            models.CheckConstraint(condition=Q(title__regex=r"[^[:space:]]"), name="change_plan_titled"),
        ]
        indexes = [models.Index(fields=["recorded_at", "id"], name="change_plan_by_moment")]

    def __str__(self) -> str:
        return self.title


class ChangePlanUse(BornFinalModel):
    """A promotion that brought a plan into force (number 0), or went live on it (1, 2, 3…). Written by the gate."""

    namespace_path = "change_plan__model_version__model__namespace"
    written_by_database = True

    change_plan = models.ForeignKey(
        ChangePlan, on_delete=models.PROTECT, related_name="promotions", db_index=False, verbose_name=_("envelope")
    )
    promotion = models.OneToOneField(
        "approvals.Promotion", on_delete=models.PROTECT, related_name="change_plan_use", verbose_name=_("promotion")
    )
    number = models.PositiveSmallIntegerField(
        _("number"), help_text=_("0: the base version's own promotion; 1, 2, 3…: the retrains.")
    )
    basis = models.JSONField(
        _("basis"),
        default=dict,
        blank=True,
        help_text=_(
            "Of number 0: what the base version was when it was approved; of a retrain: its comparison, edge by edge."
        ),
    )

    class Meta:
        verbose_name = _("use of a retraining envelope")
        verbose_name_plural = _("uses of retraining envelopes")
        constraints = [
            models.UniqueConstraint(fields=["change_plan", "number"], name="change_plan_use_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class ChangePlanRevocation(BornFinalModel):
    """A risk manager or compliance officer ends a plan before its time, for good."""

    namespace_path = "change_plan__model_version__model__namespace"

    change_plan = models.OneToOneField(
        ChangePlan, on_delete=models.PROTECT, related_name="revocation", verbose_name=_("envelope")
    )
    reason = models.TextField(_("reason"), help_text=_("Why it was revoked, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("revocation of a retraining envelope")
        verbose_name_plural = _("revocations of retraining envelopes")
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__regex=r"[^[:space:]]"), name="change_plan_revocation_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.reason[:80]
