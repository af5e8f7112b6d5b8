"""Tags, description and archived state of a model version: rows of their own, the newest in force."""

from collections.abc import Callable
from typing import Any

import pytest

from governance import errors
from lineage import actions, queries
from lineage.models import ModelVersionArchival, ModelVersionDescription, ModelVersionTag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

Api = Callable[[str], Any]


def said(api: Api, pk: int, act: str, body: dict[str, Any], expect: int = 200) -> dict[str, Any]:
    """What the pipeline says of a version, and the answer."""
    answer = api("pipeline").post(f"/api/v1/model-versions/{pk}/{act}", body, format="json")
    assert answer.status_code == expect, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_the_newest_is_in_force_and_what_stood_before_stays_on_record(facts: Facts, api: Api) -> None:
    version = facts.model_version()
    said(api, version.pk, "tags", {"tags": {"team": "retail", "stage": "pilot"}})
    answer = said(api, version.pk, "tags", {"tags": {"team": "wholesale", "stage": None, "unheard": None}})
    assert answer["tags"] == {"team": "wholesale"}
    assert ModelVersionTag.objects.count() == 4, "taking away what was not there adds nothing"
    said(api, version.pk, "describe", {"description": "First"})
    assert said(api, version.pk, "describe", {"description": "Better"})["description"] == "Better"
    assert ModelVersionDescription.objects.count() == 2
    assert said(api, version.pk, "archive", {"archived": True})["archived"] is True
    assert said(api, version.pk, "archive", {"archived": True})["archived"] is True
    assert said(api, version.pk, "archive", {"archived": False})["archived"] is False
    assert ModelVersionArchival.objects.count() == 2
    shown = api("pipeline").get(f"/api/v1/model-versions/{version.pk}").json()
    assert (shown["tags"], shown["description"], shown["archived"]) == ({"team": "wholesale"}, "Better", False)


def test_a_list_asks_no_more_for_more_versions(
    facts: Facts, api: Api, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        version = facts.model_version(artifact_uri=f"s3://models/{number}")
        actions.tag_model_version(actor=cast.pipeline, reason=WHY, model_version=version, tags={"n": str(number)})
    with django_assert_max_num_queries(12):
        assert len(api("pipeline").get("/api/v1/model-versions").json()["results"]) == 3


def test_who_describes_a_version_had_a_hand_in_it(facts: Facts, cast: Cast) -> None:
    version = facts.model_version()
    assert cast.owner.pk not in {one.person_id for one in queries.contributors(version)}
    actions.describe_model_version(actor=cast.owner, reason=WHY, model_version=version, text="Mine")
    assert (cast.owner.pk, "edited") in set(queries.contributors(version))


@pytest.mark.parametrize("name", ["steward", "risk", "validator", "viewer", "auditor", "outsider"])
def test_nobody_but_pipeline_and_owner_describes(facts: Facts, cast: Cast, name: str) -> None:
    version, actor = facts.model_version(), getattr(cast, name)
    with pytest.raises(errors.Forbidden):
        actions.tag_model_version(actor=actor, reason=WHY, model_version=version, tags={"a": "b"})
    with pytest.raises(errors.Forbidden):
        actions.describe_model_version(actor=actor, reason=WHY, model_version=version, text="x")
    with pytest.raises(errors.Forbidden):
        actions.archive_model_version(actor=actor, reason=WHY, model_version=version, archived=True)


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("tags", {"tags": {}}, "tags"),
        ("tags", {"tags": {str(n): "x" for n in range(101)}}, "tags"),
        ("tags", {"tags": {" lead": "x"}}, "tags. lead"),
        ("tags", {"tags": {"k" * 251: "x"}}, "tags." + "k" * 251),
        ("tags", {"tags": {"k": 1}}, "tags.k"),
        ("tags", {"tags": ["k"]}, "tags"),
        ("describe", {}, "description"),
        ("describe", {"description": "x" * 5001}, "description"),
        ("archive", {"archived": "yes"}, "archived"),
    ],
    ids=str,
)
def test_what_cannot_be_said_is_refused_by_field(
    facts: Facts, api: Api, act: str, body: dict[str, Any], field: str
) -> None:
    assert list(said(api, facts.model_version().pk, act, body, expect=400)["errors"]) == [field]


