"""The Merkle tree of RFC 6962 kept as C2SP tlog-tiles: appended at its right edge, proven from tile reads.

Pure: nothing here knows a database. Verification is in verifier.py and re-exported, so that server and auditor read
the rules the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from governance.ledger.verifier import HASH_SIZE, leaf_hash, node_hash, verify_consistency, verify_inclusion

__all__ = [
    "EMPTY_ROOT", "HASH_SIZE", "TILE_WIDTH", "ReadTile", "RightEdge", "Tile", "consistency_proof", "edge_tiles",
    "inclusion_proof", "leaf_hash", "node_hash", "tree_root", "verify_consistency", "verify_inclusion",
]  # fmt: skip

TILE_BITS: Final = 8
TILE_WIDTH: Final = 1 << TILE_BITS
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()  # RFC 6962 2.1: the hash of an empty list

ReadTile = Callable[[int, int, int], bytes]
"""(level, index, width) -> the `width` hashes of that tile, or of the full tile that has since replaced it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """`width` hashes at (level, index); width is 256 but for the last tile of a level."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        return len(self.hashes) // HASH_SIZE


def edge_tiles(size: int) -> list[tuple[int, int, int]]:
    """(level, index, width) of each partial tile of a tree of `size` leaves: all that a writer needs to go on."""
    found: list[tuple[int, int, int]] = []
    level, count = 0, size
    while count:
        if width := count % TILE_WIDTH:
            found.append((level, count // TILE_WIDTH, width))
        level, count = level + 1, count // TILE_WIDTH
    return found


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]


def _peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the complete subtrees that `hashes` divide into, largest first (their widths are its binary 1s)."""
    peaks: list[bytes] = []
    at = 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        if len(hashes) >> bit & 1:
            peaks.append(_complete(hashes[at : at + (1 << bit)]))
            at += 1 << bit
    return peaks


def _complete(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    sha256 = hashlib.sha256
    row = list(hashes)
    while len(row) > 1:
        row = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


def _fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of falling size: the right edge is folded from its smallest upwards."""
    if not peaks:
        return EMPTY_ROOT
    result = peaks[-1]
    for peak in reversed(peaks[:-1]):
        result = node_hash(peak, result)
    return result


@dataclass(slots=True)
class RightEdge:
    """The unfinished tile of each level: enough to append and to know the root."""

    size: int = 0
    levels: list[list[bytes]] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, read: ReadTile) -> RightEdge:
        """The edge of a tree of `size` leaves, from its partial tiles."""
        edge = cls(size)
        for level, index, width in edge_tiles(size):
            while len(edge.levels) <= level:
                edge.levels.append([])
            edge.levels[level] = _split(_read(read, level, index, width))
        return edge

    def append(self, hashes: Iterable[bytes]) -> list[Tile]:
        """Append leaf hashes; the tiles that became full, lowest level first within each step."""
        full: list[Tile] = []
        if not self.levels:
            self.levels.append([])
        for item in hashes:
            self.levels[0].append(item)
            self.size += 1
            if len(self.levels[0]) == TILE_WIDTH:
                self._carry(full)
        return full

    def _carry(self, full: list[Tile]) -> None:
        """Turn full tiles into one hash each of the level above."""
        level, count = 0, self.size
        while len(self.levels[level]) == TILE_WIDTH:
            count //= TILE_WIDTH
            row = self.levels[level]
            full.append(Tile(level, count - 1, b"".join(row)))
            if len(self.levels) == level + 1:
                self.levels.append([])
            self.levels[level + 1].append(_complete(row))
            self.levels[level] = []
            level += 1

    def partial(self) -> list[Tile]:
        """The partial tiles as they stand now."""
        return [Tile(level, index, b"".join(self.levels[level])) for level, index, _width in edge_tiles(self.size)]

    def root(self) -> bytes:
        """The root over everything appended."""
        return _fold([peak for row in reversed(self.levels) for peak in _peaks(row)])


def _read(read: ReadTile, level: int, index: int, width: int) -> bytes:
    hashes = read(level, index, width)
    if len(hashes) < width * HASH_SIZE:
        raise ValueError(f"Tile {level}/{index} holds fewer than {width} hashes.")
    return hashes[: width * HASH_SIZE]


def _subtree(start: int, height: int, size: int, read: ReadTile) -> bytes:
    """The root over the complete subtree of 2**height leaves at `start`, in a tree of `size` leaves."""
    level = height // TILE_BITS
    first = start >> (level * TILE_BITS)
    count = 1 << (height - level * TILE_BITS)
    index, offset = first // TILE_WIDTH, first % TILE_WIDTH
    width = min(TILE_WIDTH, (size >> (level * TILE_BITS)) - index * TILE_WIDTH)
    return _complete(_split(_read(read, level, index, width))[offset : offset + count])


def _range(start: int, end: int, size: int, read: ReadTile) -> bytes:
    """MTH(D[start:end]) for a range that RFC 6962 splits off: complete, or the right edge of its tree."""
    peaks: list[bytes] = []
    while start < end:
        height = (end - start).bit_length() - 1
        peaks.append(_subtree(start, height, size, read))
        start += 1 << height
    return _fold(peaks)


def tree_root(size: int, read: ReadTile, stored: int | None = None) -> bytes:
    """The root over the first `size` leaves of a tree that has grown to `stored` (default: `size`) leaves."""
    return _range(0, size, size if stored is None else stored, read)


def _largest_power_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, read: ReadTile, stored: int | None = None) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1; `read` serves the tree of `stored` (default: `size`) leaves.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} in a tree of {size}.")
    stored = size if stored is None else stored
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            path.append(_range(middle, end, stored, read))
            end = middle
        else:
            path.append(_range(start, middle, stored, read))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, read: ReadTile, stored: int | None = None) -> list[bytes]:
    """PROOF(first, D[second]) of RFC 6962 2.1.2; empty when both are the same.

    Raises ValueError unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"A tree of {second} leaves does not extend one of {first}.")
    stored = second if stored is None else stored
    path: list[bytes] = []
    start, end = 0, second
    while first != end:
        middle = start + _largest_power_below(end - start)
        if first <= middle:
            path.append(_range(middle, end, stored, read))
            end = middle
        else:
            path.append(_range(start, middle, stored, read))
            start = middle
    if start:  # the subtree that both trees share is known to the verifier only when it is the whole old tree
        path.append(_range(start, end, stored, read))
    return path[::-1]
