"""The tests, intervals and sample sizes of trials, on the standard library alone: web workers load no scipy for them.

Held against scipy and statsmodels in tests/approvals/trials. Sums are taken exactly (fractions) before anything is
divided, so that a mean far from zero costs no digits.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import NormalDist

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Sample:
    """What one arm counted of one metric.

    `total`: successes of a proportion, sum of a mean. `squares`: sum of squares; None: a proportion.
    """

    units: int
    total: Decimal
    squares: Decimal | None = None

    @property
    def mean(self) -> float:
        """The rate, or the mean. Raises ZeroDivisionError without units."""
        return float(Fraction(self.total) / self.units)

    @property
    def variance(self) -> float:
        """Of a single unit: p(1-p), or the unbiased sample variance. Raises ZeroDivisionError with too few units."""
        total = Fraction(self.total)
        if self.squares is None:
            return float(total * (self.units - total) / self.units**2)
        return float((Fraction(self.squares) - total**2 / self.units) / (self.units - 1))


@dataclass(frozen=True, slots=True)
class Compared:
    """Challenger against champion: `estimate` is the difference, `statistic` of the planned test (z, or t)."""

    estimate: float
    statistic: float
    degrees: float | None  # of freedom; None: the normal distribution

    def tail(self, *, upper: bool = True) -> float:
        """P(a statistic at least this large), or this small, if the arms were alike: the one-sided p-value."""
        value = self.statistic if upper else -self.statistic
        return normal_tail(value) if self.degrees is None else student_tail(value, self.degrees)


def normal_tail(z: float) -> float:
    """P(Z >= z) of the standard normal, exact far out too (through erfc)."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def normal_point(tail: float) -> float:
    """The z with P(Z >= z) = tail. Raises statistics.StatisticsError outside 0 < tail < 1."""
    return -_NORMAL.inv_cdf(tail)


def student_tail(t: float, degrees: float) -> float:
    """P(T >= t) of Student's t; Abramowitz & Stegun 26.7.1 through the incomplete beta function."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    half = 0.5 * _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5)
    return half if t >= 0 else 1 - half


def student_point(tail: float, degrees: float) -> float:
    """The t with P(T >= t) = tail, by Newton's method: right of 0 the tail is convex, so it comes from the left."""
    if tail > 0.5:
        return -student_point(1 - tail, degrees)
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    t = max(normal_point(tail), 0.0)  # never beyond: Student's tail is the heavier
    for _step in range(200):
        density = scale * math.exp(-(degrees + 1) / 2 * math.log1p(t * t / degrees))
        step = (student_tail(t, degrees) - tail) / density
        t += step
        if abs(step) <= 1e-13 * t:
            break
    return t


