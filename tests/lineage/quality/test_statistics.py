"""Each figure from profiles alone against the same figure from raw data by scipy: the truth lies within the bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from lineage.quality import statistics
from lineage.quality.bins import Cut, bin_together, cuts_of
from lineage.quality.documents import ColumnProfile
from lineage.quality.statistics import Bounded, NotAnswered
from tests.lineage.quality.raw import numbers, texts

Values = Sequence[float | None]

doubles = st.floats(-1e308, 1e308, allow_nan=False)
few = st.integers(-3, 3).map(float)
columns = st.one_of(
    st.lists(st.one_of(few, st.none()), max_size=60),
    st.lists(st.one_of(doubles, st.none()), max_size=60),
    st.lists(st.floats(-10, 10), max_size=120),
    st.lists(st.sampled_from([0.0, 1.0, math.nan, math.inf, None]), max_size=30),
    st.builds(lambda value, times: [value] * times, doubles, st.integers(1, 20)),
)
counts_of_edges = st.sampled_from([2, 3, 8, 200])


def within(found: Bounded, truth: float) -> None:
    """The truth lies within the bounds, to what doubles round."""
    slack = 1e-9 * max(1.0, abs(truth) if math.isfinite(truth) else 1.0)
    assert found.low <= found.value <= found.high, found
    assert found.low - slack <= truth <= found.high + slack, f"{truth} is outside {found}"


def finite(values: Values) -> list[float]:
    return [v for v in values if v is not None and math.isfinite(v)]


def counted(values: Values, cuts: Sequence[Cut], *, non_finite: bool) -> list[int]:
    """How many raw values lie in each bin between cuts; then nulls, then NaN and infinities."""
    up = [sum(v <= c.at if c.lower else v < c.at for v in finite(values)) for c in cuts]
    inside = [b - a for a, b in zip([0, *up], [*up, len(finite(values))], strict=True)]
    missing = [sum(v is None for v in values)]
    missing += [sum(v is not None and not math.isfinite(v) for v in values)] if non_finite else []
    return [*inside, *missing]


def psi(base: Sequence[int], mine: Sequence[int]) -> float:
    """By the definition, over counts in bins."""
    whole = 1 + statistics.SMOOTHING * len(base)
    p = (np.array(mine) / sum(mine) + statistics.SMOOTHING) / whole
    q = (np.array(base) / sum(base) + statistics.SMOOTHING) / whole
    return float(np.sum((p - q) * np.log(p / q)))


def chi_square(base: Sequence[int], mine: Sequence[int]) -> float:
    table = np.array([base, mine])
    table = table[:, table.sum(axis=0) > 0]
    return float(stats.chi2_contingency(table, correction=False).pvalue) if table.shape[1] > 1 else 1.0


BINNED: list[tuple[Callable[[ColumnProfile, ColumnProfile], Bounded], Callable[[Any, Any], float]]] = [
    (statistics.population_stability_index, psi),
    (statistics.jensen_shannon, lambda base, mine: float(distance.jensenshannon(mine, base, base=2))),
    (statistics.chi_square_p, chi_square),
]


@given(columns, columns, counts_of_edges, counts_of_edges)
@example([1.0, 1.0], [2.0], 200, 200)
@example([None], [1.0], 2, 2)
@example([0.0] * 5, [0.0] * 5 + [1e308], 200, 2)
def test_figures_over_bins_hold_the_truth(base: Values, mine: Values, base_edges: int, mine_edges: int) -> None:
    baseline, column = numbers(base, edges=base_edges), numbers(mine, edges=mine_edges)
    if not base or not mine:
        return
    cuts = cuts_of(baseline) if finite(base) else []
    non_finite = bool(baseline.non_finite or column.non_finite)
    raw = [counted(one, cuts, non_finite=non_finite) for one in (base, mine)]
    for figure, truth in BINNED:
        within(figure(baseline, column), truth(*raw))


@given(columns, columns, counts_of_edges)
def test_with_the_baselines_edges_given_they_are_exact(base: Values, mine: Values, edges: int) -> None:
    baseline = numbers(base, edges=edges)
    column = numbers(mine, edges=edges, against=baseline.edges)
    if not base or not mine:
        return
    for figure, _truth in BINNED:
        found = figure(baseline, column)
        assert math.isclose(found.low, found.high, rel_tol=1e-9, abs_tol=1e-7), found


@given(columns, columns, counts_of_edges, counts_of_edges)
@example([1.0, 2.0], [1.0, 2.0], 200, 200)
@example([-1e308, 1e308], [0.0], 2, 2)
def test_the_kolmogorov_smirnov_distance_holds_the_truth(base: Values, mine: Values, one: int, two: int) -> None:
    baseline, column = numbers(base, edges=one), numbers(mine, edges=two)
    if not finite(base) or not finite(mine):
        return
    if round(len(finite(base)) * len(finite(mine)) / (len(finite(base)) + len(finite(mine)))) == 0:
        return  # one value each: scipy divides by nothing
    truth = stats.ks_2samp(finite(base), finite(mine), method="asymp")
    within(statistics.kolmogorov_smirnov(baseline, column), truth.statistic)
    within(statistics.kolmogorov_smirnov_p(baseline, column), truth.pvalue)


@given(st.lists(st.one_of(few, st.none()), min_size=1), st.lists(st.one_of(few, st.none()), min_size=1))
def test_where_every_value_is_an_edge_the_distance_is_exact(base: Values, mine: Values) -> None:
    found = statistics.kolmogorov_smirnov(numbers(base), numbers(mine))
    assert math.isclose(found.low, found.high, abs_tol=1e-12)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_shift_of_the_mean_holds_the_truth(base: list[float], mine: list[float]) -> None:
    found = statistics.mean_shift(numbers(base), numbers(mine))
    spread = float(np.std(base))
    if spread > 1e-6 * max(1.0, *(abs(v) for v in base)):
        within(found, abs(float(np.mean(base)) - float(np.mean(mine))) / spread)


words = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh"), st.text(max_size=2)), min_size=1, max_size=80)


@given(words, words, st.sampled_from([1, 2, 5, 100]), st.sampled_from([1, 2, 5, 100]), st.sampled_from([1, 5]))
def test_figures_over_categories_hold_the_truth(
    base: list[str | None], mine: list[str | None], base_top: int, mine_top: int, least: int
) -> None:
    baseline, column = texts(base, top=base_top, least=least), texts(mine, top=mine_top, least=least)
    if isinstance(bin_together(baseline, column), str):
        return  # nothing listed on one side
    listed = [one.value for one in baseline.top]

    def raw(values: list[str | None]) -> list[int]:
        others = sum(v is not None and v not in listed for v in values)
        return [*(values.count(v) for v in listed), others, values.count(None)]

    if not baseline.count and not column.count:
        return
    for figure, truth in BINNED:
        within(figure(baseline, column), truth(raw(base), raw(mine)))


DISTRIBUTIONS: dict[str, Callable[[Any, int], Any]] = {
    "normal": lambda r, n: r.normal(size=n),
    "shifted": lambda r, n: r.normal(0.4, 1.3, size=n),
    "heavy": lambda r, n: r.standard_cauchy(size=n),
    "skewed": lambda r, n: r.lognormal(2, 1.5, size=n),
    "counts": lambda r, n: r.poisson(3, size=n).astype(float),
    "rounded": lambda r, n: np.round(r.normal(50, 9, size=n)),
    "two heaps": lambda r, n: np.where(r.random(n) < 0.5, r.normal(-4, 1, n), r.normal(4, 1, n)),
}


@pytest.mark.parametrize("one", DISTRIBUTIONS)
@pytest.mark.parametrize("two", ["normal", "skewed", "counts"])
def test_on_large_data_the_bounds_are_narrow(one: str, two: str) -> None:
    r = np.random.default_rng(7)
    base, mine = DISTRIBUTIONS[one](r, 20_000), DISTRIBUTIONS[two](r, 5_000)
    baseline, column = numbers(base), numbers(mine)
    distance_found = statistics.kolmogorov_smirnov(baseline, column)
    within(distance_found, stats.ks_2samp(base, mine).statistic)
    assert distance_found.high - distance_found.low <= 0.0101, "two gaps of half a per cent"
    raw = [counted(values, cuts_of(baseline), non_finite=False) for values in (base, mine)]
    for figure, truth in BINNED:
        within(figure(baseline, column), truth(*raw))
    found = statistics.population_stability_index(baseline, column)
    assert found.high - found.low <= max(0.05, 0.4 * found.value), found


@pytest.mark.parametrize("missing", [0.0, 0.05, 0.5, 1.0])
def test_data_going_missing_is_a_shift(missing: float) -> None:
    r = np.random.default_rng(3)
    values = r.normal(size=4_000)
    gone: Values = [None if r.random() < missing else v for v in values]
    found = statistics.population_stability_index(numbers(values), numbers(gone))
    assert (found.low > 0.25) == (missing > 0), found
    share = sum(v is None for v in gone) / len(gone)
    assert statistics.null_fraction(numbers(gone)) == Bounded.exact(share)


def test_a_constant_that_changes_is_a_shift_in_either_direction() -> None:
    five = numbers([5.0] * 100)
    for other in (3.0, 7.0):
        found = numbers([other] * 100)
        assert statistics.population_stability_index(five, found).low > 1
        assert statistics.jensen_shannon(five, found) == Bounded.exact(1.0)
        assert statistics.kolmogorov_smirnov(five, found) == Bounded.exact(1.0)
        assert statistics.mean_shift(five, found).low == math.inf
    assert statistics.population_stability_index(five, five).high == pytest.approx(0, abs=1e-12)
    assert statistics.mean_shift(five, five) == Bounded.exact(0.0)


def test_nothing_against_something_is_as_far_apart_as_can_be() -> None:
    none, some = numbers([]), numbers([1.0, 2.0])
    for one, two in ((none, some), (some, none)):
        assert statistics.population_stability_index(one, two).low == math.inf
        assert statistics.jensen_shannon(one, two).low == 1
        assert statistics.kolmogorov_smirnov(one, two).low == 1
        assert statistics.kolmogorov_smirnov_p(one, two).high == 0
        assert statistics.chi_square_p(one, two).high == 0
        assert statistics.mean_shift(one, two).low == math.inf
    assert statistics.kolmogorov_smirnov(none, none).high == statistics.population_stability_index(none, none).high == 0
    all_null = numbers([None, None])
    assert statistics.kolmogorov_smirnov(some, all_null).low == 1
    assert statistics.null_fraction(all_null) == statistics.null_fraction(none) == Bounded.exact(1.0)


def test_what_was_not_measured_is_not_answered() -> None:
    reported = ColumnProfile("x", type="number", count=10, nulls=0, min=0, max=1)
    for figure in (
        statistics.kolmogorov_smirnov, statistics.population_stability_index, statistics.jensen_shannon,
        statistics.chi_square_p, statistics.mean_shift,
    ):  # fmt: skip
        with pytest.raises(NotAnswered):
            figure(reported, reported)
    for alone in (statistics.null_fraction, statistics.distinct_fraction):
        with pytest.raises(NotAnswered):
            alone(ColumnProfile("x"))
    with pytest.raises(NotAnswered, match="type changed"):
        statistics.jensen_shannon(numbers([1.0]), texts(["a"] * 9))


@given(columns)
def test_distinct_values_that_were_estimated_have_bounds_that_are_certain(values: Values) -> None:
    known = numbers(values)
    if known.distinct is None:
        return
    truth = statistics.distinct_fraction(known)
    assert truth.is_exact
    from dataclasses import replace

    for guess in (1, known.distinct, known.finite or 0):
        if known.finite:
            within(statistics.distinct_fraction(replace(known, distinct=guess, distinct_exact=False)), truth.value)
