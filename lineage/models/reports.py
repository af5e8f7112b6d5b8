"""What producers report of data and runs: facts on somebody's word, of which several may stand beside one another.

Rows of their own and final: which of two reports came first never decides what is on record.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from governance.history.models import BornFinalModel
from lineage.models.datasets import Dataset, DatasetVersion
from lineage.models.openlineage import OpenLineageEvent
from lineage.models.runs import Run


class Report(BornFinalModel):
    """What reports have in common: where they belong, the run and version they are about, when, from which event."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="+", verbose_name=_("namespace")
    )
    run = models.ForeignKey(
        Run, on_delete=models.PROTECT, related_name="%(class)ss", null=True, blank=True, verbose_name=_("run")
    )
    dataset_version = models.ForeignKey(
        DatasetVersion,
        on_delete=models.PROTECT,
        related_name="%(class)ss",
        null=True,
        blank=True,
        verbose_name=_("dataset version"),
    )
    said_at = models.DateTimeField(_("said of"), help_text=_("The moment it is about, by the producer [OL eventTime]."))
    event = models.ForeignKey(
        OpenLineageEvent,
        on_delete=models.PROTECT,
        related_name="%(class)ss",
        null=True,
        blank=True,
        verbose_name=_("event"),
        help_text=_("The OpenLineage event that said it first."),
    )
    content_digest = models.CharField(
        _("content digest"),
        max_length=64,
        help_text=_("SHA-256 of what is said of what: the same again is the same row."),
    )

    class Meta:
        abstract = True


class ReportedFact(Report):
    """Something a producer says of a run or of a dataset, for which no record of its own has a column."""

    class Kind(models.TextChoices):
        """What is said."""

        JOB = "job", _("job")
        PARENT = "parent", _("parent run")
        TAGS = "tags", _("tags")
        SAME_RUN = "same-run", _("known elsewhere as")
        SCHEMA = "schema", _("schema")
        DOCUMENTATION = "documentation", _("description")
        OWNERSHIP = "ownership", _("owners")
        DATA_SOURCE = "data-source", _("where it lies")
        LIFECYCLE = "lifecycle", _("change of the data")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind, help_text=_("Which facet said it [OL facet]."))
    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="reported", null=True, blank=True, verbose_name=_("dataset")
    )
    key = models.CharField(
        _("key"),
        max_length=256,
        blank=True,
        help_text=_("What it is found by: the other run's key, the change; else blank."),
    )
    content = models.JSONField(_("content"), help_text=_("An object, as the facet has it, without _producer [OL]."))

    class Meta:
        verbose_name = _("reported fact")
        verbose_name_plural = _("reported facts")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "content_digest"], name="reported_fact_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["job", "parent", "tags", "same-run", "schema", "documentation", "ownership"])
                | Q(kind__in=["data-source", "lifecycle"]),
                name="reported_fact_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(run__isnull=False) | Q(dataset__isnull=False), name="reported_fact_has_subject"
            ),
        ]
        indexes = [
            models.Index("dataset", "kind", F("said_at").desc(), name="reported_fact_of_dataset"),
            models.Index("run", "kind", name="reported_fact_of_run"),
            models.Index("namespace", "key", condition=Q(kind="same-run"), name="reported_fact_same_run"),
        ]

    def __str__(self) -> str:
        return self.kind


