"""Filters, orders and page tokens: one meaning or a refusal, never a fault; and what they find."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.mlflow.filters import (
    MODELS,
    VERSIONS,
    Clause,
    prompt_matches,
    question_of,
    read_filter,
    read_order,
    read_token,
    write_token,
)
from governance.errors import Invalid
from tests.approvals.mlflow.asking import REFUSED, Caller, code
from tests.approvals.world import World

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


@given(
    TEXT, st.sampled_from(["=", "!=", "LIKE", "ilike"]), st.sampled_from("'\""), TEXT.filter(lambda key: "`" not in key)
)
def test_what_is_written_is_what_is_read(value: str, sign: str, quote: str, key: str) -> None:
    written = f"name {sign} {quote}{value.replace(quote, quote * 2)}{quote} and tags.`{key}` = 'x'"
    assert read_filter(written, MODELS) == [Clause("name", sign.upper(), value), Clause(key, "=", "x", tag=True)]


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(-10, 10**9))
def test_lists_and_numbers(values: list[str], number: int) -> None:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    found = read_filter(f"run_id IN ({listed}) AND version_number >= {number}", VERSIONS)
    assert found == [Clause("run_id", "IN", values), Clause("version_number", ">=", number)]


@given(st.text(max_size=60))
def test_anything_else_is_refused_and_breaks_nothing(text: str) -> None:
    for grammar in (MODELS, VERSIONS):
        with contextlib.suppress(Invalid):
            assert isinstance(read_filter(text, grammar), list)


@given(st.lists(st.sampled_from(
    ["name", "tags.", "`a`", "=", "'x'", "IN", "(", ")", ",", "AND", "OR", "NOT", "5", "LIKE", "version_number", "--", ";", "tag", "."]
), max_size=9))  # fmt: skip
def test_pieces_in_any_order_are_read_or_refused(pieces: list[str]) -> None:
    with contextlib.suppress(Invalid):
        read_filter(" ".join(pieces), VERSIONS)


@pytest.mark.parametrize(
    "filter",
    [
        "name = 'a' OR name = 'b'", "name == 'a'", "name = a", "name = 5", "version_number = '5'", "status = 'READY'",
        "name IN 'a'", "name IN ()", "name IN ('a',)", "run_id LIKE ('a')", "name = 'a' AND", "AND name = 'a'", "name",
        "version_number > 1.5", "version_number LIKE 5", "name = 'a", "params.x = '1'", "name = 'a'; DROP TABLE x",
        "tags.`a", "(name = 'a')", "source_path IN ('a')", "version_number = 99999999999999999999", "name = 'a' name = 'b'",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_by_name(filter: str) -> None:
    with pytest.raises(Invalid, match="The filter cannot be read"):
        read_filter(filter, VERSIONS)


@pytest.mark.parametrize("order", ["rank", "name UP", "name ASC DESC", "", "name, version_number", "run_id"])
def test_what_is_no_order_is_refused(order: str) -> None:
    with pytest.raises(Invalid):
        read_order([order], VERSIONS)
    with pytest.raises(Invalid):
        read_order(["name", "name DESC"], VERSIONS)


@given(st.text(max_size=40))
def test_a_token_of_nobody_is_refused(token: str) -> None:
    with pytest.raises(Invalid):
        read_token(token, question_of("a"), [str, int])


@given(TEXT, st.integers(-(2**40), 2**40))
def test_a_token_belongs_to_its_question(name: str, number: int) -> None:
    token = write_token(question_of("a"), [name, number])
    assert read_token(token, question_of("a"), [str, int]) == [name, number]
    with pytest.raises(Invalid):
        read_token(token, question_of("b"), [str, int])
    with pytest.raises(Invalid):
        read_token(token, question_of("a"), [int, str])


def test_the_clause_on_prompts_holds_of_every_model() -> None:
    (clause,) = read_filter("tag.`mlflow.prompt.is_prompt` != 'true'", MODELS)
    assert prompt_matches(clause) is True
    (clause,) = read_filter("tags.mlflow.prompt.is_prompt = 'true'", MODELS)
    assert prompt_matches(clause) is False
    assert prompt_matches(Clause("team", "!=", "true", tag=True)) is None


def test_searches_find_what_they_say_page_by_page(w: World) -> None:
    ask = Caller()
    for number in range(5):
        ask.post("registered-models/create", name=f"m{number}", tags=[{"key": "n", "value": str(number % 2)}])
        ask.post("model-versions/create", name="m0", source=f"s3://m0/{number}", run_id=f"r{number}",
                 tags=[{"key": "odd", "value": str(number % 2)}])  # fmt: skip
    ask.send("DELETE", "registered-models/delete-tag", name="m4", key="n")

    def models(filter: str, *order: str) -> list[str]:
        found = ask.get("registered-models/search", filter=filter, order_by=list(order)).json()["registered_models"]
        return [one["name"] for one in found]

    def versions(filter: str, *order: str) -> list[int]:
        found = ask.get("model-versions/search", filter=filter, order_by=list(order)).json()["model_versions"]
        return [int(one["version"]) for one in found]

    assert models("name LIKE 'm%' AND tags.n = '0'") == ["m0", "m2"]
    assert models("tag.n != '0'") == ["m1", "m3"]
    assert models("name ILIKE 'M%' AND tag.`mlflow.prompt.is_prompt` != 'true'", "name DESC")[:2] == ["m4", "m3"]
    assert models("tag.`mlflow.prompt.is_prompt` = 'true'") == []
    assert models("name IN ('m1', 'scoring')") == ["m1", "scoring"]
    assert models("name LIKE 'm\\%'") == []
    assert versions("name = 'm0'") == [5, 4, 3, 2, 1]
    assert versions("name = 'm0' AND version_number > 3", "version_number ASC") == [4, 5]
    assert versions("name = 'm0' AND tags.odd = '1'") == [4, 2]
    assert versions("run_id IN ('r1', 'r2')", "creation_timestamp ASC") == [2, 3]
    assert versions("source_path LIKE '%/4'") == [5]
    assert versions("name = 'm0' AND run_id != 'r0'", "last_updated_timestamp DESC") == [5, 4, 3, 2]

    for order in (["name ASC"], ["last_updated_timestamp DESC", "name DESC"], ["creation_timestamp"]):
        seen: list[str] = []
        token = ""
        while True:
            page = ask.get(
                "registered-models/search", max_results=2, order_by=order, page_token=token, filter="name != 'x'"
            ).json()
            seen += [one["name"] for one in page["registered_models"]]
            token = page.get("next_page_token", "")
            if not token:
                break
        assert sorted(seen) == ["m0", "m1", "m2", "m3", "m4", "scoring"], order
        assert seen == models("name != 'x'", *order)
    for query in ({"max_results": 0}, {"max_results": 200_001}, {"max_results": "1e3"}, {"page_token": "x"},
                  {"filter": "x" * 10_001}, {"order_by": ["x"]}):  # fmt: skip
        assert code(ask.get("model-versions/search", **query)) == REFUSED
