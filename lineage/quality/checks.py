"""What a profile says of each thing that is expected: figures with bounds, or why there is none. Nothing is judged.

A bound that a figure's own bounds straddle is not met: the figure that is recorded is the end that is worse.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from django.utils.translation import gettext as _

from lineage.quality import statistics
from lineage.quality.bins import Binned, bin_together
from lineage.quality.documents import ColumnProfile, Profile
from lineage.quality.expectations import Bound, Expectation
from lineage.quality.statistics import Bounded, NotAnswered

DAY = 86_400  # seconds
STEP = Decimal("1e-12")
"""Figures are kept to twelve digits after the point, rounded towards the worse."""
_WIDE = Context(prec=60)  # 29 digits before the point and 12 after
FARTHEST = Decimal("1e29")
"""In place of infinity and of what the record cannot keep. No bound lies beyond it."""

TWO_SIDED: dict[str, Callable[[ColumnProfile, ColumnProfile], Bounded]] = {
    "psi": statistics.population_stability_index,
    "ks": statistics.kolmogorov_smirnov,
    "ks_p": statistics.kolmogorov_smirnov_p,
    "js": statistics.jensen_shannon,
    "chi2_p": statistics.chi_square_p,
    "mean_shift": statistics.mean_shift,
}
UNITS = {"age_days": "days", "rows": "rows", "schema_differences": "columns", "mean_shift": "σ"}


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset version as checks look at it."""

    profile: Profile
    arrived_at: datetime
    """When it was recorded; ages are of that moment, so that a check answers the same whenever it runs."""
    issued: date | None = None
    columns: tuple[tuple[str, str], ...] = ()
    """The recorded schema's (name, type), where the profile says no types."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What came of one item, for one of its metrics."""

    item: Expectation
    metric: str
    found: Bounded | None
    why: str = ""
    """What keeps it from an answer, or what it found, in words."""
    missing: bool = False
    """The column that is asked for is not there: that is an answer, and a bad one."""
    binned: Binned | None = None
    """Both distributions in their bins, where the item compares two."""

    @property
    def bounds(self) -> list[Bound]:
        """What is asked of it."""
        return [one for one in self.item.bounds if one.metric == self.metric]

    @property
    def holds(self) -> bool | None:
        """Whether it meets all that is asked, on its worse side; None: there is no telling."""
        if self.missing:
            return False
        if self.found is None:
            return None
        return all(
            self.value(b) >= b.threshold if b.comparator == "ge" else self.value(b) <= b.threshold for b in self.bounds
        )

    def value(self, bound: Bound) -> Decimal:
        """The end that is worse for a bound."""
        assert self.found is not None
        return rounded(self.found.low, up=False) if bound.comparator == "ge" else rounded(self.found.high, up=True)

    @property
    def unit(self) -> str:
        """Of the metric; "" for shares and distances."""
        return UNITS.get(self.metric, "")


def rounded(number: float, *, up: bool) -> Decimal:
    """A number as the record keeps it: to STEP, up or down, at most FARTHEST."""
    if math.isinf(number) or abs(number) >= 1e29:
        return FARTHEST if number > 0 else -FARTHEST
    kept = Decimal(number) if isinstance(number, int) else Decimal(repr(number))
    return kept.quantize(STEP, rounding=ROUND_CEILING if up else ROUND_FLOOR, context=_WIDE)


def measure(items: Sequence[Expectation], data: Data, baseline: Data | None) -> list[Figure]:
    """A figure for each metric that each item asks for.

    Args:
        baseline: what drift is measured against; None: nothing is known to compare with.
    """
    found: list[Figure] = []
    for item in items:
        for metric in dict.fromkeys(bound.metric for bound in item.bounds):
            found.append(_figure(item, metric, data, baseline))
    return found


