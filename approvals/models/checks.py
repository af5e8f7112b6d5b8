"""Checks of data: which plans expectations became, and what came of a version's profile held against them."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from approvals.models.evidence import Evidence
from approvals.models.plans import Plan
from governance.history.models import BornFinalModel


class BaselineReason(models.TextChoices):
    """Why a profile is what drift is measured against."""

    LIVE = "live", _("trained the live champion")
    WAS_LIVE = "was_live", _("trained the champion that was live last")
    PREVIOUS = "previous", _("the version before")
    NONE = "none", _("nothing to compare with")


class ExpectationPlan(BornFinalModel):
    """The plan that a set of expectations became, of its kind. Written as both are recorded; nobody adds another."""

    namespace_path = "expectation_set__dataset__namespace"

    expectation_set = models.ForeignKey(
        "lineage.ExpectationSet",
        on_delete=models.PROTECT,
        related_name="plans",
        db_index=False,
        verbose_name=_("expectations"),
        help_text=_("What is asked."),
    )
    plan = models.OneToOneField(
        Plan,
        on_delete=models.PROTECT,
        related_name="expected",
        verbose_name=_("plan"),
        help_text=_("The plan its blocking items are the criteria of; of kind data quality or drift."),
    )

    class Meta:
        verbose_name = _("plan of expectations")
        verbose_name_plural = _("plans of expectations")
        constraints = [
            models.UniqueConstraint(fields=["expectation_set", "plan"], name="expectation_plan_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}"


class DataCheck(BornFinalModel):
    """A profile held against a set of expectations by the server: every figure, and the evidence it became."""

    namespace_path = "expectation_set__dataset__namespace"

    expectation_set = models.ForeignKey(
        "lineage.ExpectationSet",
        on_delete=models.PROTECT,
        related_name="checks",
        db_index=False,
        verbose_name=_("expectations"),
        help_text=_("What was asked."),
    )
    dataset_version = models.ForeignKey(
        "lineage.DatasetVersion",
        on_delete=models.PROTECT,
        related_name="checks",
        db_index=False,
        verbose_name=_("dataset version"),
        help_text=_("The version that was looked at."),
    )
    profile = models.ForeignKey(
        "lineage.DataProfile",
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("profile"),
        help_text=_("The profile of that version that the figures were worked out from."),
    )
    baseline = models.ForeignKey(
        "lineage.DataProfile",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("baseline"),
        help_text=_("The profile that drift was measured against; blank: none."),
    )
    baseline_reason = models.CharField(
        _("why that baseline"),
        max_length=10,
        choices=BaselineReason,
        help_text=_(
            "live: it trained the champion in an environment with live traffic; was_live: the one that was live there"
            " last; previous: the version before, of those that did not drift themselves."
        ),
    )
    quality = models.OneToOneField(
        Evidence,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="quality_check",
        verbose_name=_("evidence on quality"),
        help_text=_("Under the plan of kind data quality; blank: nothing blocking was asked."),
    )
    drift = models.OneToOneField(
        Evidence,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drift_check",
        verbose_name=_("evidence on drift"),
        help_text=_("Under the plan of kind drift; blank: nothing blocking was asked, or there is no baseline."),
    )
    figures = models.JSONField(
        _("figures"),
        default=list,
        blank=True,
        help_text=_(
            "A list of {key, check, metric, slice, severity, value, low, high, unit, holds, why, bins}; numbers as"
            " decimal text, shares from 0 to 1; bins: [[label, baseline, least, most], …] as shares of rows."
        ),
    )
    note = models.TextField(
        _("note"), blank=True, help_text=_("Why nothing of it was judged, where that is so: an incomplete profile, …")
    )

    class Meta:
        verbose_name = _("data check")
        verbose_name_plural = _("data checks")
        constraints = [
            models.UniqueConstraint(
                fields=["expectation_set", "profile", "baseline"], nulls_distinct=False, name="data_check_once"
            ),
            models.CheckConstraint(
                condition=Q(baseline_reason__in=["live", "was_live", "previous"], baseline__isnull=False)
                | Q(baseline_reason="none", baseline__isnull=True),
                name="data_check_baseline_reason",
            ),
        ]
        indexes = [models.Index(F("dataset_version"), F("id").desc(), name="data_check_of_version")]

    def __str__(self) -> str:
        return f"{self.dataset_version} · {self.expectation_set}"
