"""What served before anyone governed it: brought in as found, within a window that three persons have a hand in.

An entry as found is no promotion: no gate let it pass, and everything that shows it says so. It may serve until a date;
what is to serve longer goes through the gate.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.environments import Environment, Slot
from approvals.models.fields import MomentSetField
from governance.history.models import BornFinalModel


class OnboardingWindow(BornFinalModel):
    """A policy owner asks that what serves already in a namespace may be brought in as found, until a moment.

    Open once another policy owner confirms it; closed by its moment, or before by anyone who oversees.
    """

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="onboarding_windows", verbose_name=_("namespace")
    )
    until = models.DateTimeField(_("until"), help_text=_("At most 92 days ahead (UTC)."))
    reason = models.TextField(_("reason"), help_text=_("Why it is needed, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("onboarding window")
        verbose_name_plural = _("onboarding windows")
        constraints = [
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="onboarding_window_has_reason")
        ]
        indexes = [models.Index(fields=["namespace", "-id"], name="onboarding_window_newest")]

    def __str__(self) -> str:
        return f"{self.namespace}"


class OnboardingConfirmation(BornFinalModel):
    """A second policy owner confirms it, and the window is open."""

    namespace_path = "window__namespace"

    window = models.OneToOneField(
        OnboardingWindow, on_delete=models.PROTECT, related_name="confirmation", verbose_name=_("window")
    )

    class Meta:
        verbose_name = _("confirmation of an onboarding window")
        verbose_name_plural = _("confirmations of onboarding windows")

    def __str__(self) -> str:
        return f"{self.window}"


class OnboardingClosure(BornFinalModel):
    """A window closed before its time, or a request taken back."""

    namespace_path = "window__namespace"

    window = models.OneToOneField(
        OnboardingWindow, on_delete=models.PROTECT, related_name="closure", verbose_name=_("window")
    )
    reason = models.TextField(_("reason"), help_text=_("Why, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("closure of an onboarding window")
        verbose_name_plural = _("closures of onboarding windows")
        constraints = [
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="onboarding_closure_has_reason")
        ]

    def __str__(self) -> str:
        return f"{self.window}"


class AsFound(BornFinalModel):
    """A model version that served before anyone governed it. Not a promotion; its date is fixed and never extended."""

    namespace_path = "model__namespace"

    window = models.ForeignKey(
        OnboardingWindow, on_delete=models.PROTECT, related_name="entries", verbose_name=_("window")
    )
    model = models.ForeignKey(
        "lineage.Model", on_delete=models.PROTECT, related_name="as_found", db_index=False, verbose_name=_("model"),
        help_text=_("The version's; the database compares."),
    )  # fmt: skip
    model_version = models.ForeignKey(
        "lineage.ModelVersion", on_delete=models.PROTECT, related_name="as_found", verbose_name=_("model version")
    )
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="as_found", verbose_name=_("environment")
    )
    slot = models.CharField(_("slot"), max_length=10, choices=Slot)
    since = models.DateTimeField(
        _("serves since"), help_text=_("As whoever brought it in says; before the window was asked for (UTC).")
    )
    govern_by = models.DateTimeField(
        _("to be governed by"),
        help_text=_("From then it may not serve unless it went through the gate; at most 180 days."),
    )

    class Meta:
        verbose_name = _("entry as found")
        verbose_name_plural = _("entries as found")
        constraints = [
            # Once in a place, ever: what ended or ran out does not come back as found.
            models.UniqueConstraint(fields=["model", "environment", "slot"], name="as_found_once_in_a_place"),
            models.CheckConstraint(condition=Q(slot__in=Slot.values), name="as_found_slot_known"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class AsFoundEnd(BornFinalModel):
    """The end of an entry as found; at most one each, and final."""

    namespace_path = "as_found__model__namespace"

    class Kind(models.TextChoices):
        GOVERNED = "governed", _("governed: a promotion took its place")
        RETIRED = "retired", _("retired")
        SUSPENDED = "suspended", _("suspended")
        RECALLED = "recalled", _("recalled")

    as_found = models.OneToOneField(
        AsFound, on_delete=models.PROTECT, related_name="end", verbose_name=_("entry as found")
    )
    kind = models.CharField(
        _("kind"), max_length=10, choices=Kind, help_text=_("`governed` and `recalled` are written by the database.")
    )
    reason = models.TextField(_("reason"), help_text=_("Why it ended, 1 to 2,000 characters."))
    ended_at = MomentSetField(_("ended at"), blank=True, editable=False, help_text=_("By the database's clock (UTC)."))

    class Meta:
        verbose_name = _("end of an entry as found")
        verbose_name_plural = _("ends of entries as found")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["governed", "retired", "suspended", "recalled"]), name="as_found_end_kind_known"
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"[^[:space:]]"), name="as_found_end_has_reason"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
