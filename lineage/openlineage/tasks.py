"""The Celery side of the receiver: the work, and the sweeps that need no hint."""

from __future__ import annotations

from typing import Any

from governance.celery import app
from lineage.openlineage import hints, working

SWEEP_SECONDS = 10.0
LATE_SECONDS = 60.0
BATCH_SECONDS = 15.0  # well under the broker's visibility timeout, and other work waits no longer for its turn

SCHEDULE: dict[str, dict[str, Any]] = {
    # Expires: with the workers down, hours of sweeps must not queue up; the first one finds everything.
    "openlineage-sweep": {
        "task": hints.TASK,
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
    "openlineage-late-links": {
        "task": "lineage.openlineage.link_latecomers",
        "schedule": LATE_SECONDS,
        "options": {"expires": LATE_SECONDS},
    },
}


@app.task(name=hints.TASK)
def work_off_openlineage() -> None:
    """Work off the OpenLineage events that wait; ask for another turn if the time was not enough."""
    if working.work_off(seconds=BATCH_SECONDS).more:
        work_off_openlineage.apply_async(ignore_result=True, expires=60)


@app.task(name="lineage.openlineage.link_latecomers")
def link_latecomers() -> None:
    """Link OpenLineage runs whose other name was registered after them."""
    working.link_latecomers()
