"""Check an evidence pack on any machine: `python -m governance.ledger.verifier FILE --origin NAME --key VKEY`.

One module, the standard library and `cryptography`; no Django, database, settings or network. It believes nothing that
the file says about who signed: origin and key are the auditor's own. The tree and note primitives live here, and the
server (merkle.py, note.py) uses these very functions, so that there is one reading of the rules.

Sources: RFC 6962 2.1 (tree), RFC 9162 2.1.3.2 and 2.1.4.2 (verification), C2SP signed-note and tlog-checkpoint,
RFC 8785 (leaf). Exit status: 0 intact, 1 altered (a sentence names the first bad record), 2 wrong use.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HASH_SIZE: Final = 32
FORMAT: Final = "muniment-evidence/1"
ED25519: Final = b"\x01"  # C2SP signed-note: signature type of an Ed25519 key
MAX_NOTE: Final = 1_000_000  # octets; the limit golang.org/x/mod/sumdb/note sets
MAX_SIGNATURES: Final = 100
MAX_LINE: Final = 64 * 1024 * 1024  # one entry with its body; more is a bomb, not a record
MAX_FILE: Final = 1024 * 1024 * 1024
#: All files together, unpacked: thousands of the largest would keep a machine busy for days.
MAX_PACK: Final = 4 * MAX_FILE
_READ_WHOLE: Final = ("manifest.json", "checkpoint.txt", "consistency.json")
# All that zipfile raises on a file spoilt on purpose.
_UNSOUND: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, LookupError, RuntimeError,
)  # fmt: skip
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class Altered(Exception):
    """What is shown is not what was signed; the message names the first bad record."""


class Misuse(Exception):
    """The question cannot be asked this way: no such file, a malformed key."""


# --- the tree (RFC 6962) ---------------------------------------------------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf hash `leaf` stands at `index` in the tree of `size` leaves with `root` (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_SIZE:
            return False
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> bool:
    """Whether the tree of `second` leaves extends that of `first`, 0 < first <= second (RFC 9162 2.1.4.2)."""
    if not 0 < first <= second or any(len(item) != HASH_SIZE for item in proof):
        return False
    if first == second:
        return not proof and root1 == root2
    if not proof:
        return False
    path = [root1, *proof] if first & (first - 1) == 0 else list(proof)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == root1 and new == root2


# --- signed notes and checkpoints (C2SP) -----------------------------------------------------------------------------


def canonical_base64(text: str) -> bytes:
    """Standard base64, padded, with zero trailing bits: the one spelling of its octets. Raises ValueError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(raw).decode("ascii") != text:
        raise ValueError("not canonical base64")
    return raw


def valid_name(name: str) -> bool:
    """C2SP signed-note: a key name is not empty and has neither Unicode spaces nor plus signs."""
    return bool(name) and name.isprintable() and not re.search(r"[\s+]", name)


def key_id(name: str, public: bytes) -> bytes:
    """The four octets that stand before a signature: SHA-256(name || LF || 0x01 || key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half, as printed in a vkey: `name+id+base64(0x01 || key)`."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read a vkey. Raises ValueError when it is malformed, of another type, or its id is not its own."""
        parts = text.split("+", 2)  # base64 may hold a plus sign, name and id never do
        if len(parts) != 3 or not valid_name(parts[0]) or not re.fullmatch(r"[0-9a-f]{8}", parts[1]):
            raise ValueError("A verifier key reads NAME+ID+KEY, the id being eight hexadecimal digits.")
        raw = canonical_base64(parts[2])
        if len(raw) != 1 + HASH_SIZE or raw[:1] != ED25519:
            raise ValueError("The verifier key is not an Ed25519 key.")
        key = cls(parts[0], raw[1:])
        if key.id.hex() != parts[1]:
            raise ValueError("The verifier key's id does not belong to its name and key.")
        return key

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"