def _figure(item: Expectation, metric: str, data: Data, baseline: Data | None) -> Figure:
    try:
        column = _column(item, data)
        if item.check == "distribution":
            return _compared(item, metric, column, baseline)
        if item.check == "volume_change":
            return Figure(item, metric, _ratio(data, baseline))
        return ALONE[item.check](item, metric, data, column)
    except NotAnswered as unknown:
        return Figure(item, metric, None, str(unknown))
    except (ArithmeticError, TypeError, ValueError):  # what somebody reported was never held together by anybody
        return Figure(item, metric, None, _("The profile's figures of it cannot be right."))
    except _NotThere:
        return Figure(item, metric, None, _("There is no column “%s”.") % item.column, missing=True)


class _NotThere(Exception):
    """A column that is asked for is not in the data."""


def _column(item: Expectation, data: Data) -> ColumnProfile:
    if not item.column:
        return ColumnProfile("")
    found = data.profile.column(item.column)
    if found is not None:
        return found
    # A file that was read names all its columns; a report names those that somebody measured.
    if data.profile.digest or (data.columns and item.column not in {name for name, _type in data.columns}):
        raise _NotThere
    raise NotAnswered(_("Nothing was measured of this column."))


def _compared(item: Expectation, metric: str, column: ColumnProfile, baseline: Data | None) -> Figure:
    if baseline is None:
        raise NotAnswered(_("There is nothing to compare with yet."))
    before = baseline.profile.column(item.column)
    if before is None:
        raise NotAnswered(_("The baseline has no such column, or nothing was measured of it."))
    binned = bin_together(before, column)
    found = TWO_SIDED[item.method](before, column)
    return Figure(item, metric, found, binned=None if isinstance(binned, str) else binned)


def _ratio(data: Data, baseline: Data | None) -> Bounded:
    if baseline is None or baseline.profile.rows is None or data.profile.rows is None:
        raise NotAnswered(_("There is nothing to compare with yet, or rows were not counted."))
    if not baseline.profile.rows:
        return Bounded.exact(1.0 if not data.profile.rows else math.inf)
    return Bounded.exact(data.profile.rows / baseline.profile.rows)


# --- about a version alone -------------------------------------------------------------------------------------------


def _schema(item: Expectation, metric: str, data: Data, _none: ColumnProfile) -> Figure:
    there = dict(data.columns)
    if data.profile.digest or not there:
        there = {one.name: one.type for one in data.profile.columns}
    if not there:
        raise NotAnswered(_("Neither the profile nor the record names the columns."))
    typed = bool(data.profile.digest)  # the record's types are in the producer's words
    lacking = [name for name, _type in item.columns if name not in there]
    other = [name for name, kind in item.columns if typed and kind and there.get(name, kind) != kind]
    more = sorted(set(there) - {name for name, _type in item.columns}) if item.closed else []
    if not (typed or lacking or more) and any(kind for _name, kind in item.columns):
        raise NotAnswered(_("The columns are there; of which types they are was not measured."))
    told = [
        *([_("missing: %s") % ", ".join(lacking[:20])] if lacking else []),
        *([_("of another type: %s") % ", ".join(f"{n} ({there[n]})" for n in other[:20])] if other else []),
        *([_("unexpected: %s") % ", ".join(more[:20])] if more else []),
    ]
    return Figure(item, metric, Bounded.exact(float(len(lacking) + len(other) + len(more))), "; ".join(told))


def _nulls(item: Expectation, metric: str, _data: Data, column: ColumnProfile) -> Figure:
    return Figure(item, metric, statistics.null_fraction(column))


def _distinct(item: Expectation, metric: str, _data: Data, column: ColumnProfile) -> Figure:
    return Figure(item, metric, statistics.distinct_fraction(column))


def _duplicates(item: Expectation, metric: str, data: Data, _none: ColumnProfile) -> Figure:
    if data.profile.duplicate_rows is None or data.profile.rows is None:
        raise NotAnswered(_("Duplicate rows were not counted."))
    share = data.profile.duplicate_rows / data.profile.rows if data.profile.rows else 0.0
    return Figure(item, metric, Bounded.exact(share))


