"""Checks a second: profiles of 100 columns held against 100 expectations. In one process, without the database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from bench.figures import Figure, Scale, table
from lineage.quality import checks
from lineage.quality.checks import Data
from lineage.quality.documents import Profile
from lineage.quality.expectations import METHODS, Expectation, read_expectations
from tests.lineage.quality.raw import numbers

COLUMNS, ROWS = 100, 20_000


def measure(scale: Scale) -> list[Figure]:
    """Each method of drift on its own, then a set as people would write one."""
    before, now = _data(1), _data(2)
    shown, found = [], []
    for method in METHODS:
        side = "at_least" if method.endswith("_p") else "at_most"
        items = [_item(f"c{n}", method, side) for n in range(COLUMNS)]
        seconds = _timed(read_expectations(items), now, before, scale.rounds)
        shown.append((method, f"{COLUMNS / seconds:,.0f}", f"{seconds * 1000:.0f} ms"))
    mixed = [_item(f"c{n}", "psi", "at_most") for n in range(COLUMNS)]
    mixed += [{"key": f"n{n}", "check": "completeness", "column": f"c{n}"} for n in range(COLUMNS)]
    seconds = _timed(read_expectations(mixed), now, before, scale.rounds)
    shown.append(("psi and completeness", f"{len(mixed) / seconds:,.0f}", f"{seconds * 1000:.0f} ms"))
    table(f"Checks of {COLUMNS} columns, 200 edges each", ("check", "checks/s", "a version"), shown)
    found.append(Figure("a version of 100 columns checked", "≤ 1 s", f"{seconds * 1000:.0f} ms", met=seconds <= 1))
    return found


def _item(column: str, method: str, side: str) -> dict[str, str]:
    return {"key": column, "check": "distribution", "column": column, "method": method, side: "0.1"}


def _timed(items: Sequence[Expectation], now: Data, before: Data, rounds: int) -> float:
    """Seconds for all items, the median of several rounds."""
    taken: list[float] = []
    answers: list[checks.Figure] = []
    for _ in range(max(3, rounds // 4)):
        start = time.perf_counter()
        answers = checks.measure(items, now, before)
        taken.append(time.perf_counter() - start)
    assert all(one.found is not None for one in answers)
    return sorted(taken)[len(taken) // 2]


def _data(seed: int) -> Data:
    r = np.random.default_rng(seed)
    columns = tuple(numbers(r.normal(size=ROWS), name=f"c{n}") for n in range(COLUMNS))
    return Data(Profile(columns=columns, rows=ROWS, digest="sha256:" + "0" * 64), datetime.now(UTC))
