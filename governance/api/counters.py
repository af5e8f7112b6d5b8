"""Counts and durations of this machine's processes, kept in files that are mapped into memory.

Workers come and go, and a scrape reaches one of them: each process counts in a file of its own under
$MUNIMENT_HOME/metrics, a scrape adds them up, and folds those of dead processes into one. Counters survive restarts; a
release with other routes begins anew, as Prometheus expects of a counter that is reset.
"""

import fcntl
import hashlib
import mmap
import os
import re
import struct
import threading
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, get_resolver

CLASSES = (1, 2, 3, 4, 5)
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the histogram's buckets, in seconds; the one beyond them is what is left of the count."""
NOWHERE = "(no such address)"
GATE_OPEN, GATE_CLOSED = "gate:open", "gate:closed"
_SLOT = struct.Struct(f"<{len(CLASSES)}Qd{len(BOUNDS)}Q")
_lock = threading.Lock()


@dataclass
class Tally:
    """What was counted of one route, or of one answer of the gate."""

    classes: list[int]
    seconds: float
    buckets: list[int]

    @property
    def count(self) -> int:
        """Of all classes."""
        return sum(self.classes)


@cache
def slots() -> tuple[str, ...]:
    """What is counted, in the order of the files: the gate's answers, and every route of the URL table."""

    def walk(patterns: list[Any], before: str) -> Iterator[str]:
        for one in patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, here)
            elif isinstance(one, URLPattern):
                yield spelled(here)

    return (GATE_OPEN, GATE_CLOSED, NOWHERE, *sorted(set(walk(get_resolver().url_patterns, ""))))


@cache
def _index() -> dict[str, int]:
    return {name: place for place, name in enumerate(slots())}


@cache
def _layout() -> str:
    return hashlib.sha256("\n".join(slots()).encode() + _SLOT.format.encode()).hexdigest()[:12]


@cache
def spelled(route: str) -> str:
    """A route as people read it: `api/v1/^runs/(?P<id>[^/]+)$` is `/api/v1/runs/<id>`."""
    plain = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
    return "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", plain).replace("^", "").replace("$", "").replace(
        "\\Z", ""
    ).removesuffix("/?")


def route_of(request: HttpRequest) -> str:
    """The route that answered; never the address itself, which may hold a key."""
    match = request.resolver_match
    return spelled(match.route) if match is not None else NOWHERE


class _Counters:
    """This process's counters; made at the first request, so after gunicorn has forked."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.home = folder_of_counters()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = _SLOT.size * len(slots())
        with open(self.home / f"{self.pid}-{_layout()}.bin", "a+b") as file:
            if file.tell() < size:
                file.truncate(size)
            self.memory = mmap.mmap(file.fileno(), size)

    def add(self, place: int, status_class: int, seconds: float) -> None:
        offset = place * _SLOT.size
        values = list(_SLOT.unpack_from(self.memory, offset))
        values[status_class - 1] += 1
        values[len(CLASSES)] += seconds
        bucket = bisect_left(BOUNDS, seconds)
        if bucket < len(BOUNDS):
            values[len(CLASSES) + 1 + bucket] += 1
        _SLOT.pack_into(self.memory, offset, *values)


_counters: _Counters | None = None


def folder_of_counters() -> Path:
    """Where the processes leave their counts."""
    return Path(settings.MUNIMENT_HOME) / "metrics"


def count(status: int, name: str, seconds: float) -> None:
    """Count one answer. Never fails: a figure is not worth a request."""
    global _counters
    try:
        with _lock:
            if _counters is None or _counters.pid != os.getpid() or _counters.home != folder_of_counters():
                _counters = _Counters()
            place = _index().get(name, _index()[NOWHERE])
            _counters.add(place, min(max(status // 100, 1), 5), seconds)
    except OSError:
        return


def totals() -> dict[str, Tally]:
    """What all processes of this machine ever counted, by route; those that counted nothing are left out."""
    sums = [Tally([0] * len(CLASSES), 0.0, [0] * len(BOUNDS)) for _name in slots()]
    with _folded() as files:
        for path in files:
            _add(sums, path)
    return {name: tally for name, tally in zip(slots(), sums, strict=True) if tally.count}


def _add(sums: list[Tally], path: Path) -> None:
    try:
        raw = path.read_bytes()
    except OSError:
        return
    if len(raw) != _SLOT.size * len(sums):
        return
    for tally, values in zip(sums, _SLOT.iter_unpack(raw), strict=True):
        tally.classes = [a + b for a, b in zip(tally.classes, values[: len(CLASSES)], strict=True)]
        tally.seconds += values[len(CLASSES)]
        tally.buckets = [a + b for a, b in zip(tally.buckets, values[len(CLASSES) + 1 :], strict=True)]


@contextmanager
def _folded() -> Iterator[list[Path]]:
    """The files to add up, with those of dead processes folded into one: process numbers come again without end."""
    folder = folder_of_counters()
    if not folder.is_dir():
        yield []
        return
    with open(folder / ".lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        total = folder / f"total-{_layout()}.bin"
        dead = [path for path in folder.glob("*.bin") if not path.name.startswith("total-") and not _lives(path)]
        ours = [path for path in dead if path.stem.endswith(_layout())]
        if ours:
            sums = [Tally([0] * len(CLASSES), 0.0, [0] * len(BOUNDS)) for _name in slots()]
            for path in (total, *ours):
                _add(sums, path)
            part = total.with_suffix(".part")
            part.write_bytes(b"".join(_SLOT.pack(*one.classes, one.seconds, *one.buckets) for one in sums))
            part.replace(total)
        for path in dead:
            path.unlink(missing_ok=True)
        yield list(folder.glob(f"*-{_layout()}.bin"))


def _lives(path: Path) -> bool:
    number = path.name.split("-")[0].removesuffix(".bin")
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
