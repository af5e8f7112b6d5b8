"""Links that turned out to be wrong: taken out, or back in, by a recorded act of a person."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel
from lineage.models.columns import ColumnLineage
from lineage.models.runs import Run, RunInput, RunOutput


class LinkCorrection(BornFinalModel):
    """Says that a link of a run is wrong, or that it was right after all. The newest per link is in force.

    The link itself stays on record. While it is voided nothing follows it: not the gate, not a withdrawal on its way
    down. Each correction voids the votes on the data of every model version above which the link lies or ever lay.
    """

    class Kind(models.TextChoices):
        VOID = "void", _("void")
        RESTORE = "restore", _("restored")

    namespace_path = "run__namespace"

    run = models.ForeignKey(
        Run,
        on_delete=models.PROTECT,
        related_name="corrections",
        editable=False,
        verbose_name=_("run"),
        help_text=_("The link's run, set by the database."),
    )
    run_input = models.ForeignKey(
        RunInput,
        on_delete=models.PROTECT,
        related_name="corrections",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("run input"),
        help_text=_("The link, if it is one of what the run read."),
    )
    run_output = models.ForeignKey(
        RunOutput,
        on_delete=models.PROTECT,
        related_name="corrections",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("run output"),
        help_text=_("The link, if it is one of what the run wrote."),
    )
    column_lineage = models.ForeignKey(
        ColumnLineage,
        on_delete=models.PROTECT,
        related_name="corrections",
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("column lineage"),
        help_text=_("The link, if it is one of columns."),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, help_text=_("void or restore."))
    reason = models.TextField(_("reason"), help_text=_("Why, 1 to 2,000 characters."))

    class Meta:
        verbose_name = _("link correction")
        verbose_name_plural = _("link corrections")
        constraints = [
            models.CheckConstraint(
                condition=Q(run_input__isnull=False, run_output__isnull=True, column_lineage__isnull=True)
                | Q(run_input__isnull=True, run_output__isnull=False, column_lineage__isnull=True)
                | Q(run_input__isnull=True, run_output__isnull=True, column_lineage__isnull=False),
                name="link_correction_exactly_one",
            ),
            models.CheckConstraint(condition=Q(kind__in=["void", "restore"]), name="link_correction_kind_known"),
            models.CheckConstraint(condition=Q(reason__regex="[^[:space:]]"), name="link_correction_explained"),
        ]
        indexes = [
            models.Index(fields=["run_input", "-id"], name="link_correction_input_idx"),
            models.Index(fields=["run_output", "-id"], name="link_correction_output_idx"),
            models.Index(fields=["column_lineage", "-id"], name="link_correction_column_idx"),
            models.Index(fields=["recorded_at", "id"], name="link_correction_by_moment"),
        ]

    def __str__(self) -> str:
        return self.kind
