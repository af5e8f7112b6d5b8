"""Datasets and their versions."""

from django.contrib.postgres.indexes import HashIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel, GovernedModel
from lineage.models.fields import (
    GEOGRAPHY_PATTERN,
    NAME_PATTERN,
    digest_algorithm_field,
    digest_condition,
    digest_value_field,
)


class Dataset(GovernedModel):
    """A body of data under one name; what it holds at a moment is a version."""

    namespace_path = "namespace"
    updatable = ("title", "description", "steward", "owner", "is_live")

    namespace = models.ForeignKey(
        "governance.Namespace",
        on_delete=models.PROTECT,
        related_name="datasets",
        verbose_name=_("namespace"),
        help_text=_("The unit of access it belongs to [OL namespace]."),
    )
    name = models.CharField(
        _("name"),
        max_length=256,
        help_text=_("Unique in its namespace, 1 to 256 characters [OL dataset name]."),
    )
    title = models.CharField(
        _("title"), max_length=256, blank=True, help_text=_("A name for people [D&TA dataset title].")
    )
    description = models.TextField(
        _("description"), blank=True, help_text=_("What the data is about, up to 5,000 characters [CR description].")
    )
    steward = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("steward"),
        help_text=_("The person who looks after terms and flags [OL ownership]."),
    )
    owner = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("owner"),
        help_text=_("The person who answers for the data [D&TA dataset issuer]."),
    )
    is_live = models.BooleanField(
        _("live"),
        default=False,
        help_text=_("Whether its content grows in place, as a stream does [CR isLiveDataset]."),
    )

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "name"], name="dataset_name_unique_in_namespace"),
            models.CheckConstraint(condition=Q(name__regex=NAME_PATTERN), name="dataset_name_well_formed"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="dataset_by_name"),
            models.Index(fields=["recorded_at", "id"], name="dataset_by_moment"),
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(BornFinalModel):
    """The content of a dataset at a moment, with where it comes from. Never changed: the next is another row."""

    namespace_path = "dataset__namespace"

    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="versions", db_index=False, verbose_name=_("dataset")
    )
    label = models.CharField(
        _("label"), max_length=256, help_text=_("What people call it, 1 to 256 characters [OL datasetVersion].")
    )
    digest_algorithm = digest_algorithm_field()
    digest_value = digest_value_field(_("Of the content, lowercase hexadecimal [CR sha256, SPDX verifiedUsing]."))
    location = models.CharField(
        _("location"), max_length=2000, blank=True, help_text=_("URI where the content lies [CR contentUrl].")
    )
    format = models.CharField(
        _("format"), max_length=255, blank=True, help_text=_("Media type, such as text/csv [CR encodingFormat].")
    )
    bytes = models.BigIntegerField(
        _("size"), null=True, blank=True, help_text=_("Bytes, 0 or more [CR contentSize, OL bytes].")
    )
    rows = models.BigIntegerField(
        _("rows"), null=True, blank=True, help_text=_("Number of records, 0 or more [OL rowCount].")
    )
    schema = models.JSONField(
        _("schema"),
        default=list,
        blank=True,
        help_text=_("Columns in order: a list of {name, type, description} [OL schema]."),
    )

    source = models.TextField(
        _("source"),
        blank=True,
        help_text=_("Who or what the data was obtained from; blank for what a run produced [D&TA source]."),
    )
    origin = models.TextField(
        _("origin"), blank=True, help_text=_("How and where the data first came about [D&TA data origin].")
    )
    origin_geography = models.CharField(
        _("origin geography"),
        max_length=7,
        blank=True,
        help_text=_("ISO 3166 code, or a bloc such as EU [D&TA data origin geography]."),
    )
    date = models.DateField(
        _("issued"), null=True, blank=True, help_text=_("Day this version was issued [D&TA dataset issue date].")
    )
    previous_date = models.DateField(
        _("previously issued"),
        null=True,
        blank=True,
        help_text=_("Day the version before it was issued [D&TA date of previously issued version]."),
    )
    generation_period_start = models.DateField(
        _("generated from"),
        null=True,
        blank=True,
        help_text=_("First day the data was generated [D&TA range of dates for data generation]."),
    )
    generation_period_end = models.DateField(
        _("generated until"),
        null=True,
        blank=True,
        help_text=_("Last day the data was generated [D&TA range of dates for data generation]."),
    )
    generation_method = models.TextField(
        _("generation method"),
        blank=True,
        help_text=_("How it was generated: measured, surveyed, synthesised… [D&TA method]."),
    )
    data_collection_process = models.TextField(
        _("collection process"), blank=True, help_text=_("How it was collected [SPDX dataCollectionProcess].")
    )
    known_bias = models.TextField(
        _("known bias"), blank=True, help_text=_("Biases one knows of [SPDX knownBias, CR rai:dataBiases].")
    )
    dataset_noise = models.TextField(_("noise"), blank=True, help_text=_("Noise in the data [SPDX datasetNoise]."))
    update_mechanism = models.TextField(
        _("update mechanism"), blank=True, help_text=_("How it is kept current [SPDX datasetUpdateMechanism].")
    )
    missing_data = models.TextField(
        _("missing data"), blank=True, help_text=_("What is missing, and why [CR rai:dataCollectionMissingData].")
    )
    imputation = models.TextField(
        _("imputation"), blank=True, help_text=_("How gaps were filled [CR rai:dataImputationProtocol].")
    )
    preprocessing = models.TextField(
        _("preprocessing"),
        blank=True,
        help_text=_("What was done before use [CR rai:dataPreprocessingProtocol, SPDX dataPreprocessing]."),
    )
    annotation_protocol = models.TextField(
        _("annotation protocol"), blank=True, help_text=_("How labels came about [CR rai:dataAnnotationProtocol].")
    )

    class Meta:
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "digest_algorithm", "digest_value", "label"],
                name="dataset_version_content_unique",
            ),
            models.CheckConstraint(condition=Q(label__regex=NAME_PATTERN), name="dataset_version_label_well_formed"),
            models.CheckConstraint(condition=digest_condition(), name="dataset_version_digest_well_formed"),
            models.CheckConstraint(
                condition=Q(bytes__isnull=True) | Q(bytes__gte=0), name="dataset_version_bytes_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(rows__isnull=True) | Q(rows__gte=0), name="dataset_version_rows_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(origin_geography="") | Q(origin_geography__regex=GEOGRAPHY_PATTERN),
                name="dataset_version_geography_well_formed",
            ),
            models.CheckConstraint(
                condition=Q(generation_period_start__isnull=True)
                | Q(generation_period_end__isnull=True)
                | Q(generation_period_start__lte=F("generation_period_end")),
                name="dataset_version_generation_in_order",
            ),
            models.CheckConstraint(
                condition=Q(previous_date__isnull=True) | Q(date__isnull=True) | Q(previous_date__lte=F("date")),
                name="dataset_version_dates_in_order",
            ),
        ]
        indexes = [
            HashIndex(fields=["digest_value"], name="dataset_version_digest_idx"),
            models.Index(fields=["recorded_at", "id"], name="dataset_version_by_moment"),
        ]

    def __str__(self) -> str:
        return self.label
