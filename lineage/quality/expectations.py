"""What is expected of a dataset's versions: a list of items, read strictly, and the bounds that each becomes.

docs/checks.md lists the checks. An item names what is looked at, how, and at least or at most how much; whether a
version meets it is worked out from its profile (`checks`), and judged by the plan the items become.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from governance import errors
from governance.client.muniment_rules import Rule, parse_rule
from lineage.quality.documents import TYPES
from lineage.quality.reading import Part

ITEMS_AT_MOST = 200
COLUMN_AT_MOST = 200
"""Characters: the name of a column becomes the slice of a plan's criterion."""
VALUES_AT_MOST = 1000
NUMBER_LIMIT = Decimal("1e29")
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")

QUALITY, DRIFT = "data_quality", "drift"
"""The kinds of plan that items become: those about a version alone, and those against a baseline."""
BLOCKING, WARNING = "blocking", "warning"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check: which metrics it measures, from which side they are bounded, and what an item of it may say."""

    plan: str
    least: str = ""
    """Metric that `at_least` bounds."""
    most: str = ""
    """Metric that `at_most` bounds."""
    default_least: str = ""
    default_most: str = ""
    column: str = "needed"
    """needed, optional or none."""


METHODS: dict[str, Kind] = {
    "psi": Kind(DRIFT, most="psi"),
    "ks": Kind(DRIFT, most="ks"),
    "js": Kind(DRIFT, most="js"),
    "mean_shift": Kind(DRIFT, most="mean_shift"),
    "ks_p": Kind(DRIFT, least="ks_p"),
    "chi2_p": Kind(DRIFT, least="chi2_p"),
}
CHECKS: dict[str, Kind] = {
    "schema": Kind(QUALITY, most="schema_differences", default_most="0", column="none"),
    "completeness": Kind(QUALITY, most="null_fraction", default_most="0"),
    "uniqueness": Kind(QUALITY, least="distinct_fraction", default_least="1"),
    "duplicates": Kind(QUALITY, most="duplicate_fraction", default_most="0", column="none"),
    "range": Kind(QUALITY, least="min", most="max"),
    "allowed_values": Kind(QUALITY, most="disallowed_fraction", default_most="0"),
    "freshness": Kind(QUALITY, most="age_days", column="optional"),
    "volume": Kind(QUALITY, least="rows", most="rows", column="none"),
    "volume_change": Kind(DRIFT, least="rows_ratio", most="rows_ratio", column="none"),
    "consistency": Kind(QUALITY, most="failed_fraction", default_most="0", column="none"),
    "distribution": Kind(DRIFT),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """A criterion of the plan that an item becomes: metric COMPARATOR threshold, of a slice."""

    metric: str
    comparator: str
    """ge or le."""
    threshold: Decimal
    slice: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """One item."""

    key: str
    check: str
    severity: str = BLOCKING
    column: str = ""
    method: str = ""
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    columns: tuple[tuple[str, str], ...] = ()
    """Of a schema: (name, type or "")."""
    closed: bool = False
    """Of a schema: whether other columns count as differences."""
    values: tuple[str, ...] = ()
    rule: Rule | None = None

    @property
    def kind(self) -> Kind:
        """What an item like this measures."""
        return METHODS[self.method] if self.method else CHECKS[self.check]

    @property
    def slice(self) -> str:
        """What part of the data its figures are of: the column; of a rule, the item's key; else all."""
        return self.key if self.check == "consistency" else self.column

    @property
    def bounds(self) -> list[Bound]:
        """What it asks, as criteria."""
        found = []
        if self.at_least is not None:
            found.append(Bound(self.kind.least, "ge", self.at_least, self.slice))
        if self.at_most is not None:
            found.append(Bound(self.kind.most, "le", self.at_most, self.slice))
        return found


def read_expectations(items: Any) -> tuple[Expectation, ...]:
    """The items of a list, each held against what its check needs.

    Raises:
        errors.Invalid: no such check, a bound missing or of the wrong side, two items that ask the same; it names
            the item.
    """
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        raise errors.Invalid(errors={"items": [_("Give a list of at least one item.")]})
    if len(items) > ITEMS_AT_MOST:
        raise errors.Invalid(errors={"items": [_("At most %(most)d items.") % {"most": ITEMS_AT_MOST}]})
    found = tuple(_item(ItemPart(one, f"items[{n}]")) for n, one in enumerate(items))
    keys: set[str] = set()
    asked: set[tuple[str, str, str]] = set()
    for n, one in enumerate(found):
        if one.key in keys:
            raise fault(f"items[{n}].key", _("Another item has this key."))
        keys.add(one.key)
        for bound in one.bounds:
            place = (bound.metric, bound.slice, bound.comparator)
            if place in asked:
                raise fault(f"items[{n}]", _("Another item asks the same of the same column. Keep one of them."))
            asked.add(place)
    return found


