"""A/B tests: a challenger against a champion, by a plan that is locked before the first unit is counted."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment
from approvals.models.fields import (
    ExactNumberField,
    GivenNumberField,
    GivenTextField,
    MomentSetField,
    finite,
)
from approvals.models.plans import Plan
from governance.history.models import BornFinalModel


class Arm(models.TextChoices):
    """The two versions that a unit may meet."""

    CHAMPION = "champion", _("champion")
    CHALLENGER = "challenger", _("challenger")


class MetricKind(models.TextChoices):
    """What is counted of a unit: whether something happened, or how much."""

    PROPORTION = "proportion", _("proportion")
    MEAN = "mean", _("mean")


class Better(models.TextChoices):
    """Which way of the metric is better."""

    HIGHER = "higher", _("higher is better")
    LOWER = "lower", _("lower is better")


class Trial(BornFinalModel):
    """What a plan of kind `ab_test` will show, by which test and on how many units. Recorded together with its plan."""

    class Sides(models.TextChoices):
        ONE = "one", _("one-sided: better, or not shown")
        TWO = "two", _("two-sided: better, worse, or not shown")

    class Test(models.TextChoices):
        TWO_PROPORTION_Z = "two_proportion_z", _("two-proportion z test; Newcombe's interval")
        WELCH_T = "welch_t", _("Welch's t test and interval")

    class Spending(models.TextChoices):
        NONE = "none", _("one look, at the end")
        OBRIEN_FLEMING = "obrien_fleming", _("O'Brien–Fleming: hardly anything early")
        POCOCK = "pocock", _("Pocock: much the same at every look")

    namespace_path = "plan__namespace"

    plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="trial", verbose_name=_("plan"))
    environment = models.ForeignKey(
        Environment,
        on_delete=models.PROTECT,
        related_name="trials",
        verbose_name=_("environment"),
        help_text=_("Where champion and challenger serve side by side."),
    )
    key = GivenTextField(
        _("key"), blank=True, editable=False, unique=True,
        help_text=_("Public; with a unit's id it says which arm the unit meets (docs/trials.md). Drawn at locking."),
    )  # fmt: skip
    hypothesis = models.TextField(
        _("hypothesis"), help_text=_("What the challenger is expected to do better, and why.")
    )
    metric = models.CharField(_("metric"), max_length=200, help_text=_("Name of the primary metric."))
    metric_kind = models.CharField(_("kind of metric"), max_length=10, choices=MetricKind)
    better = models.CharField(_("better"), max_length=6, choices=Better)
    sides = models.CharField(_("sides"), max_length=3, choices=Sides)
    test = models.CharField(_("test"), max_length=16, choices=Test, help_text=_("Follows from the kind of metric."))
    minimum_effect = ExactNumberField(
        _("minimum effect"),
        help_text=_("Smallest absolute difference between the arms worth finding, in the metric's unit, above 0."),
    )
    baseline = ExactNumberField(
        _("baseline"), help_text=_("The champion's rate (0 to 1) or mean as expected, in the metric's unit.")
    )
    baseline_sd = ExactNumberField(
        _("standard deviation"), null=True, blank=True,
        help_text=_("Of one unit, in the metric's unit; blank for a proportion."),
    )  # fmt: skip
    alpha = ExactNumberField(_("alpha"), help_text=_("Chance to call a challenger better (or other) that is not."))
    power = ExactNumberField(_("power"), help_text=_("Chance to find the minimum effect where it is there."))
    challenger_share = ExactNumberField(
        _("challenger's share"), help_text=_("Part of the units that meet the challenger, between 0 and 1, exact.")
    )
    units_per_day = models.BigIntegerField(
        _("units a day"), help_text=_("Units expected to come new into the trial each day, both arms together.")
    )
    looks = models.PositiveSmallIntegerField(
        _("planned looks"), help_text=_("How often the result is looked at, the end included.")
    )
    spending = models.CharField(
        _("sharing of alpha"), max_length=16, choices=Spending, help_text=_("How the looks share alpha [Lan–DeMets].")
    )
    champion_units = models.BigIntegerField(_("champion's units"), help_text=_("Planned; worked out from the above."))
    challenger_units = models.BigIntegerField(
        _("challenger's units"), help_text=_("Planned; worked out from the above.")
    )
    expected_days = models.BigIntegerField(_("expected days"), help_text=_("Until both arms have their units."))

    class Meta:
        verbose_name = _("trial")
        verbose_name_plural = _("trials")
        constraints = [
            models.CheckConstraint(
                condition=Q(metric_kind="proportion", test="two_proportion_z", baseline_sd__isnull=True)
                | Q(metric_kind="mean", test="welch_t", baseline_sd__isnull=False, baseline_sd__gt=0),
                name="trial_test_fits_metric",
            ),
            models.CheckConstraint(condition=Q(better__in=Better.values), name="trial_better_known"),
            models.CheckConstraint(condition=Q(sides__in=["one", "two"]), name="trial_sides_known"),
            models.CheckConstraint(
                condition=Q(looks=1, spending="none")
                | Q(looks__gte=2, looks__lte=10, spending__in=["obrien_fleming", "pocock"]),
                name="trial_looks_share_alpha",
            ),
            models.CheckConstraint(
                condition=Q(metric__regex=r"[^[:space:]]", hypothesis__regex=r"[^[:space:]]"), name="trial_named"
            ),
            models.CheckConstraint(
                condition=finite("minimum_effect") & Q(minimum_effect__gt=0), name="trial_effect_positive"
            ),
            models.CheckConstraint(condition=finite("baseline"), name="trial_baseline_finite"),
            models.CheckConstraint(condition=finite("baseline_sd", null=True), name="trial_sd_finite"),
            models.CheckConstraint(
                condition=Q(alpha__gte=0.0001, alpha__lte=0.2, power__gte=0.5, power__lte=0.999), name="trial_errors"
            ),
            models.CheckConstraint(
                condition=Q(challenger_share__gte=0.001, challenger_share__lte=0.999), name="trial_share"
            ),
            models.CheckConstraint(
                condition=Q(champion_units__gte=2, challenger_units__gte=2, units_per_day__gte=1, expected_days__gte=1),
                name="trial_sizes_positive",
            ),
        ]
        indexes = [models.Index(fields=["recorded_at", "id"], name="trial_by_moment")]

    def __str__(self) -> str:
        return f"{self.plan}"


class TrialGuardrail(BornFinalModel):
    """A metric that the challenger must not make worse by its margin or more. Recorded with the trial."""

    namespace_path = "trial__plan__namespace"

    trial = models.ForeignKey(
        Trial, on_delete=models.PROTECT, related_name="guardrails", db_index=False, verbose_name=_("trial")
    )
    metric = models.CharField(_("metric"), max_length=200, help_text=_("Name of the metric that is guarded."))
    metric_kind = models.CharField(_("kind of metric"), max_length=10, choices=MetricKind)
    better = models.CharField(_("better"), max_length=6, choices=Better)
    margin = ExactNumberField(
        _("margin"),
        help_text=_("How much worse would still be borne, in the metric's unit, above 0 [non-inferiority]."),
    )

    class Meta:
        verbose_name = _("guardrail")
        verbose_name_plural = _("guardrails")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["trial", "metric"], name="trial_guardrail_unique"),
            models.CheckConstraint(
                condition=Q(metric_kind__in=MetricKind.values, better__in=Better.values), name="trial_guardrail_known"
            ),
            models.CheckConstraint(
                condition=finite("margin") & Q(margin__gt=0, metric__regex=r"[^[:space:]]"),
                name="trial_guardrail_margin",
            ),
        ]

    def __str__(self) -> str:
        return self.metric


class TrialCount(BornFinalModel):
    """What one arm counted of one metric in a window of time. Windows of an arm and metric never overlap."""

    namespace_path = "trial__plan__namespace"

    trial = models.ForeignKey(
        Trial, on_delete=models.PROTECT, related_name="counts", db_index=False, verbose_name=_("trial")
    )
    arm = models.CharField(_("arm"), max_length=10, choices=Arm)
    guardrail = models.ForeignKey(
        TrialGuardrail, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="counts",
        verbose_name=_("guardrail"), help_text=_("Blank: the primary metric."),
    )  # fmt: skip
    window_start = models.DateTimeField(_("window from"), help_text=_("First moment of the window (UTC)."))
    window_end = models.DateTimeField(_("window until"), help_text=_("First moment after the window (UTC)."))
    units = models.BigIntegerField(
        _("units"), help_text=_("Units that met this arm in the window; each unit counts once, where it came first.")
    )
    total = ExactNumberField(
        _("total"), help_text=_("Of a proportion: units with success. Of a mean: the sum over the units.")
    )
    squares = ExactNumberField(
        _("sum of squares"), null=True, blank=True, help_text=_("Of a mean, over the units; blank for a proportion.")
    )

    class Meta:
        verbose_name = _("count of a trial")
        verbose_name_plural = _("counts of trials")
        constraints = [
            models.CheckConstraint(condition=Q(arm__in=Arm.values), name="trial_count_arm_known"),
            models.CheckConstraint(condition=Q(window_start__lt=F("window_end")), name="trial_count_window"),
            models.CheckConstraint(condition=Q(units__gte=0, units__lte=10**12), name="trial_count_units"),
            models.CheckConstraint(condition=finite("total") & finite("squares", null=True), name="trial_count_finite"),
        ]
        indexes = [
            models.Index(fields=["trial", "guardrail", "arm", "window_start"], name="trial_count_of_window"),
            models.Index(fields=["recorded_at", "id"], name="trial_count_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_arm_display()}: {self.units}"


class TrialReading(BornFinalModel):
    """What the counts said at some moment. What was counted then is set by the database, under lock."""

    namespace_path = "trial__plan__namespace"

    through = MomentSetField(
        _("counts until"), blank=True, editable=False,
        help_text=_("End of the last window that counts: none after both arms first had their units (UTC)."),
    )  # fmt: skip
    counts_through = GivenNumberField(
        _("counts up to"), blank=True, editable=False, help_text=_("Id of the newest count that was there.")
    )
    champion_units = GivenNumberField(
        _("champion's units"), blank=True, editable=False, help_text=_("Units counted, of the primary metric.")
    )
    challenger_units = GivenNumberField(
        _("challenger's units"), blank=True, editable=False, help_text=_("Units counted, of the primary metric.")
    )
    result = models.JSONField(
        _("result"), help_text=_("Estimate, interval, p-value, guardrails, sample ratio, as worked out by the server.")
    )

    class Meta:
        abstract = True


class TrialLook(TrialReading):
    """Somebody looked at the result of a running trial: on record, since looks make false alarms."""

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="looks_taken", verbose_name=_("trial"))

    class Meta:
        verbose_name = _("look at a trial")
        verbose_name_plural = _("looks at trials")
        indexes = [models.Index(fields=["recorded_at", "id"], name="trial_look_by_moment")]

    def __str__(self) -> str:
        return f"{self.recorded_by}"


class TrialConclusion(TrialReading):
    """The end of a trial's counting. Its figures are evidence under the trial's plan, recorded in the same act."""

    trial = models.OneToOneField(Trial, on_delete=models.PROTECT, related_name="conclusion", verbose_name=_("trial"))

    class Meta:
        verbose_name = _("conclusion of a trial")
        verbose_name_plural = _("conclusions of trials")
        indexes = [models.Index(fields=["recorded_at", "id"], name="trial_conclusion_by_moment")]

    def __str__(self) -> str:
        return f"{self.pk}"


class TrialDeviation(BornFinalModel):
    """Something went otherwise than planned. While nobody else has accepted it, the trial cannot end well."""

    class Kind(models.TextChoices):
        ALLOCATION = "allocation", _("allocation of units")
        POPULATION = "population", _("who was counted")
        METRIC = "metric", _("how something was measured")
        VERSION = "version", _("what served")
        DATA = "data", _("counts lost or doubled")
        OTHER = "other", _("something else")

    namespace_path = "trial__plan__namespace"

    trial = models.ForeignKey(Trial, on_delete=models.PROTECT, related_name="deviations", verbose_name=_("trial"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    text = models.TextField(_("text"), help_text=_("What was otherwise than planned, and why, 1 to 2,000 characters."))
    happened_at = models.DateTimeField(_("since"), help_text=_("When it began (UTC)."))

    class Meta:
        verbose_name = _("deviation from a trial's plan")
        verbose_name_plural = _("deviations from trials' plans")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["allocation", "population", "metric", "version", "data", "other"]),
                name="trial_deviation_kind_known",
            ),
            models.CheckConstraint(condition=Q(text__regex=r"[^[:space:]]"), name="trial_deviation_has_text"),
        ]
        indexes = [models.Index(fields=["recorded_at", "id"], name="trial_deviation_by_moment")]

    def __str__(self) -> str:
        return self.text[:80]


class TrialDeviationAcceptance(BornFinalModel):
    """Someone without a hand in it finds that a deviation does not spoil the result."""

    namespace_path = "deviation__trial__plan__namespace"

    deviation = models.OneToOneField(
        TrialDeviation, on_delete=models.PROTECT, related_name="acceptance", verbose_name=_("deviation")
    )
    reason = models.TextField(_("reason"), help_text=_("Why it does not spoil the result, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("acceptance of a deviation")
        verbose_name_plural = _("acceptances of deviations")
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__regex=r"[^[:space:]]"), name="trial_deviation_acceptance_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.reason[:80]
