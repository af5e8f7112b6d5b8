"""Policies as YAML: exact both ways, and one meaning or a refusal with its line and column."""

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals import documents, strict_yaml
from approvals.documents import VERSION_FIELDS, Place, document_of, to_yaml, whole
from approvals.models import PolicyVersion
from approvals.strict_yaml import MAX_BYTES, read
from governance import errors
from tests.approvals.policies.documents import policies
from tests.cast import Cast

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t\r"), max_size=40)
ODD = st.sampled_from(
    ["", "no", "Yes", "null", "~", "1", "1.5", "1e3", ".5", "0x1A", "1_000", "1:30", "2026-01-31", "=", "<<", "true", "- a",
     "a: b", "#x", " x ", "x\n", "\nx", "x\n\n", "|", "'", '"', "\u2028", "\x85", "\ufeff", "y", "*a", "&a", "!t", "%", "@", "`",
     "0o7", "+1", "-.inf", ".NaN", "tab\tin", "é", "😀", "{", "[", "a\r\nb", "? a", ": a", "---", "..."]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(policy=policies(), summary=TEXTS | ODD, title=TEXTS | ODD, slot=st.sampled_from(["", "shadow"]))
def test_a_document_reads_back_as_itself(policy: dict[str, Any], summary: str, title: str, slot: str) -> None:
    asked = [{"title": title, **one} for one in policy["requirements"]]
    document = {**policy, "summary": summary, "requirements": asked}
    assert document.keys() == {*VERSION_FIELDS, "requirements"}, "every field of a version is tried"
    text = to_yaml(document, Place("production", "high", "no", slot))
    assert whole(read(text).value) == document
    assert read(text).value["namespace"] == "no"
    assert to_yaml(whole(read(text).value), Place("production", "high", "no", slot)) == text


@settings(max_examples=80, deadline=None)
@given(value=st.recursive(TEXTS | ODD | st.booleans() | st.none() | st.integers(-(10**17), 10**17),
                          lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | ODD, inner, max_size=3)))  # fmt: skip
def test_whatever_is_written_reads_back_and_means_the_same_to_others(value: Any) -> None:
    text = strict_yaml.write({"it": value})
    assert read(text).value == {"it": value}
    assert yaml.safe_load(text) == {"it": value}, "PyYAML's own reader, of YAML 1.1"


def test_the_default_policies_read_back(cast: Cast) -> None:
    versions = PolicyVersion.objects.select_related("policy__environment", "policy__namespace")
    assert versions.count() >= 6
    for version in versions.prefetch_related("requirements"):
        text = to_yaml(document_of(version), documents.place_of(version))
        assert whole(read(text).value) == document_of(version)


def test_a_threshold_is_read_digit_for_digit() -> None:
    found = read("a:\n  - threshold: 0.8999999999999999999999\n  - threshold: '0.90'\n").value
    assert found == {"a": [{"threshold": "0.8999999999999999999999"}, {"threshold": "0.90"}]}


BAD: list[tuple[str, str, str]] = [
    ("a: 1\na: 2", "a", "Line 2, column 1: This key stands here already"),
    ("a:\n  b: 1\n  'b': 2", "a.b", "Line 3, column 3: This key stands here already"),
    ("a: no", "a", "Line 1, column 4: Put no in quotes"),
    ("a: YES", "a", "Line 1, column 4: Put YES in quotes"),
    ("a: True", "a", "Line 1, column 4: Put True in quotes"),
    ("a: y", "a", "Put y in quotes"),
    ("no: 1", "no", "Line 1, column 1: Put no in quotes"),
    ("1: 1", "1", "Line 1, column 1: Put 1 in quotes"),
    ("a: .NaN", "a", "Put .NaN in quotes"),
    ("a: .inf", "a", "Put .inf in quotes"),
    ("a: 0.9", "a", "Put 0.9 in quotes"),
    ("a: 1e400", "a", "Put 1e400 in quotes"),
    ("threshold: 1e400", "threshold", "Put 1e400 in quotes"),
    ("threshold: .NaN", "threshold", "Put .NaN in quotes"),
    ("a: 0x1A", "a", "Put 0x1A in quotes"),
    ("a: 010", "a", "Put 010 in quotes"),
    ("a: 1_000", "a", "Put 1_000 in quotes"),
    ("a: 1:30", "a", "Put 1:30 in quotes"),
    ("a: 2026-01-31", "a", "Put 2026-01-31 in quotes"),
    ("a: ~", "a", "Put ~ in quotes"),
    ("a:", "a", "There is no value here"),
    ("a:\n  - 1\n  -\n", "a[1]", "Line 3, column 4: There is no value here"),
    ("a: &x 1", "a", "Leave the anchor &x out"),
    ("a: &x 1\nb: *x", "b", "Line 2, column 4: Write it out"),
    ("a: {<<: {b: 1}}", "a.<<", "Put << in quotes"),
    ("a: !!str 1", "a", "Leave the tag"),
    ("a: !!python/object/apply:os.system [ls]", "a", "Leave the tag"),
    ("a: ! x", "a", "Leave the tag"),
    ("!x {a: 1}", "(body)", "Leave the tag"),
    ("%YAML 1.1\n---\na: 1", "(body)", "Leave directives"),
    ("a: 1\n---\nb: 2", "(body)", "one document"),
    ("? [a]\n: 1", "(body)", "A key is a word"),
    ("a: [1", "(body)", "This is not YAML"),
    ("a: 'x", "(body)", "This is not YAML"),
    ("a:\tb: c", "(body)", "This is not YAML"),
    ("", "(body)", "There is nothing in it"),
    ("# only a remark", "(body)", "There is nothing in it"),
    ("a: " + "[" * 40, "(body)", "nested deeper"),
    ("a: \x00", "(body)", "U+0000"),
    ("a: \x1b[31m", "(body)", "U+001B"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "says"), BAD, ids=range(len(BAD)))
def test_what_could_be_read_in_two_ways_is_refused_where_it_stands(text: str, path: str, says: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        read(text)
    assert says in " ".join(refusal.value.errors[path]), refusal.value.errors


def test_anchors_do_not_unfold() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(errors.Invalid):
        read(bomb)


def test_more_than_the_limit_is_not_read() -> None:
    assert read("a: '" + "x" * (MAX_BYTES - 5) + "'").value["a"]
    with pytest.raises(errors.TooLarge):
        read("a: '" + "x" * MAX_BYTES + "'")
    with pytest.raises(errors.Invalid):
        read(b"a: \xff")


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"%@`#,?\n\t 01.", max_size=60))
def test_any_text_is_read_or_refused_and_never_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(errors.Invalid):
        assert strict_yaml.write({"it": read(text).value})
