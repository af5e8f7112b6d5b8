"""A profile as people see it: each column with a small drawing, and the table that says the same."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance.unit_of_work import REASON_LIMIT
from lineage.quality.documents import ColumnProfile, Number

BARS = 24
WIDTH, HEIGHT = 240, 56
COLUMNS_SHOWN = 50
CATEGORIES_SHOWN = 8
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a drawing, in pixels, and what it says."""

    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Category:
    """A frequent value, and how long its bar is in percent of the longest."""

    value: str
    count: int
    percent: float
    other: bool = False


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """A column of a profile."""

    column: ColumnProfile
    filled: float | None
    """Percent of rows with a value."""
    unique: float | None
    """Distinct values in percent of values."""
    least: str = ""
    most: str = ""
    bars: list[Bar] = field(default_factory=list)
    says: str = ""
    """The drawing in words."""
    points: list[tuple[str, str]] = field(default_factory=list)
    """(share of rows, the value up to which they lie)."""
    categories: list[Category] = field(default_factory=list)


def shown(columns: Sequence[ColumnProfile]) -> list[ShownColumn]:
    """Columns with their drawings."""
    return [_shown(one) for one in columns]


def _shown(column: ColumnProfile) -> ShownColumn:
    rows = None if column.count is None or column.nulls is None else column.count + column.nulls
    filled = None if not rows or column.count is None else 100 * column.count / rows
    unique = None if not column.count or column.distinct is None else 100 * column.distinct / column.count
    least, most = _value(column, column.min), _value(column, column.max)
    bars = _bars(column)
    says = ""
    if bars:
        says = _("%(name)s from %(least)s to %(most)s; most rows: %(peak)s") % {
            "name": column.name, "least": least, "most": most, "peak": min(bars, key=lambda one: one.y).says,
        }  # fmt: skip
    few = not bars or (column.type == "integer" and (column.distinct or 0) <= CATEGORIES_SHOWN)
    categories = _categories(column) if few else []
    return ShownColumn(column, filled, unique, least, most, bars, says, _points(column), categories)


def _value(column: ColumnProfile, value: Number | None) -> str:
    """A number as people read it; seconds as the day or the moment they are."""
    if value is None:
        return ""
    if column.type in ("date", "timestamp"):
        try:
            moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(seconds=float(value))
        except (OverflowError, ValueError):
            return f"{value} s"
        return f"{moment:%Y-%m-%d}" if column.type == "date" else f"{moment:%Y-%m-%d %H:%M:%S}"
    # No commas: a whole number may be a year or a key.
    return f"{value}" if isinstance(value, int) and abs(value) < 10**15 else f"{value:.6g}"


def _bars(column: ColumnProfile) -> list[Bar]:
    """The distribution in bars of one width. Rows between two edges are spread evenly: their places are unknown."""
    if len(column.edges) < 2 or not column.finite:
        return []
    kept = _filled(column)
    edges, before, upto = column.edges[kept], column.before[kept], column.upto[kept]
    low, high = float(edges[0]), float(edges[-1])
    step = high / BARS - low / BARS  # their difference may be beyond a double
    if step <= 0:
        return []
    counts = [0.0] * BARS
    for edge, less, equal in zip(edges, before, upto, strict=True):
        counts[min(int((float(edge) - low) / step), BARS - 1)] += equal - less
    for (left, right), (start, end) in zip(pairwise(edges), zip(upto, before[1:], strict=False), strict=True):
        _spread(counts, (float(left) - low) / step, (float(right) - low) / step, end - start)
    most = max(counts)
    width = WIDTH / BARS
    bars = []
    for place, count in enumerate(counts):
        height = HEIGHT * count / most
        ends = [_value(column, low + step * (place + more)) for more in (0, 1)]
        says = _("about %(count)s rows from %(from)s to %(to)s") % {
            "count": f"{round(count):,}", "from": ends[0], "to": ends[1],
        }  # fmt: skip
        bars.append(
            Bar(round(place * width, 2), round(HEIGHT - height, 2), round(width - 1, 2), round(height, 2), says)
        )
    return bars


def _filled(column: ColumnProfile) -> slice:
    """The edges between which rows lie: a profile also keeps those of the version it is compared with."""
    first, last = 0, len(column.edges) - 1
    while first < last and not column.before[first + 1]:
        first += 1
    while last > first and column.upto[last - 1] == column.upto[last]:
        last -= 1
    return slice(first, last + 1)


def _spread(counts: list[float], left: float, right: float, rows: int) -> None:
    """Give rows between two places, in bars, to the bars they lie in."""
    if not rows or right <= left:
        return
    for place in range(max(int(left), 0), min(int(right), BARS - 1) + 1):
        overlap = min(right, place + 1) - max(left, place)
        counts[place] += rows * max(overlap, 0) / (right - left)


def _points(column: ColumnProfile) -> list[tuple[str, str]]:
    """The first edge up to which at least each share of the rows lies; as reported where there are no edges."""
    if not column.edges or not column.finite:
        return [(f"{share:g}", _value(column, value)) for share, value in column.quantiles]
    found = []
    for share in SHARES:
        place = next(n for n, count in enumerate(column.upto) if count >= share * column.finite)
        found.append((f"{share:g}", _value(column, column.edges[place])))
    return found


def _categories(column: ColumnProfile) -> list[Category]:
    listed = list(column.top[:CATEGORIES_SHOWN])
    rest = sum(one.count for one in column.top[CATEGORIES_SHOWN:]) + (column.other.count if column.other else 0)
    if not listed:
        return []
    most = max(rest, listed[0].count)
    found = [
        Category(_named(one.value), one.count, round(100 * one.count / most, 1)) for one in listed
    ]  # fmt: skip
    return [*found, Category(_("others"), rest, round(100 * rest / most, 1), True)] if rest else found


def _named(value: str | None) -> str:
    if value is None:
        return _("(too long, or not to be shown)")
    return value if value.strip() else _("(blank)")


class UploadForm(forms.Form):
    """A file to profile."""

    error_css_class = "error"
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV, Parquet or JSON lines, in gzip or not. It is removed once it is profiled."),
    )  # fmt: skip
    encoding = forms.CharField(
        label=gettext_lazy("Encoding"), max_length=40, required=False,
        help_text=gettext_lazy("Of a text that is no UTF-8, such as cp1252 or euc-kr."),
    )  # fmt: skip
    null = forms.CharField(
        label=gettext_lazy("Also no value"), max_length=40, required=False,
        help_text=gettext_lazy("What a CSV writes where there is no value, such as NA; blank is always none."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It goes on record with the profile."),
        error_messages={"required": gettext_lazy("Give a reason: it goes on record.")},
    )  # fmt: skip


def page_of_columns(columns: Sequence[ColumnProfile], start: Any) -> tuple[list[ShownColumn], int | None, int | None]:
    """Some columns from a place on, and where the ones before and after begin."""
    text = str(start or "0")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    first = first if first < len(columns) else 0
    after = first + COLUMNS_SHOWN if first + COLUMNS_SHOWN < len(columns) else None
    before = max(first - COLUMNS_SHOWN, 0) if first else None
    return shown(columns[first : first + COLUMNS_SHOWN]), before, after
