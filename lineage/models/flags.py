"""What sensitive data a dataset version holds."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from governance.history.fields import DeterminedField, NumberedField
from governance.history.models import BornFinalModel
from lineage.models.datasets import DatasetVersion
from lineage.models.fields import TOKEN_PATTERN


class Presence(models.TextChoices):
    """Whether the category is there. Not knowing is an answer of its own, and never counts as no."""

    YES = "yes", _("yes")
    NO = "no", _("no")
    UNKNOWN = "unknown", _("unknown")


class RegulationSet(models.TextChoices):
    """Kinds of regulated information [D&TA confidentiality classification]."""

    PI = "PI", _("personal information")
    PII = "PII", _("personally identifiable information")
    PHI = "PHI", _("protected health information")
    PCI = "PCI", _("payment card information")
    PFI = "PFI", _("personal financial information")
    SPI = "SPI", _("sensitive personal information")


class CollectedAs(models.TextChoices):
    """How the data came to be known [DPV CollectedPersonalData, DerivedPersonalData, InferredPersonalData]."""

    COLLECTED = "collected", _("collected")
    DERIVED = "derived", _("derived")
    INFERRED = "inferred", _("inferred")


class Treatment(models.TextChoices):
    """What was done to it [D&TA privacy-enhancing technologies]."""

    NONE = "none", _("none")
    MASKED = "masked", _("masked")
    PSEUDONYMISED = "pseudonymised", _("pseudonymised")
    ANONYMISED = "anonymised", _("anonymised")
    DROPPED = "dropped", _("dropped")


class Assessment(models.TextChoices):
    """On whose word: the producer's, a detector's, or a steward's."""

    DECLARED = "declared", _("declared")
    DETECTED = "detected", _("detected")
    REVIEWED = "reviewed", _("reviewed")


class SensitivityFlag(BornFinalModel):
    """One answer on one category in one column. The newest per (version, column, category) is in force.

    Anyone who registers may raise one; only a data steward's review makes one milder (a trigger holds both).
    """

    namespace_path = "dataset_version__dataset__namespace"

    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="flags",
        db_index=False,
        verbose_name=_("dataset version"),
    )
    column = models.CharField(
        _("column"), max_length=256, blank=True, help_text=_("Column it is about; blank: the whole version [OL field].")
    )
    category = models.CharField(
        _("category"),
        max_length=160,
        help_text=_("Category of personal data, such as pd:MedicalHealth or dpv:PersonalData [DPV pd]."),
    )
    regulation_sets = ArrayField(
        models.CharField(max_length=8, choices=RegulationSet),
        verbose_name=_("regulation sets"),
        default=list,
        blank=True,
        help_text=_("Any of PI, PII, PHI, PCI, PFI, SPI [D&TA confidentiality classification]."),
    )
    present = models.CharField(
        _("present"), max_length=8, choices=Presence, help_text=_("yes, no or unknown; unknown never passes the gate.")
    )
    special_category = models.BooleanField(
        _("special category"),
        default=False,
        help_text=_("Whether GDPR article 9 covers it [DPV SpecialCategoryPersonalData]."),
    )
    collected_as = models.CharField(
        _("collected as"),
        max_length=10,
        choices=CollectedAs,
        default=CollectedAs.COLLECTED,
        help_text=_("Collected, derived or inferred [DPV]."),
    )
    data_subjects = ArrayField(
        models.CharField(max_length=160),
        verbose_name=_("data subjects"),
        default=list,
        blank=True,
        help_text=_("Whom it is about, such as dpv:Patient [DPV DataSubject]."),
    )
    treatment = models.CharField(
        _("treatment"),
        max_length=16,
        choices=Treatment,
        default=Treatment.NONE,
        help_text=_("What was done to it [D&TA privacy-enhancing technologies]."),
    )
    treatment_tool = models.CharField(
        _("treatment tool"), max_length=256, blank=True, help_text=_("With what it was treated, name and version.")
    )
    treatment_parameters = models.JSONField(
        _("treatment parameters"), default=dict, blank=True, help_text=_("Settings of the treatment, an object.")
    )
    excluded_from_training = models.BooleanField(
        _("excluded from training"),
        default=False,
        help_text=_("Whether the column must not be among a model's features."),
    )
    assessment = models.CharField(
        _("assessment"), max_length=10, choices=Assessment, help_text=_("Declared, detected or reviewed by a steward.")
    )
    supersedes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="superseded_by",
        null=True,
        blank=True,
        verbose_name=_("supersedes"),
        help_text=_("The answer in force before this one, set by the database."),
    )
    propagated_from = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="propagated_to",
        null=True,
        blank=True,
        verbose_name=_("propagated from"),
        help_text=_("The flag upstream that this one follows from [OL columnLineage]."),
    )
    raises = DeterminedField(
        _("raises"),
        blank=True,
        editable=False,
        default=False,
        help_text=_("Whether it says more or worse than the answer before, worked out by the database."),
    )
    epoch = NumberedField(
        _("epoch"),
        blank=True,
        editable=False,
        default=0,
        help_text=_(
            "How many answers on this version raised something so far; votes bound to privacy hold within one."
        ),
    )

    class Meta:
        verbose_name = _("sensitivity flag")
        verbose_name_plural = _("sensitivity flags")
        constraints = [
            models.CheckConstraint(condition=Q(category__regex=TOKEN_PATTERN), name="flag_category_well_formed"),
            models.CheckConstraint(condition=Q(present__in=Presence.values), name="flag_present_known"),
            models.CheckConstraint(condition=Q(collected_as__in=CollectedAs.values), name="flag_collected_as_known"),
            models.CheckConstraint(condition=Q(treatment__in=Treatment.values), name="flag_treatment_known"),
            models.CheckConstraint(condition=Q(assessment__in=Assessment.values), name="flag_assessment_known"),
            models.CheckConstraint(
                condition=Q(regulation_sets__contained_by=RegulationSet.values), name="flag_regulation_sets_known"
            ),
        ]
        indexes = [
            models.Index(fields=["dataset_version", "column", "category", "-id"], name="flag_in_force_idx"),
            models.Index(fields=["recorded_at", "id"], name="flag_by_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.present}"
