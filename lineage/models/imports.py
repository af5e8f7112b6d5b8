"""Bringing in what exists: an uploaded inventory while it is looked at, and the record of what came of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel


class ImportFormat(models.TextChoices):
    """How the rows of an inventory are written."""

    CSV = "csv", _("CSV")
    JSON = "json", _("JSON: a list of objects")
    JSON_LINES = "jsonl", _("JSON lines: an object a line")
    MLFLOW = "mlflow", _("MLflow server")


class ImportDraft(models.Model):
    """An inventory that was sent and is looked at, by its sender alone. A working table: none of it is on record."""

    KEPT_DAYS: ClassVar[int] = 30

    principal = models.ForeignKey(
        "governance.Principal", on_delete=models.PROTECT, related_name="+", verbose_name=_("sent by")
    )
    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="+", verbose_name=_("namespace")
    )
    name = models.CharField(_("name"), max_length=500, help_text=_("Of the file, or the server's address."))
    format = models.CharField(_("format"), max_length=8, choices=ImportFormat)
    layout = models.CharField(_("layout"), max_length=40, help_text=_("Which columns it has."))
    encoding = models.CharField(_("encoding"), max_length=20, help_text=_("utf-8 or windows-1252."))
    content = models.BinaryField(_("content"), help_text=_("As it was sent, byte for byte."))
    report = models.JSONField(_("report"), default=dict, help_text=_("What was found, per row."))
    created_at = models.DateTimeField(_("sent at"), default=timezone.now)
    record = models.OneToOneField(
        "lineage.InventoryImport",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="draft",
        verbose_name=_("import"),
        help_text=_("What came of it; empty: not confirmed yet."),
    )

    class Meta:
        verbose_name = _("import in preparation")
        verbose_name_plural = _("imports in preparation")
        indexes = [models.Index(fields=["principal", "-id"], name="import_draft_of")]

    def __str__(self) -> str:
        return self.name


class InventoryImport(BornFinalModel):
    """An inventory that was brought in: what it was, and how much came of it. One act with all that it made."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="imports", verbose_name=_("namespace")
    )
    source = models.CharField(_("source"), max_length=500, help_text=_("Name of the file, or the server's address."))
    format = models.CharField(_("format"), max_length=8, choices=ImportFormat)
    layout = models.CharField(_("layout"), max_length=40, help_text=_("Which columns it has (docs/import.md)."))
    content_digest = models.CharField(
        _("content digest"), max_length=64, help_text=_("SHA-256 of what was sent, lowercase hexadecimal.")
    )
    content_bytes = models.PositiveIntegerField(_("bytes"), help_text=_("Length of what was sent."))
    rows = models.PositiveIntegerField(_("rows"), help_text=_("Rows it held, faulty ones included."))
    rows_faulty = models.PositiveIntegerField(_("faulty rows"), help_text=_("Left out, and in the remainder file."))
    rows_unchanged = models.PositiveIntegerField(_("unchanged rows"), help_text=_("On record already, word for word."))
    models_made = models.PositiveIntegerField(_("models made"))
    versions_made = models.PositiveIntegerField(_("model versions made"))
    as_found_made = models.PositiveIntegerField(
        _("entries as found"), help_text=_("What served already, marked as found and never passed a gate.")
    )
    whole = models.BooleanField(
        _("all or nothing"), help_text=_("False: good rows were let in without the faulty ones.")
    )

    class Meta:
        verbose_name = _("import of an inventory")
        verbose_name_plural = _("imports of inventories")
        constraints = [
            models.CheckConstraint(condition=Q(format__in=ImportFormat.values), name="import_format_known"),
            models.CheckConstraint(
                condition=Q(content_digest__regex=r"^[0-9a-f]{64}$"), name="import_digest_well_formed"
            ),
            models.CheckConstraint(condition=Q(whole=False) | Q(rows_faulty=0), name="import_whole_has_no_faults"),
        ]

    def __str__(self) -> str:
        return self.source