class DataProfile(Report):
    """What was counted in a dataset version: rows, bytes; per column nulls, distinct values, range, distribution."""

    class How(models.TextChoices):
        """On whose word it stands."""

        REPORTED = "reported", _("reported by a producer")
        HANDED_IN = "handed-in", _("measured elsewhere and handed in")
        MEASURED = "measured", _("measured by Muniment")

    how = models.CharField(
        _("how it came"),
        max_length=16,
        choices=How,
        default=How.REPORTED,
        help_text=_(
            "reported: said by a producer [OL]; handed-in: measured where the data lies, on the word of whoever"
            " recorded it; measured: by a worker of Muniment's, from bytes that have the version's digest."
        ),
    )
    engine = models.CharField(
        _("engine"), max_length=100, blank=True, help_text=_("What counted, such as duckdb 2.0.0; blank: not said.")
    )
    format = models.CharField(
        _("format"), max_length=16, blank=True, help_text=_("csv, parquet or jsonl; blank: not said.")
    )
    file_digest = models.CharField(
        _("digest of the file"),
        max_length=160,
        blank=True,
        help_text=_("Of the bytes that were read, algorithm:hexadecimal; blank: not said."),
    )
    complete = models.BooleanField(
        _("complete"), default=True, help_text=_("Whether all rows and columns were counted; else from the beginning.")
    )
    stopped_by = models.CharField(
        _("stopped by"),
        max_length=16,
        blank=True,
        help_text=_("The limit that ended it: rows, seconds, memory, columns or bytes; blank: none."),
    )
    duplicate_rows = models.BigIntegerField(
        _("repeated rows"), null=True, blank=True, help_text=_("Rows equal to one before them; blank: not counted.")
    )
    rows = models.BigIntegerField(_("rows"), null=True, blank=True, help_text=_("Number of records [OL rowCount]."))
    bytes = models.BigIntegerField(_("size"), null=True, blank=True, help_text=_("Bytes [OL bytes, size]."))
    files = models.BigIntegerField(_("files"), null=True, blank=True, help_text=_("Number of files [OL fileCount]."))
    columns = models.JSONField(
        _("columns"),
        default=list,
        blank=True,
        help_text=_(
            "By name, as the profile's document has them (docs/profiles.md); as reported: [{name, count, nulls,"
            " distinct, sum, min, max, quantiles: {'0.5': number}}], each but the name only where it was measured"
            " [OL columnMetrics]."
        ),
    )

    rules = models.JSONField(
        _("rules"),
        default=list,
        blank=True,
        help_text=_(
            "Rules of the expectations, evaluated while it was read: [{expression, checked, failed, error}], counts in"
            " rows."
        ),
    )

    class Meta:
        verbose_name = _("data profile")
        verbose_name_plural = _("data profiles")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "content_digest"], name="data_profile_once"),
            models.CheckConstraint(condition=Q(dataset_version__isnull=False), name="data_profile_of_a_version"),
            models.CheckConstraint(
                condition=(Q(rows__isnull=True) | Q(rows__gte=0))
                & (Q(bytes__isnull=True) | Q(bytes__gte=0))
                & (Q(files__isnull=True) | Q(files__gte=0)),
                name="data_profile_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(how__in=["reported", "handed-in", "measured"]), name="data_profile_how_known"
            ),
            models.CheckConstraint(
                condition=Q(how="reported", file_digest="")
                | (Q(how__in=["handed-in", "measured"], event__isnull=True, rows__isnull=False) & ~Q(file_digest="")),
                name="data_profile_of_bytes",
            ),
            models.CheckConstraint(
                condition=Q(complete=True, stopped_by="")
                | Q(complete=False, stopped_by__in=["rows", "seconds", "memory", "columns", "bytes"]),
                name="data_profile_stopped_by",
            ),
            models.CheckConstraint(
                condition=Q(duplicate_rows__isnull=True) | Q(duplicate_rows__gte=0), name="data_profile_repeats"
            ),
        ]
        indexes = [models.Index("dataset_version", F("said_at").desc(), name="data_profile_of_version")]

    def __str__(self) -> str:
        columns = ngettext("%(count)d column", "%(count)d columns", len(self.columns)) % {"count": len(self.columns)}
        rows = "–" if self.rows is None else f"{self.rows:,}"
        return _("%(rows)s rows, %(columns)s") % {"rows": rows, "columns": columns}


class QualityResult(Report):
    """What a producer's own test of the data said. Reported, never a verdict of ours."""

    assertion = models.CharField(
        _("test"), max_length=500, help_text=_("Which test, such as not_null [OL assertion, test name].")
    )
    column = models.CharField(_("column"), max_length=256, blank=True, help_text=_("Blank: the whole [OL column]."))
    success = models.BooleanField(_("passed"), help_text=_("What the producer says came out [OL success, status]."))
    severity = models.CharField(_("severity"), max_length=64, blank=True, help_text=_("As it was said [OL severity]."))
    expected = models.CharField(_("expected"), max_length=1000, blank=True, help_text=_("[OL expected]"))
    actual = models.CharField(_("actual"), max_length=1000, blank=True, help_text=_("[OL actual]"))
    description = models.CharField(_("description"), max_length=1000, blank=True, help_text=_("[OL description]"))

    class Meta:
        verbose_name = _("reported test result")
        verbose_name_plural = _("reported test results")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "content_digest"], name="quality_result_once"),
            models.CheckConstraint(
                condition=Q(run__isnull=False) | Q(dataset_version__isnull=False), name="quality_result_has_subject"
            ),
        ]
        indexes = [models.Index("dataset_version", F("said_at").desc(), name="quality_result_of_version")]

    def __str__(self) -> str:
        return self.assertion