def as_items(expected: Sequence[Expectation]) -> list[dict[str, Any]]:
    """The items in the one form in which they are kept: bounds as decimal text, defaults filled in, blanks left out."""
    return [_as_item(one) for one in expected]


def _as_item(one: Expectation) -> dict[str, Any]:
    found: dict[str, Any] = {"key": one.key, "check": one.check, "severity": one.severity}
    parts: dict[str, Any] = {
        "column": one.column, "method": one.method, "values": list(one.values), "rule": one.rule and one.rule.text,
        "columns": [{"name": name, **({"type": kind} if kind else {})} for name, kind in one.columns],
        "closed": one.closed, "at_least": one.at_least, "at_most": one.at_most,
    }  # fmt: skip
    for name, value in parts.items():
        if isinstance(value, Decimal):
            found[name] = plain(value)
        elif value:
            found[name] = value
    return found


def plain(number: Decimal) -> str:
    """Decimal text, every digit kept, without zeros that say nothing."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


class ItemPart(Part):
    """One item, read part by part."""

    def fault(self, key: str, sentence: str) -> errors.Invalid:
        """The refusal of one of its parts."""
        return fault(f"{self.path}.{key}", sentence)

    def nothing_else(self) -> None:
        """Raises errors.Invalid: a part that this check does not have."""
        for key in self.given:
            if key not in self._read:
                shown = str(key)[:64] if str(key).isprintable() else "?"
                raise self.fault(shown, _("An item of this check has no such part."))

    def decimal(self, key: str) -> Decimal | None:
        """A finite number below 1e29, exactly as it is written; None where it is left out."""
        if not self.has(key):
            return None
        given = self.given[key]
        try:
            found = Decimal(str(given)) if isinstance(given, int | float | str | Decimal) else Decimal("NaN")
        except InvalidOperation:
            found = Decimal("NaN")
        if isinstance(given, bool) or not found.is_finite() or abs(found) >= NUMBER_LIMIT:
            raise self.fault(key, _("Give a finite number, below 1e29."))
        exponent = found.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -30:
            raise self.fault(key, _("At most 30 digits after the point."))
        return found


def fault(where: str, sentence: str) -> errors.Invalid:
    """A refusal that names its place."""
    return errors.Invalid(_("%(where)s: ") % {"where": where} + sentence, errors={where: [sentence]})


def _item(part: ItemPart) -> Expectation:
    key = part.text("key", 80)
    if not _KEY.fullmatch(key):
        raise part.fault("key", _("Small letters, digits, dots, dashes; at most 80."))
    check = part.choice("check", tuple(CHECKS))
    method = part.choice("method", tuple(METHODS)) if check == "distribution" else ""
    kind = METHODS[method] if method else CHECKS[check]
    column = ""
    if kind.column != "none":
        column = part.text("column", COLUMN_AT_MOST, blank=kind.column == "optional")
    least, most = part.decimal("at_least"), part.decimal("at_most")
    found = Expectation(
        key=key, check=check, severity=part.choice("severity", (BLOCKING, WARNING), blank=True) or BLOCKING,
        column=column, method=method,
        at_least=Decimal(kind.default_least) if least is None and kind.default_least else least,
        at_most=Decimal(kind.default_most) if most is None and kind.default_most else most,
        columns=_columns(part) if check == "schema" else (),
        closed=check == "schema" and part.flag("closed", blank=True),
        values=part.texts("values", VALUES_AT_MOST, 256) if check == "allowed_values" else (),
        rule=_rule(part) if check == "consistency" else None,
    )  # fmt: skip
    part.nothing_else()
    _check_bounds(part, kind, found)
    if check == "allowed_values" and not found.values:
        raise part.fault("values", _("List the values that are allowed."))
    return found


def _check_bounds(part: ItemPart, kind: Kind, found: Expectation) -> None:
    if found.at_least is not None and not kind.least:
        raise part.fault("at_least", _("This check is bounded from above: give at_most."))
    if found.at_most is not None and not kind.most:
        raise part.fault("at_most", _("This check is bounded from below: give at_least."))
    if found.at_least is None and found.at_most is None:
        sides = " / ".join(side for side, metric in (("at_least", kind.least), ("at_most", kind.most)) if metric)
        raise part.fault(sides.split(" ")[0], _("Say how much is asked: %(sides)s.") % {"sides": sides})
    if found.at_least is not None and found.at_most is not None and found.at_least > found.at_most:
        raise part.fault("at_least", _("It is above at_most: nothing meets both."))


def _columns(part: ItemPart) -> tuple[tuple[str, str], ...]:
    found = []
    for one in part.parts("columns", 10_000):
        found.append((one.text("name", 256), one.choice("type", TYPES, blank=True)))
        one.nothing_else()
    if not found or len({name for name, _type in found}) != len(found):
        raise part.fault("columns", _("List the columns, each once."))
    return tuple(found)


def _rule(part: ItemPart) -> Rule:
    text = part.text("rule", 1000)
    try:
        return parse_rule(text)
    except ValueError as wrong:
        raise part.fault("rule", str(wrong)) from None
