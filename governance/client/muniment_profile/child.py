"""The process that reads: held down by the kernel, ended with the one that started it, answering in JSON lines."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from .limits import MIB, Limits, Reading, Unreadable
from .source import CHANGED, prepared, state_of


def _tell(**told: Any) -> None:
    sys.stdout.write(json.dumps(told, allow_nan=False) + "\n")
    sys.stdout.flush()


def _keep_the_line_clear() -> None:
    """Answers alone go to whoever listens: what a library prints, such as a bar of progress, goes where faults go."""
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)


def _hold_down(limits: Limits, seconds: float, parent: int) -> None:
    """Let the kernel end what goes beyond the limits, and this process with the one that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            sys.exit(1)
    space = limits.memory + limits.memory // 2 + 1024 * MIB
    for kind, most in ((resource.RLIMIT_AS, space), (resource.RLIMIT_FSIZE, limits.temporary),
                       (resource.RLIMIT_CPU, int(seconds * limits.threads) + 10), (resource.RLIMIT_CORE, 0),
                       (resource.RLIMIT_NOFILE, 256)):  # fmt: skip
        _soft, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):  # a system without this limit
            resource.setrlimit(kind, (most, most))


def main(asked_at: str) -> None:
    """Read what is asked for, and answer on standard output."""
    _keep_the_line_clear()
    asked = json.loads(Path(asked_at).read_text())
    limits, reading = Limits(**asked["limits"]), Reading(**asked["reading"])
    _hold_down(limits, asked["seconds"], asked["parent"])
    try:
        _tell(profile=_read(asked, limits, reading))
    except Unreadable as fault:
        _tell(fault=fault.slug, says=str(fault), line=fault.line)
    except MemoryError:
        _tell(fault="memory", says=f"Reading it takes more than the {limits.memory // MIB:,} MiB it may have.")


def _read(asked: dict[str, Any], limits: Limits, reading: Reading) -> dict[str, Any]:
    try:
        from .counting import count
    except ImportError as error:
        raise Unreadable("engine", f"DuckDB is missing ({error}): pip install 'muniment[profile]'.") from None
    number = asked["file"]
    with os.fdopen(number, "rb", closefd=False) as file:
        source = prepared(file, Path(asked["place"]), limits, reading, asked["expected"], asked["known"], _tell)
    _tell(known={"digests": source.digests, "state": source.state})
    found = count(source, Path(asked["place"]), limits, reading, asked["against"], _tell, asked["rules"])
    if state_of(os.fstat(number)) != source.state:
        raise Unreadable("changed", CHANGED)
    return found
