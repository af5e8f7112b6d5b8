"""Looking at a trial before its end without paying for it in false alarms: error spending after Lan and DeMets.

Biometrika 70 (1983), 659-663; the integration after Armitage, McPherson & Rowe (1969), as in Jennison & Turnbull,
Group Sequential Methods, chapter 19. One boundary, on the side of better: nothing here ends a trial for futility.
Loads numpy, so it is imported where a plan has more than one look.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from approvals.trials.statistics import normal_point, normal_tail

POINTS = 401  # of Simpson's rule
FAR = 8.0  # standard deviations below zero that the integration reaches
LEAST_STEP = 0.02  # of the planned information between two looks that both count

#: Chebyshev's fit of erfc, relative error below 1.2e-7 (Press et al., Numerical Recipes 6.2).
_FIT = (0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
        -1.26551223)  # fmt: skip


def spent(spending: str, tail: float, information: float) -> float:
    """How much of the one-sided error `tail` may be used up at a fraction of the planned information.

    Raises:
        ValueError: an unknown function.
    """
    t = min(information, 1.0)
    if spending == "obrien_fleming":
        return 2 * normal_tail(normal_point(tail / 2) / math.sqrt(t))
    if spending == "pocock":
        return tail * math.log(1 + (math.e - 1) * t)
    raise ValueError(spending)


@dataclass(frozen=True, slots=True)
class _State:
    """The density of the score at a look, of trials that go on."""

    places: Any
    mass: Any  # density times Simpson's weight
    information: float


def boundaries(spending: str, tail: float, looks: Sequence[float]) -> list[float]:
    """The z that each look asks for; infinity where nothing is left to spend.

    Args:
        looks: fractions of the planned information, growing; beyond 1 there is nothing more to spend.
    """
    found: list[float] = []
    state: _State | None = None
    used = 0.0
    for information in looks:
        allowed = spent(spending, tail, information) - used
        bound = _bound(state, information, allowed) if allowed > 1e-14 else math.inf
        found.append(bound)
        used = max(used, spent(spending, tail, information))
        state = _after(state, information, bound, 0.0)
    return found


def power_of(bounds: Sequence[float], looks: Sequence[float], drift: float) -> float:
    """The chance to cross at some look, where the statistic's mean would be `drift` at full information."""
    state: _State | None = None
    crossed = 0.0
    for information, bound in zip(looks, bounds, strict=True):
        crossed += _crossing(state, information, bound, drift)
        state = _after(state, information, bound, drift)
    return crossed


def inflation(spending: str, tail: float, power: float, looks: int) -> float:
    """How many times the units of one look a plan of so many equal looks needs for the same power."""
    times = [(n + 1) / looks for n in range(looks)]
    bounds = boundaries(spending, tail, times)
    fixed = normal_point(tail) + normal_point(1 - power)
    drift = _root(lambda d: power_of(bounds, times, d) - power, fixed * 0.9, fixed * 2)
    return (drift / fixed) ** 2


def repeated_p(spending: str, looks: Sequence[float], statistic: float) -> float:
    """The one-sided repeated p-value at the last look: the least error for which the statistic crosses its boundary.

    Jennison & Turnbull, chapter 9. Compared with the plan's alpha it decides as the boundary does.
    """

    def crosses(exponent: float) -> float:
        return statistic - boundaries(spending, math.exp(exponent), looks)[-1]

    low, high = math.log(1e-12), math.log(0.5)
    if crosses(high) < 0:
        return 1.0
    if crosses(low) >= 0:
        return 1e-12
    for _step in range(32):
        middle = (low + high) / 2
        low, high = (low, middle) if crosses(middle) >= 0 else (middle, high)
    return math.exp(high)


def counted(looks: Sequence[float], last: float) -> list[float]:
    """The looks that count at an analysis: each at least `LEAST_STEP` before the next, the analysis itself last."""
    kept = [last]
    for one in sorted(looks, reverse=True):
        if 0 < one <= kept[0] - LEAST_STEP:
            kept.insert(0, one)
    return kept


def _step_of(state: _State | None, information: float) -> tuple[Any, Any, float]:
    """From where, with which mass, and over how much information the next look goes on."""
    if state is None:
        return np.zeros(1), np.ones(1), information
    return state.places, state.mass, information - state.information


def _crossing(state: _State | None, information: float, bound: float, drift: float) -> float:
    """The chance to go on to this look and to cross its bound there."""
    if math.isinf(bound):
        return 0.0
    places, mass, step = _step_of(state, information)
    distance = (bound * math.sqrt(information) - places - drift * step) / math.sqrt(step)
    return float(np.sum(mass * _tails(distance)))


def _tails(z: Any) -> Any:
    """The upper tails of the normal distribution, of many at once: numpy has no erfc."""
    x = np.abs(z) / math.sqrt(2)
    t = 1 / (1 + 0.5 * x)
    upper = 0.5 * t * np.exp(-x * x + np.polyval(_FIT, t))
    return np.where(z >= 0, upper, 1 - upper)


def _bound(state: _State | None, information: float, allowed: float) -> float:
    return _root(lambda z: allowed - _crossing(state, information, z, 0.0), -FAR, FAR + 2)


def _after(state: _State | None, information: float, bound: float, drift: float) -> _State:
    """The density of those that do not cross at this look."""
    places, mass, step = _step_of(state, information)
    spread = math.sqrt(information)
    top = min(bound * spread, drift * information + FAR * spread)
    grid = np.linspace(min(drift * information - FAR * spread, top - spread), top, POINTS)
    weights = np.ones(POINTS)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    weights *= (grid[1] - grid[0]) / 3
    density = np.exp(-((grid[:, None] - places[None, :] - drift * step) ** 2) / (2 * step)) @ mass
    return _State(grid, weights * density / math.sqrt(2 * math.pi * step), information)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a growing function is zero, by halving; an end of the range where it is not inside."""
    for _step in range(36):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2
