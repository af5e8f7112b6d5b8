"""Items are read strictly, kept in one form, and become bounds."""

from decimal import Decimal
from typing import Any

import pytest

from governance import errors
from lineage.quality.expectations import Bound, as_items, read_expectations

ONE = {"key": "a", "check": "completeness", "column": "income"}


def test_an_item_becomes_the_bounds_it_asks_for() -> None:
    found = read_expectations(
        [
            ONE,
            {"key": "b", "check": "range", "column": "age", "at_least": "0", "at_most": 120},
            {"key": "c", "check": "distribution", "column": "age", "method": "ks_p", "at_least": "0.05"},
            {"key": "d", "check": "consistency", "rule": "age >= 18", "severity": "warning"},
        ]
    )
    assert [one.bounds for one in found] == [
        [Bound("null_fraction", "le", Decimal(0), "income")],
        [Bound("min", "ge", Decimal(0), "age"), Bound("max", "le", Decimal(120), "age")],
        [Bound("ks_p", "ge", Decimal("0.05"), "age")],
        [Bound("failed_fraction", "le", Decimal(0), "d")],
    ]
    assert [one.kind.plan for one in found] == ["data_quality", "data_quality", "drift", "data_quality"]


def test_what_is_kept_reads_as_itself() -> None:
    kept = as_items(
        read_expectations([ONE, {"key": "s", "check": "schema", "columns": [{"name": "x"}], "closed": True}])
    )
    assert kept[0] == {**ONE, "severity": "blocking", "at_most": "0"}
    assert as_items(read_expectations(kept)) == kept


@pytest.mark.parametrize(
    ("items", "where"),
    [
        ([], "items"),
        ("text", "items"),
        ([1], "items[0]"),
        ([{**ONE, "key": "Ö"}], "items[0].key"),
        ([ONE, ONE], "items[1].key"),
        ([ONE, {**ONE, "key": "b"}], "items[1]"),
        ([{**ONE, "check": "magic"}], "items[0].check"),
        ([{**ONE, "column": ""}], "items[0].column"),
        ([{**ONE, "column": "x" * 201}], "items[0].column"),
        ([{**ONE, "at_least": 0}], "items[0].at_least"),
        ([{**ONE, "at_most": "NaN"}], "items[0].at_most"),
        ([{**ONE, "at_most": 1e400}], "items[0].at_most"),
        ([{**ONE, "at_most": "1e400"}], "items[0].at_most"),
        ([{**ONE, "at_most": True}], "items[0].at_most"),
        ([{**ONE, "at_most": "0." + "1" * 40}], "items[0].at_most"),
        ([{**ONE, "at_most": "x"}], "items[0].at_most"),
        ([{**ONE, "passed": True}], "items[0].passed"),
        ([{**ONE, "severity": "none"}], "items[0].severity"),
        ([{"key": "r", "check": "range", "column": "x"}], "items[0].at_least"),
        ([{"key": "r", "check": "range", "column": "x", "at_least": 2, "at_most": 1}], "items[0].at_least"),
        ([{"key": "d", "check": "distribution", "column": "x", "method": "psi"}], "items[0].at_most"),
        ([{"key": "d", "check": "distribution", "column": "x"}], "items[0].method"),
        ([{"key": "v", "check": "allowed_values", "column": "x"}], "items[0].values"),
        ([{"key": "s", "check": "schema"}], "items[0].columns"),
        ([{"key": "s", "check": "schema", "columns": [{"name": "x", "type": "money"}]}], "items[0].columns[0].type"),
        ([{"key": "c", "check": "consistency", "rule": "1 = 1"}], "items[0].rule"),
        ([{"key": "c", "check": "consistency"}], "items[0].rule"),
        ([{**ONE, "key": f"k{n}", "column": f"c{n}"} for n in range(201)], "items"),
    ],
)  # fmt: skip
def test_what_is_no_item_is_refused_by_its_place(items: Any, where: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        read_expectations(items)
    assert where in refusal.value.errors, refusal.value.errors
