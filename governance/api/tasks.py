"""What the doors forget, in time."""

from typing import Any

from governance.api.idempotency import forget_old
from governance.celery import app

SCHEDULE: dict[str, dict[str, Any]] = {
    "forget-idempotency-keys": {
        "task": "governance.api.forget_idempotency_keys",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}


@app.task(name="governance.api.forget_idempotency_keys")
def forget_idempotency_keys() -> None:
    """Remove the keys whose day is over."""
    forget_old()