def open_note(note: bytes, key: VerifierKey) -> str:
    """The text of a signed note that `key` signed. Raises ValueError for anything but a well-formed, so signed note.

    Signatures of others (witnesses) are passed over, as C2SP signed-note asks; a bad one of `key` is not.
    """
    if len(note) > MAX_NOTE:
        raise ValueError("The note is too long.")
    text = note.decode("utf-8")  # a UnicodeDecodeError is a ValueError
    if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text):
        raise ValueError("The note holds control characters.")
    body, gap, signatures = text.rpartition("\n\n")
    if not gap or not body or not signatures.endswith("\n"):
        raise ValueError("The note has no signatures.")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise ValueError("The note has too many signatures.")
    body += "\n"
    signed = False
    for line in lines:
        match = _SIGNATURE_LINE.fullmatch(line)
        if match is None or not valid_name(match[1]):
            raise ValueError("The note has a malformed signature line.")
        raw = canonical_base64(match[2])
        if len(raw) < 5:
            raise ValueError("The note has a malformed signature line.")
        if match[1] == key.name and raw[:4] == key.id:
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], body.encode())
            except InvalidSignature as error:
                raise ValueError(f"The signature of {key.name} is not valid.") from error
            signed = True
    if not signed:
        raise ValueError(f"The note is not signed by {key}.")
    return body


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's name, its number of leaves, the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint body (C2SP tlog-checkpoint), strictly. Raises ValueError."""
        if not text.endswith("\n"):
            raise ValueError("A checkpoint ends with a line feed.")
        lines = text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise ValueError("A checkpoint has three lines or more, none of them empty.")
        origin, size, root, *extensions = lines
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size):
            raise ValueError("A checkpoint's size is a decimal number without leading zeros.")
        digest = canonical_base64(root)
        if len(digest) != HASH_SIZE:
            raise ValueError("A checkpoint's root is 32 octets.")
        return cls(origin, int(size), digest, tuple(extensions))

    def __str__(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "\n".join(lines) + "\n"


def open_checkpoint(note: bytes, origin: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint in a note that `key` signed for the log `origin`. Raises ValueError."""
    checkpoint = Checkpoint.parse(open_note(note, key))
    if checkpoint.origin != origin:
        raise ValueError(f"The checkpoint is of the log {checkpoint.origin}, not of {origin}.")
    return checkpoint


# --- leaves ----------------------------------------------------------------------------------------------------------

LEAF_KEYS: Final[dict[str, type]] = {
    "action": str, "actor": int, "digest": str, "history": int, "object": int,
    "op": str, "session": str, "table": str, "time": str, "v": int,
}  # fmt: skip


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """RFC 8785 for what a leaf may hold: text with ASCII keys, and integers below 2**53."""
    return _CANONICAL.encode(value)


def parse_leaf(text: str) -> dict[str, Any]:
    """The fields of a leaf. Raises ValueError unless it is canonical and has exactly the fields of version 1."""
    leaf = json.loads(text)
    if not isinstance(leaf, dict) or leaf.keys() != LEAF_KEYS.keys():
        raise ValueError("the leaf does not have the fields of version 1")
    for name, kind in LEAF_KEYS.items():
        if type(leaf[name]) is not kind:  # `is`: true is an int to isinstance
            raise ValueError(f"the leaf's {name} is of the wrong type")
    if canonical_json(leaf) != text:
        raise ValueError("the leaf is not canonical JSON")
    if leaf["v"] != 1 or leaf["op"] not in ("+", "~"):
        raise ValueError("the leaf is of an unknown version or operation")
    if not _DIGEST.fullmatch(leaf["digest"]) or not _UUID.fullmatch(leaf["action"]):
        raise ValueError("the leaf's digest or action is malformed")
    if not _TIME.fullmatch(leaf["time"]):
        raise ValueError("the leaf's time is malformed")
    datetime.fromisoformat(leaf["time"])  # a ValueError for the 31st of February
    return leaf


def body_matches(digest: str, salt: bytes | None, body: str | None) -> bool | None:
    """Whether SHA-256(salt || body) is `digest`; None when both were blanked by a redaction."""
    if salt is None and body is None:
        return None
    if salt is None or body is None or len(salt) != HASH_SIZE:
        return False
    return hashlib.sha256(salt + body.encode()).hexdigest() == digest


# --- evidence packs --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Report:
    """What held: the checkpoint, and how many entries stand under it."""

    checkpoint: Checkpoint
    entries: int = 0
    redacted: int = 0
    earlier: int = 0
    attachments: tuple[str, ...] = ()


def _strict_json(data: bytes, what: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name occurs twice")
        return found

    try:
        return json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Altered(f"{what} is not readable JSON: {error}.") from error


def _hashes(value: object, what: str) -> list[bytes]:
    """A proof: a list of 64-digit hexadecimal hashes."""
    if not isinstance(value, list) or len(value) > 128:
        raise Altered(f"{what}: the proof is not a list of hashes.")
    for item in value:
        if not isinstance(item, str) or not re.fullmatch(r"[0-9a-f]{64}", item):
            raise Altered(f"{what}: the proof is not a list of hashes.")
    return [bytes.fromhex(item) for item in value]


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise Altered("entries.jsonl: a line is too long to be an entry.")
        yield line


def _check_entry(item: object, number: int, checkpoint: Checkpoint) -> tuple[int, bool]:
    """Check one line of entries.jsonl; its position and whether it was redacted. Raises Altered."""
    what = f"Record {number}"
    if not isinstance(item, dict) or item.keys() != {"entry", "position", "leaf", "salt", "body", "proof"}:
        raise Altered(f"{what} does not have the fields entry, position, leaf, salt, body, proof.")
    position, text, salt, body = item["position"], item["leaf"], item["salt"], item["body"]
    if type(position) is not int or not isinstance(text, str) or not isinstance(body, str | None):
        raise Altered(f"{what} is malformed.")
    try:
        leaf = parse_leaf(text)
        held = body_matches(leaf["digest"], None if salt is None else bytes.fromhex(salt), body)
        hashed = leaf_hash(text.encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise Altered(f"{what} (position {position}) is altered: {error}.") from error
    what = f"{what} (position {position}, {leaf['table']} {leaf['object']}, history {leaf['history']})"
    proof = _hashes(item["proof"], what)
    if not verify_inclusion(hashed, position, checkpoint.size, proof, checkpoint.root):
        raise Altered(f"{what} is not in the log: its leaf does not lead to the signed root.")
    if held is False:
        raise Altered(f"{what} is altered: its body is not the one whose digest is in the log.")
    return position, held is None


def _open_members(archive: zipfile.ZipFile) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The manifest and the names of attachments, every file being as the manifest lists it. Raises Altered."""
    names = archive.namelist()
    if len(set(names)) != len(names):
        raise Altered("The pack holds two files of one name.")
    for member in archive.infolist():
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Altered(f"The pack's {member.filename} is compressed in another way than packs are.")
        if member.file_size > (MAX_LINE if member.filename in _READ_WHOLE else MAX_FILE):
            raise Altered(f"The pack's {member.filename} is too large.")
    if sum(member.file_size for member in archive.infolist()) > MAX_PACK:
        raise Altered("The pack's files together are too large.")
    if "manifest.json" not in names:
        raise Altered("The pack has no manifest.json.")
    manifest = _strict_json(archive.read("manifest.json"), "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Altered(f"manifest.json is not of the format {FORMAT}.")
    files = manifest.get("files")
    if not isinstance(files, dict) or set(files) | {"manifest.json"} != set(names):
        raise Altered("The pack's files are not those that manifest.json lists.")
    for name, digest in files.items():
        actual = hashlib.sha256()
        with archive.open(name) as stream:
            while block := stream.read(1 << 20):
                actual.update(block)
        if actual.hexdigest() != digest:
            raise Altered(f"The pack's {name} is not the file that manifest.json lists.")
    own = {"checkpoint.txt", "entries.jsonl", "consistency.json"}
    if missing := own - set(files):
        raise Altered(f"The pack has no {sorted(missing)[0]}.")
    return manifest, tuple(sorted(set(files) - own))


def _check_earlier(data: bytes, checkpoint: Checkpoint, origin: str, key: VerifierKey) -> dict[int, bytes]:
    """Check each earlier checkpoint of consistency.json against the pack's; their roots by size. Raises Altered."""
    proofs = _strict_json(data, "consistency.json")
    if not isinstance(proofs, list):
        raise Altered("consistency.json is not a list.")
    roots = {checkpoint.size: checkpoint.root}
    for number, item in enumerate(proofs, 1):
        if not isinstance(item, dict) or item.keys() != {"note", "proof"} or not isinstance(item["note"], str):
            raise Altered(f"Earlier checkpoint {number} is malformed.")
        try:
            old = open_checkpoint(item["note"].encode(), origin, key)
        except ValueError as error:
            raise Altered(f"Earlier checkpoint {number} does not hold: {error}") from error
        proof = _hashes(item["proof"], f"Earlier checkpoint {number}")
        if not verify_consistency(old.size, checkpoint.size, proof, old.root, checkpoint.root):
            raise Altered(f"The log was rewritten: the checkpoint of size {old.size} is not a beginning of this one.")
        roots[old.size] = old.root
    return roots


def verify_pack(path: Path, origin: str, key: VerifierKey, kept: bytes | None = None) -> Report:
    """Check the pack at `path`. `kept` is a signed checkpoint the auditor kept; the pack must lead on from it.

    Raises Altered naming the first bad record; Misuse when there is nothing to check.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        with stream, zipfile.ZipFile(stream) as archive:
            return _verify_archive(archive, origin, key, kept)
    except _UNSOUND as error:
        raise Altered(f"{path} is not a sound ZIP file: {error}.") from error


def _verify_archive(archive: zipfile.ZipFile, origin: str, key: VerifierKey, kept: bytes | None) -> Report:
    manifest, attachments = _open_members(archive)
    try:
        checkpoint = open_checkpoint(archive.read("checkpoint.txt"), origin, key)
    except ValueError as error:
        raise Altered(f"The pack's checkpoint does not hold: {error}") from error
    roots = _check_earlier(archive.read("consistency.json"), checkpoint, origin, key)
    if kept is not None:
        try:
            mine = open_checkpoint(kept, origin, key)
        except ValueError as error:
            raise Misuse(f"The kept checkpoint does not hold: {error}") from error
        if mine.size not in roots:
            raise Misuse(f"The pack has no proof from your checkpoint of size {mine.size}: ask for one that has.")
        if roots[mine.size] != mine.root:
            raise Altered(f"You were shown another log: your checkpoint of size {mine.size} has another root.")
    report = Report(checkpoint, earlier=len(roots) - 1, attachments=attachments)
    seen: set[int] = set()
    with archive.open("entries.jsonl") as stream:
        for number, line in enumerate(_lines(stream), 1):
            position, redacted = _check_entry(_strict_json(line, f"Record {number}"), number, checkpoint)
            if position in seen:
                raise Altered(f"Record {number} repeats position {position}.")
            seen.add(position)
            report.redacted += redacted
    report.entries = len(seen)
    if manifest.get("entries") != report.entries:
        raise Altered(f"manifest.json lists {manifest.get('entries')} entries, the pack holds {report.entries}.")
    return report


def plain(text: str) -> str:
    """A text of the pack's as it may be printed: what moves a cursor could write another verdict over ours."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m governance.ledger.verifier", description="Check an evidence pack.")
    parser.add_argument("file", type=Path, help="the evidence pack (ZIP)")
    parser.add_argument("--origin", required=True, help="the log's name, as you know it from elsewhere")
    parser.add_argument("--key", required=True, help="the log's public key (vkey), as you know it from elsewhere")
    parser.add_argument("--kept", type=Path, help="a signed checkpoint that you kept earlier")
    options = parser.parse_args(arguments)
    try:
        try:
            key = VerifierKey.parse(options.key)
            kept = options.kept.read_bytes() if options.kept else None
        except (ValueError, OSError) as error:
            raise Misuse(str(error)) from error
        report = verify_pack(options.file, options.origin, key, kept)
    except Altered as error:
        print(f"ALTERED. {plain(str(error))}", file=sys.stderr)
        return 1
    except Misuse as error:
        print(f"Cannot check. {plain(str(error))}", file=sys.stderr)
        return 2
    print(
        f"Intact. {report.entries} records ({report.redacted} redacted) are in the log {report.checkpoint.origin} "
        f"of size {report.checkpoint.size}, which extends {report.earlier} earlier checkpoints."
    )
    if report.attachments:
        print(f"Not covered by the log, for reading only: {plain(', '.join(report.attachments))}.")
    print("This shows that what is here stands in the log, not that nothing was left out.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
