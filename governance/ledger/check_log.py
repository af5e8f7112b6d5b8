"""First half of `verify_ledger`: from the entries to leaf hashes, tiles, roots and every signed checkpoint.

Everything is computed anew from the leaves and compared with what is stored. Memory stays flat: positions come in
slices, tiles and checkpoints by server-side cursors in the order of the size at which they must hold.
Run inside one REPEATABLE READ transaction, so that a log being written holds still.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection

from governance.ledger import merkle, store
from governance.ledger.verifier import Altered, VerifierKey, open_checkpoint, parse_leaf

SLICE: Final = 20_000
FETCHED: Final = 2_000
Progress = Callable[[str], None]


@dataclass(slots=True)
class LogReport:
    """What the log holds: `entries` by table (sealed or not), and how many of them are not sealed yet."""

    size: int = 0
    checkpoints: int = 0
    redacted: int = 0
    unsealed: int = 0
    entries: Counter[str] = field(default_factory=Counter)


def check_log(origin: str, key: VerifierKey, kept: Sequence[bytes], progress: Progress) -> LogReport:
    """Check the whole log. `kept` are signed checkpoints from elsewhere, which it must still contain.

    Raises Altered naming the first bad record; ValueError when a kept checkpoint is not signed by `key` for `origin`.
    """
    anchors = sorted((mine.size, mine.root) for mine in (open_checkpoint(note, origin, key) for note in kept))
    report = LogReport()
    total = store.sealed_size()
    with connection.chunked_cursor() as tiles, connection.chunked_cursor() as checkpoints:
        tree = _Tree(_stored_tiles(tiles), _stored_checkpoints(checkpoints, origin, key, report), anchors)
        while report.size < total:
            hashes = _slice(report)
            tree.append(hashes)
            report.size += len(hashes)
            progress(f"{report.size} of {total} positions checked")
        tree.finish(total)
    _check_tail(report)
    return report


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    """A server-side cursor's rows.

    Fetched, not iterated: psycopg's own iterator, left half-way by a refusal and collected later, closes its cursor
    while another query holds the connection, and both wait for ever.
    """
    while rows := cursor.fetchmany(FETCHED):
        yield from rows


# --- entries ---------------------------------------------------------------------------------------------------------

_DIGEST = "encode(sha256(e.salt || convert_to(e.body, 'UTF8')), 'hex'), e.salt IS NULL, e.body IS NULL, length(e.salt)"


def _slice(report: LogReport) -> list[bytes]:
    """Check the next positions and their entries one by one; their leaf hashes, worked out from the leaves."""
    first = report.size
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.position, p.entry_id, p.leaf_hash, e.leaf, {_DIGEST}"
            " FROM public.governance_ledgerposition p LEFT JOIN public.governance_ledgerentry e ON e.id = p.entry_id"
            " WHERE p.position >= %s AND p.position < %s ORDER BY p.position",
            [first, first + SLICE],
        )
        rows = cursor.fetchall()
    hashes: list[bytes] = []
    for expected, (position, entry, stored, leaf, *body) in enumerate(rows, first):
        if position != expected:
            raise Altered(f"Position {expected} is missing from governance_ledgerposition.")
        where = f"Ledger entry {entry} (position {position})"
        if leaf is None:
            raise Altered(f"{where} is missing from governance_ledgerentry.")
        hashed = merkle.leaf_hash(leaf.encode())
        if hashed != bytes(stored):
            raise Altered(f"{where}: field leaf of governance_ledgerentry is not the one that was sealed.")
        hashes.append(hashed)
        _check_body(where, leaf, body, report)
    if not rows:
        raise Altered(f"Position {first} is missing from governance_ledgerposition.")
    return hashes


def _check_body(where: str, text: str, body: Sequence[Any], report: LogReport) -> None:
    digest, no_salt, no_body, salt_length = body
    try:
        leaf = parse_leaf(text)
    except (ValueError, RecursionError) as error:
        raise Altered(f"{where}: {error}.") from error
    report.entries[leaf["table"]] += 1
    if no_salt and no_body:
        report.redacted += 1
    elif digest != leaf["digest"] or salt_length != merkle.HASH_SIZE:
        raise Altered(
            f"{where}, {leaf['table']} {leaf['object']}, history {leaf['history']}: field body or salt of "
            "governance_ledgerentry is not what the leaf's digest says."
        )


def _check_tail(report: LogReport) -> None:
    """Check what waits to be sealed, and that nothing waits where the sealer has already passed."""
    mark = store.high_water()
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT e.id, (e.epoch, e.xid, e.id) < (%s, %s, %s) AND e.epoch = %s, e.leaf, {_DIGEST}"
            " FROM public.governance_ledgerentry e WHERE NOT EXISTS"
            " (SELECT 1 FROM public.governance_ledgerposition p WHERE p.entry_id = e.id)",
            [mark.epoch, mark.xid, mark.entry, mark.epoch],
        )
        for entry, passed, leaf, *body in _rows(cursor):
            where = f"Ledger entry {entry} (not sealed)"
            if passed:
                raise Altered(f"{where} of governance_ledgerentry was put behind the sealed part of the log.")
            _check_body(where, leaf, body, report)
            report.unsealed += 1


# --- tiles and checkpoints -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _StoredTile:
    size: int  # of the tree at which this tile is the edge of its level, or becomes full
    level: int
    index: int
    width: int
    digest: bytes


def _stored_tiles(cursor: Any) -> Iterator[_StoredTile]:
    """Every tile by the size at which it must hold; as digests, so that PostgreSQL sorts little."""
    cursor.execute(
        "SELECT (index * 256 + width) * power(256::numeric, level), level, index, width, digest FROM"
        " (SELECT level, index, width, sha256(hashes) AS digest FROM public.governance_ledgertile OFFSET 0) AS t"
        " ORDER BY 1, level"
    )
    for size, level, index, width, digest in _rows(cursor):
        yield _StoredTile(int(size), level, index, width, bytes(digest))


def _stored_checkpoints(cursor: Any, origin: str, key: VerifierKey, report: LogReport) -> Iterator[tuple[int, bytes]]:
    """Every checkpoint, its signature checked, as (size, root)."""
    cursor.execute("SELECT id, size, root, note FROM public.governance_ledgercheckpoint ORDER BY size")
    for number, size, root, note in _rows(cursor):
        try:
            signed = open_checkpoint(note.encode(), origin, key)
        except ValueError as error:
            raise Altered(f"governance_ledgercheckpoint {number} (size {size}), field note: {error}") from error
        if signed.size != size or signed.root != bytes(root):
            raise Altered(f"governance_ledgercheckpoint {number}: fields size and root are not those that were signed.")
        report.checkpoints += 1
        yield size, signed.root


class _Tree:
    """The tree grown anew, stopping at every size where something stored must hold."""

    def __init__(
        self,
        tiles: Iterator[_StoredTile],
        checkpoints: Iterator[tuple[int, bytes]],
        anchors: Sequence[tuple[int, bytes]],
    ) -> None:
        self.edge = merkle.RightEdge()
        self.tiles = tiles
        self.checkpoints = checkpoints
        self.anchors = iter(anchors)
        self.tile = next(tiles, None)
        self.checkpoint = next(checkpoints, None)
        self.anchor = next(self.anchors, None)
        self.signed = 0
        self.seen: dict[int, tuple[int, int]] = {}  # the partial tile last met on each level

    def append(self, hashes: Sequence[bytes]) -> None:
        """Grow by these leaf hashes, checking whatever must hold on the way."""
        at = 0
        while at < len(hashes):
            stop = self._next_stop()
            take = len(hashes) - at if stop is None else min(len(hashes) - at, stop - self.edge.size)
            full = self.edge.append(hashes[at : at + take])
            at += take
            self._check_tiles({(tile.level, tile.index): tile.hashes for tile in full})
            self._check_roots()

    def _next_stop(self) -> int | None:
        sizes = [
            self.tile.size if self.tile else None,
            self.checkpoint[0] if self.checkpoint else None,
            self.anchor[0] if self.anchor else None,
        ]
        ahead = [size for size in sizes if size is not None]
        # Something stored for a size already passed (two checkpoints of one size, say) cannot hold any more.
        if ahead and min(ahead) <= self.edge.size:
            if self.anchor and self.anchor[0] == 0:
                self.anchor = next(self.anchors, None)
                return self._next_stop()
            raise Altered(f"governance_ledgertile or governance_ledgercheckpoint holds rows twice for {min(ahead)}.")
        return min(ahead, default=None)

    def _check_tiles(self, full: dict[tuple[int, int], bytes]) -> None:
        partial = {(tile.level, tile.index, tile.width): tile.hashes for tile in self.edge.partial()}
        while self.tile and self.tile.size == self.edge.size:
            tile = self.tile
            where = f"governance_ledgertile level {tile.level}, index {tile.index}, width {tile.width}"
            if tile.width == merkle.TILE_WIDTH:
                hashes = full.pop((tile.level, tile.index), None)
            else:
                hashes = partial.get((tile.level, tile.index, tile.width))
                self.seen[tile.level] = (tile.index, tile.width)
            if hashes is None or hashlib.sha256(hashes).digest() != tile.digest:
                raise Altered(f"{where}: field hashes is not what the entries give.")
            self.tile = next(self.tiles, None)
        if full:
            level, index = min(full)
            raise Altered(f"governance_ledgertile level {level}, index {index}, width 256 is missing.")

    def _check_roots(self) -> None:
        size = self.edge.size
        if self.checkpoint and self.checkpoint[0] == size:
            if self.checkpoint[1] != self.edge.root():
                raise Altered(
                    f"The checkpoint of size {size} was signed over other entries: the entries between positions "
                    f"{self.signed} and {size - 1} were rewritten."
                )
            for level, index, width in merkle.edge_tiles(size):
                if self.seen.get(level) != (index, width):
                    raise Altered(f"governance_ledgertile level {level}, index {index}, width {width} is missing.")
            self.signed = size
            self.checkpoint = next(self.checkpoints, None)
        while self.anchor and self.anchor[0] == size:
            if self.anchor[1] != self.edge.root():
                raise Altered(f"The log was rewritten: its first {size} entries are not those of the kept checkpoint.")
            self.anchor = next(self.anchors, None)

    def finish(self, total: int) -> None:
        """Check that nothing is stored beyond the end, and that the end is signed. Raises Altered."""
        kept = max((size for size, _root in [self.anchor, *self.anchors] if size) if self.anchor else [0])
        if kept > total:
            raise Altered(
                f"The log was cut back: it has {total} entries, a kept checkpoint has {kept}. "
                "Entries are missing, or an older backup was restored."
            )
        if self.checkpoint:
            raise Altered(
                f"The log was cut back: governance_ledgercheckpoint goes to size {self.checkpoint[0]}, "
                f"governance_ledgerposition only to {total}."
            )
        if self.tile:
            raise Altered(
                f"governance_ledgertile level {self.tile.level}, index {self.tile.index}, width {self.tile.width} "
                f"lies beyond the log's {total} entries."
            )
        if self.signed != total:
            raise Altered(f"Positions {self.signed} to {total - 1} of governance_ledgerposition were never signed.")
