"""The sealer: gives entries their gapless positions, grows the tree, signs a checkpoint.

Order is (epoch, transaction id, entry id), and only transactions below the snapshot's xmin are taken: all of them have
ended and are seen, so nothing can ever turn up behind the high-water mark (shared/contracts/ledger.md: `id > last`
lost 43 % under hostile writers). Nothing here stands in the write path.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.db import connection, transaction

from governance.ledger import merkle, store
from governance.ledger.keys import write_atomically
from governance.ledger.note import SignerKey, open_checkpoint, sign_checkpoint

logger = logging.getLogger(__name__)

BATCH: Final = 10_000
LOCK: Final = int.from_bytes(hashlib.sha256(b"muniment.ledger.sealer").digest()[:8], "big", signed=True)
ALARM: Final = 300.0  # seconds an entry may wait before the log says so


class SealingRefused(Exception):
    """Sealing would sign something it must not; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one call did. `busy`: another sealer was at it, and nothing was done."""

    size: int
    added: int
    busy: bool
    waiting: store.Waiting


def seal(key: SignerKey, kept: Path | None = None, batch: int = BATCH) -> Sealed:
    """Seal everything that can be sealed now, `batch` entries to a transaction and checkpoint.

    `kept` is a file beside the key with the checkpoint last signed: a log that was cut back or rewritten since is not
    signed again. Must run outside a transaction, under the sealer's login.
    Raises SealingRefused.
    """
    added, busy, checked = 0, False, False
    straggler = store.START  # how far older epochs were searched in this call
    while True:
        with transaction.atomic(durable=True):
            if not _lock():
                busy = True
                break
            epoch = _current_epoch()
            head = _trusted_head()
            edge = _edge(head)
            if kept is not None and not checked:
                _compare_with_kept(key, kept, edge)
                checked = True
            mark = store.high_water()
            hashes: list[bytes] = []
            if mark.epoch < epoch:
                hashes, straggler = _take_stragglers(epoch, edge.size, straggler, batch)
            if not hashes:
                hashes = _take(epoch, max(mark, store.Mark(epoch, -1, -1), key=_order), edge.size, batch)
            if not hashes:
                break
            note = _extend(key, edge, hashes)
        if kept is not None:
            write_atomically(kept, note.decode())
        added += len(hashes)
        if len(hashes) < batch and mark.epoch == epoch:
            break
    lag = store.waiting()
    if lag.oldest > ALARM:
        logger.warning(
            "Sealing lags: %s%s entries wait, the oldest for %.0f s. A transaction held open anywhere in the cluster "
            "stalls it; look into pg_stat_activity and pg_prepared_xacts.",
            lag.entries, " or more" if lag.more else "", lag.oldest,
        )  # fmt: skip
    return Sealed(store.sealed_size(), added, busy, lag)


def _order(mark: store.Mark) -> tuple[int, int, int]:
    return (mark.epoch, mark.xid, mark.entry)


def _lock() -> bool:
    """Whether this transaction is now the one sealer; refuses under a login that cannot seal."""
    row = store.fetch_one(
        "SELECT pg_try_advisory_xact_lock(%s), has_table_privilege('public.governance_ledgerposition', 'INSERT'),"
        " current_user",
        [LOCK],
    )
    locked, allowed, login = row or (False, False, "")
    if not allowed:
        raise SealingRefused(f"The login {login} may not seal. Run this as the sealer: MUNIMENT_LOGIN=sealer.")
    return bool(locked)


def _current_epoch() -> int:
    row = store.fetch_one(
        "SELECT e.epoch, e.system_identifier = c.system_identifier FROM pg_control_system() AS c"
        " CROSS JOIN public.governance_ledgerepoch AS e ORDER BY e.epoch DESC LIMIT 1"
    )
    if row is None:
        raise SealingRefused("The log has no epoch yet. Run `manage.py install_guards` as the owner.")
    if not row[1]:
        raise SealingRefused(
            "This database now lives in another cluster than the log's newest epoch says: it was restored or copied. "
            "Transaction ids do not compare. Run `manage.py install_guards` as the owner, then "
            "`manage.py verify_ledger`."
        )
    return int(row[0])


def _trusted_head() -> store.Head | None:
    """The newest checkpoint, which must cover exactly the positions there are."""
    head, size = store.newest_checkpoint(), store.sealed_size()
    if (head.size if head else 0) != size:
        raise SealingRefused(
            f"The log has {size} positions but its newest checkpoint is of size {head.size if head else 0}: it was "
            "altered. Run `manage.py verify_ledger`."
        )
    return head


def _edge(head: store.Head | None) -> merkle.RightEdge:
    """The tree's right edge, which must give the root that was signed: an altered log is never signed again."""
    if head is None:
        return merkle.RightEdge()
    try:
        edge = merkle.RightEdge.load(head.size, store.read_tile)
    except (store.TileMissing, ValueError) as error:
        raise SealingRefused(f"{error} The log was altered. Run `manage.py verify_ledger`.") from error
    if edge.root() != head.root:
        raise SealingRefused(
            f"The tiles no longer give the root signed at size {head.size}: the log was altered. "
            "Run `manage.py verify_ledger`."
        )
    return edge


