"""Checks of data as people look at them: both distributions side by side, and how version after version came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from approvals.checks import checks_with_verdicts
from approvals.models import Comparator, DataCheck
from lineage.models import Dataset, ExpectationSet

BINS_WIDTH, BINS_HEIGHT = 360, 96  # units of the drawing's own
CELL, LABEL = 22, 190
VERSIONS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin's two bars, in units of the drawing, and the shares they stand for."""

    label: str
    x: str
    width: str
    base_y: str
    base_height: str
    mine_x: str
    mine_y: str
    mine_height: str
    base: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in words."""

    key: str
    what: str
    slice: str
    value: str
    interval: str
    asked: str
    holds: bool | None
    warning: bool
    why: str
    bins: list[Bin]


@dataclass(frozen=True, slots=True)
class Cell:
    """How one version came out in one item."""

    state: str
    """held, failed, warned, unknown or none (not asked)."""
    x: int
    y: int
    value: str


@dataclass(frozen=True, slots=True)
class History:
    """Items down, versions across, oldest first."""

    versions: list[tuple[Any, int]]
    """(check, x of its column)"""
    rows: list[tuple[str, int, list[Cell]]]
    """(item, y of its row, its cells)"""
    width: int
    height: int


def rows_of(check: DataCheck) -> list[Row]:
    """The figures of a check, failures first, as they were asked otherwise."""
    found = [_row(one) for one in check.figures]
    return sorted(found, key=lambda row: (row.holds is not False, row.holds is not None))


def _row(one: Mapping[str, Any]) -> Row:
    low, high, value = one.get("low", ""), one.get("high", ""), one.get("value", "")
    asked = " · ".join(f"{Comparator(b['comparator']).label} {b['threshold']}" for b in one.get("bounds", ()))
    return Row(
        key=one["key"], what=str(one["metric"]).replace("_", " "),
        slice=one["slice"] if one["slice"] != one["key"] else "",
        value=f"{short(value)} {one['unit']}".strip() if value else "", asked=asked, holds=one["holds"],
        interval=f"{short(low)} – {short(high)}" if low != high else "", warning=one["severity"] == "warning",
        why=one["why"], bins=_bins(one.get("bins", ())),
    )  # fmt: skip


def short(number: str) -> str:
    """A number of the record with six digits that count; the whole of it is in the API."""
    found = Decimal(number)
    return format(found, ".6g") if abs(found) < Decimal("1e15") else format(found, ".3E")


def _bins(bins: Sequence[Sequence[Any]]) -> list[Bin]:
    if not bins:
        return []
    most = max((max(base, high) for _label, base, _low, high in bins), default=0) or 1
    step = BINS_WIDTH / len(bins)
    bar = step * 0.4
    found = []
    for n, (label, base, low, high) in enumerate(bins):
        left, middle = n * step + step * 0.08, (low + high) / 2
        base_height, mine_height = base / most * BINS_HEIGHT, middle / most * BINS_HEIGHT
        found.append(
            Bin(
                label=str(label), x=f"{left:.1f}", width=f"{bar:.1f}", base_y=f"{BINS_HEIGHT - base_height:.1f}",
                base_height=f"{base_height:.1f}", mine_x=f"{left + bar + step * 0.04:.1f}",
                mine_y=f"{BINS_HEIGHT - mine_height:.1f}", mine_height=f"{mine_height:.1f}", base=f"{base:.1%}",
                low=f"{low:.1%}", high=f"{high:.1%}",
            )
        )  # fmt: skip
    return found


def checks_of(version: int) -> list[Any]:
    """The checks of a version, newest first, with their verdicts."""
    found = checks_with_verdicts(DataCheck.objects.filter(dataset_version=version))
    related = ("baseline__dataset_version", "profile__recorded_by", "baseline__recorded_by")
    return list(found.select_related(*related).order_by("-pk")[:20])


def history_of(dataset: Dataset, asked: ExpectationSet | None) -> History | None:
    """How the newest versions came out under the expectations in force, the newest check of each; None before any."""
    if asked is None:
        return None
    newest = (
        DataCheck.objects.filter(expectation_set=asked).order_by("dataset_version", "-pk").distinct("dataset_version")
    )
    checks = list(
        checks_with_verdicts(DataCheck.objects.filter(pk__in=newest.values("pk")))
        .select_related("dataset_version")
        .order_by("-dataset_version")[:VERSIONS_SHOWN]
    )[::-1]
    if not checks:
        return None
    across = [(check, LABEL + n * CELL) for n, check in enumerate(checks)]
    rows = []
    for n, item in enumerate(asked.items):
        cells = [_cell(item, check, x, n * CELL) for check, x in across]
        rows.append((str(item["key"]), n * CELL, cells))
    return History(across, rows, LABEL + len(checks) * CELL + 4, len(rows) * CELL + 4)


def _cell(item: Mapping[str, Any], check: DataCheck, x: int, y: int) -> Cell:
    mine = [one for one in check.figures if one["key"] == item["key"]]
    states = [one["holds"] for one in mine]
    if not mine:
        state = "none"
    elif check.note or None in states:
        state = "unknown"
    elif False in states:
        state = "warned" if item.get("severity") == "warning" else "failed"
    else:
        state = "held"
    return Cell(state, x, y, ", ".join(short(one["value"]) for one in mine if one.get("value")))
