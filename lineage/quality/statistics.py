"""What two profiles say of how two sets of data differ, each figure with the bounds its true value lies within.

A profile is no sample: its counts are exact at its edges, and between two edges the cumulative count lies between
those of both (it never falls). What a figure of the raw data can be, given that, is worked out here; where both
profiles share their edges most of it is exact. Shares are of all rows, and rows without a value are a bin of their
own, except where it says otherwise. Doubles round: bounds hold to a relative error of 1e-9.

The tests hold each figure against scipy on raw data (tests/lineage/quality).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lineage.quality.bins import Binned, bin_together
from lineage.quality.documents import ColumnProfile

SMOOTHING = 1e-4
"""Added to each bin's share before PSI takes a logarithm, on both sides: an empty bin is rare, not impossible."""
EXACT_TO = 1e-12
"""How far a mean in a profile is taken to be off at most, of the largest value: doubles, summed up."""


class NotAnswered(Exception):
    """The profiles do not hold what it takes; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure, and the bounds that the figure of the raw data lies within; all three the same where it is exact.

    `value` is the best guess (counts between edges by linear interpolation). Infinity: nothing left to compare with.
    """

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> Bounded:
        """A figure without a doubt about it."""
        return cls(value, value, value)

    @property
    def is_exact(self) -> bool:
        """Whether the bounds leave no room."""
        return self.low == self.high


# --- one column ------------------------------------------------------------------------------------------------------


def null_fraction(column: ColumnProfile) -> Bounded:
    """Share of rows without a usable value: null, NaN or infinite. Exact. 1 where there are no rows.

    Raises:
        NotAnswered: nulls were not counted.
    """
    if column.count is None or column.nulls is None:
        raise NotAnswered("nulls were not counted")
    rows = column.count + column.nulls
    return Bounded.exact((column.nulls + column.non_finite) / rows if rows else 1.0)


def distinct_fraction(column: ColumnProfile) -> Bounded:
    """Distinct values per finite value: 1 where none occurs twice. 1 where there is no value.

    Exact where the distinct values were counted; where they were estimated, the bounds are what is certain: at least as
    many as edges and gaps with values in them and listed values, at most what the repetitions that are known leave.

    Raises:
        NotAnswered: distinct values were not counted.
    """
    count = column.finite
    if count is None or column.distinct is None:
        raise NotAnswered("distinct values were not counted")
    if count == 0:
        return Bounded.exact(1.0)
    if column.distinct_exact:
        return Bounded.exact(column.distinct / count)
    apart = sum(b < u for b, u in zip(column.before, column.upto, strict=True))
    apart += sum(u < b for u, b in zip(column.upto[:-1], column.before[1:], strict=True))
    listed = len(column.top) + bool(column.other and column.other.count)
    repeated = sum(u - b - 1 for b, u in zip(column.before, column.upto, strict=True) if u > b)
    least, most = max(apart, listed, 1), count - max(repeated, sum(one.count - 1 for one in column.top))
    most = max(most, least)
    return Bounded(min(max(column.distinct, least), most) / count, least / count, most / count)


# --- two columns: ordered values -------------------------------------------------------------------------------------


