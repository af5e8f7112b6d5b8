"""A file counted by a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .limits import MIB, Limits, Reading, Unreadable, unquoted

PART = 1 << 20
GRACE = 5.0  # seconds in which a process that was told to stop ends
ROWS_IN_SHORT = 100_000
"""Rows counted instead where all of them take too long, or too much memory."""

#: Isolated (-I), the interpreter finds installed packages only: it is told where this one lies.
_START = "import sys; sys.path.insert(0, sys.argv[1]); from muniment_profile.child import main; main(sys.argv[2])"

Progress = Callable[[str, int, int], None]


def profile(
    path: str | os.PathLike[str] | int,
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    reading: Reading = Reading(),  # noqa: B008  # frozen
    against: Mapping[str, Sequence[float]] | None = None,
    rules: Sequence[str] = (),
    expected: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Count a file.

    Args:
        path: the file, or a descriptor open for reading.
        against: {column: edges} of another profile: both are then known exactly at the same places.
        rules: what is true of every row, as `muniment_rules` reads it; told is of how many rows each is false.
        expected: {hashlib's name of a digest: hexadecimal}; a file of another digest is not looked into.
        folder: where temporary files lie, removed at the end; the system's own where it is left out.
        progress: told (stage, done, total) as it goes on; whatever it raises ends the reading, and is raised here.

    Returns:
        the profile's document.

    Raises:
        Unreadable: the file is none of these, is broken, or more than the limits admit.
    """
    opened = path if isinstance(path, int) else os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    place = Path(tempfile.mkdtemp(prefix="profile-", dir=folder))
    ends = time.monotonic() + limits.seconds
    try:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):  # of a pipe the end would be waited for, a device has none
            raise Unreadable("file", "This is no file of its own: a folder, a pipe or a device cannot be read again.")
        size = about.st_size
        if limits.bytes and size > limits.bytes:
            raise Unreadable("bytes", f"The file has {size:,} bytes; at most {limits.bytes:,} are read here.")
        known: dict[str, Any] = {}
        try:
            share = 1.0 if limits.rows else 0.7  # what is left is for the answer in short
            return _in_child(opened, place, limits, reading, against or {}, rules, expected or {}, progress, known,
                             time.monotonic() + limits.seconds * share)  # fmt: skip
        except Unreadable as fault:
            if fault.slug not in ("seconds", "memory", "temporary") or limits.rows or not known:
                raise
            short = replace(limits, rows=ROWS_IN_SHORT)
            stopped_by = {"temporary": "bytes"}.get(fault.slug, fault.slug)
            _emptied(place)
            found = _in_child(
                opened, place, short, reading, against or {}, rules, expected or {}, progress, known, ends
            )
            if found["complete"]:  # nothing was left out: it was the whole in fewer steps
                return found
            return {**found, "stopped_by": stopped_by}
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if not isinstance(path, int):
            os.close(opened)


def _emptied(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)


def _in_child(
    opened: int, place: Path, limits: Limits, reading: Reading, against: Mapping[str, Sequence[float]],
    rules: Sequence[str], expected: Mapping[str, str], progress: Progress, known: dict[str, Any], ends: float,
) -> dict[str, Any]:  # fmt: skip
    """Start the reader, listen to it, and end it when its time is over. `known` gets the file's digest early."""
    left = ends - time.monotonic()
    if left <= 0:
        raise _too_long(limits)
    asked = {"limits": asdict(limits), "reading": asdict(reading), "expected": dict(expected), "known": known,
             "against": {name: list(edges) for name, edges in against.items()}, "rules": list(rules),
             "place": str(place), "file": opened, "seconds": left, "parent": os.getpid()}  # fmt: skip
    asked_at = place / "asked.json"
    asked_at.write_text(json.dumps(asked))
    environment = {"PATH": os.defpath, "HOME": str(place), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    said = (place / "said").open("w+b")
    started = subprocess.Popen(  # isolated: neither the working folder nor the environment adds modules
        [sys.executable, "-I", "-X", "utf8", "-c", _START, str(Path(__file__).resolve().parent.parent), str(asked_at)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, pass_fds=(opened,),
        env=environment, cwd=place, start_new_session=True,
    )  # fmt: skip
    try:
        answer = _listen(started, ends, progress, known)
    finally:
        _end(started)
        with said:
            said.seek(max(said.tell() - 4_000, 0))
            last = said.read().strip().rsplit(b"\n", 1)[-1]
    if answer is None:
        raise _broken_off(started.returncode, last, limits, ends)
    if "fault" in answer:
        raise Unreadable(answer["fault"], answer["says"], answer.get("line"))
    found: dict[str, Any] = answer["profile"]
    return found


def _listen(
    started: subprocess.Popen[bytes], ends: float, progress: Progress, known: dict[str, Any]
) -> dict[str, Any] | None:
    """Its answer; None where it ended, or had to be ended, without one."""
    assert started.stdout is not None
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(started.stdout, selectors.EVENT_READ)
        stage = ("starting", 0, 0)
        while (left := ends - time.monotonic()) > 0:
            progress(*stage)  # also while nothing is heard: it may say stop
            if not selector.select(min(left, 1.0)):
                continue
            part = os.read(started.stdout.fileno(), PART)
            if not part:
                return None
            buffer += part
            *lines, rest = buffer.split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                told = json.loads(line)
                if "stage" in told:
                    stage = (told["stage"], told["done"], told["total"])
                elif "known" in told:
                    known.update(told["known"])
                else:
                    answer: dict[str, Any] = told
                    return answer
    return None


def _end(started: subprocess.Popen[bytes]) -> None:
    if started.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(GRACE)
    if started.stdout is not None:
        started.stdout.close()


def _broken_off(status: int | None, last: bytes, limits: Limits, ends: float) -> Unreadable:
    if time.monotonic() >= ends or status == -signal.SIGXCPU:
        return _too_long(limits)
    if b"MemoryError" in last or b"bad_alloc" in last or status in (-signal.SIGKILL, -signal.SIGABRT):
        return Unreadable("memory", f"Reading it takes more than the {limits.memory // MIB:,} MiB it may have.")
    says = unquoted(last.decode(errors="replace"))[:300]
    return Unreadable("crash", f"The reader broke off ({status}). The file is damaged, or made to break it. {says}")


def _too_long(limits: Limits) -> Unreadable:
    return Unreadable("seconds", f"Reading it takes longer than {limits.seconds:g} seconds.")
