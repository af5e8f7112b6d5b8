"""Jobs and the files they leave. Working tables, not governed: what a job does to records stands there as acts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """One long piece of work that a principal asked for. At most one of a kind, about one thing, is open per asker."""

    class State(models.TextChoices):
        """From waiting to one of three ends."""

        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN: ClassVar[tuple[str, ...]] = ("queued", "running")

    kind = models.CharField(_("kind"), max_length=80, help_text=_("Names the work, for example 'evidence-pack'."))
    key = models.CharField(_("about"), max_length=200, help_text=_("What it is about, for example 'release:12'."))
    params = models.JSONField(_("parameters"), default=dict, help_text=_("Ids and plain values the work needs."))
    reason = models.TextField(_("reason"), help_text=_("Why it was asked for; up to 2,000 characters."))
    asked_by = models.ForeignKey(
        "governance.Principal", on_delete=models.PROTECT, related_name="jobs", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    available_at = models.DateTimeField(_("due"), db_default=Now(), help_text=_("Not tried before this moment."))
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("Tries begun, dead workers included."))
    failures = models.PositiveIntegerField(
        _("failures"), default=0, help_text=_("Tries that ended in a fault of ours.")
    )
    started_at = models.DateTimeField(_("started"), null=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    cancelled_by = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("cancelled by"),
        help_text=_("Null: nobody cancelled it."),
    )
    done = models.PositiveBigIntegerField(_("done"), default=0, help_text=_("Steps done, of `total`."))
    total = models.PositiveBigIntegerField(_("total"), null=True, help_text=_("Steps in all; null: not known yet."))
    message = models.CharField(_("message"), max_length=500, default="", help_text=_("What it is doing, or did."))
    checkpoint = models.JSONField(_("checkpoint"), default=dict, help_text=_("Where a next try goes on."))
    result = models.JSONField(_("result"), default=dict, help_text=_("What came of it, in figures; faults by field."))
    url = models.CharField(
        _("address"), max_length=500, default="", help_text=_("Path on this site where the outcome stands; or empty.")
    )
    fault = models.TextField(_("fault"), default="", help_text=_("What went wrong on our side, for administrators."))
    file_name = models.CharField(_("file name"), max_length=200, default="", help_text=_("Empty: no file."))
    file_type = models.CharField(_("media type"), max_length=100, default="")
    file_bytes = models.PositiveBigIntegerField(_("file size"), default=0, help_text=_("In bytes."))
    file_sha256 = models.CharField(_("SHA-256"), max_length=64, default="", help_text=_("Of the file, hexadecimal."))
    file_dropped_at = models.DateTimeField(_("file removed"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("asked_by", F("id").desc(), name="job_by_asker"),
            models.Index(fields=["available_at", "id"], condition=Q(ended_at=None), name="job_open"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Asked for twice, by a double click or a repeated call, it is the same job.
            models.UniqueConstraint(
                fields=["asked_by", "kind", "key"], condition=Q(ended_at=None), name="job_once_while_open"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, state__in=("queued", "running"))
                | Q(ended_at__isnull=False, state__in=("done", "failed", "cancelled")),
                name="job_ended_as_its_state_says",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_by=None) | Q(state="cancelled"), name="job_cancelled_by_whoever_did"
            ),
            models.CheckConstraint(
                condition=Q(url="") | (Q(url__startswith="/") & ~Q(url__startswith="//")), name="job_url_is_a_path"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.ended_at is None

    @property
    def has_file(self) -> bool:
        """Whether there is a file to download."""
        return bool(self.file_name) and self.file_dropped_at is None


class JobFilePart(models.Model):
    """A piece of a job's file: kept in the database, since the web may run on another machine than the worker."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="parts", verbose_name=_("job"))
    number = models.PositiveIntegerField(_("number"), help_text=_("From 0."))
    content = models.BinaryField(_("content"))

    class Meta:
        verbose_name = _("part of a file")
        verbose_name_plural = _("parts of files")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["job", "number"], name="job_file_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}/{self.number}"
