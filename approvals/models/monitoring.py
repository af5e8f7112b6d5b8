"""What is observed of something live: windows, ground truth that comes late, money. Limits stand in locked plans."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.evidence import Evidence
from approvals.models.fields import ExactNumberField, GivenTextField, finite
from approvals.models.plans import Plan, PlanKind
from approvals.models.promotions import Promotion
from governance.history.models import BornFinalModel

#: The three viewpoints, in the order in which they are shown.
VIEWPOINTS = (PlanKind.MONITORING_OPERATIONS, PlanKind.MONITORING_SCIENCE, PlanKind.MONITORING_BUSINESS)


class MonitoringWindow(BornFinalModel):
    """What one report says of one stretch of time [start, end) of one promotion, under one plan.

    Its figures are an item of evidence written in the same transaction, and its verdict is that item's. Predictions are
    only counted: what they were worth is known when ground truth arrives, each arrival a row of its own.
    """

    class Kind(models.TextChoices):
        VALUES = "values", _("measured values")
        PROMETHEUS = "prometheus", _("read from Prometheus text")
        PREDICTIONS = "predictions", _("predictions counted")
        TRUTH = "truth", _("ground truth")
        BUSINESS = "business", _("business figures")

    namespace_path = "promotion__model__namespace"

    promotion = models.ForeignKey(
        Promotion, on_delete=models.PROTECT, related_name="windows", db_index=False, verbose_name=_("promotion")
    )
    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, related_name="windows", db_index=False, verbose_name=_("plan")
    )
    evidence = models.OneToOneField(
        Evidence,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="window",
        verbose_name=_("evidence"),
        help_text=_("Its figures and their verdict; blank where predictions are only counted."),
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, help_text=_("What was handed in."))
    window_start = models.DateTimeField(_("window from"), help_text=_("First moment observed (UTC)."))
    window_end = models.DateTimeField(_("window until"), help_text=_("First moment no longer observed (UTC)."))
    known_until = models.DateTimeField(
        _("truth known until"),
        null=True,
        blank=True,
        help_text=_(
            "Of ground truth: all labels known up to this moment (UTC) are counted, those told before as well."
        ),
    )
    predictions = models.BigIntegerField(
        _("predictions"), null=True, blank=True, help_text=_("How many predictions were made in the window.")
    )
    labelled = models.BigIntegerField(
        _("labelled"), null=True, blank=True, help_text=_("For how many of them the truth is known.")
    )
    counts = models.JSONField(
        _("handed in"),
        default=dict,
        blank=True,
        help_text=_("The counts and sums that the server worked the metrics out from, as they were handed in."),
    )
    content_digest = models.CharField(
        _("digest of what was handed in"),
        max_length=64,
        help_text=_("SHA-256 in hex: the same report sent again is found by it."),
    )
    verdict = GivenTextField(
        _("verdict"), blank=True, editable=False, help_text=_("The evidence's, worked out by the database; or blank.")
    )

    class Meta:
        verbose_name = _("monitoring window")
        verbose_name_plural = _("monitoring windows")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["values", "prometheus", "predictions", "truth", "business"]),
                name="monitoring_window_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="predictions", evidence__isnull=True)
                | (~Q(kind="predictions") & Q(evidence__isnull=False)),
                name="monitoring_window_evidence",
            ),
            models.CheckConstraint(condition=Q(window_start__lt=F("window_end")), name="monitoring_window_in_order"),
            models.CheckConstraint(
                condition=(Q(kind="truth", known_until__isnull=False, labelled__isnull=False))
                | (~Q(kind="truth") & Q(known_until__isnull=True, labelled__isnull=True)),
                name="monitoring_window_truth",
            ),
            models.CheckConstraint(
                condition=(Q(kind__in=["predictions", "truth"], predictions__gte=0))
                | (~Q(kind__in=["predictions", "truth"]) & Q(predictions__isnull=True)),
                name="monitoring_window_predictions",
            ),
            models.CheckConstraint(
                condition=Q(labelled__isnull=True) | Q(labelled__gte=0, labelled__lte=F("predictions")),
                name="monitoring_window_labelled_at_most_predicted",
            ),
        ]
        indexes = [
            models.Index(fields=["promotion", "plan", "window_start", "id"], name="monitoring_window_in_time"),
            models.Index(fields=["promotion", "plan", "-window_end"], name="monitoring_window_newest"),
            models.Index(fields=["plan"], name="monitoring_window_of_plan"),
            # What the gate looks at: the newest of each reporter and verdict, by when it was recorded and by its end.
            models.Index(
                fields=["promotion", "plan", "recorded_by", "verdict", "evidence"], name="monitoring_window_recorded"
            ),
            models.Index(
                fields=["promotion", "plan", "recorded_by", "verdict", "window_end", "evidence"],
                name="monitoring_window_by_end",
            ),
            models.Index(fields=["recorded_at", "id"], name="monitoring_window_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class ModelCurrency(BornFinalModel):
    """The currency in which a model's money is counted; one per model, for good: sums do not mix."""

    namespace_path = "model__namespace"

    model = models.OneToOneField(
        "lineage.Model", on_delete=models.PROTECT, related_name="currency", verbose_name=_("model")
    )
    currency = models.CharField(_("currency"), max_length=3, help_text=_("ISO 4217 code, such as EUR."))

    class Meta:
        verbose_name = _("currency of a model")
        verbose_name_plural = _("currencies of models")
        constraints = [models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="model_currency_form")]

    def __str__(self) -> str:
        return self.currency


