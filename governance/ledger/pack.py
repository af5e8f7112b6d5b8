"""Evidence packs: ledger entries with everything that proves them, in one ZIP that verifier.py checks offline.

========================  =============================================================================================
`manifest.json`           format, origin, size, number of entries, when made, `about`, and SHA-256 of every other file
`checkpoint.txt`          the signed checkpoint all proofs lead to
`entries.jsonl`           a line for each entry: entry, position, leaf, salt, body, proof (inclusion, hexadecimal)
`consistency.json`        earlier signed checkpoints, each with the proof that this one extends it
anything else             attachments for reading: the log says nothing of them
========================  =============================================================================================
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final

from django.db import connection

from governance.ledger import merkle, store
from governance.ledger.verifier import FORMAT

SLICE: Final = 1000
_OWN = {"manifest.json", "checkpoint.txt", "entries.jsonl", "consistency.json"}


class NotSealed(Exception):
    """Some entries are not under a signed checkpoint yet. `entries` are their ids; seal, then ask again."""

    def __init__(self, entries: Sequence[int]) -> None:
        super().__init__(
            f"{len(entries)} ledger entries are not sealed yet. Run `manage.py seal_ledger`, then ask again."
        )
        self.entries = tuple(entries)


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: entries, under a checkpoint of `size`."""

    entries: int
    size: int


def write_pack(
    file: Path | IO[bytes],
    entries: Sequence[int],
    *,
    about: Mapping[str, Any],
    attachments: Mapping[str, bytes] | None = None,
    since: Sequence[int] = (),
    withheld: Set[int] = frozenset(),
) -> Packed:
    """Write the pack of these ledger entry ids; repeated ids count once.

    `about`: JSON for the manifest, such as the release's name. `attachments`: further files by name. `since`: sizes of
    earlier checkpoints to prove growth from; the log's first one always is. `withheld`: entries that stand in it by
    their leaf alone, as redacted ones do: proved to be in the log, without what they say.
    Raises NotSealed, and ValueError for an unknown size or an unusable attachment name.
    """
    attachments = attachments or {}
    for name in attachments:
        if name in _OWN or not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", name):
            raise ValueError(f"{name!r} cannot be the name of a file in a pack.")
    head = store.newest_checkpoint()
    wanted = sorted(set(entries))
    if head is None:
        raise NotSealed(wanted)
    read = lru_cache(maxsize=256)(store.read_tile)
    positions = _positions(wanted, head.size)
    digests: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, digests, "checkpoint.txt", [head.note.encode()])
        _write(archive, digests, "consistency.json", [_dump(_earlier(head, since, read))])
        _write(archive, digests, "entries.jsonl", _lines(positions, head.size, read, withheld))
        for name, content in attachments.items():
            _write(archive, digests, name, [content])
        manifest = {
            "format": FORMAT,
            "origin": head.note.split("\n", 1)[0],
            "size": head.size,
            "entries": len(positions),
            "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "about": dict(about),
            "files": digests,
        }
        archive.writestr("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False))
    return Packed(len(positions), head.size)


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _write(
    archive: zipfile.ZipFile, digests: dict[str, str], name: str, parts: Sequence[bytes] | Iterator[bytes]
) -> None:
    digest = hashlib.sha256()
    with archive.open(name, "w", force_zip64=True) as stream:
        for part in parts:
            digest.update(part)
            stream.write(part)
    digests[name] = digest.hexdigest()


def _positions(entries: Sequence[int], size: int) -> list[tuple[int, int]]:
    """(position, entry) in order of position. Raises NotSealed for those outside the tree of `size`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position, entry_id FROM public.governance_ledgerposition"
            " WHERE entry_id = ANY(%s) AND position < %s ORDER BY position",
            [list(entries), size],
        )
        found: list[tuple[int, int]] = cursor.fetchall()
    if missing := sorted(set(entries) - {entry for _position, entry in found}):
        raise NotSealed(missing)
    return found


def _earlier(head: store.Head, since: Sequence[int], read: merkle.ReadTile) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT size, note FROM public.governance_ledgercheckpoint WHERE size < %s AND"
            " (size = ANY(%s) OR size = (SELECT min(size) FROM public.governance_ledgercheckpoint)) ORDER BY size",
            [head.size, list(since)],
        )
        rows = cursor.fetchall()
    if missing := set(since) - {size for size, _note in rows} - {head.size}:
        raise ValueError(f"There is no checkpoint of size {min(missing)}.")
    return [
        {"note": note, "proof": [item.hex() for item in merkle.consistency_proof(size, head.size, read)]}
        for size, note in rows
    ]


def _lines(
    positions: Sequence[tuple[int, int]], size: int, read: merkle.ReadTile, withheld: Set[int]
) -> Iterator[bytes]:
    for at in range(0, len(positions), SLICE):
        part = positions[at : at + SLICE]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, leaf, salt, body FROM public.governance_ledgerentry WHERE id = ANY(%s)",
                [[entry for _position, entry in part]],
            )
            held = {entry: rest for entry, *rest in cursor.fetchall()}
        for position, entry in part:
            leaf, salt, body = held[entry] if entry not in withheld else (held[entry][0], None, None)
            line = {
                "entry": entry,
                "position": position,
                "leaf": leaf,
                "salt": None if salt is None else bytes(salt).hex(),
                "body": body,
                "proof": [item.hex() for item in merkle.inclusion_proof(position, size, read)],
            }
            yield _dump(line) + b"\n"
