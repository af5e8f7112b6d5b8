"""Going through the events that wait: each in an act of its own, in the name of the account that sent it.

The intake's row is both queue and truth; the broker only carries hints. A try is counted before it is begun, so that an
event that kills its worker runs out of tries; what is done and that it is done are one transaction. Of one namespace
one worker at a time takes events, in the order they came: two that make the same dataset never meet.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace
from lineage.models import IntakeState, OpenLineageIntake
from lineage.models.openlineage import WAITING
from lineage.openlineage.applying import Outcome, apply_event
from lineage.openlineage.elsewhere import link_late, waiting_to_be_linked

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 8  # with the waits below about an hour
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=30)
AT_ONCE = 20
LONGEST_FAULT = 2_000  # characters
_LOCK = 0x6F6C696E  # keeps the keys apart from other users of advisory locks


@dataclass
class Tally:
    """What one pass did."""

    worked: int = 0
    failed: int = 0
    more: bool = False  # stopped by its time while work was left


def work_off(*, seconds: float | None = None) -> Tally:
    """Work off what is due until nothing is left, or the time is used up. Must not be called inside a transaction.

    In rounds: each namespace has one batch in each, so that a flood in one keeps none of the others waiting.
    """
    tally = Tally()
    deadline = None if seconds is None else time.monotonic() + seconds
    left_to_others: set[int] = set()
    while namespaces := _waited_for(left_to_others):
        for namespace in namespaces:
            with _alone(namespace) as alone:
                if not alone:
                    left_to_others.add(namespace)
                    continue
                batch = _claim(namespace)
                for place, intake in enumerate(batch):
                    if deadline is not None and time.monotonic() >= deadline:
                        _give_back(batch[place:])
                        tally.more = True
                        return tally
                    _work_off(intake, tally)
    return tally


def _waited_for(left_out: set[int]) -> list[int]:
    """The namespaces with events due, in an order drawn anew: a round that its time cuts short spares no one always."""
    due = OpenLineageIntake.objects.filter(WAITING, namespace_id=OuterRef("pk"), due_at__lte=Now())
    found = list(Namespace.objects.exclude(pk__in=left_out).filter(Exists(due)).order_by().values_list("pk", flat=True))
    random.shuffle(found)
    return found


def _claim(namespace: int) -> list[OpenLineageIntake]:
    """The next events, each with a try counted. One that was tried before goes alone: it may kill its worker again."""
    due = OpenLineageIntake.objects.filter(WAITING, namespace_id=namespace, due_at__lte=Now()).order_by("event")
    batch = list(due.select_related("event__namespace", "event__recorded_by__home_namespace")[:AT_ONCE])
    fresh = [one for one in batch if one.attempts == 0]
    batch = fresh or batch[:1]
    for one in batch:
        one.attempts += 1
    wait = _wait(batch[0].attempts) if batch else FIRST_WAIT
    OpenLineageIntake.objects.filter(pk__in=[one.pk for one in batch]).update(
        attempts=F("attempts") + 1, due_at=Now() + wait
    )
    return batch


def _give_back(batch: list[OpenLineageIntake]) -> None:
    """Untried after all: the time is up."""
    OpenLineageIntake.objects.filter(WAITING, pk__in=[one.pk for one in batch]).update(
        attempts=F("attempts") - 1, due_at=Now()
    )


def _wait(attempts: int) -> timedelta:
    wait = min(FIRST_WAIT * (1 << min(attempts - 1, 20)), LONGEST_WAIT)
    return wait * random.uniform(0.75, 1.0)


def _work_off(intake: OpenLineageIntake, tally: Tally) -> None:
    event = intake.event
    row = OpenLineageIntake.objects.filter(WAITING, pk=intake.pk)
    if intake.attempts > MAX_ATTEMPTS:
        fault = intake.fault or "Every worker that tried it died."
        row.update(state=IntakeState.FAILED, worked_at=Now(), fault=fault)
        tally.failed += 1
        return

    def finish(outcome: Outcome) -> None:
        row.update(
            state=outcome.state, worked_at=Now(), made=_with_before(intake, outcome), notes=outcome.notes_as_json(),
            fault="",
        )  # fmt: skip

    reason = f"OpenLineage event {event.pk}: {event}"[:2_000]
    try:
        apply_event(actor=event.recorded_by, reason=reason, event=event, body=json.loads(intake.body), finish=finish)
    except errors.Refused as refusal:
        notes = [{"path": "", "why": str(refusal)[:1_000], "unknown": False}]
        row.update(state=IntakeState.REFUSED, worked_at=Now(), notes=notes)
    except Exception as error:  # a fault of ours: the event is kept, and tried again
        logger.exception("OpenLineage event %d: try %d failed", event.pk, intake.attempts)
        tally.failed += 1
        text = f"{type(error).__name__}: {error}".replace("\x00", "")[:LONGEST_FAULT]
        row.update(fault=text)
        if intake.attempts >= MAX_ATTEMPTS:
            notes = [
                {"path": "", "why": _("Something failed on our side. An administrator sees what."), "unknown": False}
            ]
            row.update(state=IntakeState.FAILED, worked_at=Now(), notes=notes)
        return
    tally.worked += 1


def _with_before(intake: OpenLineageIntake, outcome: Outcome) -> list[list[object]]:
    """What a replayed event made at first stays named."""
    before = [list(one) for one in intake.made]
    return before + [one for one in outcome.made_as_json() if one not in before]


@contextmanager
def _alone(namespace: int) -> Iterator[bool]:
    """Whether nobody else works off events of the namespace; nobody does while the block runs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, namespace])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, namespace])


def link_latecomers() -> int:
    """Link runs whose other name, or whose model, came after them. Returns how many links are new."""
    made = 0
    for run in waiting_to_be_linked():
        event = run.reportedfacts.filter(kind="job").select_related("recorded_by").order_by("id").first()
        if event is None:
            continue  # not from OpenLineage
        try:
            made += len(
                link_late(
                    actor=event.recorded_by,
                    reason=f"Known since under another key, or as the run of a model: {run}",
                    run=run,
                )
            )
        except errors.Refused as refusal:
            logger.warning("OpenLineage run %d is not linked: %s", run.pk, refusal)
    return made
