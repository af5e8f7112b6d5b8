"""The Celery side of sealing: every 30 s, sooner when a promotion asks. Runs in the sealer's own worker and login."""

from __future__ import annotations

import logging
from typing import Any, Final

from django.conf import settings

from governance.celery import app
from governance.ledger import keys, sealer

logger = logging.getLogger(__name__)

SEAL_SECONDS: Final = 30.0

SCHEDULE: dict[str, dict[str, Any]] = {
    # Expires: after hours without a worker one turn seals everything, the rest would find nothing.
    "ledger-seal": {
        "task": "governance.ledger.seal",
        "schedule": SEAL_SECONDS,
        "options": {"expires": SEAL_SECONDS},
    },
}


@app.task(name="governance.ledger.seal")
def seal() -> None:
    """Seal what waits. A refusal is for people to look into: it is logged as an error, and tried again next time."""
    try:
        sealer.seal(keys.log_key(settings.MUNIMENT_HOME), keys.kept_path(settings.MUNIMENT_HOME))
    except (keys.KeyUnusable, sealer.SealingRefused) as error:
        logger.error("Nothing was sealed: %s", error)


def request_seal() -> None:
    """Ask for a checkpoint soon, after commit. Never raises: a request that is lost costs at most 30 seconds."""
    try:
        seal.apply_async(retry=False, ignore_result=True, expires=SEAL_SECONDS)
    except Exception as error:  # kombu, redis, amqp and socket errors share no base class
        logger.warning("Sealing could not be asked for (%s: %s); the schedule will do it.", type(error).__name__, error)
