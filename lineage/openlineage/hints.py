"""The hint that events wait. It may be lost: the sweep finds what waits without it."""

from __future__ import annotations

import logging
import time

from django.db import connection, transaction
from kombu.pools import producers

from governance.celery import app, hint_options

logger = logging.getLogger(__name__)

TASK = "lineage.openlineage.work_off"
HINT_SECONDS = 0.5
"""A process drops no more than one hint in so many seconds: one who works goes on until nothing waits."""
QUIET_SECONDS = 5.0

_next = 0.0


def hint_after_commit() -> None:
    """Say after the commit that events wait."""
    if not any(hook[1] is hint for hook in connection.run_on_commit):
        transaction.on_commit(hint, robust=True)


def hint() -> None:
    """Say that events wait. Never raises."""
    global _next
    if time.monotonic() < _next:
        return
    _next = time.monotonic() + HINT_SECONDS
    try:
        wired = app.connection_for_write(transport_options=hint_options())
        with producers[wired].acquire(block=True, timeout=1) as producer:
            # A moment later, so that what comes in the moments between is found as well.
            app.send_task(TASK, producer=producer, retry=False, ignore_result=True, expires=60, countdown=HINT_SECONDS)
    except Exception as error:  # kombu, redis, amqp and socket errors share no base class
        _next = time.monotonic() + QUIET_SECONDS
        logger.warning("OpenLineage: broker unreachable (%s: %s), the sweep will do it", type(error).__name__, error)
