"""Facts read in other ways: completeness up to the source, difference of terms, their end, terms as ODRL."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from governance.unit_of_work import recorded_action
from lineage import actions, queries
from lineage.models import CollectionTerms, Dataset, DatasetVersion
from lineage.terms import ending
from lineage.terms.difference import difference
from tests.approvals.world import World, database, dataset, derive, give_terms, train, world
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Api = Callable[[str], Any]
DAY = datetime.timedelta(days=1)


@pytest.fixture
def w(cast: Cast) -> World:
    """`features`, made from `raw`, made from `source`, each complete."""
    return world(cast)


def asked(api: Api, address: str, expect: int = 200, **query: Any) -> dict[str, Any]:
    """What the pipeline is answered."""
    answer = api("pipeline").get(f"/api/v1/{address}", query)
    assert answer.status_code == expect, answer.content
    found: dict[str, Any] = answer.json()
    return found


# --- Completeness ----------------------------------------------------------------------------------------------------


def test_what_is_derived_owes_its_digest_and_the_source_owes_it_all(w: World, api: Api) -> None:
    answer = asked(api, f"dataset-versions/{w.versions['features'].pk}/completeness")
    assert (answer["complete"], answer["required"], answer["given"]) == (True, 9, 9)
    assert [(one["dataset_name"], one["derived"]) for one in answer["versions"]] == [
        ("features", True), ("raw", True), ("source", False)]  # fmt: skip


def test_what_is_missing_is_named_per_version_up_the_lineage(w: World, cast: Cast, api: Api) -> None:
    _bare, bare = dataset(cast, "bare", origin="", date=None, digest_algorithm="", digest_value="")
    derive(cast, bare, w.versions["source"])
    answer = asked(api, f"dataset-versions/{w.versions['features'].pk}/completeness")
    assert answer["complete"] is False
    lacking = {one["dataset_name"]: one["missing"] for one in answer["versions"] if one["missing"]}
    assert lacking == {"bare": ["digest", "origin", "date"]}
    assert answer["required"] - answer["given"] == 3
    w.policy({"key": "provenance", "kind": "provenance"})
    gate = w.ask(w.release())["provenance"]
    assert (gate.reason, gate.params["fields"]) == ("provenance-incomplete", ["digest", "origin", "date"])


def test_a_version_that_only_feeds_on_itself_has_no_origin(w: World, cast: Cast) -> None:
    _one, first = dataset(cast, "first", source="")
    _two, second = dataset(cast, "second", source="")
    derive(cast, first, second)
    derive(cast, second, first)
    assert {p.version.pk: p.missing for p in queries.completeness(first)} == {
        first.pk: ["source"], second.pk: ["source"]}  # fmt: skip


def test_the_way_up_is_that_of_the_gate(w: World, cast: Cast) -> None:
    """Over a model version, a compared one beside it: closure_of_dataset_version equals the model's closure."""
    _made, scores = dataset(cast, "scores")
    compared = train(cast, w.model, None, "compared")
    run = derive(cast, w.versions["raw"], scores)
    with recorded_action(actor=cast.pipeline, reason=WHY):
        run.inputs.create(model_version=w.version, role="source")
        run.inputs.create(model_version=compared, role="baseline")
    trained = train(cast, w.model, scores, "on-scores")
    mine = database(
        "SELECT array_agg(c.kind || c.id ORDER BY 1) FROM muniment.closure_of_dataset_version(%s) c", scores.pk
    )
    model = database(
        "SELECT array_agg(c.kind || c.id ORDER BY 1) FROM muniment.closure_of_model_version(%s) c"
        " WHERE NOT (c.kind = 'model_version' AND c.id = %s) AND NOT (c.kind = 'run' AND c.id = %s)",
        trained.pk, trained.pk, trained.source_run_id,
    )  # fmt: skip
    assert sorted(mine) == sorted(model)
    assert f"model_version{compared.pk}" not in mine


def test_what_lies_in_a_namespace_not_ones_own_is_counted_and_not_named(w: World, cast: Cast, api: Api) -> None:
    with recorded_action(actor=cast.outsider_pipeline, reason=WHY):
        hidden = Dataset.objects.create(namespace=cast.elsewhere, name="secret")
        version = DatasetVersion.objects.create(dataset=hidden, label="hidden-label")
    derive(cast, version, w.versions["source"])
    answer = asked(api, f"dataset-versions/{w.versions['features'].pk}/completeness")
    assert (answer["complete"], answer["elsewhere"], answer["elsewhere_incomplete"]) == (False, 1, 1)
    assert "secret" not in str(answer) and "hidden-label" not in str(answer)


# --- Difference ------------------------------------------------------------------------------------------------------


def two(
    facts: Facts, cast: Cast, before: dict[str, Any], after: dict[str, Any]
) -> tuple[CollectionTerms, CollectionTerms]:
    """Terms of `loans`, and those that supersede them."""
    loans = facts.dataset()
    return facts.terms(loans, **before), facts.terms(loans, actor=cast.steward, **after)


