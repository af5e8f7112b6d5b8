"""Answering on many columns in one act: all of it or nothing, each fault named by its place."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance import errors
from lineage import actions, queries
from lineage.models import DatasetVersion, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Api = Callable[[str], Any]


@pytest.fixture
def version(facts: Facts) -> DatasetVersion:
    """A dataset version with three columns."""
    return facts.version(schema=[{"name": name} for name in ("id", "income", "diagnosis")])


def say(column: str, present: str = "no", **more: Any) -> dict[str, Any]:
    """An answer on personal data in a column."""
    return {"column": column, "category": "dpv:PersonalData", "present": present, **more}


def answer(cast: Cast, version: DatasetVersion, *answers: dict[str, Any], who: str = "steward") -> list[Any]:
    """Several answers in one act."""
    return actions.answer_flags(actor=getattr(cast, who), reason=WHY, dataset_version=version, answers=answers)


def test_many_answers_are_one_act(cast: Cast, version: DatasetVersion) -> None:
    made = answer(cast, version, *(say(c, assessment="reviewed") for c in ("id", "income", "diagnosis")))
    assert [one.created for one in made] == [True] * 3
    assert {flag.assessment for flag in queries.flags_in_force(version)} == {"reviewed"}
    assert len({h.action_id for h in SensitivityFlag.history.all()}) == 1


def test_an_answer_that_stands_already_adds_nothing(cast: Cast, version: DatasetVersion) -> None:
    answer(cast, version, say("id"), say("income", "yes"))
    again = answer(cast, version, say("id"), say("income", "yes"), say("diagnosis", "unknown"))
    assert [one.created for one in again] == [False, False, True]
    assert SensitivityFlag.objects.count() == 3


def test_one_wrong_answer_and_none_is_recorded(cast: Cast, version: DatasetVersion) -> None:
    wrong = [
        say("id"), say("incme"), say("income", "perhaps"), {**say("diagnosis"), "category": "nonsense"}, say("id", "yes"),
    ]  # fmt: skip
    with pytest.raises(errors.Invalid) as caught:
        answer(cast, version, *wrong)
    assert sorted(caught.value.errors) == [
        "answers[1].column", "answers[2].present", "answers[3].category", "answers[4].category",
    ]  # fmt: skip
    assert not SensitivityFlag.objects.exists()


def test_who_may_clear_is_the_databases_rule_and_each_refused_answer_is_named(
    cast: Cast, version: DatasetVersion
) -> None:
    answer(cast, version, say("id", "yes"), say("income", "yes"))
    with pytest.raises(errors.SeparationOfDuties) as caught:
        answer(cast, version, say("id"), say("diagnosis"), say("income"), who="pipeline")
    assert sorted(caught.value.errors) == ["answers[0].present", "answers[2].present"]
    assert caught.value.params["code"] == "only-a-steward-clears"
    assert SensitivityFlag.objects.count() == 2


def test_a_review_takes_a_steward(cast: Cast, version: DatasetVersion) -> None:
    with pytest.raises(errors.Forbidden):
        answer(cast, version, say("id", assessment="reviewed"), who="pipeline")


def test_an_answer_given_upon_another_than_the_one_in_force_is_refused(cast: Cast, version: DatasetVersion) -> None:
    seen = answer(cast, version, say("id", "unknown"))[0].record
    answer(cast, version, say("id", "yes"), who="pipeline")
    with pytest.raises(errors.Conflict) as caught:
        answer(cast, version, say("id", in_force=seen.pk, assessment="reviewed"), say("income", in_force=0))
    assert list(caught.value.errors) == ["answers[0].present"]


@pytest.mark.parametrize("count", [0, 2001])
def test_none_or_too_many_answers_are_refused(cast: Cast, version: DatasetVersion, count: int) -> None:
    with pytest.raises(errors.Invalid) as caught:
        answer(cast, version, *[say("id")] * count)
    assert list(caught.value.errors) == ["answers"]


def test_a_thousand_answers_take_few_queries_and_little_time(facts: Facts, cast: Cast) -> None:
    wide = facts.version(schema=[{"name": f"column_{n}"} for n in range(1000)])
    answers = [say(f"column_{n}", assessment="reviewed") for n in range(1000)]
    begun = time.perf_counter()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer(cast, wide, *answers)
    print(f"1,000 answers: {time.perf_counter() - begun:.2f} s, {len(asked)} queries")
    assert len(asked) < 20
    assert len(queries.flags_in_force(wide)) == 1000


# --- Over HTTP ------------------------------------------------------------------------------------------------------


def test_the_api_answers_each_and_one_receipt(api: Api, version: DatasetVersion) -> None:
    sent = {"answers": [say("id"), say("income", "yes", regulation_sets=["PFI"])], "reason": "Read the dictionary"}
    answered = api("pipeline").post(f"/api/v1/dataset-versions/{version.pk}/flags", sent, format="json")
    assert answered.status_code == 200, answered.content
    told = answered.json()
    assert (told["created"], told["unchanged"]) == (2, 0)
    assert [one["present"] for one in told["results"]] == ["no", "yes"]
    assert told["receipt"]["id"] == told["results"][0]["flag"]
    again = api("pipeline").post(f"/api/v1/dataset-versions/{version.pk}/flags", sent, format="json").json()
    assert (again["created"], again["unchanged"], again["receipt"]) == (0, 2, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "answers"),
        ({"answers": []}, "answers"),
        ({"answers": {}}, "answers"),
        ({"answers": ["id"]}, "answers[0]"),
        ({"answers": [{"column": "id", "category": "dpv:PersonalData"}]}, "answers[0].present"),
        ({"answers": [{**say("id"), "nice": True}]}, "answers[0].nice"),
        ({"answers": [{**say("id"), "present": True}]}, "answers[0].present"),
        ({"answers": [{**say("id"), "in_force": -1}]}, "answers[0].in_force"),
        ({"answers": [{**say("nowhere")}]}, "answers[0].column"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_field(
    api: Api, version: DatasetVersion, body: dict[str, Any], field: str
) -> None:
    answered = api("pipeline").post(f"/api/v1/dataset-versions/{version.pk}/flags", body, format="json")
    assert answered.status_code == 400, answered.content
    assert any(name == field or name.startswith(field) for name in answered.json()["errors"]), answered.json()
    assert not SensitivityFlag.objects.exists()


def test_an_outsider_finds_no_such_version(api: Api, version: DatasetVersion) -> None:
    sent = {"answers": [say("id")]}
    answered = api("outsider_pipeline").post(f"/api/v1/dataset-versions/{version.pk}/flags", sent, format="json")
    assert answered.status_code == 404
