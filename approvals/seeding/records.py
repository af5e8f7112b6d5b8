"""Fills the system through its own triggers: every seeded row has its history and its ledger entry like any other."""

import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection, transaction

from approvals.seeding.stage import PREFIX, Place, prepare
from lineage.models import ModelVersion

BATCH = 500  # units a transaction; locks and deferred checks are kept until it commits
HISTORY_A_UNIT = 10  # rows of history, about
_SQL = (Path(__file__).parent / "records.sql").read_text(encoding="utf-8")

Tell = Callable[[str], None]


def seed(*, versions: int, tell: Tell) -> int:
    """Add records until there are `versions` seeded model versions, as many dataset versions and ten times the history.

    Args:
        versions: model versions wanted; rounded up to whole batches. tell: told how far it is.

    Returns:
        How many model versions were added.

    Raises:
        errors.Conflict: nobody administers the system yet.
    """
    places = prepare()
    there = ModelVersion.objects.filter(model__namespace__name__startswith=PREFIX).count()
    start = time.monotonic()
    told = start
    for first in range(there, versions, BATCH):
        _batch(places, first, first + BATCH - 1)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            done = first + BATCH - there
            rate = done * HISTORY_A_UNIT / (told - start)
            tell(f"{there + done:,} of {versions:,} ({rate:,.0f} rows of history a second)")
    return max(0, -(-(versions - there) // BATCH) * BATCH)


def _batch(places: list[Place], first: int, last: int) -> None:
    numbers = {
        "first": first,
        "last": last,
        "spaces": ", ".join(str(place.namespace) for place in places),
        "pipelines": ", ".join(str(place.pipeline) for place in places),
        "owners": ", ".join(str(place.owner) for place in places),
    }
    # Numbers of ours, no text of anyone's: a DO block takes no parameters.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SQL % numbers)
