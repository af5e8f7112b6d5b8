"""What must leave the system, and what people are told: rows first, work afterwards.

Messages and notices are not governed. They belong to the class "working": the app may SELECT, INSERT and UPDATE, never
DELETE. What a message is *about* is governed, and `action_id` leads from here to it; so is the act that replays one.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from governance.history.models import BornFinalModel

PENDING = Q(delivered_at__isnull=True, dead_at__isnull=True)


class OutboxMessage(models.Model):
    """One thing that must happen because of an act; written in the transaction of the act.

    The broker only carries the hint "there is work": this row is the truth. A message is pending until it is delivered
    or, after too many failures, dead. Messages of one subject are handled in the order of their ids.
    """

    topic = models.CharField(_("topic"), max_length=80, help_text=_("Past tense, dotted: 'release.opened'."))
    subject = models.CharField(
        _("subject"),
        max_length=200,
        help_text=_("Ordering key: messages of one subject are handled one after the other, for example 'release:12'."),
    )
    payload = models.JSONField(_("payload"), default=dict, help_text=_("Ids and plain values the handler needs."))
    action_id = models.UUIDField(_("action"), null=True, editable=False, help_text=_("The act that caused it."))
    dedup_key = models.CharField(
        _("repeat key"),
        max_length=200,
        null=True,  # NULL and not '': a unique key must let any number of rows go without one
        unique=True,
        help_text=_("At most one message with this key is ever kept: scheduled scans may find the same thing twice."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    available_at = models.DateTimeField(_("due"), db_default=Now(), help_text=_("Not tried before this moment."))
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("Tries begun, dead workers included."))
    delivered_at = models.DateTimeField(_("delivered"), null=True)
    dead_at = models.DateTimeField(_("given up"), null=True)
    last_error = models.TextField(_("last error"), default="", help_text=_("What the last failed try said."))

    class Meta:
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        ordering: ClassVar[list[str]] = ["id"]
        indexes: ClassVar[list[models.Index]] = [
            # The pending scan must stay as quick with ten million delivered rows as with none.
            models.Index(fields=["available_at", "id"], condition=PENDING, name="outbox_pending_due"),
            models.Index(fields=["subject", "id"], condition=PENDING, name="outbox_pending_subject"),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="outbox_dead"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(topic="") & ~Q(subject=""), name="outbox_topic_and_subject_given"),
            models.CheckConstraint(
                condition=Q(delivered_at__isnull=True) | Q(dead_at__isnull=True),
                name="outbox_delivered_or_dead_not_both",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk} ({self.subject})"

    @property
    def state(self) -> str:
        """'delivered', 'dead' or 'pending'."""
        if self.delivered_at is not None:
            return "delivered"
        return "dead" if self.dead_at is not None else "pending"


class OutboxReplay(BornFinalModel):
    """An administrator's act: a message that was given up is tried again. The database does it, on this row."""

    message = models.ForeignKey(
        OutboxMessage, on_delete=models.PROTECT, related_name="replays", verbose_name=_("message")
    )
    topic = models.CharField(_("topic"), max_length=80, editable=False, help_text=_("Of the message; set here."))
    subject = models.CharField(_("subject"), max_length=200, editable=False, help_text=_("Of the message; set here."))
    attempts = models.PositiveIntegerField(_("tries before"), default=0, editable=False)
    last_error = models.TextField(_("given up with"), editable=False, help_text=_("What the last failed try said."))
    given_up_at = models.DateTimeField(_("given up at"), null=True, editable=False)

    namespace_path = ""

    class Meta:
        verbose_name = _("outbox replay")
        verbose_name_plural = _("outbox replays")

    def __str__(self) -> str:
        return f"{self.topic} {self.subject}"


class Notice(models.Model):
    """A line in somebody's inbox on the page: what happened, as values; its words are made in the reader's language."""

    message = models.ForeignKey(
        OutboxMessage, on_delete=models.PROTECT, related_name="notices", verbose_name=_("because of"), editable=False
    )
    recipient = models.ForeignKey(
        "governance.Principal", on_delete=models.PROTECT, related_name="notices", verbose_name=_("recipient")
    )
    kind = models.CharField(
        _("kind"), max_length=80, help_text=_("Names the sentence, for example 'signature-awaited'.")
    )
    params = models.JSONField(_("values"), default=dict, help_text=_("Values the sentence is filled with."))
    url = models.CharField(
        _("address"), max_length=500, default="", help_text=_("Path on this site, beginning with '/'; empty: none.")
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("read"), null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index("recipient", F("id").desc(), name="notice_inbox"),
            models.Index("recipient", condition=Q(read_at__isnull=True), name="notice_unread"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A handler that runs twice tells nobody twice.
            models.UniqueConstraint(fields=["message", "recipient"], name="notice_once_per_message_and_recipient"),
            # A path of this site and nothing else: '//elsewhere' and 'javascript:' would be links in our name.
            models.CheckConstraint(
                condition=Q(url="") | (Q(url__startswith="/") & ~Q(url__startswith="//")), name="notice_url_is_a_path"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.recipient_id}"
