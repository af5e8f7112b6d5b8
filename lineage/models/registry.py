"""What registries say of models: free aliases, tags, how a client of MLflow registered a version. None is a judgement.

An alias or stage that an environment claims is a promotion and stands in no row here (approvals/sql/81_…).
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel, GovernedModel
from lineage.models.fields import NAME_PATTERN
from lineage.models.model_registry import Model, ModelVersion

ALIAS_PATTERN = r"^[A-Za-z0-9_-]{1,255}$"
"""No other letters than these: a Cyrillic c reads as a Latin one."""
RESERVED_ALIAS_PATTERN = r"^([Ll][Aa][Tt][Ee][Ss][Tt]|[vV][0-9]+)$"
"""Means the newest version, or a version by its number [MLflow]."""


class ModelAlias(GovernedModel):
    """A name for one version of a model, moved at will. Its history says which version it meant when."""

    namespace_path = "model__namespace"
    updatable = ("model_version",)

    model = models.ForeignKey(
        Model, on_delete=models.PROTECT, related_name="aliases", db_index=False, verbose_name=_("model")
    )
    alias = models.CharField(
        _("alias"),
        max_length=255,
        help_text=_("Letters a to z, digits, '_' and '-'; none that an environment claims [MLflow alias]."),
    )
    model_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        related_name="aliases",
        null=True,
        blank=True,
        verbose_name=_("model version"),
        help_text=_("Blank: the alias was taken away."),
    )

    class Meta:
        verbose_name = _("alias of a model")
        verbose_name_plural = _("aliases of models")
        constraints = [
            models.UniqueConstraint(fields=["model", "alias"], name="model_alias_unique_in_model"),
            models.CheckConstraint(condition=Q(alias__regex=ALIAS_PATTERN), name="model_alias_well_formed"),
            models.CheckConstraint(condition=~Q(alias__regex=RESERVED_ALIAS_PATTERN), name="model_alias_not_reserved"),
        ]

    def __str__(self) -> str:
        return self.alias


class ModelTag(GovernedModel):
    """A label with a value on a model. It says what people like; no rule reads it."""

    namespace_path = "model__namespace"
    updatable = ("value", "removed")

    model = models.ForeignKey(
        Model, on_delete=models.PROTECT, related_name="tags", db_index=False, verbose_name=_("model")
    )
    key = models.CharField(_("key"), max_length=250, help_text=_("1 to 250 characters [MLflow tag]."))
    value = models.TextField(_("value"), blank=True, help_text=_("Up to 100,000 characters; may be blank."))
    removed = models.BooleanField(_("removed"), default=False, help_text=_("Whether it was taken away."))

    class Meta:
        verbose_name = _("tag of a model")
        verbose_name_plural = _("tags of models")
        constraints = [
            models.UniqueConstraint(fields=["model", "key"], name="model_tag_unique_in_model"),
            models.CheckConstraint(condition=Q(key__regex=NAME_PATTERN), name="model_tag_key_well_formed"),
            models.CheckConstraint(condition=Q(removed=False) | Q(value=""), name="model_tag_removed_is_blank"),
        ]

    def __str__(self) -> str:
        return self.key


class MlflowRegistration(BornFinalModel):
    """A version came in through a client of MLflow, and this is what the client said."""

    namespace_path = "model_version__model__namespace"

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.PROTECT, related_name="mlflow_registration", verbose_name=_("model version")
    )
    source = models.CharField(
        _("source"), max_length=500, help_text=_("Where the client said that the artifact lies [MLflow source].")
    )
    run_id = models.CharField(
        _("run"),
        max_length=256,
        blank=True,
        help_text=_("Of the client's tracking server [MLflow run_id]."),
    )
    run_link = models.CharField(
        _("link to the run"), max_length=500, blank=True, help_text=_("For people [MLflow run_link].")
    )
    model_id = models.CharField(
        _("logged model"), max_length=250, blank=True, help_text=_("In the tracking server [MLflow model_id].")
    )

    class Meta:
        verbose_name = _("registration through MLflow")
        verbose_name_plural = _("registrations through MLflow")

    def __str__(self) -> str:
        return self.source
