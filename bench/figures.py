"""What the measurements have in common: a figure with its target, medians, ratios by round, and tables for people."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with what it should be. `met` is None where there is no target."""

    name: str
    measured: str
    target: str = "–"
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. Counts; `quick` is for looking, not for quoting."""

    rounds: int = 7
    saves: int = 300  # per kind of table and round
    bulk: int = 10_000  # rows of one bulk_create
    versions: int = 1_000_000  # model versions of the large registry
    history: int = 1_000_000  # history rows to look back in
    entries: int = 100_000  # ledger entries to seal and verify
    promotions: int = 80  # per number of connections


QUICK = Scale(rounds=3, saves=100, bulk=2_000, versions=20_000, history=50_000, entries=10_000, promotions=16)


def timed(work: Callable[[], object]) -> float:
    """Seconds that one call takes, the collector out of the way."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start
    finally:
        gc.enable()


def spent(work: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds of CPU of a call here and in the database's process that serves Django, and by the clock."""
    from django.db import connection

    scheduled = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    clock, here, there = time.perf_counter(), time.process_time(), _on_cpu(scheduled)
    work()
    return time.process_time() - here, _on_cpu(scheduled) - there, time.perf_counter() - clock


def _on_cpu(scheduled: Path) -> float:
    """Seconds that a process has run; 0 where the system does not tell: a server on another machine."""
    return int(scheduled.read_text().split()[0]) / 1e9 if scheduled.exists() else 0.0


def by_round(kinds: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds per kind and round. Kinds take turns within a round, first one first and then the other way about,
    so that what else the machine does falls on all of them; one round before is thrown away.
    """
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    order = list(kinds)
    for number in range(rounds + 1):
        for kind in order if number % 2 else reversed(order):
            seconds = timed(kinds[kind])
            if number:
                found[kind].append(seconds)
    return found


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median over rounds of how fast the first is as a share of the second (seconds in, share of rate out)."""
    return statistics.median(b / a for a, b in zip(slower, faster, strict=True))


def spread(seconds: Sequence[float]) -> float:
    """How noisy: (slowest - fastest) / median."""
    return (max(seconds) - min(seconds)) / statistics.median(seconds)


def quantile(seconds: Sequence[float], share: float) -> float:
    """The value that `share` of them stay within."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))]


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table that is also Markdown."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if not number:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def against(name: str, value: float, least: float) -> Figure:
    """A ratio that should be at least `least`."""
    return Figure(name, f"{value:.2f}", f"≥ {least:.2f}", value >= least)


def within(name: str, value: float, most: float, unit: str = "") -> Figure:
    """A number that should be at most `most`."""
    return Figure(name, f"{value:.2f}{unit}", f"≤ {most:g}{unit}", value <= most)
