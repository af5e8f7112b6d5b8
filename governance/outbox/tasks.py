"""The Celery side of the outbox: a hint that something is due, and the sweep that needs no hint."""

from __future__ import annotations

import logging
import time
from typing import Any

from kombu.pools import producers

from governance.celery import app, hint_options
from governance.outbox import relay as outbox

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0
BATCH_SECONDS = 20.0  # well under the broker's visibility timeout, or the hint would be handed out twice
QUIET_SECONDS = 5.0

SCHEDULE: dict[str, dict[str, Any]] = {
    # Expires: with the workers down, hours of sweeps must not queue up; the first one finds everything.
    "outbox-sweep": {
        "task": "governance.outbox.relay",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
}

_quiet_until = 0.0


@app.task(name="governance.outbox.relay")
def relay() -> None:
    """Deliver what is due; ask for another turn if a batch was not enough."""
    if outbox.drain(seconds=BATCH_SECONDS).more:
        poke()


def poke() -> None:
    """Tell the relay that there is work. Never raises: a hint that is lost costs at most one sweep.

    After a failure this process keeps quiet for a few seconds, so that a broker that is down does not slow down every
    commit.
    """
    global _quiet_until
    if time.monotonic() < _quiet_until:
        return
    try:
        # A connection of its own kind: a worker may wait for its broker for ever, a web request may not.
        connection = app.connection_for_write(transport_options=hint_options())
        with producers[connection].acquire(block=True, timeout=1) as producer:
            relay.apply_async(producer=producer, retry=False, ignore_result=True, expires=60)
    except Exception as error:  # kombu, redis, amqp and socket errors share no base class
        _quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("outbox: broker unreachable (%s: %s), the sweep will deliver", type(error).__name__, error)
