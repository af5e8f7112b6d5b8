"""What the counts of a trial say, by its planned test: the same figures for a look and for the conclusion."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from approvals.models import Better, Trial
from approvals.trials import statistics
from approvals.trials.design import ALARM
from approvals.trials.statistics import Sample

DIGITS = 12  # significant digits of a figure that is kept
PLACES = Decimal(1).scaleb(-30)  # what an exact number of the record holds after the point


@dataclass(frozen=True, slots=True)
class Pair:
    """One metric in both arms."""

    champion: Sample
    challenger: Sample


@dataclass(frozen=True, slots=True)
class Effect:
    """Challenger minus champion of one metric, with its interval; None where the test is not defined."""

    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Guarded:
    """A guardrail: `harm` is how much worse the challenger may be, at most, with the plan's confidence."""

    metric: str
    pair: Pair
    effect: Effect
    harm: float | None
    margin: Decimal

    @property
    def holds(self) -> bool:
        """Whether the margin is kept; it is not where nothing can be said."""
        return self.harm is not None and self.harm < self.margin


@dataclass(frozen=True, slots=True)
class Result:
    """What counts say. `p_value`: over the planned looks where there are several; None: the test is not defined.

    `information`: of the planned, 1 at the planned units. `confidence`: of the interval.
    """

    primary: Pair
    effect: Effect
    confidence: float
    statistic: float | None
    degrees: float | None
    p_value: float | None
    information: float
    reached: bool
    ratio_statistic: float
    ratio_p: float
    guardrails: Sequence[Guarded]
    outcome: str  # better, worse, not_shown

    @property
    def ratio_alarm(self) -> bool:
        """Whether the split of units is not the planned one."""
        return self.ratio_p < ALARM


def work_out(
    trial: Trial, primary: Pair, guardrails: Mapping[str, Pair], earlier: Sequence[tuple[int, int]] = ()
) -> Result:
    """The result of a trial's counts.

    Args:
        primary: the counts of the primary metric.
        guardrails: of each guardrail, by metric; one without counts is left out.
        earlier: units (champion, challenger) at the looks taken before: they have used up error where it is shared out.
    """
    compared = statistics.compare(primary.champion, primary.challenger)
    upper = trial.better == Better.HIGHER
    sides = 1 if trial.sides == Trial.Sides.ONE else 2
    tail = float(trial.alpha) / sides
    information = _information(trial, primary.champion.units, primary.challenger.units)
    p_value = None
    if compared is not None:
        one_sided = compared.tail(upper=upper if sides == 1 else compared.estimate >= 0)
        if trial.looks > 1:
            looks = [_information(trial, *units) for units in earlier]
            one_sided, tail = _over_looks(trial, looks, information, one_sided, tail)
        p_value = min(one_sided * sides, 1.0)
    ratio_statistic, ratio_p = statistics.sample_ratio(
        primary.champion.units, primary.challenger.units, trial.challenger_share
    )
    return Result(
        primary=primary,
        effect=_effect(primary, tail),
        confidence=1 - 2 * tail,
        statistic=compared.statistic if compared else None,
        degrees=compared.degrees if compared else None,
        p_value=p_value,
        information=information,
        reached=primary.champion.units >= trial.champion_units and primary.challenger.units >= trial.challenger_units,
        ratio_statistic=ratio_statistic,
        ratio_p=ratio_p,
        guardrails=[
            _guarded(trial, one.metric, one.better, one.margin, guardrails[one.metric])
            for one in trial.guardrails.all()
            if one.metric in guardrails
        ],
        outcome=_outcome(trial, p_value, compared.estimate if compared else 0.0, upper=upper),
    )


def _information(trial: Trial, champion: int, challenger: int) -> float:
    """The part of the planned information: of 1 / (1/n1 + 1/n2), to which the variance of a difference is inverse."""
    if not champion or not challenger:
        return 0.0
    planned = 1 / trial.champion_units + 1 / trial.challenger_units
    return planned / (1 / champion + 1 / challenger)


