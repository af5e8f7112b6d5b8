"""Digests are read in whatever way a client writes them, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import errors
from lineage.digests import Digest, algorithm_of, parse_digest
from lineage.models.fields import DIGEST_HEX_LENGTHS

algorithms = st.sampled_from(sorted(DIGEST_HEX_LENGTHS))


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    name = draw(algorithms)
    length = DIGEST_HEX_LENGTHS[name]
    return Digest(name, draw(st.text("0123456789abcdef", min_size=length, max_size=length)))


@given(digests())
def test_a_digest_is_the_same_written_as_text_or_object_in_any_case(digest: Digest) -> None:
    assert parse_digest(str(digest)) == digest
    assert parse_digest(f"{digest.algorithm.upper()}:{digest.value.upper()}") == digest
    assert parse_digest({"algorithm": digest.algorithm, "value": digest.value}) == digest


@given(algorithms, st.text(max_size=140))
def test_whatever_is_read_has_the_form_the_database_asks_for(name: str, value: str) -> None:
    try:
        read = parse_digest(f"{name}:{value}")
    except errors.Invalid:
        return
    assert len(read.value) == DIGEST_HEX_LENGTHS[read.algorithm]
    assert set(read.value) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "wrong",
    [
        "md5:" + "a" * 32,
        "sha1:" + "a" * 40,
        "sha256:" + "a" * 63,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 64 + "\n",
        "a" * 64,
        {"algorithm": "sha256"},
        {"algorithm": "sha256", "value": 5},
        {"algorithm": "sha256", "value": "a" * 64, "more": 1},
    ],
)
def test_weak_short_and_malformed_digests_are_refused(wrong: object) -> None:
    with pytest.raises(errors.Invalid) as caught:
        parse_digest(wrong)  # type: ignore[arg-type]  # that is the test
    assert list(caught.value.errors) == ["digest"]


def test_the_names_that_cyclonedx_and_openssl_use_are_known() -> None:
    assert [algorithm_of(name) for name in ("SHA-256", "SHA3-512", "BLAKE2b-256", "blake2b", "MD5")] == [
        "sha256",
        "sha3_512",
        "blake2b256",
        "blake2b512",
        None,
    ]