def _range(item: Expectation, metric: str, _data: Data, column: ColumnProfile) -> Figure:
    if column.count == 0:
        return Figure(item, metric, None, _("The column has no values."), missing=True)
    end = column.min if metric == "min" else column.max
    if column.non_finite:
        # Which of them are NaN, and which infinite on which side, a profile does not tell.
        reach = -math.inf if metric == "min" else math.inf
        told = _("%(count)d values are NaN or infinite: those lie in no range.") % {"count": column.non_finite}
        found = reach if end is None else end
        return Figure(item, metric, Bounded(found, min(found, reach), max(found, reach)), told)
    if end is None:
        raise NotAnswered(_("Its values have no order, or their range was not measured."))
    return Figure(item, metric, Bounded.exact(end))


def _allowed(item: Expectation, metric: str, _data: Data, column: ColumnProfile) -> Figure:
    """Share of values that are not allowed. Allowed ones that the column does not list may be among the others, each in
    at most so many rows as the least that is listed."""
    if column.count is None:
        raise NotAnswered(_("Values were not counted."))
    if not column.count:
        return Figure(item, metric, Bounded.exact(0.0))
    if column.personal or (not column.top and column.other is None):
        raise NotAnswered(
            _("Its values are not kept: they hide a person, are nearly all different, or were not listed.")
        )
    keys = [hashlib.sha256(value.encode()).hexdigest() for value in item.values]
    listed = [one for one in column.top if any(key.startswith(one.key) for key in keys)]
    unlisted = len(keys) - len(listed)
    wrong = sum(one.count for one in column.top) - sum(one.count for one in listed)
    rest = column.other.count if column.other else 0
    each = min(rest, column.top[-1].count if column.top else rest)
    low, high = (wrong + max(0, rest - unlisted * each)) / column.count, (wrong + rest) / column.count
    return Figure(item, metric, Bounded(high, low, high))


def _age(item: Expectation, metric: str, data: Data, column: ColumnProfile) -> Figure:
    if item.column:
        if column.max is None or column.type not in ("date", "timestamp"):
            raise NotAnswered(_("It holds no dates, or their range was not measured."))
        newest = float(column.max)
    elif data.issued is not None:
        newest = datetime(
            data.issued.year, data.issued.month, data.issued.day, tzinfo=data.arrived_at.tzinfo
        ).timestamp()
    else:
        raise NotAnswered(_("No day of issue is on record, and no column of dates is named."))
    age = (data.arrived_at.timestamp() - newest) / DAY
    if age < -1:  # 9999-12-31 for "never" would make any data new; a day is what time zones are apart
        raise NotAnswered(_("Its newest date is later than its registration: it does not say how old the data is."))
    return Figure(item, metric, Bounded.exact(age))


def _rows(item: Expectation, metric: str, data: Data, _none: ColumnProfile) -> Figure:
    if data.profile.rows is None:
        raise NotAnswered(_("Rows were not counted."))
    return Figure(item, metric, Bounded.exact(data.profile.rows))


def _rule(item: Expectation, metric: str, data: Data, _none: ColumnProfile) -> Figure:
    found = next((one for one in data.profile.rules if item.rule and one.expression == item.rule.text), None)
    if found is None:
        raise NotAnswered(_("The rule was not evaluated when the profile was made: measure it again."))
    if found.error:
        return Figure(item, metric, None, found.error, missing=True)
    return Figure(item, metric, Bounded.exact(found.failed / found.checked if found.checked else 0.0))


ALONE: dict[str, Callable[[Expectation, str, Data, ColumnProfile], Figure]] = {
    "schema": _schema,
    "completeness": _nulls,
    "uniqueness": _distinct,
    "duplicates": _duplicates,
    "range": _range,
    "allowed_values": _allowed,
    "freshness": _age,
    "volume": _rows,
    "consistency": _rule,
}
