"""Putting a message into the outbox, in the transaction of the act that causes it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from governance.outbox.models import OutboxMessage
from governance.unit_of_work import running_action


def enqueue(
    topic: str,
    payload: Mapping[str, Any],
    *,
    subject: str,
    not_before: datetime | None = None,
    dedup_key: str | None = None,
) -> OutboxMessage:
    """Keep a message with the running act: both are committed or neither is. The relay is told after the commit.

    Args:
        topic: what happened, past tense and dotted, for example "release.opened"; names the handler.
        payload: ids and plain JSON values, no copies of facts.
        subject: ordering key, for example "release:12"; messages of one subject are handled one after the other.
            Call this after the act has locked its root, so that the order of ids is the order of commits.
        not_before: moment before which it is not handled; None: at once.
        dedup_key: at most one message with this key is ever kept; a second call returns the first message.

    Raises:
        errors.Forbidden: outside a recorded action.
        TypeError: the payload is not JSON.
    """
    return keep(
        topic, payload, subject=subject, action_id=running_action().id, not_before=not_before, dedup_key=dedup_key
    )


def keep(
    topic: str,
    payload: Mapping[str, Any],
    *,
    subject: str,
    action_id: uuid.UUID | None,
    not_before: datetime | None = None,
    dedup_key: str | None = None,
) -> OutboxMessage:
    """`enqueue` for the relay's side: a handler passes on the action of the message it handles. Needs a transaction."""
    if not connection.in_atomic_block:
        raise RuntimeError("an outbox message is written in a transaction, with what causes it")
    message = OutboxMessage(
        topic=topic, subject=subject, payload=dict(payload), action_id=action_id, dedup_key=dedup_key
    )
    if not_before is not None:
        message.available_at = not_before
    if dedup_key is None:
        message.save(force_insert=True)
    else:
        OutboxMessage.objects.bulk_create([message], ignore_conflicts=True)
        message = OutboxMessage.objects.get(dedup_key=dedup_key)
    poke_after_commit()
    return message


def poke_after_commit() -> None:
    """Tell the relay after the commit that there is work; once per transaction."""
    # One hint per transaction is enough: a hook that a rolled-back savepoint took along is gone from this list.
    if not any(hook[1] is _poke for hook in connection.run_on_commit):
        transaction.on_commit(_poke, robust=True)


def _poke() -> None:
    from governance.outbox.tasks import poke  # late: Celery costs 0.1 s, and only who writes needs it

    poke()