def _over_looks(
    trial: Trial, earlier: Sequence[float], information: float, one_sided: float, tail: float
) -> tuple[float, float]:
    """The repeated p-value and the tail of the repeated interval, where looks share the error."""
    from approvals.trials import sequential  # numpy: only where a plan has several looks

    looks = sequential.counted(earlier, information)
    statistic = statistics.normal_point(min(max(one_sided, 1e-300), 1 - 1e-16))
    bound = sequential.boundaries(trial.spending, tail, looks)[-1]
    return (
        sequential.repeated_p(trial.spending, looks, statistic),
        max(statistics.normal_tail(bound), 1e-15) if math.isfinite(bound) else 1e-15,
    )


def _effect(pair: Pair, tail: float) -> Effect:
    compared, bounds = statistics.compare(pair.champion, pair.challenger), None
    if compared is not None:
        bounds = statistics.interval(pair.champion, pair.challenger, tail)
    if compared is None or bounds is None:
        return Effect(None, None, None)
    return Effect(compared.estimate, min(bounds[0], compared.estimate), max(bounds[1], compared.estimate))


def _guarded(trial: Trial, metric: str, better: str, margin: Decimal, pair: Pair) -> Guarded:
    """Harm at the one-sided confidence 1 - alpha, also where the metric is 0 in both arms and no test is defined."""
    effect = _effect(pair, float(trial.alpha))
    harm: float | None
    if effect.estimate is None:
        silent = pair.champion.units > 0 and pair.challenger.units > 0 and _never(pair)
        harm = _silent_harm(pair, float(trial.alpha), better) if silent else None
    else:
        assert effect.low is not None
        assert effect.high is not None
        harm = -effect.low if better == Better.HIGHER else effect.high
    return Guarded(metric, pair, effect, harm, margin)


def _never(pair: Pair) -> bool:
    """Whether a proportion is 0 in both arms, or 1 in both: the test is not defined, the interval is."""
    return pair.champion.squares is None and pair.champion.mean == pair.challenger.mean and pair.champion.mean in (0, 1)


def _silent_harm(pair: Pair, alpha: float, better: str) -> float:
    low, high = statistics.newcombe(pair.champion, pair.challenger, alpha)
    return -low if better == Better.HIGHER else high


def _outcome(trial: Trial, p_value: float | None, estimate: float, *, upper: bool) -> str:
    if p_value is None or p_value > float(trial.alpha):
        return "not_shown"
    return "better" if (estimate > 0) == upper else "worse"


LARGEST = 1e30


def figure(value: float, digits: int = DIGITS) -> Decimal:
    """A figure as it is kept: so many significant digits, at most thirty after the point; beyond 1e30 it is 1e30."""
    value = min(max(value, -LARGEST), LARGEST)  # a metric that hardly varies makes a statistic without end
    return Decimal(f"{value:.{digits}g}").quantize(PLACES, context=Context(prec=64)).normalize()


def document(result: Result) -> dict[str, Any]:
    """A result as it is kept and answered; numbers as decimal text."""
    return {
        "arms": {
            name: {"units": sample.units, "mean": _text(sample.mean if sample.units else None)}
            for name, sample in (("champion", result.primary.champion), ("challenger", result.primary.challenger))
        },
        "estimate": _text(result.effect.estimate), "low": _text(result.effect.low), "high": _text(result.effect.high),
        "confidence": _text(result.confidence), "statistic": _text(result.statistic), "degrees": _text(result.degrees),
        "p_value": _text(result.p_value), "information": _text(result.information), "reached": result.reached,
        "sample_ratio": {
            "statistic": _text(result.ratio_statistic), "p_value": _text(result.ratio_p), "alarm": result.ratio_alarm,
        },
        "guardrails": [
            {
                "metric": one.metric, "estimate": _text(one.effect.estimate), "low": _text(one.effect.low),
                "high": _text(one.effect.high), "harm": _text(one.harm), "margin": format(one.margin, "f"),
                "holds": one.holds,
            }
            for one in result.guardrails
        ],
        "outcome": result.outcome,
    }  # fmt: skip


def _text(value: float | None) -> str | None:
    return None if value is None else format(figure(value), "f")
