"""A thousand worlds: how often a trial errs, how often it finds what is there, and what peeking would do. Printed.

In the suite a short run that can still fail; `make soak` runs it at length.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from approvals.models import MetricKind
from approvals.trials import sequential, statistics
from approvals.trials.design import ALARM, sizes
from approvals.trials.statistics import Sample
from tests.approvals.trials.scenes import design

Say = Callable[[str], None]
LENGTHS = [pytest.param(1_500, id="short"), pytest.param(40_000, id="long", marks=pytest.mark.soak)]
Z = 4.0  # standard errors that a rate may be off: one run in 16,000 by chance, and the seed is fixed


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print past the capture."""

    def speak(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", end="")

    return speak


def near(rate: float, expected: float, runs: int) -> bool:
    """Whether a rate is as expected, by chance."""
    return abs(rate - expected) < Z * math.sqrt(expected * (1 - expected) / runs)


def rejects(a: Sample, b: Sample, alpha: float) -> bool:
    compared = statistics.compare(a, b)
    return compared is not None and 2 * min(compared.tail(), compared.tail(upper=False)) <= alpha


def binomial(rng: Any, units: int, rate: float, runs: int) -> list[Sample]:
    return [Sample(units, Decimal(int(n))) for n in rng.binomial(units, rate, runs)]


def normal(rng: Any, units: int, mean: float, sd: float, runs: int) -> list[Sample]:
    """Samples of a normal through their sufficient sums: the mean, and a chi-square of the squares."""
    means = rng.normal(mean, sd / math.sqrt(units), runs)
    spread = sd**2 * rng.chisquare(units - 1, runs)
    return [
        Sample(units, total := Decimal(float(m)) * units, total * total / units + Decimal(float(s)))
        for m, s in zip(means, spread, strict=True)
    ]


@pytest.mark.parametrize("runs", LENGTHS)
def test_false_positives_at_alpha_and_power_as_planned(runs: int, say: Say) -> None:
    rng = np.random.default_rng(20261123)
    plan = design(baseline=Decimal("0.1"), minimum_effect=Decimal("0.03"), challenger_share=Decimal("0.3"))
    size = sizes(plan)
    alike = zip(binomial(rng, size.champion, 0.1, runs), binomial(rng, size.challenger, 0.1, runs), strict=True)
    apart = zip(binomial(rng, size.champion, 0.1, runs), binomial(rng, size.challenger, 0.13, runs), strict=True)
    false, found = (sum(rejects(a, b, 0.05) for a, b in pairs) / runs for pairs in (alike, apart))
    say(f"proportions, {size.champion} + {size.challenger} units, {runs} runs: false {false:.4f}, power {found:.4f}")
    assert near(false, 0.05, runs) and near(found, 0.8, runs)

    plan = design(
        metric_kind=MetricKind.MEAN, baseline=Decimal(100), baseline_sd=Decimal(15), minimum_effect=Decimal(4),
        power=Decimal("0.9"),
    )  # fmt: skip
    size = sizes(plan)
    alike = zip(normal(rng, size.champion, 100, 15, runs), normal(rng, size.challenger, 100, 15, runs), strict=True)
    apart = zip(normal(rng, size.champion, 100, 15, runs), normal(rng, size.challenger, 104, 15, runs), strict=True)
    false, found = (sum(rejects(a, b, 0.05) for a, b in pairs) / runs for pairs in (alike, apart))
    say(f"means, {size.champion} + {size.challenger} units, {runs} runs: false {false:.4f}, power {found:.4f}")
    assert near(false, 0.05, runs) and near(found, 0.9, runs)


@pytest.mark.parametrize("runs", LENGTHS)
def test_peeking_inflates_false_positives_and_spending_alpha_does_not(runs: int, say: Say) -> None:
    rng = np.random.default_rng(5)
    looks, tail = [0.2, 0.4, 0.6, 0.8, 1.0], 0.025
    runs *= 20  # paths are cheap
    steps = rng.normal(0, math.sqrt(0.2), (runs, 5))
    z = np.cumsum(steps, axis=1) / np.sqrt(looks)
    naive = float(np.mean((np.abs(z) > 1.959964).any(axis=1)))
    say(f"five looks at 1.96, {runs} runs: false {naive:.4f} instead of 0.05")
    assert near(naive, 0.142, runs)  # Armitage, McPherson & Rowe (1969), table 2
    for spending in ("obrien_fleming", "pocock"):
        bounds = np.array(sequential.boundaries(spending, tail, looks))
        false = float(np.mean((z > bounds).any(axis=1)))
        drift = math.sqrt(sequential.inflation(spending, tail, 0.8, 5)) * (1.959964 + 0.841621)
        found = float(np.mean((z + drift * np.sqrt(looks) > bounds).any(axis=1)))
        say(f"five looks by {spending}, {runs} runs: false {false:.4f} of 0.025, power {found:.4f} of 0.8")
        assert near(false, tail, runs) and near(found, 0.8, runs)


@pytest.mark.parametrize("runs", LENGTHS)
def test_the_sample_ratio_alarm_fires_on_52_to_48_and_is_silent_otherwise(runs: int, say: Say) -> None:
    rng, units, half = np.random.default_rng(11), 20_000, Decimal("0.5")
    rates = {
        share: sum(
            statistics.sample_ratio(units - int(n), int(n), half)[1] < ALARM for n in rng.binomial(units, share, runs)
        ) / runs
        for share in (0.5, 0.52)
    }  # fmt: skip
    say(f"sample ratio, {units} units, {runs} runs: alarms {rates[0.5]:.4f} at 50/50, {rates[0.52]:.4f} at 52/48")
    assert rates[0.5] < 0.001 + Z * math.sqrt(0.001 / runs)
    assert rates[0.52] > 0.98


@pytest.mark.parametrize("runs", LENGTHS)
def test_intervals_cover_what_is_true(runs: int, say: Say) -> None:
    rng = np.random.default_rng(3)
    for units, p, q in ((40, 0.05, 0.1), (400, 0.3, 0.35), (4_000, 0.01, 0.012)):
        inside = 0
        for a, b in zip(binomial(rng, units, p, runs), binomial(rng, units, q, runs), strict=True):
            low, high = statistics.newcombe(a, b, 0.025)
            inside += low <= q - p <= high
        say(f"Newcombe 95 %, {units} units, {p} and {q}, {runs} runs: covers {inside / runs:.4f}")
        assert 0.93 < inside / runs < 0.985
    inside, runs = 0, runs // 3
    for a, b in zip(normal(rng, 20, 5, 1, runs), normal(rng, 60, 6, 3, runs), strict=True):
        bounds = statistics.interval(a, b, 0.025)
        assert bounds is not None
        inside += bounds[0] <= 1 <= bounds[1]
    say(f"Welch 95 %, 20 and 60 units, spreads 1 and 3, {runs} runs: covers {inside / runs:.4f}")
    assert near(inside / runs, 0.95, runs)
