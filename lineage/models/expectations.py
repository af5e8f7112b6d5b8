"""What is expected of a dataset's versions, numbered; the newest set is asked."""

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from governance.history.fields import NumberedField
from governance.history.models import BornFinalModel
from lineage.models.datasets import Dataset


class ExpectationSet(BornFinalModel):
    """What is asked of each version of a dataset, until the next set. What failed under one stays failed under it."""

    namespace_path = "dataset__namespace"

    dataset = models.ForeignKey(
        Dataset,
        on_delete=models.PROTECT,
        related_name="expectation_sets",
        db_index=False,
        verbose_name=_("dataset"),
    )
    number = NumberedField(
        _("number"), blank=True, editable=False, default=0, help_text=_("1, 2, 3… of the dataset, by the database.")
    )
    items = models.JSONField(
        _("items"),
        help_text=_(
            "A list of {key, check, column, method, at_least, at_most, severity, columns, closed, values, rule}, each"
            " only where its check has it (docs/checks.md)."
        ),
    )

    class Meta:
        verbose_name = _("expectations")
        verbose_name_plural = _("expectations")
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="expectation_set_number_unique"),
        ]
        indexes = [models.Index(F("dataset"), F("id").desc(), name="expectation_set_newest")]

    def __str__(self) -> str:
        return f"{self.dataset} · {self.number}"
