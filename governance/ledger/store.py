"""What the log's tables hold, read through Django's connection: tiles, size, checkpoints. Any login may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from governance.ledger import merkle


@dataclass(frozen=True, slots=True)
class Mark:
    """The place in the sealing order behind which everything is sealed."""

    epoch: int
    xid: int
    entry: int


#: Before the first entry.
START = Mark(-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest checkpoint."""

    size: int
    root: bytes
    note: str


class TileMissing(Exception):
    """A tile that the log's size calls for is not in the database; the message names it."""


def fetch_one(sql: str, parameters: list[Any] | None = None) -> tuple[Any, ...] | None:
    """The first row of a query, bytea as bytes."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return None if row is None else tuple(bytes(item) if isinstance(item, memoryview) else item for item in row)


def read_tile(level: int, index: int, width: int) -> bytes:
    """The tile's first `width` hashes, from the full tile where there is one. Raises TileMissing."""
    row = fetch_one(
        "SELECT hashes FROM public.governance_ledgertile"
        " WHERE level = %s AND index = %s AND width IN (%s, 256) ORDER BY width DESC LIMIT 1",
        [level, index, width],
    )
    if row is None:
        raise TileMissing(f"Tile {level}/{index} of width {width} is not in the database.")
    hashes: bytes = row[0]
    return hashes[: width * merkle.HASH_SIZE]


def newest_checkpoint() -> Head | None:
    """The newest checkpoint, None before the first."""
    row = fetch_one("SELECT size, root, note FROM public.governance_ledgercheckpoint ORDER BY size DESC LIMIT 1")
    return None if row is None else Head(*row)


def checkpoint_of(size: int) -> Head | None:
    """The checkpoint of exactly that size, None when none was signed."""
    row = fetch_one("SELECT size, root, note FROM public.governance_ledgercheckpoint WHERE size = %s", [size])
    return None if row is None else Head(*row)


def sealed_size() -> int:
    """The number of positions assigned."""
    row = fetch_one("SELECT position + 1 FROM public.governance_ledgerposition ORDER BY position DESC LIMIT 1")
    return int(row[0]) if row else 0


def high_water() -> Mark:
    """The sealing place of the last position."""
    row = fetch_one(
        "SELECT e.epoch, e.xid, e.id FROM public.governance_ledgerposition p"
        " JOIN public.governance_ledgerentry e ON e.id = p.entry_id ORDER BY p.position DESC LIMIT 1"
    )
    return START if row is None else Mark(*row)


def position_of(entry: int) -> int | None:
    """The position of a sealed entry, None while it waits."""
    row = fetch_one("SELECT position FROM public.governance_ledgerposition WHERE entry_id = %s", [entry])
    return None if row is None else int(row[0])


@dataclass(frozen=True, slots=True)
class Waiting:
    """The unsealed tail: how many entries (`more`: at least so many) and the age of the oldest in seconds."""

    entries: int
    more: bool
    oldest: float


COUNTED = 10_000


def waiting() -> Waiting:
    """How far sealing lags. A transaction held open anywhere in the cluster, prepared ones too, makes it grow."""
    mark = high_water()
    row = fetch_one(
        "SELECT count(*), extract(epoch FROM clock_timestamp() - min((leaf::jsonb ->> 'time')::timestamptz))"
        " FROM (SELECT leaf FROM public.governance_ledgerentry WHERE (epoch, xid, id) > (%s, %s, %s)"
        f" ORDER BY epoch, xid, id LIMIT {COUNTED}) AS tail",
        [mark.epoch, mark.xid, mark.entry],
    )
    count, oldest = row or (0, None)
    return Waiting(count, count == COUNTED, max(0.0, float(oldest or 0)))
