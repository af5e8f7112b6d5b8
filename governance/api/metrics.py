"""Figures for operators, in Prometheus' text form, written by hand: three families do not need a library.

Requests are counted per process in a file of its own under $MUNIMENT_HOME/metrics, mapped into memory: workers come and
go, and a scrape that reached one of them would otherwise see a part only. Counters survive restarts.
"""

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

CLASSES = (1, 2, 3, 4, 5)
_FORM = struct.Struct("<5Q")
_lock = threading.Lock()


class _Counters:
    """This process's counters; made at the first request, so after gunicorn has forked."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        folder = folder_of_counters()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{self.pid}.bin"
        with open(path, "a+b") as file:
            if file.tell() < _FORM.size:
                file.truncate(_FORM.size)
            self.memory = mmap.mmap(file.fileno(), _FORM.size)

    def add(self, index: int) -> None:
        counts = list(_FORM.unpack(self.memory[:]))
        counts[index] += 1
        self.memory[:] = _FORM.pack(*counts)


_counters: _Counters | None = None


def folder_of_counters() -> Path:
    """Where the processes leave their counts."""
    return Path(settings.MUNIMENT_HOME) / "metrics"


def count(status: int) -> None:
    """Count one answer. Never fails: a figure is not worth a request."""
    global _counters
    try:
        with _lock:
            if _counters is None or _counters.pid != os.getpid():
                _counters = _Counters()
            _counters.add(min(max(status // 100, 1), 5) - 1)
    except OSError:
        return


def totals() -> dict[int, int]:
    """Answers by class of status, over all processes that ever counted here."""
    sums = [0] * len(CLASSES)
    for path in folder_of_counters().glob("*.bin"):
        try:
            raw = path.read_bytes()
        except OSError:
            continue
        if len(raw) == _FORM.size:
            sums = [total + one for total, one in zip(sums, _FORM.unpack(raw), strict=True)]
    return dict(zip(CLASSES, sums, strict=True))


def database_figures() -> dict[str, float]:
    """What the database knows: outbox rows that wait, the age of the oldest, entries the sealer has not reached yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(available_at)), 0),"
            " (SELECT count(*) FROM governance_outboxmessage WHERE dead_at IS NOT NULL)"
            " FROM governance_outboxmessage"
            " WHERE delivered_at IS NULL AND dead_at IS NULL AND available_at <= clock_timestamp()"
        )
        waiting, oldest, dead = cursor.fetchone()
        # Entries have no gaps worth speaking of, so the difference of two maxima costs nothing where a count reads all.
        cursor.execute(
            "SELECT greatest(0, coalesce((SELECT max(id) FROM governance_ledgerentry), 0)"
            " - coalesce((SELECT entry_id FROM governance_ledgerposition ORDER BY position DESC LIMIT 1), 0))"
        )
        (lag,) = cursor.fetchone()
    return {
        "muniment_outbox_waiting": float(waiting),
        "muniment_outbox_oldest_seconds": max(0.0, float(oldest)),
        "muniment_outbox_given_up": float(dead),
        "muniment_ledger_unsealed_entries": float(lag),
    }


_HELP = {
    "muniment_outbox_waiting": "Outbox rows that are due and not delivered.",
    "muniment_outbox_oldest_seconds": "How long the oldest of them has been due.",
    "muniment_outbox_given_up": "Outbox rows given up after too many failures.",
    "muniment_ledger_unsealed_entries": "Ledger entries that have no place in the log yet (about: by id).",
}


def exposition() -> Iterator[str]:
    """The lines of /metrics."""
    yield "# HELP muniment_http_responses_total Answers by class of status, over all web processes."
    yield "# TYPE muniment_http_responses_total counter"
    for status_class, total in totals().items():
        yield f'muniment_http_responses_total{{class="{status_class}xx"}} {total}'
    for name, value in database_figures().items():
        yield f"# HELP {name} {_HELP[name]}"
        yield f"# TYPE {name} gauge"
        yield f"{name} {value:g}"
