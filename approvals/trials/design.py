"""What a trial is planned to show, how many units that takes, and the criteria its plan is locked with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from approvals.models import Better, MetricKind, Trial
from approvals.trials import statistics

ALARM = Decimal("0.001")  # p-value of the sample-ratio check below which the split is not the planned one
MAX_UNITS = 10**12
MAX_GUARDRAILS = 20
MAX_LOOKS = 10

#: Names of the values that a conclusion reports, and that the plan's criteria bound. The database reads them too.
P_VALUE, EFFECT, UNITS, SAMPLE_RATIO, DEVIATIONS, HARM = (
    "p_value", "effect", "units", "sample_ratio_p", "open_deviations", "guardrail_harm",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by `margin` or more (non-inferiority), in the metric's own unit."""

    metric: str
    metric_kind: MetricKind
    better: Better
    margin: Decimal


@dataclass(frozen=True, slots=True)
class Design:
    """What the author of a trial says. `minimum_effect`: the smallest absolute difference worth finding, above 0.

    `baseline`: the champion's rate or mean as expected; `baseline_sd`: spread of one unit, of a mean.
    """

    hypothesis: str
    metric: str
    metric_kind: MetricKind
    better: Better
    sides: Trial.Sides
    minimum_effect: Decimal
    baseline: Decimal
    units_per_day: int
    baseline_sd: Decimal | None = None
    alpha: Decimal = Decimal("0.05")
    power: Decimal = Decimal("0.8")
    challenger_share: Decimal = Decimal("0.5")
    looks: int = 1
    spending: Trial.Spending = Trial.Spending.NONE
    guardrails: Sequence[Guardrail] = ()

    @property
    def tail(self) -> float:
        """The one-sided error of the test: alpha, or half of it for two sides."""
        return float(self.alpha) / (1 if self.sides == Trial.Sides.ONE else 2)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a design takes: units per arm, and whole days at the traffic expected."""

    champion: int
    challenger: int
    days: int


def faults(design: Design) -> dict[str, list[str]]:
    """What is wrong with a design, by field; empty when all is well."""
    found: dict[str, list[str]] = {}
    proportion = design.metric_kind == MetricKind.PROPORTION
    ranges = (
        ("alpha", design.alpha, Decimal("0.0001"), Decimal("0.2")),
        ("power", design.power, Decimal("0.5"), Decimal("0.999")),
        ("challenger_share", design.challenger_share, Decimal("0.001"), Decimal("0.999")),
    )
    for name, value, low, high in ranges:
        if not low <= value <= high:
            found[name] = [_("From %(low)s to %(high)s.") % {"low": low, "high": high}]
    if design.minimum_effect <= 0:
        found["minimum_effect"] = [_("Above 0: how far is better, not in which direction.")]
    if proportion and design.baseline_sd is not None:
        found["baseline_sd"] = [_("Leave it out: a proportion's spread follows from its rate.")]
    elif not proportion and (design.baseline_sd is None or design.baseline_sd <= 0):
        found["baseline_sd"] = [_("A mean needs the spread of one unit, above 0.")]
    if proportion and not 0 < design.baseline < 1:
        found["baseline"] = [_("A rate lies between 0 and 1.")]
    elif proportion and "minimum_effect" not in found and not 0 < design.baseline + signed_effect(design) < 1:
        found["minimum_effect"] = [_("The challenger's rate would lie outside 0 and 1.")]
    if not 1 <= design.looks <= MAX_LOOKS:
        found["looks"] = [_("From 1 to %(most)d.") % {"most": MAX_LOOKS}]
    elif (design.looks == 1) != (design.spending == Trial.Spending.NONE):
        found["spending"] = [_("More than one look needs a rule that shares the error out; one look needs none.")]
    if not 1 <= design.units_per_day <= MAX_UNITS:
        found["units_per_day"] = [_("At least one unit a day.")]
    return found | _guardrail_faults(design)


def _guardrail_faults(design: Design) -> dict[str, list[str]]:
    metrics = [design.metric, *(one.metric for one in design.guardrails)]
    if len(design.guardrails) > MAX_GUARDRAILS:
        return {"guardrails": [_("At most %(most)d.") % {"most": MAX_GUARDRAILS}]}
    if len(set(metrics)) != len(metrics):
        return {"guardrails": [_("Each metric once; the primary metric is none of them.")]}
    if any(one.margin <= 0 for one in design.guardrails):
        return {"guardrails": [_("A margin is above 0: how much worse would still be borne.")]}
    return {}


def signed_effect(design: Design) -> Decimal:
    """The minimum effect as challenger minus champion."""
    return design.minimum_effect if design.better == Better.HIGHER else -design.minimum_effect


def sizes(design: Design) -> Sizes:
    """The units per arm that reach the power, and how long they take. Ask `faults` first.

    Source of the formulas: approvals.trials.statistics; for more than one look approvals.trials.sequential.
    """
    share = float(design.challenger_share)
    ratio = share / (1 - share)
    asked = {"tail": design.tail, "power": float(design.power), "ratio": ratio}
    effect = float(signed_effect(design))
    if design.metric_kind == MetricKind.PROPORTION:
        units = statistics.units_for_proportions(float(design.baseline), effect, **asked)
    else:
        assert design.baseline_sd is not None
        units = statistics.units_for_means(float(design.baseline_sd), effect, **asked)
    if design.looks > 1:
        from approvals.trials import sequential  # numpy: only where a plan asks for it

        units *= sequential.inflation(design.spending, design.tail, float(design.power), design.looks)
    units = min(units, 1e15)  # what is larger is refused by its field; an int of infinity does not exist
    champion, challenger = max(math.ceil(units), 2), max(math.ceil(units * ratio), 2)
    return Sizes(champion, challenger, math.ceil((champion + challenger) / design.units_per_day))


def criteria(design: Design, planned: Sizes) -> list[Mapping[str, Any]]:
    """The criteria the plan is locked with: all of them met is what the database will call good."""
    higher = design.better == Better.HIGHER
    least = design.looks  # the first planned look comes at this part of the units
    found: list[Mapping[str, Any]] = [
        _bound(P_VALUE, "le", design.alpha),
        _bound(EFFECT, "gt" if higher else "lt", Decimal(0)),
        _bound(UNITS, "ge", Decimal(math.ceil(planned.champion / least)), "champion"),
        _bound(UNITS, "ge", Decimal(math.ceil(planned.challenger / least)), "challenger"),
        _bound(SAMPLE_RATIO, "ge", ALARM),
        _bound(DEVIATIONS, "eq", Decimal(0)),
    ]
    return found + [_bound(HARM, "lt", one.margin, one.metric) for one in design.guardrails]


def _bound(metric: str, comparator: str, threshold: Decimal, slice: str = "") -> Mapping[str, Any]:
    return {"metric": metric, "comparator": comparator, "threshold": format(threshold, "f"), "slice": slice}
