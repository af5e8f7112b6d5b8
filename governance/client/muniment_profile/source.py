"""The file before it is counted: hashed, unpacked, turned into UTF-8, looked through for what is no text."""

from __future__ import annotations

import codecs
import hashlib
import os
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .limits import Limits, Reading, Unreadable

PART = 1 << 20
Tell = Callable[..., None]
CHANGED = "The file changed while it was read. Profile it when it is whole."
NO_TEXT = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7")
"""Codecs of Python's that no file of data is written in."""


@dataclass(frozen=True)
class Source:
    """What is read: the file itself, or a UTF-8 copy of what was packed or written in it."""

    path: str
    format: str
    bytes: int
    state: list[int]
    """What `state_of` said before it was hashed."""
    digests: dict[str, str]
    cut: bool
    """Whether it is only the beginning of what was packed."""


def state_of(about: os.stat_result) -> list[int]:
    """What changes whenever a file is written to: its owner can set the time of modification, not that of change."""
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def prepared(
    file: BinaryIO, place: Path, limits: Limits, reading: Reading, expected: Mapping[str, str],
    known: Mapping[str, Any], tell: Tell,
) -> Source:  # fmt: skip
    """The file as it can be counted.

    Args:
        place: a folder for copies. expected: digests it must have, by hashlib's name. known: what an earlier try found.

    Raises:
        Unreadable: it is none of the formats, broken, or no text.
    """
    about = os.fstat(file.fileno())
    if known.get("state") not in (None, state_of(about)):
        raise Unreadable("changed", CHANGED)
    file.seek(0)  # a try before this one has read it: they share their place in it
    start = file.read(8)
    if not start:
        raise Unreadable("empty", "The file is empty.")
    if start.startswith(b"PK\x03\x04"):
        raise Unreadable("zip", "This is a ZIP archive, or a workbook. Unpack it, or save the sheet as CSV.")
    found = known.get("digests") or _digests(file, {"sha256", *expected}, about.st_size, tell)
    for name, value in expected.items():
        if found[name] != value:
            raise Unreadable("digest", f"Its {name} is {found[name]}, not {value}.")
    path, cut = f"/proc/self/fd/{file.fileno()}" if sys.platform == "linux" else f"/dev/fd/{file.fileno()}", False
    if start.startswith(b"\x1f\x8b"):
        cut = _unpack(file, place / "unpacked", limits, tell)
        path = str(place / "unpacked")
    with open(path, "rb") as plain:
        plain.seek(0)
        kind = reading.format or _format_of(plain)
        if kind != "parquet":
            encoding = _encoding_of(plain, reading.encoding)
            if encoding != "utf-8":
                _convert(plain, encoding, place / "converted")
                path = str(place / "converted")
    if kind != "parquet":
        with open(path, "rb") as plain:
            plain.seek(0)
            if _refuse_what_is_no_text(plain, kind, cut, place):
                path = str(place / "whole-lines")
    return Source(path, kind, about.st_size, state_of(about), found, cut)


def _digests(file: BinaryIO, names: set[str], total: int, tell: Tell) -> dict[str, str]:
    made = {name: hashlib.new(name) for name in sorted(names)}
    done = 0
    file.seek(0)
    while part := file.read(PART):
        for one in made.values():
            one.update(part)
        done += len(part)
        if done % (64 * PART) < PART:
            tell(stage="hashing", done=done, total=total)
    return {name: one.hexdigest() for name, one in made.items()}


