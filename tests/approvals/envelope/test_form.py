"""A retraining envelope as a form: the same document as its YAML, both ways."""

from typing import Any

import pytest
from django.utils.datastructures import MultiValueDict
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.envelope_forms import BANDS, PARAMETERS, changed_rows, data_of, document_from, rows_of
from approvals.strict_yaml import read, write
from governance import errors

PRINTABLE = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
#: Texts as the fields of a browser keep them: no line breaks, nothing around.
LINE = st.text(PRINTABLE, min_size=1, max_size=12).filter(lambda text: text == text.strip() and text.isprintable())
LIMIT = st.decimals(-1000, 1000, places=3).map(lambda number: format(number, "f"))
VALUE = st.one_of(st.text(PRINTABLE, max_size=12), st.booleans(), st.integers(-(10**17), 10**17), st.none())
SPEC = st.one_of(
    st.fixed_dictionaries({}, optional={"min": LIMIT, "max": LIMIT}).filter(bool),
    st.fixed_dictionaries({"one_of": st.lists(VALUE, min_size=1, max_size=4)}),
)
BAND = st.fixed_dictionaries(
    {"plan": st.integers(1, 10**9), "metric": LINE},
    optional={
        "slice": LINE, "dataset_role": st.sampled_from(["training", "test"]), "low": LIMIT, "high": LIMIT,
        "change_low": LIMIT, "change_high": LIMIT, "whole_interval": st.just(True), "independent": st.just(False),
    },
)  # fmt: skip
DOCUMENT = st.fixed_dictionaries(
    {
        "environment": LINE, "title": LINE, "parameters": st.dictionaries(LINE, SPEC, max_size=3),
        "code_commits": st.lists(st.from_regex(r"[0-9a-f]{7}", fullmatch=True), max_size=2),
        "new_data": st.booleans(), "bands": st.lists(BAND, max_size=3), "keeps": st.lists(LINE, unique=True, max_size=3),
        "uses": st.integers(1, 100), "ends_at": st.just("2027-06-30T12:30:15+00:00"),
    },
    optional={"slot": st.sampled_from(["champion", "shadow"]), "description": LINE},
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(document=DOCUMENT, base=st.lists(LINE, max_size=3))
def test_document_to_form_and_back_is_the_same(document: dict[str, Any], base: list[str]) -> None:
    data = data_of(document, base)
    assert document_from(data) == document
    assert document_from(data_of(read(write(document)).value, base)) == document, "through YAML too"


def test_a_parameter_that_nobody_lets_vary_is_a_row_and_no_part_of_the_document() -> None:
    data = data_of({"parameters": {"C": {"min": "1"}}}, {"C": 1, "seed": "7"})
    assert [data[f"p{n}-name"] for n in rows_of(data, PARAMETERS)] == ["C", "seed"]
    assert document_from(data)["parameters"] == {"C": {"min": "1"}}


def form(**fields: Any) -> MultiValueDict[str, str]:
    return MultiValueDict({name: value if isinstance(value, list) else [value] for name, value in fields.items()})


def test_rows_are_added_and_removed_without_a_script() -> None:
    data = form(do="add-band", band=["0", "4"])
    assert changed_rows(data) and rows_of(data, BANDS) == ["0", "4", "5"]
    assert document_from(data)["bands"][2] == {"plan": "", "metric": ""}, "independent unless said otherwise"
    data["do"] = "remove-band-4"
    assert changed_rows(data) and rows_of(data, BANDS) == ["0", "5"]
    data["do"] = "add-parameter"
    assert changed_rows(data) and rows_of(data, PARAMETERS) == ["0"]
    for act in ("write", "yaml", "add-model", "remove-model-1", ""):
        data["do"] = act
        assert not changed_rows(data), act


def test_values_are_read_as_yaml_writes_them_and_what_has_two_readings_is_refused() -> None:
    data = form(parameter="0", **{"p0-name": "depth", "p0-how": "one_of", "p0-one_of": "7\r\n'7'\r\ntrue\r\nauto"})
    assert document_from(data)["parameters"] == {"depth": {"one_of": [7, "7", True, "auto"]}}
    data["p0-one_of"] = "yes"
    with pytest.raises(errors.Invalid) as refusal:
        document_from(data)
    assert list(refusal.value.errors) == ["parameters.depth.one_of"]


def test_a_parameter_named_twice_is_refused_and_not_the_later_one_taken() -> None:
    data = form(parameter=["0", "1"])
    for row in ("p0", "p1"):
        data[f"{row}-name"], data[f"{row}-how"], data[f"{row}-min"] = "C", "between", "1"
    with pytest.raises(errors.Invalid) as refusal:
        document_from(data)
    assert list(refusal.value.errors) == ["parameters.C"]
