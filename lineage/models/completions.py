"""Facts of a model version that came after its registration, and how each came."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel
from lineage.models.fields import digest_algorithm_field, digest_condition, digest_value_field
from lineage.models.model_registry import ModelVersion
from lineage.models.runs import Run
from lineage.models.tracking import TrackingServer


class FactOrigin(models.TextChoices):
    """How a fact came. What no later record brought was declared at registration."""

    DECLARED = "declared", _("declared by a pipeline")
    TAG = "tag", _("MLflow tag")
    TRACKING = "tracking", _("read from the tracking server")
    OWNER = "owner", _("entered by a model owner")
    OPENLINEAGE = "openlineage", _("OpenLineage event")


class ModelVersionCompletion(BornFinalModel):
    """What became known of a version later: its digest, commit, training data, metrics, parameters; and from where.

    A digest or commit that was blank is filled in on the version, once, by a trigger. What differs from the record is
    refused; read from the tracking server it is kept as a contradiction, and the gate closes.
    """

    namespace_path = "model_version__model__namespace"

    model_version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        related_name="completions",
        db_index=False,
        verbose_name=_("model version"),
    )
    how = models.CharField(_("how it came"), max_length=12, choices=FactOrigin, help_text=_("By which way it came."))
    came_from = models.CharField(
        _("came from"), max_length=2000, blank=True, help_text=_("Where it was read: an address, a tag, a document.")
    )
    tracking_server = models.ForeignKey(
        TrackingServer,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("tracking server"),
        help_text=_("The one it was read from; of no other way it came."),
    )
    digest_algorithm = digest_algorithm_field()
    digest_value = digest_value_field(_("Of the artifact, lowercase hexadecimal [CDX hashes, SPDX verifiedUsing]."))
    code_commit = models.CharField(
        _("code commit"), max_length=128, blank=True, help_text=_("Commit of the training code [SPDX].")
    )
    run = models.ForeignKey(
        Run,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("run"),
        help_text=_("The run that it came out of, where this record linked it or its data."),
    )
    training = ArrayField(
        models.BigIntegerField(),
        verbose_name=_("training data"),
        default=list,
        blank=True,
        help_text=_("Ids of dataset versions that it was trained on, as linked to the run [SPDX trainedOn]."),
    )
    metrics = models.JSONField(
        _("metrics"), default=dict, blank=True, help_text=_("{name: finite number}, as reported [SPDX metric].")
    )
    parameters = models.JSONField(
        _("parameters"),
        default=dict,
        blank=True,
        help_text=_("{name: text, finite number, true, false or null} [SPDX hyperparameter]."),
    )
    contradicts = ArrayField(
        models.CharField(max_length=16),
        verbose_name=_("contradicts"),
        default=list,
        blank=True,
        editable=False,
        help_text=_("Which of digest and code_commit say something else than the version; set by the database."),
    )

    class Meta:
        verbose_name = _("later fact of a model version")
        verbose_name_plural = _("later facts of model versions")
        ordering = ("id",)
        constraints = [
            models.CheckConstraint(condition=Q(how__in=FactOrigin.values), name="completion_origin_known"),
            models.CheckConstraint(condition=digest_condition(), name="completion_digest_well_formed"),
            models.CheckConstraint(
                condition=Q(code_commit="") | Q(code_commit__regex=r"^[0-9A-Za-z._/-]{1,128}$"),
                name="completion_code_commit_well_formed",
            ),
        ]
        indexes = [models.Index(fields=["model_version", "id"], name="completion_of_version_idx")]

    def __str__(self) -> str:
        return str(FactOrigin(self.how).label)