def _unpack(file: BinaryIO, to: Path, limits: Limits, tell: Tell) -> bool:
    """Unpack gzip as far as it may; whether something was left."""
    most = min(limits.bytes or limits.temporary, limits.temporary - PART)
    file.seek(0)
    done, packed = 0, b""
    unpacking = zlib.decompressobj(31)
    with to.open("wb") as out:
        while part := packed or file.read(PART):
            try:
                plain = unpacking.decompress(part, PART)
            except zlib.error as error:
                raise Unreadable("gzip", f"The gzip around it is damaged: {error}.") from None
            packed = unpacking.unconsumed_tail
            out.write(plain[: most - done])
            done += len(plain)
            if done > most:
                return True
            if done % (64 * PART) < len(plain):
                tell(stage="unpacking", done=done, total=0)
            if unpacking.eof:
                packed = unpacking.unused_data.lstrip(b"\0") or file.read(PART).lstrip(b"\0")
                if not packed:
                    return False
                unpacking = zlib.decompressobj(31)
    raise Unreadable("gzip", "The gzip around it ends too early: it is not whole.")


def _format_of(file: BinaryIO) -> str:
    start = file.read(64)
    file.seek(0)
    if start.startswith(b"PAR1"):
        return "parquet"
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"{"):
        return "jsonl"
    if text.startswith(b"["):
        raise Unreadable("json-array", "This is one JSON list. Write JSON lines: one object on each line.")
    return "csv"


def _encoding_of(file: BinaryIO, given: str) -> str:
    """The codec's name. Raises Unreadable for one that is unknown or no encoding of text."""
    start = file.read(4)
    file.seek(0)
    if not given:
        return "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    try:
        found = codecs.lookup(given)
        found.incrementaldecoder("strict").decode(b"")
        text = found._is_text_encoding
    except (LookupError, TypeError, AttributeError, ValueError):
        text = False
    if not text or found.name.replace("_", "-") in NO_TEXT:
        raise Unreadable(
            "encoding", f"{given[:40]!r} is no encoding of text. Write one such as utf-8, cp1252 or euc-kr."
        )
    return "utf-8" if found.name in ("ascii", "utf-8-sig") else found.name


def _convert(file: BinaryIO, encoding: str, to: Path) -> None:
    """Write the text as UTF-8. Raises Unreadable, naming the line."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line = 1
    with to.open("wb") as out:
        while True:
            part = file.read(PART)
            try:
                text = decoder.decode(part, final=not part)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].decode(encoding, "ignore").count("\n")
                raise Unreadable("encoding", f"Line {line} is not {encoding}: {error.reason}.", line) from None
            line += text.count("\n")
            out.write(text.encode("utf-8", "surrogatepass"))
            if not part:
                return


def _refuse_what_is_no_text(file: BinaryIO, kind: str, cut: bool, place: Path) -> bool:
    """Look for what is no UTF-8, and NUL bytes, which a reader may pass over; name the line.

    Returns:
        whether the text was `cut` within a line, so that its whole lines were copied.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    line, done, blank = 1, 0, True
    while part := file.read(PART):
        blank = blank and not part.removeprefix(codecs.BOM_UTF8).strip()
        try:
            decoder.decode(part)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            says = f"Line {line} is not UTF-8: {error.reason}. Name its encoding, such as cp1252 or euc-kr."
            raise Unreadable("encoding", says, line) from None
        if (place_of := part.find(b"\0")) >= 0:
            line += part[:place_of].count(b"\n")
            raise Unreadable("nul", f"Line {line} holds a NUL byte: this is no text, or one in UTF-16.", line)
        line += part.count(b"\n")
        done += len(part)
    if blank:
        raise Unreadable("empty", "The file is blank: there is nothing in it but white space.")
    if not cut:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise Unreadable("encoding", f"Line {line} ends within a character: the file is cut off.", line) from None
        return False
    return _whole_lines(file, place / "whole-lines")


def _whole_lines(file: BinaryIO, to: Path) -> bool:
    """Copy all but the last, broken line."""
    file.seek(0, os.SEEK_END)
    end = file.tell()
    back = min(end, 64 * PART)
    file.seek(end - back)
    last = file.read(back).rfind(b"\n")
    if last < 0:
        raise Unreadable("line", f"A line is longer than {back:,} bytes. Is it text at all?")
    length = end - back + last + 1
    file.seek(0)
    with to.open("wb") as out:
        while length > 0:
            part = file.read(min(PART, length))
            out.write(part)
            length -= len(part)
    return True
