"""Bodies are taken in under limits, inflated piece by piece, and read with one meaning (attack A60)."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import errors
from lineage.openlineage.bodies import MAX_DEPTH, canonical, read_json, take_in


class Counted(io.BytesIO):
    """A body that counts how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


@given(st.binary(max_size=5_000), st.sampled_from(["", "identity", "gzip", " GZIP "]))
def test_what_is_taken_in_is_what_was_sent(body: bytes, encoding: str) -> None:
    sent = gzip.compress(body) if "gzip" in encoding.lower() else body
    assert take_in(io.BytesIO(sent), encoding, 5_000) == body


def test_members_of_a_gzip_body_follow_one_another() -> None:
    body = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    assert take_in(io.BytesIO(body), "gzip", 100) == b'{"a":1}'


def test_ten_megabytes_of_a_gigabyte_are_given_up_at_the_limit() -> None:
    layer = gzip.compress(b"\0" * 20_000_000, 9)
    bomb = Counted(layer * 500)  # 10 MB that would be 10 GB
    tracemalloc.start()
    with pytest.raises(errors.TooLarge) as caught:
        take_in(bomb, "gzip", 1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "1000000 bytes" in str(caught.value)
    assert bomb.taken <= 2 * 64 * 1024, "the rest was not even read"
    assert peak < 8_000_000


def test_a_body_that_is_not_compressed_ends_at_the_limit_as_well() -> None:
    body = Counted(b" " * 10_000_000)
    with pytest.raises(errors.TooLarge):
        take_in(body, "", 100_000)
    assert body.taken < 300_000


def test_empty_members_of_a_gzip_body_end_at_the_limit_too() -> None:
    body = Counted(gzip.compress(b"") * 100_000)
    with pytest.raises(errors.TooLarge):
        take_in(body, "gzip", 100_000)
    assert body.taken < 300_000


def test_a_body_of_nothing_but_brackets_is_refused_before_it_is_read() -> None:
    body = b"[" + b"[]," * 5_000_000 + b"[]]"
    tracemalloc.start()
    with pytest.raises(errors.Invalid, match="objects and lists"):
        read_json(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("body", "encoding", "refusal"),
    [
        (b"{}", "gzip", errors.Invalid),
        (gzip.compress(b"{}")[:-6], "gzip", errors.Invalid),
        (gzip.compress(b"{}") + b"rest", "gzip", errors.Invalid),
        (b"{}", "br", errors.Unsupported),
        (b"{}", "gzip, gzip", errors.Unsupported),
    ],
    ids=["not gzip", "cut off", "more behind it", "another encoding", "twice"],
)
def test_another_encoding_and_a_broken_one_are_refused(body: bytes, encoding: str, refusal: Any) -> None:
    with pytest.raises(refusal):
        take_in(io.BytesIO(body), encoding, 1_000)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 2}}', b"1" * 5_000, b"[" * 100_000,
     b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2)],
)  # fmt: skip
def test_a_body_that_could_be_read_in_two_ways_or_none_is_refused(body: bytes) -> None:
    with pytest.raises(errors.Invalid) as caught:
        read_json(body)
    assert list(caught.value.errors) == ["(body)"]


def test_numbers_that_json_does_not_have_are_kept_as_the_text_they_were() -> None:
    assert read_json(b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 0.5}') == {
        "a": "NaN", "b": "-Infinity", "c": "1e999", "d": 0.5
    }  # fmt: skip


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_one_value_has_one_text_whatever_the_order_of_its_keys(value: Any) -> None:
    text = canonical(value)
    assert text.isascii() and "\x00" not in text
    assert canonical(read_json(text.encode())) == text
    if isinstance(value, dict):
        assert canonical(dict(reversed(list(value.items())))) == text
    assert json.loads(text) == value
