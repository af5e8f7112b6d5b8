"""What was measured. The verdict is worked out by the database (`muniment.evidence_verdict`), never claimed."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.fields import ExactNumberField, TransactionField, finite
from approvals.models.plans import Plan
from governance.history.models import BornFinalModel


class Verdict(models.TextChoices):
    """What the database makes of an item of evidence."""

    GOOD = "good", _("good")
    BAD = "bad", _("bad")
    REPORTED = "reported", _("reported, not measured")


class Claim(models.TextChoices):
    """What an outside tool says of itself; it decides nothing unless a policy trusts its reporter."""

    PASSED = "passed", _("passed")
    FAILED = "failed", _("failed")


class Evidence(BornFinalModel):
    """One measurement under a plan, of one subject, by one reporter (`recorded_by`). Failed evidence stays."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="evidence", verbose_name=_("namespace")
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="evidence", verbose_name=_("plan"))
    model_version = models.ForeignKey(
        "lineage.ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="evidence",
        verbose_name=_("model version"),
    )
    dataset_version = models.ForeignKey(
        "lineage.DatasetVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="evidence",
        verbose_name=_("dataset version"),
    )
    promotion = models.ForeignKey(
        "approvals.Promotion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="evidence",
        verbose_name=_("promotion"),
    )
    subject_digest = models.CharField(
        _("subject digest"),
        max_length=160,
        blank=True,
        help_text=_("Digest of what was measured, algorithm:hex; must be the subject's own."),
    )
    run_started_at = models.DateTimeField(
        _("run started"),
        help_text=_("When measuring began (UTC); after the plan was locked, or it counts for nothing."),
    )
    window_start = models.DateTimeField(_("window from"), null=True, blank=True, help_text=_("First moment observed."))
    window_end = models.DateTimeField(_("window until"), null=True, blank=True, help_text=_("Last moment observed."))
    independence = models.TextField(
        _("independence statement"), blank=True, help_text=_("How the reporter stands to those who made the subject.")
    )
    claim = models.CharField(
        _("reported outcome"),
        max_length=8,
        blank=True,
        choices=Claim,
        help_text=_("What an outside tool claims; kept as reported, it decides nothing by itself."),
    )
    tool = models.CharField(
        _("tool"), max_length=200, blank=True, help_text=_("With what it was measured, and version.")
    )
    attachments = models.JSONField(
        _("attachments"), default=list, blank=True, help_text=_("A list of {uri, digest}; digest as algorithm:hex.")
    )
    valid_until = models.DateTimeField(
        _("valid until"), null=True, blank=True, help_text=_("Blank: as long as the policy's maximum age allows.")
    )
    written_in = TransactionField(_("transaction"), blank=True, editable=False)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = [
            models.CheckConstraint(
                condition=Q(model_version__isnull=False, dataset_version__isnull=True, promotion__isnull=True)
                | Q(model_version__isnull=True, dataset_version__isnull=False, promotion__isnull=True)
                | Q(model_version__isnull=True, dataset_version__isnull=True, promotion__isnull=False),
                name="evidence_subject_exactly_one",
            ),
            models.CheckConstraint(condition=Q(claim="") | Q(claim__in=Claim.values), name="evidence_claim_known"),
            models.CheckConstraint(
                condition=Q(window_start__isnull=True)
                | Q(window_end__isnull=True)
                | Q(window_start__lte=F("window_end")),
                name="evidence_window_in_order",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("run_started_at")),
                name="evidence_valid_after_run",
            ),
        ]
        indexes = [
            models.Index(fields=["model_version", "plan"], name="evidence_of_model_version"),
            models.Index(fields=["dataset_version", "plan"], name="evidence_of_dataset_version"),
            models.Index(fields=["promotion", "plan", "recorded_by", "id"], name="evidence_of_promotion_by"),
            models.Index(fields=["recorded_at", "id"], name="evidence_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}"


class EvidenceValue(BornFinalModel):
    """One measured value. Written in the evidence's own transaction."""

    namespace_path = "evidence__namespace"

    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="values", db_index=False, verbose_name=_("evidence")
    )
    metric = models.CharField(
        _("metric"), max_length=200, help_text=_("Name of the metric [CDX performanceMetrics type].")
    )
    value = ExactNumberField(_("value"), help_text=_("Finite, in `unit` [CDX performanceMetrics value]."))
    slice = models.CharField(
        _("slice"), max_length=200, blank=True, help_text=_("Part of the data; blank: all of it [CDX slice].")
    )
    dataset_role = models.CharField(
        _("dataset role"), max_length=12, blank=True, help_text=_("Measured on: training, validation, test…")
    )
    ci_low = ExactNumberField(
        _("interval from"), null=True, blank=True, help_text=_("Lower bound [CDX confidenceInterval lowerBound].")
    )
    ci_high = ExactNumberField(
        _("interval to"), null=True, blank=True, help_text=_("Upper bound [CDX confidenceInterval upperBound].")
    )
    unit = models.CharField(_("unit"), max_length=40, blank=True, help_text=_("Unit of the value; blank: none."))

    class Meta:
        verbose_name = _("measured value")
        verbose_name_plural = _("measured values")
        constraints = [
            models.UniqueConstraint(
                fields=["evidence", "metric", "slice", "dataset_role"], name="evidence_value_unique"
            ),
            models.CheckConstraint(condition=finite("value"), name="evidence_value_finite"),
            models.CheckConstraint(condition=finite("ci_low", null=True), name="evidence_value_ci_low_finite"),
            models.CheckConstraint(condition=finite("ci_high", null=True), name="evidence_value_ci_high_finite"),
            models.CheckConstraint(
                condition=(Q(ci_low__isnull=True) | Q(ci_low__lte=F("value")))
                & (Q(ci_high__isnull=True) | Q(ci_high__gte=F("value"))),
                name="evidence_value_inside_interval",
            ),
            models.CheckConstraint(condition=Q(metric__regex=r"[^[:space:]]"), name="evidence_value_metric_named"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} = {self.value}"


class EvidenceAnswer(BornFinalModel):
    """A named validator's answer to one item of the plan's checklist. Written in the evidence's own transaction."""

    class Answer(models.TextChoices):
        YES = "yes", _("yes")
        NO = "no", _("no")
        NOT_APPLICABLE = "not_applicable", _("not applicable")

    namespace_path = "evidence__namespace"

    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="answers", db_index=False, verbose_name=_("evidence")
    )
    item = models.PositiveSmallIntegerField(_("item"), help_text=_("Position in the plan's checklist, from 1."))
    answer = models.CharField(_("answer"), max_length=16, choices=Answer)
    comment = models.TextField(_("comment"), blank=True)

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["evidence", "item"], name="evidence_answer_unique"),
            models.CheckConstraint(
                condition=Q(answer__in=["yes", "no", "not_applicable"]), name="evidence_answer_known"
            ),
            models.CheckConstraint(
                condition=~Q(answer="not_applicable") | Q(comment__regex=r"[^[:space:]]"),
                name="evidence_answer_not_applicable_says_why",
            ),
        ]

    def __str__(self) -> str:
        return self.answer


class EvidenceSource(BornFinalModel):
    """Who handed in the figures that evidence of the server's own rests on. Written in the evidence's own transaction.

    The server works a verdict out, but from what somebody measured: for independence, conflicts of interest and who may
    judge, the persons behind the sources stand in the reporter's place. Evidence of the server's without a source rests
    on what the server measured itself.
    """

    namespace_path = "evidence__namespace"

    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="sources", db_index=False, verbose_name=_("evidence")
    )
    principal = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("handed in by"),
        help_text=_("Who vouches for the figures: a person or a service account, never the system."),
    )
    profile = models.ForeignKey(
        "lineage.DataProfile",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("data profile"),
        help_text=_("The profile the figures stand in; blank: they were posted themselves."),
    )

    class Meta:
        verbose_name = _("source of evidence")
        verbose_name_plural = _("sources of evidence")
        constraints = [
            models.UniqueConstraint(
                fields=["evidence", "principal", "profile"], nulls_distinct=False, name="evidence_source_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.principal}"