def _compare_with_kept(key: SignerKey, kept: Path, edge: merkle.RightEdge) -> None:
    """Refuse to sign a log that does not extend the one this sealer signed last (A92, A93)."""
    try:
        mine = open_checkpoint(kept.read_bytes(), key.name, key.verifier)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise SealingRefused(f"{kept} should hold the checkpoint signed last, but: {error}") from error
    if mine.size > edge.size:
        raise SealingRefused(
            f"The log has {edge.size} entries, but {mine.size} were signed: it was cut back, or an older backup was "
            f"restored. Run `manage.py verify_ledger`; if the loss is known and accepted, move {kept} away."
        )
    if mine.size and merkle.tree_root(mine.size, store.read_tile, edge.size) != mine.root:
        raise SealingRefused(
            f"The log's first {mine.size} entries are not those that were signed: it was rewritten. "
            "Run `manage.py verify_ledger`."
        )


_INSERT = """
INSERT INTO public.governance_ledgerposition (position, entry_id, leaf_hash)
SELECT %(size)s + row_number() OVER (ORDER BY epoch, xid, id) - 1, id,
       sha256('\\x00'::bytea || convert_to(leaf, 'UTF8'))
FROM ({entries} ORDER BY epoch, xid, id LIMIT %(batch)s) AS taken
RETURNING position, leaf_hash, entry_id
"""
_BEHIND_MARK = """
SELECT epoch, xid, id, leaf FROM public.governance_ledgerentry
WHERE (epoch, xid, id) > (%(epoch)s, %(xid)s, %(entry)s)
  AND epoch = %(current)s AND xid < (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
"""
# After a restore into another cluster: whatever an older epoch left behind, wherever it stands. Searched only until
# the first entry of the new epoch is sealed.
_LEFT_BEHIND = """
SELECT epoch, xid, id, leaf FROM public.governance_ledgerentry AS entry
WHERE (epoch, xid, id) > (%(epoch)s, %(xid)s, %(entry)s) AND epoch < %(current)s
  AND NOT EXISTS (SELECT 1 FROM public.governance_ledgerposition WHERE entry_id = entry.id)
"""


def _insert(entries: str, current: int, mark: store.Mark, size: int, batch: int) -> list[tuple[int, bytes, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT.format(entries=entries),
            {"size": size, "batch": batch, "current": current,
             "epoch": mark.epoch, "xid": mark.xid, "entry": mark.entry},
        )  # fmt: skip
        return sorted((position, bytes(leaf_hash), entry) for position, leaf_hash, entry in cursor.fetchall())


def _take(current: int, mark: store.Mark, size: int, batch: int) -> list[bytes]:
    """Assign positions to the next entries of this epoch; their leaf hashes in order."""
    return [leaf_hash for _position, leaf_hash, _entry in _insert(_BEHIND_MARK, current, mark, size, batch)]


def _take_stragglers(current: int, size: int, mark: store.Mark, batch: int) -> tuple[list[bytes], store.Mark]:
    """Assign positions to entries of older epochs; their leaf hashes in order and how far the search came."""
    rows = _insert(_LEFT_BEHIND, current, mark, size, batch)
    return [leaf_hash for _position, leaf_hash, _entry in rows], store.high_water() if rows else mark


def _extend(key: SignerKey, edge: merkle.RightEdge, hashes: Sequence[bytes]) -> bytes:
    """Write the tiles and the signed checkpoint for the grown tree; the signed note."""
    known = set(merkle.edge_tiles(edge.size))
    full = edge.append(hashes)
    tiles = [*full, *(tile for tile in edge.partial() if (tile.level, tile.index, tile.width) not in known)]
    root = edge.root()
    note = sign_checkpoint(key, edge.size, root)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO public.governance_ledgertile (level, index, width, hashes) VALUES (%s, %s, %s, %s)",
            [(tile.level, tile.index, tile.width, tile.hashes) for tile in tiles],
        )
        cursor.execute(
            "INSERT INTO public.governance_ledgercheckpoint (size, root, note, recorded)"
            " VALUES (%s, %s, %s, clock_timestamp())",
            [edge.size, root, note.decode()],
        )
    return note
