"""The log's tables: entries (by the recorder), their gapless sequence, tiles and signed checkpoints (by the sealer).

None of them is a GovernedModel: they are what governs. No login updates or deletes them (sql/ refuses it for all).
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LedgerEpoch(models.Model):
    """One row per database cluster that this log has lived in; transaction ids compare within an epoch only.

    Written by `install_guards` (sql/10_epoch.sql) when `pg_control_system().system_identifier` is not the newest row's.
    """

    epoch = models.IntegerField(primary_key=True)
    system_identifier = models.BigIntegerField()
    started = models.DateTimeField()

    class Meta:
        db_table = "governance_ledgerepoch"
        verbose_name = _("ledger epoch")
        verbose_name_plural = _("ledger epochs")

    def __str__(self) -> str:
        return f"{self.epoch}"


class LedgerEntry(models.Model):
    """One recorded change. `leaf` is canonical JSON (RFC 8785) and final; salt and body may be blanked by a redaction.

    The leaf's `digest` is SHA-256(salt || utf8(body)); `body` is kept as the very text PostgreSQL printed.
    Written by the recorder alone: no login holds INSERT.
    """

    id = models.BigAutoField(primary_key=True)
    epoch = models.IntegerField()
    xid = models.BigIntegerField()
    leaf = models.TextField()
    salt = models.BinaryField(max_length=32, null=True)
    body = models.TextField(null=True)

    class Meta:
        db_table = "governance_ledgerentry"
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        # The sealing order, and the only way the sealer reads: a range scan behind its high-water mark.
        indexes = [models.Index(fields=["epoch", "xid", "id"], name="ledgerentry_sealing_order")]

    def __str__(self) -> str:
        return f"{self.pk}"


class LedgerPosition(models.Model):
    """The place of an entry in the log: 0, 1, 2, … without a gap. `leaf_hash` is SHA-256(0x00 || utf8(leaf))."""

    position = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, related_name="sealed")
    leaf_hash = models.BinaryField(max_length=32)

    class Meta:
        db_table = "governance_ledgerposition"
        verbose_name = _("ledger position")
        verbose_name_plural = _("ledger positions")
        constraints = [
            models.CheckConstraint(condition=models.Q(position__gte=0), name="ledgerposition_from_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.position}"


class LedgerTile(models.Model):
    """A C2SP tlog-tiles tile: `width` hashes of 32 octets. A partial tile is a row of its own, never widened."""

    id = models.BigAutoField(primary_key=True)
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    width = models.SmallIntegerField()
    hashes = models.BinaryField(max_length=8192)

    class Meta:
        db_table = "governance_ledgertile"
        verbose_name = _("ledger tile")
        verbose_name_plural = _("ledger tiles")
        constraints = [
            models.UniqueConstraint(fields=["level", "index", "width"], name="ledgertile_once"),
            models.CheckConstraint(
                condition=models.Q(level__gte=0, level__lte=63, index__gte=0, width__gte=1, width__lte=256),
                name="ledgertile_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}.p/{self.width}"


class LedgerCheckpoint(models.Model):
    """A signed tree head (C2SP tlog-checkpoint). `note` is the signed note exactly as served."""

    id = models.BigAutoField(primary_key=True)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    recorded = models.DateTimeField()

    class Meta:
        db_table = "governance_ledgercheckpoint"
        verbose_name = _("ledger checkpoint")
        verbose_name_plural = _("ledger checkpoints")
        constraints = [
            models.UniqueConstraint(fields=["size"], name="ledgercheckpoint_one_per_size"),
            models.CheckConstraint(condition=models.Q(size__gt=0), name="ledgercheckpoint_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.size}"
