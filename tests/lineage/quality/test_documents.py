"""A profile's document is read strictly: what cannot be right is refused by its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import Invalid
from lineage.quality.documents import EDGES_AT_MOST, Other, TopValue, read_columns, read_profile, to_json
from tests.lineage.quality.documents import DIGEST, amounts, document, grades, key_of


def refused(given: Any) -> list[str]:
    with pytest.raises(Invalid) as refusal:
        read_profile(given)
    return list(refusal.value.errors)


def test_a_profile_is_what_its_document_says() -> None:
    found = read_profile(document())
    amount, grade = found.columns
    assert (found.rows, found.bytes, found.digest, found.complete) == (5, 60, DIGEST, True)
    assert (amount.edges, amount.before, amount.upto) == ((10.0, 20.0, 30.0), (0, 1, 3), (1, 3, 4))
    assert amount.finite == 4
    assert (grade.top, grade.other) == ((TopValue("a", key_of("a"), 5),), Other(0, 0))
    assert found.column("grade") == grade and found.column("none") is None


def test_a_column_comes_back_from_the_record_as_it_was() -> None:
    columns = read_profile(document()).columns
    assert read_columns(json.loads(json.dumps([to_json(one) for one in columns]))) == columns


def test_fractions_as_the_api_reads_them_are_doubles() -> None:
    given = json.loads(json.dumps(document()), parse_float=Decimal)
    assert read_profile(given) == read_profile(document())


def test_what_openlineage_reports_is_read_too() -> None:
    (one,) = read_columns(
        [{"name": "amount", "count": 4, "nulls": 1, "min": 1, "max": 9, "quantiles": {"0.9": 8, "0.5": 4}}]
    )
    assert (one.type, one.count, one.nulls, one.min, one.max) == ("number", 4, 1, 1, 9)
    assert one.quantiles == ((0.5, 4), (0.9, 8)) and one.edges == ()


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"profile": 2}, "profile"),
        ({"profile": True}, "profile"),
        ({"rows": -1}, "rows"),
        ({"rows": 5.0}, "rows"),
        ({"rows": True}, "rows"),
        ({"rows": 2**63}, "rows"),
        ({"bytes": None}, "bytes"),
        ({"format": "xlsx"}, "format"),
        ({"digest": "1" * 64}, "digest"),
        ({"digest": "sha256:" + "G" * 64}, "digest"),
        ({"complete": "yes"}, "complete"),
        ({"complete": False}, "stopped_by"),
        ({"complete": False, "stopped_by": "will"}, "stopped_by"),
        ({"complete": True, "stopped_by": "rows"}, "stopped_by"),
        ({"duplicate_rows": 5}, "duplicate_rows"),
        ({"columns": {}}, "columns"),
        ({"columns": [1]}, "columns[0]"),
        ({"columns": [amounts()] * 2}, "columns[1].name"),
        ({"columns": [amounts()] * 10_001}, "columns"),
        ({"passed": True}, "passed"),
        ({"engine": "x" * 101}, "engine"),
        ({"engine": "duck\x00db"}, "engine"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused(part: dict[str, Any], fault: str) -> None:
    assert refused({**document(), **part}) == [fault]


def test_what_is_no_object_is_no_profile() -> None:
    assert refused([]) == ["(body)"]


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 257}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"type": "blob"}, "type"),
        ({"nulls": 2}, "count"),
        ({"non_finite": 5}, "non_finite"),
        ({"distinct": 5}, "distinct"),
        ({"distinct": 0}, "distinct"),
        ({"max": None}, "max"),
        ({"min": float("nan")}, "min"),
        ({"min": float("-inf")}, "min"),
        ({"max": Decimal("1e400")}, "max"),
        ({"max": 10**400}, "max"),
        ({"min": "10"}, "min"),
        ({"min": 31}, "min"),
        ({"type": "string"}, "min"),
        ({"mean": 31}, "mean"),
        ({"stddev": -1}, "stddev"),
        ({"edges": [10, 30]}, "edges"),
        ({"edges": [10, 30, 20]}, "edges"),
        ({"edges": [10, 20, 20]}, "edges"),
        ({"edges": [10, 20, 29]}, "edges"),
        ({"edges": [11, 20, 30]}, "edges"),
        ({"edges": [10, 20, float("nan")]}, "edges[2]"),
        ({"before": [1, 1, 3]}, "upto"),
        ({"before": [0, 2, 1]}, "upto"),
        ({"upto": [1, 0, 4]}, "upto"),
        ({"upto": [1, 3, 5]}, "upto"),
        ({"upto": [1, 3, -4]}, "upto[2]"),
        ({"upto": [2, 3, 3]}, "upto"),
        ({"edges": [float(n) for n in range(EDGES_AT_MOST + 1)]}, "edges"),
        ({"verdict": "passed"}, "verdict"),
    ],
)
def test_a_column_of_numbers_that_cannot_be_right_is_refused(part: dict[str, Any], fault: str) -> None:
    (found,) = refused(document({**amounts(), **part}))
    assert found == f"columns[0].{fault}"


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"top": [{"value": "a", "key": "a", "count": 5}]}, "top[0].key"),
        ({"top": [{"value": "a", "key": key_of("a"), "count": 4}]}, "top"),
        ({"top": [{"value": "a\nb", "key": key_of("a"), "count": 5}]}, "top[0].value"),
        ({"top": [{"value": "a" * 257, "key": key_of("a"), "count": 5}]}, "top[0].value"),
        ({"top": [{"value": "a", "key": key_of("a"), "count": 5}] * 101}, "top"),
        ({"other": {"count": 1, "distinct": 1}}, "other.count"),
        ({"other": {"count": 0, "distinct": 1}}, "other.distinct"),
        ({"other": None}, "other"),
        ({"lengths": {"min": 2, "max": 1, "mean": 1}}, "lengths.mean"),
        ({"personal": [{"pattern": "email", "looked_at": 5, "matched": 5}]}, "top"),
        ({"personal": [{"pattern": "email", "looked_at": 5, "matched": 6}]}, "personal[0].matched"),
        (
            {"personal": [{"pattern": "email", "looked_at": 5, "matched": 5, "examples": ["jo@example.org"]}]},
            "personal[0].examples",
        ),
    ],
)
def test_a_column_of_texts_that_cannot_be_right_is_refused(part: dict[str, Any], fault: str) -> None:
    (found,) = refused(document({**grades(), **part}))
    assert found == f"columns[0].{fault}"


def test_texts_of_few_rows_are_counted_without_being_named() -> None:
    column = grades(top=[], other={"count": 5, "distinct": 3}, distinct=3)
    assert read_profile(document(column)).columns[0].other == Other(5, 3)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(sorted(amounts())), st.sampled_from(sorted(document())), _JSON, st.booleans())
def test_whatever_stands_in_its_place_is_read_or_refused(inner: str, outer: str, value: Any, within: bool) -> None:
    given = document({**amounts(), inner: value}) if within else {**document(), outer: value}
    try:
        found = read_profile(given)
    except Invalid:
        return
    assert read_columns(json.loads(json.dumps([to_json(one) for one in found.columns]))) == found.columns
