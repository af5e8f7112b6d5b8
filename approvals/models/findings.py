"""What someone found wrong or demands, and what became of it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.plans import Plan
from approvals.models.promotions import Promotion
from governance.history.models import BornFinalModel


class Finding(BornFinalModel):
    """A finding on a model, a model version, a dataset or a promotion. While open and blocking it closes the gate."""

    class Kind(models.TextChoices):
        AUDIT = "audit", _("audit")
        CONDITION = "condition", _("condition of an approval")
        INCIDENT = "incident", _("incident")
        REVIEW_DUE = "review_due", _("review due")
        MONITORING_BREACH = "monitoring_breach", _("monitoring breach")

    class Severity(models.TextChoices):
        LOW = "low", _("low")
        MEDIUM = "medium", _("medium")
        HIGH = "high", _("high")
        CRITICAL = "critical", _("critical")

    class WhenOverdue(models.TextChoices):
        NOTHING = "nothing", _("nothing")
        BLOCK = "block", _("block promotions")
        SUSPEND = "suspend", _("block promotions and stop serving")

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="findings", verbose_name=_("namespace")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    model = models.ForeignKey(
        "lineage.Model",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="findings",
        verbose_name=_("model"),
    )
    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="findings",
        verbose_name=_("model version"),
    )
    dataset = models.ForeignKey(
        "lineage.Dataset",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="findings",
        verbose_name=_("dataset"),
    )
    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, null=True, blank=True, related_name="findings", verbose_name=_("promotion")
    )
    plan = models.ForeignKey(
        Plan,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="findings",
        verbose_name=_("plan"),
        help_text=_("Of a monitoring breach: whose limits were crossed. Set by the database."),
    )
    text = models.TextField(_("text"), help_text=_("What was found, 1 to 5,000 characters."))
    severity = models.CharField(_("severity"), max_length=8, choices=Severity)
    owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("Who has to answer it."),
    )
    due = models.DateTimeField(
        _("due"), null=True, blank=True, help_text=_("Moment by which it is to be answered (UTC).")
    )
    when_overdue = models.CharField(_("when overdue"), max_length=8, choices=WhenOverdue, default=WhenOverdue.NOTHING)
    blocks = models.BooleanField(_("blocks"), help_text=_("Whether it closes the gate while open."))
    sign_off = models.ForeignKey(
        "approvals.SignOff",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="condition_findings",
        verbose_name=_("sign-off"),
        help_text=_("The approval it is a condition of; it falls with that vote when that is taken back."),
    )

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    model__isnull=False, model_version__isnull=True, dataset__isnull=True, promotion__isnull=True
                )
                | Q(model__isnull=True, model_version__isnull=False, dataset__isnull=True, promotion__isnull=True)
                | Q(model__isnull=True, model_version__isnull=True, dataset__isnull=False, promotion__isnull=True)
                | Q(model__isnull=True, model_version__isnull=True, dataset__isnull=True, promotion__isnull=False),
                name="finding_subject_exactly_one",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["audit", "condition", "incident", "review_due", "monitoring_breach"]),
                name="finding_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(plan__isnull=True) | Q(kind="monitoring_breach", promotion__isnull=False),
                name="finding_plan_of_breach",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["low", "medium", "high", "critical"]), name="finding_severity_known"
            ),
            models.CheckConstraint(
                condition=Q(when_overdue__in=["nothing", "block", "suspend"]), name="finding_overdue_known"
            ),
            models.CheckConstraint(
                condition=Q(when_overdue="nothing") | Q(due__isnull=False), name="finding_overdue_has_due"
            ),
            models.CheckConstraint(condition=Q(text__regex=r"[^[:space:]]"), name="finding_has_text"),
        ]
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="finding_by_moment"),
        ]

    def __str__(self) -> str:
        return self.text[:80]


class FindingEvent(BornFinalModel):
    """What became of a finding. It is open unless its newest event of closing or reopening is a closing."""

    class Kind(models.TextChoices):
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")
        REOPENED = "reopened", _("reopened")
        RECURRED = "recurred", _("recurred")

    namespace_path = "finding__namespace"

    finding = models.ForeignKey(
        Finding, on_delete=models.PROTECT, db_index=False, related_name="events", verbose_name=_("finding")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    text = models.TextField(_("text"), help_text=_("1 to 5,000 characters."))

    class Meta:
        verbose_name = _("event of a finding")
        verbose_name_plural = _("events of findings")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["answered", "closed", "reopened", "recurred"]), name="finding_event_kind_known"
            ),
            models.CheckConstraint(condition=Q(text__regex=r"[^[:space:]]"), name="finding_event_has_text"),
        ]
        indexes = [models.Index("finding", F("id").desc(), name="finding_event_newest")]

    def __str__(self) -> str:
        return self.get_kind_display()
