"""From the row to the handler: the part that must survive a lost broker, a killed worker and a faulty handler.

A try takes three short steps, each a transaction of its own:

1. *claim*: count the try and move the due moment to where a failure would put it. Booked before the work, so that
   a message that kills its worker runs out of tries like any other instead of killing workers for ever.
2. *work*: lock the row, run the handler, mark it delivered. Killed here, the transaction is gone, the row pending.
3. *only after a failure*: keep what went wrong; after the last try put the message aside as dead.

Any number of relays may run at once: rows that another one holds are skipped, and a message waits for the earlier
pending ones of its subject. Order within a subject is by id; an action that enqueues after locking its root gets ids
in commit order. A dead message no longer holds up its subject.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from governance import logs
from governance.outbox.handlers import handler_for
from governance.outbox.messages import keep
from governance.outbox.models import PENDING, OutboxMessage

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 20  # with the waits below about nine hours: longer than most mail servers' bad nights
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(hours=1)
LONGEST_ERROR = 2_000  # characters kept of an error
STALLED_SECONDS = 300.0  # due for longer than this, and no relay has come: somebody has to look
GIVEN_UP = "outbox.given-up"


@dataclass
class Tally:
    """What one pass did, counted in tries."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    more: bool = False  # stopped by its limit while work was left


def backoff(attempts: int) -> timedelta:
    """How long to wait after try number `attempts` (from 1): doubling, capped, with jitter of half.

    Jitter, because messages that failed together would otherwise come back together.
    """
    wait = min(FIRST_WAIT * (1 << min(attempts - 1, 30)), LONGEST_WAIT)
    return wait * random.uniform(0.5, 1.0)


def drain(*, topics: Iterable[str] | None = None, limit: int | None = None, seconds: float | None = None) -> Tally:
    """Deliver whatever is due, until nothing is due or `limit` tries or `seconds` are used up.

    Must not be called inside a transaction. Handler errors are kept on the row, not raised; database errors are raised.
    """
    tally = Tally()
    deadline = None if seconds is None else time.monotonic() + seconds
    wanted = None if topics is None else frozenset(topics)
    tries = 0
    while True:
        if (limit is not None and tries >= limit) or (deadline is not None and time.monotonic() >= deadline):
            tally.more = True
            return tally
        message = _claim(wanted, tally)
        if message is None:
            return tally
        tries += 1
        with logs.belonging(message_id=message.pk, action_id=message.action_id and str(message.action_id)):
            _attempt(message, tally)


def max_attempts() -> int:
    """Tries before a message is put aside; setting OUTBOX_MAX_ATTEMPTS."""
    return int(getattr(settings, "OUTBOX_MAX_ATTEMPTS", MAX_ATTEMPTS))


def due() -> QuerySet[OutboxMessage]:
    """Messages whose moment has come and whose subject has no earlier one pending.

    Asked as "is it the first of its subject" and not as NOT EXISTS, which PostgreSQL makes a join of: a table that is
    nearly always empty has statistics that say so, and after a burst the join read all pending rows for each of them
    (PostgreSQL 15, 7,000 pending: 1,020 ms a message, so 47). A subquery with a limit is looked up in its index.
    """
    first = OutboxMessage.objects.filter(PENDING, subject=OuterRef("subject")).order_by("id").values("id")[:1]
    return OutboxMessage.objects.filter(PENDING, id=Subquery(first), available_at__lte=Now()).order_by(
        "available_at", "id"
    )


def _claim(topics: frozenset[str] | None, tally: Tally) -> OutboxMessage | None:
    while True:
        with transaction.atomic(durable=True):
            candidates = due() if topics is None else due().filter(topic__in=topics)
            message = candidates.select_for_update(skip_locked=True).first()
            if message is None:
                return None
            if message.attempts < max_attempts():
                wait = backoff(message.attempts + 1)
                _update(message, attempts=F("attempts") + 1, available_at=Now() + wait)
                message.attempts += 1
                return message
            # Its last try never reported back: the worker died with it.
            _update(message, dead_at=Now(), last_error=message.last_error or "Every worker that tried it died.")
            _raise_alarm(message)
            tally.dead += 1
            logger.error("outbox: gave up on %s, its workers died", message)


def _attempt(claimed: OutboxMessage, tally: Tally) -> None:
    try:
        with transaction.atomic(durable=True):
            # `attempts` fences: if we slept past the due moment, another relay has claimed it since.
            mine = OutboxMessage.objects.filter(PENDING, pk=claimed.pk, attempts=claimed.attempts)
            message = mine.select_for_update(skip_locked=True).first()
            if message is None:
                return
            handler_for(message.topic)(message)
            _update(message, delivered_at=Now(), last_error="")
        tally.delivered += 1
    except Exception as error:
        logger.exception("outbox: try %d of %s failed", claimed.attempts, claimed)
        _keep_failure(claimed, error, tally)


def _keep_failure(claimed: OutboxMessage, error: Exception, tally: Tally) -> None:
    tally.failed += 1
    text = f"{type(error).__name__}: {error}".replace("\x00", "")[:LONGEST_ERROR]
    with transaction.atomic(durable=True):
        mine = OutboxMessage.objects.filter(PENDING, pk=claimed.pk, attempts=claimed.attempts)
        if claimed.attempts < max_attempts():
            mine.update(last_error=text)
        elif mine.update(last_error=text, dead_at=Now()):
            _raise_alarm(claimed)
            tally.dead += 1
            logger.error("outbox: gave up on %s after %d tries: %s", claimed, claimed.attempts, text)


def _raise_alarm(message: OutboxMessage) -> None:
    """Tell the administrators, once an hour and topic: a mail server that is away must not fill their inboxes."""
    if message.topic == GIVEN_UP:
        return
    hour = timezone.now().strftime("%Y-%m-%dT%H")
    keep(
        GIVEN_UP, {"topic": message.topic, "message": message.pk}, subject=f"{GIVEN_UP}:{message.topic}",
        action_id=None, dedup_key=f"{GIVEN_UP}:{message.topic}:{hour}",
    )  # fmt: skip


def stalled(limit: float = STALLED_SECONDS) -> float:
    """For how many seconds the oldest due message has waited, if that is too long; else 0."""
    oldest = due().values_list("available_at", flat=True).first()
    waited = (timezone.now() - oldest).total_seconds() if oldest is not None else 0.0
    return waited if waited > limit else 0.0


def _update(message: OutboxMessage, **values: object) -> None:
    OutboxMessage.objects.filter(pk=message.pk).update(**values)
