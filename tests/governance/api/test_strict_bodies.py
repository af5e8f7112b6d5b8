"""A body has one meaning or is refused by name (attacks A43, A50, A73). No database."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from governance.api.errors import flat
from governance.api.fields import ExactJSONField, IdField, MomentField, NameField, TextField
from governance.api.parsers import MAX_BYTES, MAX_DEPTH, read_json
from governance.api.serializers import StrictSerializer, WriteSerializer
from governance.api.strictness import name_fault
from governance.errors import Invalid, TooLarge


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"x": {"a": 1, "a": 1}}', "a"),
        (b'{"a": NaN}', "(body)"),
        (b'{"a": Infinity}', "(body)"),
        (b'{"a": -Infinity}', "(body)"),
        (b'{"a": 1e400}', "(body)"),
        (b'{"a": 1e-400}', "(body)"),
        (b'{"a": 0x1A}', "(body)"),
        (b'{"a": ' + b"9" * 5000 + b"}", "(body)"),
        (b'{"a": "\\ud800"}', "a"),
        (b'{"a": ["x", {"b": "\\u0000"}]}', "a[1].b"),
        (b'{"a": "bell\\u0007"}', "a"),
        (b'{"bad\\u0000key": 1}', "(body)"),
        (b'\xff{"a": 1}', "(body)"),
        (b'{"a": 1', "(body)"),
        (b"{'a': 1}", "(body)"),
        (b'{"a": 1} x', "(body)"),
    ],
)
def test_a_body_with_two_readings_or_none_is_refused_and_the_place_named(body: bytes, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_json(body)
    assert list(refused.value.errors) == [path]


def test_depth_is_refused_before_anything_recurses() -> None:
    with pytest.raises(Invalid):
        read_json(b"[" * 100_000)
    nested = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert read_json(nested)


def test_brackets_in_a_string_do_not_count_as_depth() -> None:
    assert read_json(b'{"a": "' + b"[" * 200 + b'\\""}') == {"a": "[" * 200 + '"'}


def test_a_large_body_is_refused_as_such() -> None:
    with pytest.raises(TooLarge):
        read_json(b'"' + b"x" * MAX_BYTES + b'"')


def test_fractions_are_read_exactly() -> None:
    assert read_json(b'{"a": 0.1, "b": 12345678901234567890.123456789}') == {
        "a": Decimal("0.1"),
        "b": Decimal("12345678901234567890.123456789"),
    }


@given(st.binary(max_size=200))
def test_no_bytes_whatsoever_break_the_reader(body: bytes) -> None:
    with suppress(Invalid):
        read_json(body)


class Inner(StrictSerializer):
    metric = NameField()
    threshold = serializers.DecimalField(max_digits=30, decimal_places=15)


class Body(WriteSerializer):
    name = NameField(required=False)
    text = TextField(required=False, allow_blank=True)
    flag = serializers.BooleanField(required=False)
    count = serializers.IntegerField(required=False)
    ratio = serializers.FloatField(required=False)
    exact = serializers.DecimalField(max_digits=20, decimal_places=10, required=False)
    at = MomentField(required=False)
    day = serializers.DateField(required=False)
    other = IdField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    free = ExactJSONField(kind=dict, required=False)
    commit = serializers.RegexField(r"^[0-9a-f]{7,40}$", required=False)
    criteria = Inner(many=True, required=False)
    id = serializers.IntegerField(read_only=True)


def fault(**body: Any) -> dict[str, Any]:
    serializer = Body(data=body)
    with pytest.raises(ValidationError):
        serializer.is_valid(raise_exception=True)
    return dict(serializer.errors)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("flag", "true"), ("flag", 1), ("flag", 0), ("flag", "yes"),
        ("count", True), ("count", "1"), ("count", Decimal("1.0")), ("count", " 1"),
        ("ratio", True), ("ratio", "0.9"), ("ratio", "nan"),
        ("exact", True), ("exact", "0.9 "), ("exact", "0x1A"), ("exact", "+1"), ("exact", "NaN"), ("exact", "1_0"),
        ("exact", "Infinity"), ("exact", "٣"), ("exact", ".5"),
        ("at", "2026-03-03T14:00:00"), ("at", "2026-03-03"), ("at", 1), ("at", "2026-03-03 14:00:00Z"),
        ("day", "3 March 2026"), ("day", "2026-02-30"), ("day", "2026-03-03T00:00:00Z"),
        ("other", 2**63), ("other", 0), ("other", -1), ("other", "7"),
        ("name", 7), ("name", True), ("name", " padded"), ("name", "padded\n"), ("name", "a\u202eb"),
        ("name", "a\u200bb"),
        ("name", "e\u0301"), ("name", ""), ("name", "x" * 201), ("name", ["x"]),
        ("text", 7), ("text", None), ("text", "x" * 10_001),
        ("commit", "abcdef"), ("commit", "abcdef0\n"), ("commit", "\nabcdef0"),
        ("free", []), ("free", "x"), ("free", {"x": Decimal("0.12345678901234567890")}), ("free", {"x": 2**70}),
        ("tags", "x"), ("tags", {"0": "x"}),
        ("criteria", {}), ("criteria", ["x"]),
        ("id", 1), ("recorded_by", 1), ("reason", ""), ("reason", "x" * 2001),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused_and_its_field_named(field: str, value: Any) -> None:
    assert field in fault(**{field: value})


def test_what_is_refused_inside_lists_is_named_with_its_place() -> None:
    assert "tags[1]" in fault(tags=["a", 2])
    good, bad = {"metric": "auc", "threshold": Decimal("0.9")}, {"metric": "auc", "threshold": "0.9 ", "x": 1}
    assert {path for path, _ in flat(fault(criteria=[good, bad]))} == {"criteria[1].threshold", "criteria[1].x"}


def test_all_faults_are_told_at_once() -> None:
    assert set(fault(count="1", nix=1, at="now", text=5)) == {"count", "nix", "at", "text"}


def test_text_is_kept_word_for_word() -> None:
    serializer = Body(data={"text": "  two\n\tlines \r\n", "exact": "0.10", "free": {"x": Decimal("0.1")}})
    assert serializer.is_valid(), serializer.errors
    assert serializer.validated_data["text"] == "  two\n\tlines \r\n"
    assert serializer.validated_data["exact"] == Decimal("0.10")
    assert serializer.validated_data["free"] == {"x": 0.1}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fraud\ufe0f", "U+FE0F"),
        ("fra\u034fud", "U+034F"),
        ("fraud\u3164", "U+3164"),
        ("credit\u2800score", "U+2800"),
        ("credit\u00a0score", "U+00A0"),
        ("credit\u3000score", "U+3000"),
        ("fr\u0430ud", "U+0430"),
        ("fraud-\u0441redit", "U+0441"),
        ("m\u03bfdel", "U+03BF"),
        ("\u0391uto", "U+0391"),
        ("\ufb01nance", "U+FB01"),
        ("\uff46raud", "U+FF46"),
    ],
)
def test_a_name_that_would_look_like_another_is_refused_and_the_character_named(name: str, said: str) -> None:
    fault = name_fault(name)
    assert fault is not None and said in fault, fault


@pytest.mark.parametrize(
    "name",
    [
        "fraud",
        "Kreditausfälle über 90 Tage",
        "αNet",
        "ν-SVM",
        "R² of the arm",
        "риск просрочки",
        "модель-v2",
        "欺诈 检测",
        "⚠️ held",
        "naïve Bayes",
        "ความจำ",
        "µ-net, nº 1",
        "ㅋㅋ ｶﾅ",
        "كشف الاحتيال",
    ],
)
def test_names_in_any_script_are_names(name: str) -> None:
    assert name_fault(name) is None
