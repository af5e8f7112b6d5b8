"""Which column was made from which: what a run did, column by column."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5
from django.utils.translation import gettext_lazy as _

from governance.history.fields import DeterminedField, NumberedField
from governance.history.models import BornFinalModel
from lineage.models.datasets import DatasetVersion
from lineage.models.runs import LinkMethod, Run


class Transformation(models.TextChoices):
    """How a column bears on another [OL transformations.type].

    Direct: values are taken or computed from it. Indirect: it decides which rows there are, or how they are put
    together (a join, a filter, a grouping). Not said counts as direct.
    """

    DIRECT = "direct", _("direct")
    INDIRECT = "indirect", _("indirect")
    UNSTATED = "unstated", _("not said")


class ColumnLineage(BornFinalModel):
    """A claim that a run made a column of one dataset version from a column of another [OL columnLineage].

    It refines what is on record: the run read the one version and wrote the other, or a trigger refuses it. A blank
    column is the whole version. Sensitivity flags travel along it (docs/lineage.md).
    """

    namespace_path = "run__namespace"

    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, related_name="column_lineage", db_index=False, verbose_name=_("run")
    )
    source = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="columns_read",
        db_index=False,
        verbose_name=_("from dataset version"),
        help_text=_("What the run read [OL inputFields]."),
    )
    source_column = models.CharField(
        _("from column"),
        max_length=256,
        blank=True,
        help_text=_("Its column; blank: the whole version [OL inputFields.field]."),
    )
    target = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="columns_written",
        db_index=False,
        verbose_name=_("to dataset version"),
        help_text=_("What the run wrote."),
    )
    target_column = models.CharField(
        _("to column"), max_length=256, blank=True, help_text=_("Its column; blank: the whole version [OL fields].")
    )
    transformation = models.CharField(
        _("transformation"),
        max_length=8,
        choices=Transformation,
        default=Transformation.UNSTATED,
        help_text=_("direct, indirect or unstated [OL transformations.type]."),
    )
    subtype = models.CharField(
        _("subtype"),
        max_length=64,
        blank=True,
        help_text=_("Such as IDENTITY, AGGREGATION, JOIN or FILTER, as sent [OL transformations.subtype]."),
    )
    masking = models.BooleanField(
        _("masking"),
        default=False,
        help_text=_(
            "Whether the producer claims that values are masked on the way [OL transformations.masking]. A claim: it is"
            " shown to the data steward and stops no flag."
        ),
    )
    description = models.CharField(
        _("description"), max_length=1000, blank=True, help_text=_("As sent [OL transformations.description].")
    )
    link_method = models.CharField(
        _("link method"),
        max_length=12,
        choices=LinkMethod,
        default=LinkMethod.DECLARED,
        help_text=_("How the link was made."),
    )
    raises = DeterminedField(
        _("raises"),
        blank=True,
        editable=False,
        default=False,
        help_text=_("Whether a flag stood above it when it was recorded, worked out by the database."),
    )
    epoch = NumberedField(
        _("epoch"),
        blank=True,
        editable=False,
        default=0,
        help_text=_("How many links to this version brought a flag so far; votes bound to privacy hold within one."),
    )

    class Meta:
        verbose_name = _("column lineage")
        verbose_name_plural = _("column lineage")
        constraints = [
            models.CheckConstraint(
                condition=Q(transformation__in=Transformation.values), name="column_lineage_transformation_known"
            ),
            models.CheckConstraint(condition=Q(link_method__in=LinkMethod.values), name="column_lineage_method_known"),
            models.UniqueConstraint(
                F("run"),
                F("source"),
                F("source_column"),
                F("target"),
                F("target_column"),
                F("transformation"),
                F("subtype"),
                F("masking"),
                MD5("description"),
                name="column_lineage_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["source", "source_column"], name="column_lineage_source_idx"),
            models.Index(fields=["target", "target_column"], name="column_lineage_target_idx"),
            models.Index(fields=["target", "-epoch"], name="column_lineage_epoch_idx"),
            models.Index(fields=["recorded_at", "id"], name="column_lineage_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.source_column or '*'} → {self.target_column or '*'}"
