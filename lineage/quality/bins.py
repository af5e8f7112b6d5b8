"""Two columns counted into the same bins: exact on the baseline's side, between bounds on the other.

Ordered values: below the baseline's least, its tenths, above its most; the cuts are edges of the baseline, so that its
counts are exact. Values in categories: those the baseline lists, and all others. Rows without a value (nulls; NaN and
infinities) are bins of their own, so that data going missing is a shift like any other.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from lineage.quality.documents import ColumnProfile, Number, TopValue

PARTS = 10
"""Bins between the baseline's least and most: its tenths, fewer where ties make them one."""

Span = tuple[int, int]
"""A count's bounds."""


@dataclass(frozen=True, slots=True)
class Binned:
    """Counts of two columns in the same bins: ordered bins or categories, then those of rows without a value."""

    labels: tuple[str, ...]
    base: tuple[int, ...]
    guess: tuple[float, ...]
    """The column's counts, by straight lines between its edges."""
    total: int
    """The column's rows."""
    cuts: tuple[Span, ...]
    """Of ordered bins: the column's values up to each cut. These rise."""
    finite: int
    """The column's values in the ordered bins."""
    loose: tuple[Span, ...]
    """Of the bins after those: the column's rows in each, each for itself."""

    @property
    def base_total(self) -> int:
        """The baseline's rows."""
        return sum(self.base)

    def ranges(self) -> list[Span]:
        """The column's rows in each bin, each for itself."""
        found: list[Span] = []
        if self.cuts:
            steps = [(0, 0), *self.cuts, (self.finite, self.finite)]
            found = [(max(0, then[0] - here[1]), then[1] - here[0]) for here, then in pairwise(steps)]
        return [*found, *self.loose]

    def largest(self, term: Callable[[int, float], float]) -> float:
        """The largest that Σ term(bin, count) can be, for terms convex in the count.

        A convex sum over cumulative counts, each between its bounds and none below the one before, is largest at a
        corner: each cumulative count at one of its ends. Cuts between the same two edges have the same ends and all
        others are apart, so that going through the bins with both ends in hand finds that corner. Loose bins are taken
        at their worst each: an upper bound of what they can be together.
        """
        best = {0: 0.0}
        for i, ends in enumerate([*self.cuts, (self.finite, self.finite)] if self.cuts else []):
            best = {
                end: max(so_far + term(i, end - start) for start, so_far in best.items() if start <= end)
                for end in ends
            }
        found = max(best.values())
        for i, (least, most) in enumerate(self.loose, start=len(self.base) - len(self.loose)):
            found += max(term(i, least), term(i, most))
        return found


def bin_together(baseline: ColumnProfile, column: ColumnProfile) -> Binned | str:
    """Both in the baseline's bins; or, in words, what is missing to do it."""
    for one in (baseline, column):
        if one.count is None or one.nulls is None:
            return "values and nulls were not counted"
    if baseline.edges and (column.edges or not column.finite):
        return _ordered(baseline, column)
    if not baseline.finite and (column.edges or not column.finite):
        return _without_values(baseline, column)
    if _listed(baseline) and _listed(column):
        return _categories(baseline, column)
    if baseline.edges or column.edges:
        return "its distribution was measured on one side only, or its type changed"
    return "its values are not kept: they hide a person, are nearly all different, or were not measured"


def _listed(column: ColumnProfile) -> bool:
    return not column.count or bool(column.top)


# --- ordered values --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """Where one bin ends and the next begins: at a value, which belongs to the lower bin or to the upper one."""

    at: Number
    lower: bool
    base: int
    """The baseline's values up to there, exactly."""


def cuts_of(baseline: ColumnProfile) -> list[Cut]:
    """The cuts of a baseline that has edges: below its least value, at its tenths, at its most.

    At each tenth stands the first edge that at least so many values do not exceed. Ties make fewer cuts.
    """
    count = baseline.finite or 0
    edges, upto = baseline.edges, baseline.upto
    empty = bisect_left(upto, 1) - 1  # the last edge below every value, where others' edges were asked for too
    first = Cut(edges[0], lower=False, base=0) if empty < 0 else Cut(edges[empty], lower=True, base=0)
    places = dict.fromkeys(bisect_left(upto, count * part / PARTS) for part in range(1, PARTS + 1))
    return [first, *(Cut(edges[i], lower=True, base=upto[i]) for i in sorted(places))]


def upto(column: ColumnProfile, cut: Cut) -> Span:
    """How many of a column's values lie up to a cut."""
    i = bisect_left(column.edges, cut.at)
    if i == len(column.edges):
        return (column.finite or 0,) * 2
    if column.edges[i] == cut.at:
        return ((column.upto if cut.lower else column.before)[i],) * 2
    return (column.upto[i - 1] if i else 0), column.before[i]


