"""Where a version may be promoted to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.fields import text_list
from governance.accounts.models import NAME_PATTERN
from governance.history.models import BornFinalModel, GovernedModel


class Slot(models.TextChoices):
    """The part a live version plays; at most one version per model, environment and slot."""

    CHAMPION = "champion", _("champion")
    CHALLENGER = "challenger", _("challenger")
    SHADOW = "shadow", _("shadow")


class Environment(GovernedModel):
    """A place models are promoted to, such as staging or production.

    The app changes nothing of it: `observe_only_until` is written by the database, from an ObserveOnlyChange.
    """

    namespace_path = ""

    name = models.CharField(_("name"), max_length=100, help_text=_("Lower-case letters, digits, '.', '_' and '-'."))
    order = models.PositiveSmallIntegerField(
        _("order"), help_text=_("1, 2, 3…: a version passes through environments in this order.")
    )
    live_traffic = models.BooleanField(
        _("live traffic"), help_text=_("Whether what runs there decides about real people or things.")
    )
    mlflow_aliases = text_list(_("MLflow aliases"), _("Aliases that mean this environment, lower case."))
    mlflow_stages = text_list(_("MLflow stages"), _("Stages that mean this environment, lower case."))
    observe_only_until = models.DateTimeField(
        _("observe-only until"),
        null=True,
        blank=True,
        help_text=_("Until then the gate lets pass what it would refuse, on record; blank: it refuses."),
    )

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environments")
        constraints = [
            models.UniqueConstraint(fields=["name"], name="environment_name_unique"),
            models.UniqueConstraint(fields=["order"], name="environment_order_unique"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="environment_name_well_formed"),
        ]

    def __str__(self) -> str:
        return self.name


class ObserveOnlyChange(BornFinalModel):
    """A policy owner wants an environment's gate to observe only, until a moment, or to refuse again.

    Shorter takes effect at once. Longer lets more pass: it waits for another policy owner's confirmation.
    """

    namespace_path = ""

    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="observe_changes", verbose_name=_("environment")
    )
    until = models.DateTimeField(
        _("until"), null=True, blank=True, help_text=_("At most a year ahead (UTC); blank: the gate refuses again.")
    )

    class Meta:
        verbose_name = _("change to observe-only")
        verbose_name_plural = _("changes to observe-only")

    def __str__(self) -> str:
        return f"{self.environment}"


class ObserveOnlyConfirmation(BornFinalModel):
    """A second policy owner confirms it, and it is in effect."""

    namespace_path = ""

    change = models.OneToOneField(
        ObserveOnlyChange, on_delete=models.PROTECT, related_name="confirmation", verbose_name=_("change")
    )

    class Meta:
        verbose_name = _("confirmation of observe-only")
        verbose_name_plural = _("confirmations of observe-only")

    def __str__(self) -> str:
        return f"{self.change}"
