"""A kind of job of the tests' own: opens namespaces, one recorded act each, and goes on where it was stopped."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governance.accounts.models import Namespace, Principal
from governance.jobs import Run, job
from governance.unit_of_work import recorded_action


def count(run: Run) -> None:
    """Open `count` namespaces; after the second it stays while the file `hold` exists, where one is named."""
    total = run.params["count"]
    for number in range(run.checkpoint.get("next", 0), total):
        with recorded_action(actor=run.asked_by, reason=run.reason):
            Namespace.objects.create(name=f"counted-{run.job.pk}-{number}")
            run.keep({"next": number + 1})
        run.progress(number + 1, total, f"{number + 1} opened")
        while number == 1 and "hold" in run.params and Path(run.params["hold"]).exists():
            time.sleep(0.02)
    run.finish("Counted", result={"namespaces": total})


def anyone(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Nothing to keep from anybody."""
    return True


def register() -> None:
    """Make the kind known; may be called again."""
    job("test.count", title="Counting", may_read=anyone)(count)
