"""Fills the system through its own triggers: every seeded row has its history and its ledger entry like any other."""

import time
from collections.abc import Callable
from pathlib import Path

from django.db import connection, transaction

from approvals.seeding.stage import PREFIX, Place, prepare
from lineage.models import Model

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
    there = _first_units()
    missing = [first for first in range(0, versions, BATCH) if first not in there]
    told = start = time.monotonic()

    for number, first in enumerate(missing, 1):
        _batch(places, first)
        if time.monotonic() - told > 10:
            told = time.monotonic()
            rate = number * BATCH * HISTORY_A_UNIT / (told - start)
            tell(f"{number * BATCH:,} of {len(missing) * BATCH:,} ({rate:,.0f} rows of history a second)")
    return len(missing) * BATCH


def _first_units() -> set[int]:
    """The numbers of the units that made a seeded model; each batch begins with one."""
    names = Model.objects.filter(namespace__name__startswith=PREFIX).values_list("name", flat=True)
    return {int(name.rpartition("-")[2]) for name in names}


def _batch(places: list[Place], first: int) -> None:
    numbers = {
        "first": first,
        "last": first + BATCH - 1,
        "spaces": ", ".join(str(place.namespace) for place in places),
        "pipelines": ", ".join(str(place.pipeline) for place in places),
        "owners": ", ".join(str(place.owner) for place in places),
    }
    # Numbers of ours, no text of anyone's: a DO block takes no parameters.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SQL % numbers)