@pytest.mark.parametrize(
    ("before", "after", "field", "effect"),
    [
        ({}, {"permitted_purposes": ["dpv:Marketing"]}, "permitted_purposes", "wider"),
        ({"permitted_purposes": ["dpv:Marketing"]}, {}, "permitted_purposes", "narrower"),
        ({"permitted_purposes": ["dpv:Marketing"]}, {"permitted_purposes": ["dpv:CreditChecking"]}, "permitted_purposes", "mixed"),
        ({}, {"forbidden_purposes": ["dpv:Marketing"]}, "forbidden_purposes", "narrower"),
        ({}, {"permits_narrower": True}, "permits_narrower", "wider"),
        ({}, {"permitted_geographies": ["DE"]}, "permitted_geographies", "narrower"),
        ({"permitted_geographies": ["DE"]}, {}, "permitted_geographies", "wider"),
        ({"permitted_geographies": ["DE"]}, {"permitted_geographies": ["DE", "FR"]}, "permitted_geographies", "wider"),
        ({}, {"storage_duration_days": 30}, "storage_duration_days", "narrower"),
        ({"storage_duration_days": 30}, {"storage_duration_days": 60}, "storage_duration_days", "wider"),
        ({}, {"licence": "MIT"}, "licence", "mixed"),
        ({}, {"original_purpose": "dpv:Marketing"}, "original_purpose", "neutral"),
        ({"consent_status": "dpv:ConsentRefused"}, {"consent_status": "dpv:ConsentGiven"}, "consent_status", "wider"),
    ],
    ids=str,
)  # fmt: skip
def test_each_change_is_told_with_its_effect(
    facts: Facts, cast: Cast, before: dict[str, Any], after: dict[str, Any], field: str, effect: str
) -> None:
    first, second = two(facts, cast, before, after)
    changed = {one.field: one.effect for one in difference(first, second) if one.field != "effective_from"}
    assert changed == {field: effect}


def test_the_difference_is_read_over_http(facts: Facts, cast: Cast, api: Api) -> None:
    purposes = {"permitted_purposes": ["dpv:CreditChecking", "dpv:Marketing"]}
    first, second = two(
        facts, cast, purposes, {"permitted_purposes": ["dpv:CreditChecking"], "legal_basis": "eu-gdpr:A6-1-f"}
    )
    answer = asked(api, f"terms/{second.pk}/difference")
    assert (answer["against"], answer["against_number"], answer["narrows"]) == (first.pk, 1, True)
    told = {one["field"]: one for one in answer["changes"]}
    assert told["permitted_purposes"]["removed"] == ["dpv:Marketing"]
    assert told["legal_basis"]["after"] == "6(1)(f) legitimate interest"
    begin = asked(api, f"terms/{first.pk}/difference")
    assert (begin["against"], begin["narrows"], begin["changes"]) == (None, None, [])
    back = asked(api, f"terms/{first.pk}/difference", against=second.pk)
    assert back["narrows"] is None
    other = facts.terms(facts.dataset("other"))
    assert "against" in asked(api, f"terms/{first.pk}/difference", 404, against=other.pk)["errors"]
    assert "against" in asked(api, f"terms/{first.pk}/difference", 400, against="x")["errors"]


# --- Ahead of time ---------------------------------------------------------------------------------------------------


def test_the_first_end_on_record_is_told_ahead_of_time(facts: Facts, cast: Cast, api: Api) -> None:
    now, loans = timezone.now(), facts.dataset()
    first = facts.terms(loans, effective_from=now - DAY, effective_to=now + 90 * DAY, storage_duration_days=40)
    found = ending(first)
    assert found is not None
    assert (found.why, found.days_left, found.near) == ("retention", 38, False)
    assert asked(api, f"terms/{first.pk}")["ends"]["days_left"] == 38
    second = facts.terms(loans, actor=cast.steward, effective_from=now - DAY, effective_to=now + 10 * DAY)
    assert (ending(second).why, ending(second).near) == ("period", True)  # type: ignore[union-attr]  # it ends
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=second)
    assert asked(api, f"terms/{second.pk}")["ends"]["why"] == "withdrawn"
    endless = facts.terms(facts.dataset("endless"), storage_duration_days=2**31 - 1)
    assert asked(api, f"terms/{endless.pk}")["ends"] is None


# --- ODRL ------------------------------------------------------------------------------------------------------------


def test_terms_are_told_as_an_odrl_policy(w: World, api: Api) -> None:
    terms = give_terms(
        w.cast, w.datasets["raw"], forbidden_purposes=["dpv:Marketing"], storage_duration_days=30,
        permitted_storage_geographies=["EU"], forbidden_geographies=["FR"], controller="The bank",
    )  # fmt: skip
    policy = asked(api, f"terms/{terms.pk}/odrl")
    assert policy["@context"][0] == "http://www.w3.org/ns/odrl.jsonld"
    assert policy["uid"] == f"urn:muniment:terms:{terms.pk}"
    use, keep = policy["permission"]
    purpose = next(one for one in use["constraint"] if one.get("leftOperand") == "purpose")
    assert purpose == {
        "leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": [{"@id": "https://w3id.org/dpv#CreditChecking"}],
    }  # fmt: skip
    assert use["duty"][0]["action"] == "delete"
    assert (keep["action"], keep["constraint"][0]["rightOperand"]) == (
        "archive",
        [{"@id": "https://w3id.org/dpv/loc#EU"}],
    )
    assert policy["prohibition"][0]["constraint"][0]["operator"] == "isA"
    assert policy["dpv:hasLegalBasis"] == ["https://w3id.org/dpv/legal/eu/gdpr#A6-1-f"]


def test_terms_that_permit_nothing_hold_no_permission(facts: Facts, api: Api) -> None:
    assert "permission" not in asked(api, f"terms/{facts.terms(facts.dataset()).pk}/odrl")


def test_withdrawn_terms_end_every_permission(w: World, api: Api) -> None:
    terms = w.terms["raw"]
    withdrawal = actions.withdraw_terms(actor=w.cast.steward, reason=WHY, terms=terms)
    limits = asked(api, f"terms/{terms.pk}/odrl")["permission"][0]["constraint"]
    end = next(one for one in limits if one.get("operator") == "lt")
    assert datetime.datetime.fromisoformat(end["rightOperand"]["@value"]) == withdrawal.recorded_at
