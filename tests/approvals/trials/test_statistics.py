"""The tests, intervals and sizes against scipy and statsmodels, over many sizes, rates, spreads and far-off means."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import power as sm_power
from statsmodels.stats import proportion as sm

from approvals.trials import sequential, statistics
from approvals.trials.results import figure
from approvals.trials.statistics import Sample

UNITS = st.integers(1, 100_000)
TAILS = st.floats(1e-6, 0.4)


@st.composite
def proportions(draw: Any) -> Sample:
    units = draw(UNITS)
    return Sample(units, Decimal(draw(st.integers(0, units))))


def sample_of(values: Any) -> Sample:
    """A sample of raw values, summed exactly."""
    exact = [Decimal(repr(float(v))) for v in values]
    return Sample(len(exact), sum(exact, Decimal(0)), sum((v * v for v in exact), Decimal(0)))


@given(z=st.floats(-30, 30))
def test_the_normal_tail_is_scipys(z: float) -> None:
    assert statistics.normal_tail(z) == pytest.approx(stats.norm.sf(z), rel=1e-12)


@given(t=st.floats(-40, 40), degrees=st.floats(1, 1e6))
def test_students_tail_is_scipys(t: float, degrees: float) -> None:
    assert statistics.student_tail(t, degrees) == pytest.approx(stats.t.sf(t, degrees), rel=1e-7, abs=1e-280)


@given(tail=TAILS, degrees=st.floats(1, 1e5))
def test_students_point_is_scipys(tail: float, degrees: float) -> None:
    assert statistics.student_point(tail, degrees) == pytest.approx(stats.t.isf(tail, degrees), rel=1e-7)


@given(x=st.floats(0, 500))
def test_the_chi_square_tail_is_scipys(x: float) -> None:
    assert statistics.chi_square_tail(x) == pytest.approx(stats.chi2.sf(x, 1), rel=1e-10)


@given(a=proportions(), b=proportions())
def test_the_z_test_is_statsmodels(a: Sample, b: Sample) -> None:
    found = statistics.compare(a, b)
    if int(a.total + b.total) in (0, a.units + b.units):
        assert found is None  # nothing varies: there is no test
        return
    assert found is not None
    z, p = sm.proportions_ztest([int(b.total), int(a.total)], [b.units, a.units], alternative="larger")
    assert found.statistic == pytest.approx(z, rel=1e-7, abs=1e-9)
    assert found.tail() == pytest.approx(p, rel=1e-6, abs=1e-200)


@given(a=proportions(), b=proportions(), tail=TAILS)
def test_newcombes_interval_is_statsmodels_and_holds_the_estimate(a: Sample, b: Sample, tail: float) -> None:
    low, high = statistics.newcombe(a, b, tail)
    expected = sm.confint_proportions_2indep(
        int(b.total), b.units, int(a.total), a.units, method="newcomb", compare="diff", alpha=2 * tail
    )
    assert (low, high) == pytest.approx(tuple(expected), rel=1e-6, abs=1e-9)
    assert low - 1e-12 <= b.mean - a.mean <= high + 1e-12


@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), others=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30),
    far=st.sampled_from([0.0, 1e6, -1e9]), tail=TAILS,
)  # fmt: skip
def test_welch_is_scipys_on_the_raw_values(values: list[float], others: list[float], far: float, tail: float) -> None:
    a, b = np.array(values) + far, np.array(others) + far
    assume(np.std(a) > 1e-3 and np.std(b) > 1e-3)
    found = statistics.compare(sample_of(a), sample_of(b))
    bounds = statistics.interval(sample_of(a), sample_of(b), tail)
    expected = stats.ttest_ind(b - far, a - far, equal_var=False)
    assert found is not None and bounds is not None
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-4, abs=1e-5)
    assert found.degrees == pytest.approx(expected.df, rel=1e-4)
    interval = expected.confidence_interval(1 - 2 * tail)
    assert bounds == pytest.approx((interval.low, interval.high), rel=1e-3, abs=1e-4)


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    """Sums of squares around 1e18 with a spread of 1: in doubles the variance would be noise."""
    values = [Decimal(10**9) + Decimal(n) for n in (-1, 0, 1, 0, -1, 1)]
    sample = Sample(6, sum(values, Decimal(0)), sum((v * v for v in values), Decimal(0)))
    assert sample.variance == 0.8


@pytest.mark.parametrize(("a", "b"), [
    (Sample(0, Decimal(0)), Sample(5, Decimal(1))), (Sample(5, Decimal(0)), Sample(5, Decimal(0))),
    (Sample(1, Decimal(3), Decimal(9)), Sample(5, Decimal(5), Decimal(9))),
    (Sample(4, Decimal(4), Decimal(4)), Sample(4, Decimal(8), Decimal(16))),
])  # fmt: skip
def test_where_nothing_varies_or_nothing_is_there_no_test_is_made_up(a: Sample, b: Sample) -> None:
    assert statistics.compare(a, b) is None
    assert statistics.interval(a, b, 0.05) is None


@given(champion=st.integers(0, 10**7), challenger=st.integers(0, 10**7), share=st.decimals("0.01", "0.99", places=2))
def test_the_sample_ratio_is_scipys_chi_square(champion: int, challenger: int, share: Decimal) -> None:
    assume(champion + challenger > 0)
    total = champion + challenger
    expected = stats.chisquare([champion, challenger], [total * float(1 - share), total * float(share)])
    statistic, p = statistics.sample_ratio(champion, challenger, share)
    assert statistic == pytest.approx(expected.statistic, rel=1e-6, abs=1e-6)
    assert p == pytest.approx(expected.pvalue, rel=1e-4, abs=1e-12)


@given(
    baseline=st.floats(0.02, 0.9), effect=st.floats(0.005, 0.09), sign=st.sampled_from([1, -1]),
    alpha=st.floats(0.001, 0.1), power=st.floats(0.55, 0.99), ratio=st.floats(0.05, 20),
)  # fmt: skip
def test_sizes_for_proportions_are_statsmodels(
    baseline: float, effect: float, sign: int, alpha: float, power: float, ratio: float
) -> None:
    effect *= sign
    assume(0.01 < baseline + effect < 0.99)
    found = statistics.units_for_proportions(baseline, effect, tail=alpha / 2, power=power, ratio=ratio)
    # statsmodels names the arms the other way round: its first has nobs1, its second nobs1 * ratio and the rate given
    expected = sm.samplesize_proportions_2indep_onetail(
        -effect, baseline + effect, power, ratio=ratio, alpha=alpha, alternative="two-sided"
    )
    assert found == pytest.approx(expected, rel=1e-6)


@given(
    size=st.floats(0.05, 1.2), tail=st.floats(0.001, 0.1), power=st.floats(0.55, 0.99), ratio=st.floats(0.3, 3),
)  # fmt: skip
def test_sizes_for_means_are_statsmodels_to_a_unit_or_two(size: float, tail: float, power: float, ratio: float) -> None:
    expected = sm_power.TTestIndPower().power
    found = statistics.units_for_means(10.0, 10 * size, tail=tail, power=power, ratio=ratio)
    assume(found > 8)
    reached = expected(size, math.ceil(found) + 2, tail, ratio=ratio, alternative="larger")
    short = expected(size, math.floor(found) - 3, tail, ratio=ratio, alternative="larger")
    assert short < power + 0.002 and reached > power - 0.002


# One-sided error 0.025, five equal looks: the tables of the literature (Lan & DeMets; R's ldbounds and gsDesign).
@pytest.mark.parametrize(("spending", "bounds"), [
    ("obrien_fleming", [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
    ("pocock", [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
])  # fmt: skip
def test_boundaries_are_those_of_the_tables(spending: str, bounds: list[float]) -> None:
    found = sequential.boundaries(spending, 0.025, [0.2, 0.4, 0.6, 0.8, 1.0])
    assert found == pytest.approx(bounds, abs=0.002)
    assert sequential.power_of(found, [0.2, 0.4, 0.6, 0.8, 1.0], 0.0) == pytest.approx(0.025, abs=1e-5)


def test_looks_cost_little_by_obrien_fleming_and_more_by_pocock() -> None:
    cautious = sequential.inflation("obrien_fleming", 0.025, 0.9, 5)
    eager = sequential.inflation("pocock", 0.025, 0.9, 5)
    assert 1.01 < cautious < 1.05 < 1.15 < eager < 1.25


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_the_repeated_p_decides_as_the_boundary_does(spending: str) -> None:
    looks = [0.3, 0.55, 1.0]
    for n in (1, 2, 3):
        bound = sequential.boundaries(spending, 0.025, looks[:n])[-1]
        assert sequential.repeated_p(spending, looks[:n], bound + 0.01) < 0.025
        assert sequential.repeated_p(spending, looks[:n], bound - 0.01) > 0.025


def test_one_look_at_the_end_is_the_ordinary_test() -> None:
    for z in (0.5, 1.96, 3.0):
        assert sequential.repeated_p("obrien_fleming", [1.0], z) == pytest.approx(stats.norm.sf(z), rel=1e-3)


def test_looks_within_two_per_cent_of_the_next_count_as_one() -> None:
    assert sequential.counted([0.5, 0.51, 0.3, 0.0], 0.515) == [0.3, 0.515]
    assert sequential.counted([], 0.7) == [0.7]


def test_a_statistic_without_end_is_kept_as_the_largest_figure() -> None:
    assert figure(3e40) == Decimal("1e30")
    assert figure(-float("inf")) == Decimal("-1e30")
    assert statistics.units_for_proportions(1.0, -0.2, tail=0.025, power=0.8, ratio=1.0) > 0
