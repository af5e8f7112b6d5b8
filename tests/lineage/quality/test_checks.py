"""What a profile says of each kind of item: exact figures, bounds, and what is missing where there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lineage.quality.checks import FARTHEST, Data, Figure, measure, rounded
from lineage.quality.documents import ColumnProfile, Other, PersonalFind, Profile, RuleCount, TopValue
from lineage.quality.expectations import read_expectations
from tests.lineage.quality.raw import key, numbers, texts

ARRIVED = datetime(2026, 3, 11, tzinfo=UTC)
FILE = "sha256:" + "0" * 64


def data(*columns: ColumnProfile, rows: int | None = 10, digest: str = FILE, **more: Any) -> Data:
    return Data(Profile(columns=columns, rows=rows, digest=digest, **more), ARRIVED, date(2026, 3, 1))


def one(item: dict[str, Any], mine: Data, baseline: Data | None = None) -> Figure:
    return measure(read_expectations([{"key": "it", **item}]), mine, baseline)[0]


def shown(found: Figure) -> tuple[str, bool | None]:
    return ("" if found.found is None else format(found.value(found.bounds[0]).normalize(), "f"), found.holds)


AGE = numbers([1.0, 2.0, 2.0, None], name="age")
NAMES = texts(["a"] * 5 + ["b"] * 6 + ["c"] * 2 + [None], name="kind")


@pytest.mark.parametrize(
    ("item", "value", "holds"),
    [
        ({"check": "completeness", "column": "age"}, "0.25", False),
        ({"check": "completeness", "column": "age", "at_most": "0.25"}, "0.25", True),
        ({"check": "uniqueness", "column": "age"}, "0.666666666666", False),
        ({"check": "range", "column": "age", "at_least": 1}, "1", True),
        ({"check": "range", "column": "age", "at_most": "1.5"}, "2", False),
        ({"check": "volume", "at_least": 10}, "10", True),
        ({"check": "freshness", "at_most": 10}, "10", True),
        ({"check": "freshness", "at_most": 9}, "10", False),
        ({"check": "duplicates"}, "", None),
        ({"check": "allowed_values", "column": "kind", "values": ["a", "b"]}, "0.153846153847", False),
        ({"check": "allowed_values", "column": "kind", "values": ["b"], "at_most": "0.6"}, "0.538461538462", True),
        ({"check": "schema", "columns": [{"name": "age", "type": "number"}]}, "0", True),
        ({"check": "schema", "columns": [{"name": "age", "type": "date"}, {"name": "gone"}]}, "2", False),
        ({"check": "schema", "columns": [{"name": "age"}], "closed": True}, "1", False),
        ({"check": "completeness", "column": "gone"}, "", False),
        ({"check": "range", "column": "kind", "at_least": 1}, "", None),
        ({"check": "freshness", "column": "age", "at_most": 1}, "", None),
        ({"check": "distribution", "column": "age", "method": "psi", "at_most": 1}, "", None),
        ({"check": "volume_change", "at_least": 1}, "", None),
        ({"check": "consistency", "rule": "age > 0"}, "", None),
    ],
)  # fmt: skip
def test_each_check_says_what_it_found_or_that_there_is_no_telling(item: Any, value: str, holds: bool | None) -> None:
    assert shown(one(item, data(AGE, NAMES))) == (value, holds)


def test_a_rule_is_read_from_the_profile_it_was_evaluated_for() -> None:
    item = {"check": "consistency", "rule": "age > 0", "at_most": "0.1"}
    for count, expected in (
        (RuleCount("age > 0", 10, 1), ("0.1", True)),
        (RuleCount("age > 0", 10, 2), ("0.2", False)),
        (RuleCount("age > 0", 0, 0), ("0", True)),
        (RuleCount("age > 0", error="There is no column age."), ("", False)),
        (RuleCount("age > 1", 10, 0), ("", None)),
    ):
        assert shown(one(item, data(AGE, rules=(count,)))) == expected


def test_dates_have_an_age_and_rows_a_ratio() -> None:
    day = numbers([ARRIVED.timestamp() - 3 * 86_400], name="day", kind="timestamp")
    assert shown(one({"check": "freshness", "column": "day", "at_most": 3}, data(day))) == ("3", True)
    item = {"check": "volume_change", "at_least": "0.5", "at_most": "2"}
    assert shown(one(item, data(rows=10), data(rows=20))) == ("0.5", True)
    assert shown(one(item, data(rows=10), data(rows=0)))[1] is False
    assert shown(one(item, data(rows=0), data(rows=0))) == ("1", True)


def test_what_is_reported_of_some_columns_says_nothing_of_the_others() -> None:
    item = {"check": "completeness", "column": "gone"}
    assert one(item, data(AGE, digest="")).holds is None
    assert one(item, replace(data(AGE, digest=""), columns=(("age", "INT"),))).holds is False
    reported = ColumnProfile("x", type="number", count=2, nulls=0, sum=10**400)
    drift = {"check": "distribution", "column": "x", "method": "mean_shift", "at_most": 1}
    found = one(drift, data(reported), data(numbers([1.0, 2.0], name="x")))
    assert (found.holds, found.why) == (None, "The profile's figures of it cannot be right.")


def test_values_that_may_be_allowed_are_counted_on_the_worse_side() -> None:
    column = ColumnProfile(
        "x", type="string", count=20, nulls=0, distinct=4, top=(TopValue("a", key("a"), 10),), other=Other(10, 3)
    )
    found = one({"check": "allowed_values", "column": "x", "values": ["a", "b"]}, data(column))
    assert found.found is not None
    assert (found.found.low, found.found.high, found.holds) == (0.0, 0.5, False)


def test_whether_values_are_allowed_that_are_not_kept_cannot_be_told() -> None:
    find = PersonalFind("ethnicity", 20, 0, ())
    column = ColumnProfile(
        "ethnicity", type="string", count=20, nulls=0, distinct=2, other=Other(20, 2), personal=(find,)
    )
    found = one({"check": "allowed_values", "column": "ethnicity", "values": ["1", "2"]}, data(column))
    assert (found.found, found.holds) == (None, None) and "hide a person" in found.why


@pytest.mark.parametrize(("bound", "kept"), [("at_least", -FARTHEST), ("at_most", FARTHEST)])
def test_what_is_no_number_lies_in_no_range(bound: str, kept: Decimal) -> None:
    """Infinite on which side, or none at all: the profile counts them together, and the worse of it is judged."""
    odd = replace(AGE, non_finite=1)
    for column in (odd, replace(odd, min=None, max=None)):
        found = one({"check": "range", "column": "age", bound: 0 if bound == "at_least" else 9}, data(column))
        assert (found.holds, found.value(found.bounds[0])) == (False, kept) and "1 values are NaN" in found.why
    assert one({"check": "range", "column": "age", "at_least": 0}, data(AGE)).holds


@pytest.mark.parametrize(
    ("number", "down", "up"),
    [
        (0.05, "0.050000000000", "0.050000000000"),
        (1 / 3, "0.333333333333", "0.333333333334"),
        (1e20, "100000000000000000000.000000000000", "100000000000000000000.000000000000"),
        (2**63 - 1, "9223372036854775807.000000000000", "9223372036854775807.000000000000"),
        (float("inf"), "1E+29", "1E+29"),
        (-1e308, "-1E+29", "-1E+29"),
        (5e-324, "0E-12", "1E-12"),
    ],
)
def test_numbers_are_kept_rounded_towards_the_worse(number: float, down: str, up: str) -> None:
    assert (rounded(number, up=False), rounded(number, up=True)) == (Decimal(down), Decimal(up))


def test_types_that_nobody_measured_are_not_said_to_be_right() -> None:
    reported = replace(data(AGE, digest=""), columns=(("age", "INT"),))
    asked: dict[str, Any] = {"check": "schema", "columns": [{"name": "age", "type": "number"}]}
    assert one(asked, reported).holds is None
    assert one({"check": "schema", "columns": [{"name": "age"}]}, reported).holds is True
    assert one({"check": "schema", "columns": [*asked["columns"], {"name": "gone"}]}, reported).holds is False


def test_a_date_to_come_makes_no_data_new() -> None:
    """31 December 9999 stands for "never" in many a column."""
    for days, holds in ((0.5, True), (2, None), (2_912_000, None)):
        day = numbers([0.0, ARRIVED.timestamp() + days * 86_400], name="day", kind="timestamp")
        assert one({"check": "freshness", "column": "day", "at_most": 3}, data(day)).holds is holds