class MoneyEntry(BornFinalModel):
    """Value a model brought or a cost it caused, over a period, in the model's currency.

    An entry is never changed: one that was wrong is taken back by an entry with the opposite sign.
    """

    class Kind(models.TextChoices):
        VALUE = "value", _("value")
        DEVELOPMENT = "development", _("cost of development")
        DEPLOYMENT = "deployment", _("cost of deployment")
        RUNNING = "running", _("cost of running")

    namespace_path = "model__namespace"

    model = models.ForeignKey(
        "lineage.Model", on_delete=models.PROTECT, related_name="money", db_index=False, verbose_name=_("model")
    )
    window = models.ForeignKey(
        MonitoringWindow,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="money",
        verbose_name=_("monitoring window"),
        help_text=_("The window that it was reported with; blank: entered by itself."),
    )
    kind = models.CharField(_("kind"), max_length=11, choices=Kind)
    amount = ExactNumberField(
        _("amount"), help_text=_("In `currency`; positive. Negative: takes back what was entered too much.")
    )
    currency = models.CharField(_("currency"), max_length=3, help_text=_("ISO 4217 code; the model's own."))
    period_start = models.DateTimeField(_("from"), help_text=_("First moment it is counted for (UTC)."))
    period_end = models.DateTimeField(_("until"), help_text=_("Last moment it is counted for (UTC)."))
    note = models.CharField(
        _("note"), max_length=500, blank=True, help_text=_("What for; asked for where the amount is negative.")
    )

    class Meta:
        verbose_name = _("money entry")
        verbose_name_plural = _("money entries")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["value", "development", "deployment", "running"]), name="money_entry_kind_known"
            ),
            models.CheckConstraint(condition=finite("amount"), name="money_entry_amount_finite"),
            models.CheckConstraint(condition=Q(period_start__lte=F("period_end")), name="money_entry_period_in_order"),
            models.CheckConstraint(
                condition=Q(amount__gte=0) | Q(note__regex=r"[^[:space:]]"), name="money_entry_taken_back_says_why"
            ),
        ]
        indexes = [
            models.Index(fields=["model", "period_end", "id"], name="money_entry_in_time"),
            models.Index(fields=["recorded_at", "id"], name="money_entry_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