CARD: dict[str, Any] = {
    "approach": "supervised",
    "task": "binary classification",
    "architecture": "gradient boosted trees",
    "inputs": [{"name": "income", "format": "decimal", "description": "Monthly, in euro"}],
    "outputs": "A score from 0 to 1",
    "performance": [{"type": "auc", "value": 0.91, "slice": "age<30", "confidence_interval": {"lower": 0.89, "upper": 0.93}}],
    "limitations": ["Not for companies"],
    "tradeoffs": "Fewer false alarms for more misses",
    "fairness": [{"group_at_risk": "Self-employed", "harms": "Scored lower", "mitigation": "Reweighted"}],
    "oversight": "A clerk decides",
    "autonomy_type": "no",
    "decision_thresholds": {"score": 0.5},
}  # fmt: skip


def test_a_whole_card_is_kept_as_it_was_sent(facts: Facts) -> None:
    assert facts.model_version(model_card=CARD).model_card == CARD


@pytest.mark.parametrize(
    ("part", "value", "path"),
    [
        ("approach", "magic", "approach"),
        ("task", "", "task"),
        ("architecture", ["trees"], "architecture"),
        ("inputs", [{"format": "csv"}], "inputs[0]"),
        ("inputs", [{"name": "a", "colour": "red"}], "inputs[0].colour"),
        ("outputs", [], "outputs"),
        ("performance", {"auc": 0.9}, "performance"),
        ("performance", [{"type": "auc"}], "performance[0]"),
        ("performance", [{"type": "auc", "value": "0.9"}], "performance[0].value"),
        ("performance", [{"type": "auc", "value": True}], "performance[0].value"),
        ("performance", [{"type": "auc", "value": float("inf")}], "performance[0].value"),
        ("performance", [{"type": "auc", "value": 0.9, "unit": "%"}], "performance[0].unit"),
        (
            "performance",
            [{"type": "auc", "value": 0.9, "confidence_interval": [0, 1]}],
            "performance[0].confidence_interval",
        ),
        (
            "performance",
            [{"type": "auc", "value": 0.9, "confidence_interval": {"lower": 0.95, "upper": 0.99}}],
            "performance[0].confidence_interval",
        ),
        ("limitations", ["fine", 3], "limitations[1]"),
        ("fairness", [{"harms": "some"}], "fairness[0]"),
        ("autonomy_type", True, "autonomy_type"),
        ("decision_thresholds", {"score": "0.5"}, "decision_thresholds.score"),
        ("decision_thresholds", {}, "decision_thresholds"),
        ("praise", "best", "praise"),
    ],
    ids=str,
)
def test_a_part_of_another_form_is_refused_by_its_path(facts: Facts, part: str, value: Any, path: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.model_version(model_card={part: value})
    assert list(caught.value.errors) == [f"model_card.{path}"]


def test_what_is_put_away_is_found_and_left_out_of_a_list(facts: Facts, api: Callable[[str], Any]) -> None:
    kept, away = (facts.model_version(digest=digest(one)) for one in ("kept", "away"))
    for version, archived in ((away, True), (away, False), (away, True), (kept, True), (kept, False)):
        actions.archive_model_version(actor=facts.cast.owner, reason=WHY, model_version=version, archived=archived)

    def listed(more: str) -> set[int]:
        return {one["id"] for one in api("pipeline").get(f"/api/v1/model-versions?{more}").json()["results"]}

    assert (listed("archived=true"), listed("archived=false")) == ({away.pk}, {kept.pk})
    assert listed("") == {kept.pk, away.pk}
    assert api("pipeline").get("/api/v1/model-versions?archived=perhaps").status_code == 400