def mean_shift(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """|mean − baseline's mean| in the baseline's standard deviations (of the population); among finite values.

    As exact as both means are (EXACT_TO). A baseline that does not vary: 0 if the means agree, else infinite; so is it
    where one side has no values. Glass's Δ: G. V. Glass, Educational Researcher 5 (1976).

    Raises:
        NotAnswered: a mean or the standard deviation was not measured.
    """
    if not _finite(baseline) or not _finite(column):
        return Bounded.exact(0.0 if _finite(baseline) == _finite(column) == 0 else math.inf)
    one, other, spread = _mean(baseline), _mean(column), baseline.stddev
    if spread is None:
        raise NotAnswered("the baseline's standard deviation was not measured")
    apart = abs(one - other)
    known = (one, other, baseline.min, baseline.max, column.min, column.max)
    doubt = EXACT_TO * max(abs(float(x or 0)) for x in known)
    if apart <= doubt and (spread <= doubt or baseline.min == baseline.max):
        return Bounded.exact(0.0)  # constants that agree
    if spread <= 0 or baseline.min == baseline.max:
        return Bounded.exact(math.inf)
    low, high = max(apart - doubt, 0) / spread, (apart + doubt) / spread
    return Bounded(min(max(apart / spread, low), high), low * (1 - 1e-9), high * (1 + 1e-9))


def _mean(column: ColumnProfile) -> float:
    if column.mean is not None:
        return column.mean
    if column.sum is not None and column.finite:
        return float(column.sum / column.finite)
    raise NotAnswered("the mean was not measured")


def _finite(column: ColumnProfile) -> int:
    if column.finite is None:
        raise NotAnswered("values were not counted")
    return column.finite


def kolmogorov_smirnov(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """Largest distance of the two empirical distribution functions, among finite values: 0 to 1.

    Both functions are known at each one's own edges; elsewhere they lie between their values at the edges around. The
    bounds are the largest distance there must be somewhere, and the largest there can be anywhere. At most one gap's
    share apart (about 0.005 with 200 edges); exact where every value is an edge. One side without values: 1; both: 0.
    As scipy.stats.ks_2samp(...).statistic.

    Raises:
        NotAnswered: no distribution was measured.
    """
    one, two = _Steps(baseline), _Steps(column)
    if not one.total or not two.total:
        return Bounded.exact(0.0 if one.total == two.total else 1.0)
    points = sorted({*one.edges, *two.edges})
    low = high = guess = 0.0
    for here in points:
        (a, b), (c, d) = one.upto(here), two.upto(here)
        low, high = max(low, a - d, c - b), max(high, b - c, d - a)
        guess = max(guess, abs(one.guess(here) - two.guess(here)))
    for here, then in pairwise(points):  # anywhere between two points
        a, b, c, d = one.upto(here)[0], one.before(then)[1], two.upto(here)[0], two.before(then)[1]
        low, high = max(low, a - d, c - b), max(high, b - c, d - a)
    return Bounded(min(max(guess, low), high), low, high)


def kolmogorov_smirnov_p(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """Probability of so large a distance, or a larger one, were both drawn alike: small speaks for drift.

    Falls as the distance grows, so its bounds are those of the distance, turned round. The asymptotic distribution of
    scipy.stats.ks_2samp(..., method="asymp"). With ties it errs on the large side.

    Raises:
        NotAnswered: no distribution was measured.
    """
    from scipy.stats import kstwo

    one, two = _finite(baseline), _finite(column)
    if not one or not two:
        return Bounded.exact(1.0 if one == two else 0.0)
    far = kolmogorov_smirnov(baseline, column)
    size = round(one * two / (one + two)) or 1

    # Each takes milliseconds, and mostly they are one.
    at = {far_off: min(max(float(kstwo.sf(far_off, size)), 0.0), 1.0) for far_off in {far.value, far.low, far.high}}
    return Bounded(at[far.value], at[far.high], at[far.low])


class _Steps:
    """The empirical distribution function of a column: shares, with bounds where it is not known exactly."""

    def __init__(self, column: ColumnProfile) -> None:
        self.total = _finite(column)
        self.edges: Sequence[int | float] = column.edges
        if self.total and not self.edges:
            raise NotAnswered("its distribution was not measured")
        self._before, self._upto = column.before, column.upto

    def upto(self, value: int | float) -> tuple[float, float]:
        """Share of values at or below, from and to."""
        return self._at(value, self._upto)

    def before(self, value: int | float) -> tuple[float, float]:
        """Share of values below, from and to."""
        return self._at(value, self._before)

    def _at(self, value: int | float, known: Sequence[int]) -> tuple[float, float]:
        i = bisect_left(self.edges, value)
        if i == len(self.edges):
            return 1.0, 1.0
        if self.edges[i] == value:
            return known[i] / self.total, known[i] / self.total
        return (self._upto[i - 1] / self.total if i else 0.0), self._before[i] / self.total

    def guess(self, value: int | float) -> float:
        """The share at or below, on a straight line between the edges around."""
        low, high = self.upto(value)
        i = bisect_left(self.edges, value)
        if low == high or not 0 < i < len(self.edges):
            return low
        span = float(self.edges[i]) - float(self.edges[i - 1])
        share = (float(value) - float(self.edges[i - 1])) / span if 0 < span < math.inf else 0.5
        return low + (high - low) * share


# --- two columns: bins -----------------------------------------------------------------------------------------------


def population_stability_index(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """Σ (p − q) ln(p / q) over bins (`bins`): the baseline's tenths, or its listed categories; rows without a value.

    p and q are shares of all rows, (share + SMOOTHING) / (1 + SMOOTHING · bins). The cuts are edges of the baseline,
    whose counts are exact; the column's are exact where it has the same edges. Each term is convex in the column's
    count, so that over what the counts can be it is largest at an end; the smallest is taken term by term. Rule of
    thumb: below 0.1 alike, above 0.25 shifted. N. Siddiqi, Credit Risk Scorecards (2006), ch. 10; B. Yurdakul,
    Statistical Properties of Population Stability Index (2018).

    Raises:
        NotAnswered: no distribution was measured.
    """
    binned = _binned(baseline, column)
    if not binned.base_total or not binned.total:
        return Bounded.exact(0.0 if binned.base_total == binned.total else math.inf)
    whole = 1 + SMOOTHING * len(binned.base)

    def term(share: float, count: float) -> float:
        p, q = (count / binned.total + SMOOTHING) / whole, (share + SMOOTHING) / whole
        return (p - q) * math.log(p / q)

    return _summed(binned, term)


def jensen_shannon(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """Jensen-Shannon distance of the two distributions over the bins of PSI, to base 2: 0 (alike) to 1 (disjoint).

    The root of the divergence, which is convex in each count as PSI is; bounds likewise. No smoothing. As
    scipy.spatial.distance.jensenshannon(p, q, base=2). J. Lin, IEEE Trans. Inf. Theory 37 (1991).

    Raises:
        NotAnswered: no distribution was measured.
    """
    binned = _binned(baseline, column)
    if not binned.base_total or not binned.total:
        return Bounded.exact(0.0 if binned.base_total == binned.total else 1.0)

    def term(q: float, count: float) -> float:
        p = count / binned.total
        middle = (p + q) / 2
        return sum(x * math.log2(x / middle) for x in (p, q) if x > 0) / 2

    found = _summed(binned, term)
    return Bounded(*(math.sqrt(min(max(one, 0.0), 1.0)) for one in (found.value, found.low, found.high)))


def chi_square_p(baseline: ColumnProfile, column: ColumnProfile) -> Bounded:
    """Probability of so large a χ², or a larger one, over the bins of PSI, were both drawn alike.

    Pearson's test of homogeneity on the table of two rows; bins empty on both sides are left out. χ² is convex in each
    count; the p-value falls as it grows, so the bounds turn round. As scipy.stats.chi2_contingency(correction=False).
    Asymptotic: rough where a bin expects fewer than five rows.

    Raises:
        NotAnswered: no distribution was measured.
    """
    from scipy.stats import chi2

    binned = _binned(baseline, column)
    if not binned.base_total or not binned.total:
        return Bounded.exact(1.0 if binned.base_total == binned.total else 0.0)
    both = binned.total * binned.base_total

    def term(q: float, count: float) -> float:
        there = count + q * binned.base_total
        return both * (count / binned.total - q) ** 2 / there if there else 0.0

    squared, ranges = _summed(binned, term), binned.ranges()
    sure = sum(bool(base or low) for base, (low, _high) in zip(binned.base, ranges, strict=True))
    perhaps = sum(bool(base or high) for base, (_low, high) in zip(binned.base, ranges, strict=True))

    def at(statistic: float, bins: int) -> float:
        return float(chi2.sf(statistic, bins - 1)) if bins > 1 else 1.0

    low, high = at(squared.high, sure), at(squared.low, perhaps)
    return Bounded(min(max(at(squared.value, perhaps), low), high), low, high)


def _binned(baseline: ColumnProfile, column: ColumnProfile) -> Binned:
    found = bin_together(baseline, column)
    if isinstance(found, str):
        raise NotAnswered(found)
    return found


def _summed(binned: Binned, term: Callable[[float, float], float]) -> Bounded:
    """Σ term(baseline's share, count) over the bins, for a term convex in the count, least where the shares agree."""
    shares = [count / binned.base_total for count in binned.base]
    low = sum(
        term(share, min(max(share * binned.total, least), most))
        for share, (least, most) in zip(shares, binned.ranges(), strict=True)
    )
    high = binned.largest(lambda i, count: term(shares[i], count))
    guess = sum(term(share, count) for share, count in zip(shares, binned.guess, strict=True))
    high = max(low, high)  # the same, but for rounding
    return Bounded(min(max(guess, low), high), low, high)