def between(column: ColumnProfile, value: Number, span: Span) -> float:
    """How many values lie up to a value, on a straight line between the edges around it."""
    i = bisect_left(column.edges, value)
    if span[0] == span[1] or not 0 < i < len(column.edges):
        return float(span[0])
    gap = float(column.edges[i]) - float(column.edges[i - 1])
    share = (float(value) - float(column.edges[i - 1])) / gap if 0 < gap < math.inf else 0.5
    return span[0] + (span[1] - span[0]) * share


def _ordered(baseline: ColumnProfile, column: ColumnProfile) -> Binned:
    cuts = cuts_of(baseline)
    finite = column.finite or 0
    spans = [upto(column, cut) for cut in cuts]
    guesses = [0.0, *(between(column, c.at, span) for c, span in zip(cuts, spans, strict=True)), float(finite)]
    base = [0, *(cut.base for cut in cuts), baseline.finite or 0]
    names = [_shown(baseline, cut.at) for cut in cuts]
    first = f"below {names[0]}" if not cuts[0].lower else f"to {names[0]}"
    labels = [first, *(f"{a} to {b}" for a, b in pairwise(names)), f"above {names[-1]}"]
    return _completed(
        baseline, column, labels, [b - a for a, b in pairwise(base)], [b - a for a, b in pairwise(guesses)],
        cuts=tuple(spans), non_finite=True,
    )  # fmt: skip


def _shown(column: ColumnProfile, value: Number) -> str:
    if column.type in ("date", "timestamp"):
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(value))
        except OverflowError:
            return f"{value:.6g}"
        return f"{moment:%Y-%m-%d}" if column.type == "date" else f"{moment:%Y-%m-%d %H:%M}"
    return f"{value:.6g}"


def _without_values(baseline: ColumnProfile, column: ColumnProfile) -> Binned:
    finite = column.finite or 0
    return _completed(
        baseline, column, ["values"], [0], [float(finite)], loose=[(finite, finite)], non_finite=True
    )  # fmt: skip


# --- categories ------------------------------------------------------------------------------------------------------


def _categories(baseline: ColumnProfile, column: ColumnProfile) -> Binned:
    rest = column.other.count if column.other else 0
    unlisted = most_of_one(column)
    new = list(column.top)
    spans: list[Span] = []
    for one in baseline.top:
        same = next((other for other in new if same_value(one, other)), None)
        if same is not None:
            new.remove(same)
        spans.append((0, unlisted) if same is None else (same.count, same.count))
    elsewhere = sum(one.count for one in new)
    hidden = sum(high for low, high in spans if low != high)
    guesses = [float(low) for low, _high in spans]
    spans.append((elsewhere + max(0, rest - hidden), elsewhere + rest))
    labels = ["…" if one.value is None else one.value or "(empty)" for one in baseline.top]
    base = [*(one.count for one in baseline.top), baseline.other.count if baseline.other else 0]
    return _completed(baseline, column, [*labels, "others"], base, [*guesses, float(elsewhere + rest)], loose=spans)


def most_of_one(column: ColumnProfile) -> int:
    """In how many rows an unlisted value of a column can be: no more than the least listed one, nor than are left."""
    if column.other is None or not column.other.count:
        return 0
    left = column.other.count - (column.other.distinct - 1)
    return min(left, column.top[-1].count) if column.top else left


def same_value(one: TopValue, other: TopValue) -> bool:
    """Whether two keys name the same value: one is the other's beginning."""
    return one.key.startswith(other.key) or other.key.startswith(one.key)


def _completed(
    baseline: ColumnProfile, column: ColumnProfile, labels: list[str], base: list[int], guess: list[float], *,
    cuts: tuple[Span, ...] = (), loose: list[Span] | None = None, non_finite: bool = False,
) -> Binned:  # fmt: skip
    """With the bins of rows without a value. Categories have NaN and infinities among their values already."""
    nulls = column.nulls or 0
    loose = [*(loose or []), (nulls, nulls)]
    labels, base, guess = [*labels, "no value"], [*base, baseline.nulls or 0], [*guess, float(nulls)]
    if non_finite and (baseline.non_finite or column.non_finite):
        loose.append((column.non_finite, column.non_finite))
        labels, base = [*labels, "NaN or infinite"], [*base, baseline.non_finite]
        guess.append(float(column.non_finite))
    return Binned(
        labels=tuple(labels), base=tuple(base), guess=tuple(guess), total=(column.count or 0) + nulls, cuts=cuts,
        finite=column.finite or 0, loose=tuple(loose),
    )  # fmt: skip
