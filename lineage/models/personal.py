"""What was found by looking at data: the evidence a flag of personal data rests on, masked."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel
from lineage.models.datasets import DatasetVersion
from lineage.models.fields import TOKEN_PATTERN
from lineage.models.flags import SensitivityFlag
from lineage.models.reports import DataProfile


class PersonalDataFind(BornFinalModel):
    """A pattern of personal data that a column's name or values match, and the flag it raised or met.

    A question to the data steward, no verdict. No value is kept, only its mask; the database refuses anything else.
    """

    namespace_path = "dataset_version__dataset__namespace"

    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="personal_data_finds",
        db_index=False,
        verbose_name=_("dataset version"),
    )
    profile = models.ForeignKey(
        DataProfile,
        on_delete=models.PROTECT,
        related_name="personal_data_finds",
        db_index=False,
        verbose_name=_("profile"),
        help_text=_("The profile in which it was seen; who recorded that vouches for it."),
    )
    flag = models.ForeignKey(
        SensitivityFlag,
        on_delete=models.PROTECT,
        related_name="finds",
        verbose_name=_("flag"),
        help_text=_("The answer in force on its column and category: raised by this find, or met by it."),
    )
    column = models.CharField(
        _("column"),
        max_length=256,
        blank=True,
        help_text=_("In which column; blank: in so many that the whole version is flagged [OL field]."),
    )
    pattern = models.CharField(
        _("pattern"),
        max_length=64,
        help_text=_("Which one, such as email or kr_rrn (docs/personal-data.md lists them, with their sources)."),
    )
    category = models.CharField(
        _("category"), max_length=160, help_text=_("Category of the flag, such as pd:EmailAddress [DPV pd].")
    )
    looked_at = models.BigIntegerField(_("looked at"), help_text=_("Number of values held against the pattern."))
    matched = models.BigIntegerField(
        _("matched"), help_text=_("Number of those that match; 0: the name alone says so.")
    )
    by_name = models.BooleanField(_("by name"), help_text=_("Whether the column's name says so."))
    examples = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("examples"),
        default=list,
        blank=True,
        help_text=_("Up to five values, masked with •."),
    )

    class Meta:
        verbose_name = _("find of personal data")
        verbose_name_plural = _("finds of personal data")
        constraints = [
            models.UniqueConstraint(fields=["profile", "column", "pattern"], name="personal_find_once"),
            models.CheckConstraint(
                condition=Q(category__regex=TOKEN_PATTERN), name="personal_find_category_well_formed"
            ),
            models.CheckConstraint(
                condition=Q(pattern__regex=r"^[a-z0-9_]{1,64}$"), name="personal_find_pattern_named"
            ),
            models.CheckConstraint(
                condition=Q(matched__gte=0, matched__lte=F("looked_at")), name="personal_find_counts_in_order"
            ),
            models.CheckConstraint(condition=Q(matched__gt=0) | Q(by_name=True), name="personal_find_found_somewhere"),
        ]
        indexes = [
            models.Index(fields=["dataset_version", "column", "pattern"], name="personal_find_of_version"),
            models.Index(fields=["recorded_at", "id"], name="personal_find_by_moment"),
        ]

    def __str__(self) -> str:
        return self.pattern
