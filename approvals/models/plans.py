"""What is to be measured and what will count as good, fixed before anything is measured."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.fields import ExactNumberField, MomentSetField, TransactionField, finite, text_list
from governance.history.models import BornFinalModel


class PlanKind(models.TextChoices):
    """What a plan is about; requirements of kind `evidence` ask for one of these."""

    PERFORMANCE = "performance", _("performance")
    FAIRNESS = "fairness", _("fairness")
    ROBUSTNESS = "robustness", _("robustness")
    SECURITY = "security", _("security")
    PRIVACY = "privacy", _("privacy")
    EXPLAINABILITY = "explainability", _("explainability")
    CONCEPTUAL_SOUNDNESS = "conceptual_soundness", _("conceptual soundness")
    DATA_QUALITY = "data_quality", _("data quality")
    DRIFT = "drift", _("drift")
    MONITORING_OPERATIONS = "monitoring_operations", _("monitoring: operations")
    MONITORING_SCIENCE = "monitoring_science", _("monitoring: science")
    MONITORING_BUSINESS = "monitoring_business", _("monitoring: business")
    AB_TEST = "ab_test", _("A/B test")
    RETRAINING_ENVELOPE = "retraining_envelope", _("retraining envelope")


class Comparator(models.TextChoices):
    """How a measured value stands to its threshold: value COMPARATOR threshold."""

    GE = "ge", "≥"
    GT = "gt", ">"
    LE = "le", "≤"
    LT = "lt", "<"
    EQ = "eq", "="


class Plan(BornFinalModel):
    """A plan, locked by the database's clock as it is recorded: evidence counts only if its run began afterwards."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="plans", verbose_name=_("namespace")
    )
    model = models.ForeignKey(
        "lineage.Model",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        verbose_name=_("model"),
        help_text=_("What it is about: a model or a dataset."),
    )
    dataset = models.ForeignKey(
        "lineage.Dataset",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        verbose_name=_("dataset"),
        help_text=_("What it is about: a model or a dataset."),
    )
    kind = models.CharField(_("kind"), max_length=24, choices=PlanKind)
    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"), blank=True, help_text=_("How it is to be measured."))
    checklist = text_list(
        _("checklist"),
        _("Statements that a named validator answers, where judgement is needed."),
        max_length=500,
    )
    owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("owner"),
        help_text=_("Who answers for the plan."),
    )
    expected_every_minutes = models.PositiveIntegerField(
        _("a window expected every"),
        null=True,
        blank=True,
        help_text=_(
            "Minutes; of monitoring: once so long no window has ended, that is shown and told. Blank: no rule."
        ),
    )
    locked_at = MomentSetField(
        _("locked at"), blank=True, editable=False, help_text=_("Moment of recording, by the database's clock (UTC).")
    )
    written_in = TransactionField(_("transaction"), blank=True, editable=False)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(model__isnull=False, dataset__isnull=True) | Q(model__isnull=True, dataset__isnull=False),
                name="plan_subject_exactly_one",
            ),
            models.CheckConstraint(condition=Q(kind__in=PlanKind.values), name="plan_kind_known"),
            models.CheckConstraint(condition=Q(title__regex=r"[^[:space:]]"), name="plan_titled"),
            models.CheckConstraint(
                condition=Q(expected_every_minutes__isnull=True)
                | Q(expected_every_minutes__range=(1, 525_600), kind__startswith="monitoring_"),
                name="plan_expected_every_in_a_year",
            ),
        ]
        indexes = [
            models.Index(fields=["recorded_at", "id"], name="plan_by_moment"),
        ]

    def __str__(self) -> str:
        return self.title


class PlanCriterion(BornFinalModel):
    """One bound of a plan: value COMPARATOR threshold. Written in the plan's own transaction."""

    namespace_path = "plan__namespace"

    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="criteria", db_index=False, verbose_name=_("plan")
    )
    metric = models.CharField(
        _("metric"), max_length=200, help_text=_("Name of the metric [CDX performanceMetrics type].")
    )
    comparator = models.CharField(_("comparator"), max_length=2, choices=Comparator)
    threshold = ExactNumberField(
        _("threshold"), help_text=_("In the metric's own unit, finite [SPDX metricDecisionThreshold].")
    )
    slice = models.CharField(
        _("slice"), max_length=200, blank=True, help_text=_("Part of the data; blank: all of it [CDX slice].")
    )
    dataset_role = models.CharField(
        _("dataset role"),
        max_length=12,
        blank=True,
        help_text=_("Measured on: training, validation, test…; blank: any."),
    )

    class Meta:
        verbose_name = _("criterion")
        verbose_name_plural = _("criteria")
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "metric", "slice", "dataset_role", "comparator"], name="plan_criterion_unique"
            ),
            models.CheckConstraint(
                condition=Q(comparator__in=Comparator.values), name="plan_criterion_comparator_known"
            ),
            models.CheckConstraint(condition=finite("threshold"), name="plan_criterion_threshold_finite"),
            models.CheckConstraint(condition=Q(metric__regex=r"[^[:space:]]"), name="plan_criterion_metric_named"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.get_comparator_display()} {self.threshold}"
