"""What OpenLineage producers send, whose their names are, and how far the events are worked off."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from governance.history.fields import RecordedByField
from governance.history.models import BornFinalModel, GovernedModel
from lineage.models.datasets import Dataset

SOURCE_LENGTH = 512
NAME_LENGTH = 512


class OpenLineageNamespace(GovernedModel):
    """An OpenLineage namespace that an account reports for: it may write there; everybody else only reads from it."""

    namespace_path = "namespace"
    updatable = ("active",)

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="+", verbose_name=_("namespace")
    )
    source = models.CharField(
        _("OpenLineage namespace"),
        max_length=SOURCE_LENGTH,
        help_text=_("Such as postgres://crm:5432 or s3://lake [OL namespace]."),
    )
    producer = models.ForeignKey(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="openlineage_namespaces",
        verbose_name=_("producer"),
        help_text=_("The service account that reports what is written there [OL producer]."),
    )
    active = models.BooleanField(_("active"), default=True, help_text=_("Whether the account may still report there."))

    class Meta:
        verbose_name = _("OpenLineage namespace")
        verbose_name_plural = _("OpenLineage namespaces")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "source", "producer"], name="openlineage_namespace_once"),
            models.CheckConstraint(condition=~Q(source=""), name="openlineage_namespace_named"),
        ]

    def __str__(self) -> str:
        return self.source


class OpenLineageDataset(BornFinalModel):
    """Which dataset of ours an OpenLineage name means."""

    namespace_path = "namespace"

    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="+", verbose_name=_("namespace")
    )
    source = models.CharField(
        _("OpenLineage namespace"), max_length=SOURCE_LENGTH, help_text=_("Of the dataset [OL namespace].")
    )
    name = models.CharField(_("OpenLineage name"), max_length=NAME_LENGTH, help_text=_("In that namespace [OL name]."))
    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="openlineage_names", verbose_name=_("dataset")
    )

    class Meta:
        verbose_name = _("OpenLineage name of a dataset")
        verbose_name_plural = _("OpenLineage names of datasets")
        constraints = [
            models.UniqueConstraint(fields=["namespace", "source", "name"], name="openlineage_dataset_once"),
            models.CheckConstraint(condition=~Q(source="") & ~Q(name=""), name="openlineage_dataset_named"),
        ]
        indexes = [models.Index(fields=["source", "name"], name="openlineage_dataset_by_name")]

    def __str__(self) -> str:
        return f"{self.source} {self.name}"


class EventKind(models.TextChoices):
    """What an event is about [OL RunEvent, JobEvent, DatasetEvent]."""

    RUN = "run", _("run")
    JOB = "job", _("job")
    DATASET = "dataset", _("dataset")


class OpenLineageEvent(BornFinalModel):
    """An event as it came in: who sent it, what it is about, and the digest of its text. The text lies beside it."""

    namespace_path = "namespace"
    search_hidden = True

    # Each stands first in an index with another column. One of its own would be as good a plan for a question by both
    # as long as the table is empty, and the plan is kept: every event would then read all that came before it.
    namespace = models.ForeignKey(
        "governance.Namespace", on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("namespace")
    )
    recorded_by = RecordedByField(
        "governance.Principal",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("recorded by"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=EventKind, help_text=_("What it is about [OL event]."))
    event_type = models.CharField(
        _("event type"),
        max_length=16,
        blank=True,
        help_text=_("START, RUNNING, COMPLETE, ABORT, FAIL, OTHER; blank for events on jobs and datasets [OL]."),
    )
    event_time = models.DateTimeField(_("event time"), help_text=_("When it happened, by the producer [OL eventTime]."))
    run_key = models.CharField(_("run"), max_length=256, blank=True, help_text=_("Id of the run, or blank [OL runId]."))
    subject = models.CharField(
        _("about"), max_length=1100, help_text=_("Namespace and name of the job or dataset [OL namespace, name].")
    )
    sender = models.CharField(
        _("program"), max_length=500, blank=True, help_text=_("The program that made it, as it says [OL producer].")
    )
    claim_digest = models.CharField(
        _("claim digest"),
        max_length=64,
        help_text=_("Recognises the same event sent again: keyed, since what is redacted must not be guessed from it."),
    )
    body_digest = models.CharField(
        _("body digest"), max_length=64, help_text=_("SHA-256 of the text that is kept, lowercase hexadecimal.")
    )
    body_bytes = models.PositiveIntegerField(_("bytes"), help_text=_("Length of the text that is kept."))

    class Meta:
        verbose_name = _("OpenLineage event")
        verbose_name_plural = _("OpenLineage events")
        constraints = [
            models.UniqueConstraint(fields=["recorded_by", "claim_digest"], name="openlineage_event_once"),
            models.CheckConstraint(condition=Q(kind__in=["run", "job", "dataset"]), name="openlineage_event_kind"),
            models.CheckConstraint(
                condition=Q(body_digest__regex=r"^[0-9a-f]{64}$"), name="openlineage_event_digest_well_formed"
            ),
        ]
        indexes = [models.Index(fields=["namespace", "run_key"], name="openlineage_event_by_run")]

    def __str__(self) -> str:
        return f"{self.event_type or self.kind} {self.subject}"


class OpenLineageReplay(BornFinalModel):
    """An event that is to be worked off once more, because somebody says so. The database sees to it, on this row."""

    namespace_path = "event__namespace"

    event = models.ForeignKey(
        OpenLineageEvent, on_delete=models.PROTECT, related_name="replays", verbose_name=_("event")
    )
    state = models.CharField(_("state before"), max_length=12, editable=False, help_text=_("Set by the database."))

    class Meta:
        verbose_name = _("replay of an OpenLineage event")
        verbose_name_plural = _("replays of OpenLineage events")

    def __str__(self) -> str:
        return f"{self.event_id}"


class IntakeState(models.TextChoices):
    """How far an event is worked off."""

    WAITING = "waiting", _("waiting")
    UNDERSTOOD = "understood", _("understood")
    PARTLY = "partly", _("understood in part")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("failed")


WAITING = Q(state="waiting")


class OpenLineageIntake(models.Model):
    """The text of an event and how far it is worked off. A working table: evidence is the event's row with the digest.

    The text never changes (a trigger refuses it), and its digest is on record.
    """

    event = models.OneToOneField(
        OpenLineageEvent, on_delete=models.PROTECT, primary_key=True, related_name="intake", verbose_name=_("event")
    )
    namespace_id = models.BigIntegerField(_("namespace"))
    body = models.TextField(_("text"), help_text=_("The event as JSON, redacted."))
    state = models.CharField(_("state"), max_length=12, choices=IntakeState, default=IntakeState.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("Tries begun, dead workers included."))
    due_at = models.DateTimeField(_("due"), db_default=Now())
    worked_at = models.DateTimeField(_("worked off"), null=True)
    made = models.JSONField(_("became"), default=list, help_text=_("What it added to the record: [kind, id, name]."))
    notes = models.JSONField(_("not understood"), default=list, help_text=_("What was left out: [path, why]."))
    fault = models.TextField(_("fault"), default="", help_text=_("What went wrong on our side, for administrators."))

    class Meta:
        verbose_name = _("OpenLineage event to work off")
        verbose_name_plural = _("OpenLineage events to work off")
        indexes: ClassVar[list[models.Index]] = [
            # What waits is found as quickly with ten million events worked off as with none.
            models.Index(fields=["due_at", "event"], condition=WAITING, name="openlineage_intake_due"),
            models.Index("namespace_id", "state", F("event").desc(), name="openlineage_intake_state"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(state__in=IntakeState.values), name="openlineage_intake_state_known")
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.state}"
