"""What is said about a model version after its birth: rows of their own, the newest of which is in force."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel
from lineage.models.fields import NAME_PATTERN
from lineage.models.model_registry import ModelVersion


class ModelVersionTag(BornFinalModel):
    """A label with a value. The newest per version and key is in force, unless it says that the tag is removed."""

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="tags", db_index=False, verbose_name=_("model version")
    )
    key = models.CharField(_("key"), max_length=250, help_text=_("1 to 250 characters [CDX property name]."))
    value = models.TextField(
        _("value"), blank=True, help_text=_("Up to 100,000 characters; may be blank [CDX property value].")
    )
    removed = models.BooleanField(_("removed"), default=False, help_text=_("Whether this takes the tag away."))

    class Meta:
        verbose_name = _("tag of a model version")
        verbose_name_plural = _("tags of model versions")
        constraints = [
            models.CheckConstraint(condition=Q(key__regex=NAME_PATTERN), name="model_version_tag_key_well_formed"),
            models.CheckConstraint(condition=Q(removed=False) | Q(value=""), name="model_version_tag_removed_is_blank"),
        ]
        indexes = [models.Index(fields=["model_version", "key", "-id"], name="model_version_tag_idx")]

    def __str__(self) -> str:
        return self.key


class ModelVersionDescription(BornFinalModel):
    """What people say of a version. The newest is in force."""

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        related_name="descriptions",
        db_index=False,
        verbose_name=_("model version"),
    )
    text = models.TextField(
        _("description"), blank=True, help_text=_("Up to 5,000 characters; blank takes it away [CDX description].")
    )

    class Meta:
        verbose_name = _("description of a model version")
        verbose_name_plural = _("descriptions of model versions")
        indexes = [models.Index(fields=["model_version", "-id"], name="model_version_described_idx")]

    def __str__(self) -> str:
        return self.text[:80]


class ModelVersionArchival(BornFinalModel):
    """Whether a version is put away: kept on record, not to be chosen any more. The newest is in force."""

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        related_name="archivals",
        db_index=False,
        verbose_name=_("model version"),
    )
    archived = models.BooleanField(
        _("archived"), help_text=_("True puts it away, false takes it out again [MLflow stage Archived].")
    )

    class Meta:
        verbose_name = _("archival of a model version")
        verbose_name_plural = _("archivals of model versions")
        indexes = [models.Index(fields=["model_version", "-id"], name="model_version_archived_idx")]

    def __str__(self) -> str:
        return str(_("archived") if self.archived else _("not archived"))