def chi_square_tail(statistic: float) -> float:
    """P(X >= statistic) of chi-square with one degree of freedom: a normal squared."""
    return math.erfc(math.sqrt(statistic / 2))


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function by Lentz's continued fraction (Press et al., Numerical Recipes 6.4)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x >= (a + 1) / (a + b + 2):
        return 1 - front * _fraction(1 - x, b, a) / b
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    found = d
    for m in range(1, 1000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + term * d, 1 + term / c
            d, c = 1 / (d if abs(d) > tiny else tiny), (c if abs(c) > tiny else tiny)
            found *= d * c
        if abs(d * c - 1) < 1e-15:
            break
    return found


def compare(champion: Sample, challenger: Sample) -> Compared | None:
    """The planned test: two-proportion z with the pooled rate, or Welch's t. None where it is not defined.

    It is not without units in an arm (two, of a mean), nor where nothing varies: no spread, no standard error.
    """
    if min(champion.units, challenger.units) < (1 if champion.squares is None else 2):
        return None
    estimate = challenger.mean - champion.mean
    if champion.squares is None:
        pooled = Sample(champion.units + challenger.units, champion.total + challenger.total)
        error = math.sqrt(pooled.variance * (1 / champion.units + 1 / challenger.units))
        return Compared(estimate, estimate / error, None) if error > 0 else None
    a, b = champion.variance / champion.units, challenger.variance / challenger.units
    if not a + b > 0:
        return None
    return Compared(estimate, estimate / math.sqrt(a + b), _welch_degrees(champion, challenger))


def _welch_degrees(champion: Sample, challenger: Sample) -> float:
    """Welch-Satterthwaite."""
    a, b = champion.variance / champion.units, challenger.variance / challenger.units
    return (a + b) ** 2 / (a**2 / (champion.units - 1) + b**2 / (challenger.units - 1))


def interval(champion: Sample, challenger: Sample, tail: float) -> tuple[float, float] | None:
    """Bounds of the difference, with `tail` outside on each side; None where `compare` is None.

    Proportions: Newcombe's interval. Means: Welch's.
    """
    compared = compare(champion, challenger)
    if compared is None:
        return None
    if champion.squares is None:
        return newcombe(champion, challenger, tail)
    assert compared.degrees is not None
    error = math.sqrt(champion.variance / champion.units + challenger.variance / challenger.units)
    reach = student_point(tail, compared.degrees) * error
    return compared.estimate - reach, compared.estimate + reach


def newcombe(champion: Sample, challenger: Sample, tail: float) -> tuple[float, float]:
    """Newcombe's hybrid score interval of a difference of rates (Statistics in Medicine 17, 1998, method 10)."""
    z = normal_point(tail)
    p, q = champion.mean, challenger.mean
    (low1, high1), (low2, high2) = _wilson(champion, z), _wilson(challenger, z)
    return (
        q - p - math.sqrt((q - low2) ** 2 + (high1 - p) ** 2),
        q - p + math.sqrt((high2 - q) ** 2 + (p - low1) ** 2),
    )


def _wilson(sample: Sample, z: float) -> tuple[float, float]:
    """Wilson's score interval of a rate."""
    n, p = sample.units, sample.mean
    centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)


def sample_ratio(champion: int, challenger: int, challenger_share: Decimal) -> tuple[float, float]:
    """Chi-square of the arms' units against their planned shares (one degree of freedom), and its p-value.

    Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled Experiments, KDD 2019. No units: (0, 1).
    """
    total = champion + challenger
    if total == 0:
        return 0.0, 1.0
    share = Fraction(challenger_share)
    off = Fraction(challenger) - total * share
    statistic = float(off**2 / (total * share * (1 - share)))
    return statistic, chi_square_tail(statistic)


def units_for_proportions(baseline: float, effect: float, *, tail: float, power: float, ratio: float) -> float:
    """Units of the champion for a two-proportion z test (Fleiss, Levin & Paik, Statistical Methods, 3rd ed., 4.14).

    Args:
        effect: challenger's rate minus champion's, signed. ratio: challenger's units per unit of the champion.
        tail: alpha, or half of it for two sides.
    """
    p, q = baseline, baseline + effect
    pooled = (p + ratio * q) / (1 + ratio)
    # Rates within a hair of 0 or 1 come out a hair below 0 here.
    null = math.sqrt(max(pooled * (1 - pooled), 0.0) * (1 + 1 / ratio))
    real = math.sqrt(max(p * (1 - p), 0.0) + max(q * (1 - q), 0.0) / ratio)
    return float(((normal_point(tail) * null + normal_point(1 - power) * real) / effect) ** 2)


def units_for_means(sd: float, effect: float, *, tail: float, power: float, ratio: float) -> float:
    """Units of the champion for Welch's t with the same spread in both arms.

    Guenther's approximation of the noncentral t (The American Statistician 35, 1981): the normal answer, with
    z^2/2 shared out for the degrees of freedom; at most a unit from statsmodels' exact answer.
    """
    za, zb = normal_point(tail), normal_point(1 - power)
    units = (za + zb) ** 2 * sd**2 * (1 + 1 / ratio) / effect**2
    return max(units + za**2 / (2 * (1 + ratio)), 2.0)
