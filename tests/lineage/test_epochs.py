"""Epochs: what narrows or raises is told from what does not, and an epoch never goes back."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage import actions
from lineage.models import CollectionTerms, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

FROM = datetime(2024, 1, 1, tzinfo=UTC)
BASE: dict[str, Any] = {
    "licence": "MIT",
    "permitted_purposes": ["dpv:ScientificResearch", "dpv:FraudPreventionAndDetection"],
    "forbidden_purposes": ["dpv:Marketing"],
    "permitted_geographies": ["DE", "FR"],
    "forbidden_geographies": ["US"],
    "storage_duration_days": 400,
    "legal_basis": "eu-gdpr:A6-1-e",
    "effective_from": FROM,
    "effective_to": FROM + timedelta(days=4000),
}

NARROWER: dict[str, dict[str, Any]] = {
    "a purpose less": {"permitted_purposes": ["dpv:ScientificResearch"]},
    "another purpose forbidden": {"forbidden_purposes": ["dpv:Marketing", "dpv:PersonnelHiring"]},
    "a place less": {"permitted_geographies": ["DE"]},
    "another place forbidden": {"forbidden_geographies": ["US", "CN"]},
    "kept for a shorter time": {"storage_duration_days": 300},
    "an earlier end": {"effective_to": FROM + timedelta(days=3000)},
    "storage in one place only": {"permitted_storage_geographies": ["DE"]},
    "another licence": {"licence": "Apache-2.0"},
    "another legal basis": {"legal_basis": "eu-gdpr:A6-1-f"},
    "another controller": {"controller": "Somebody else"},
    "one purpose more and one less": {"permitted_purposes": ["dpv:ScientificResearch", "dpv:CreditChecking"]},
}
NO_NARROWER: dict[str, dict[str, Any]] = {
    "a purpose more": {"permitted_purposes": [*BASE["permitted_purposes"], "dpv:AcademicResearch"]},
    "nothing forbidden": {"forbidden_purposes": []},
    "the whole of a bloc its places lie in": {"permitted_geographies": ["EU"]},
    "narrower purposes included": {"permits_narrower": True},
    "any place": {"permitted_geographies": []},
    "a part of a country forbidden instead of all of it": {"forbidden_geographies": ["US-CA"]},
    "no limit of storage": {"storage_duration_days": None},
    "no end": {"effective_to": None},
    "another digest of the document": {"document_digest": "sha256:" + "0" * 64},
}


def then(facts: Facts, cast: Cast, **changed: Any) -> CollectionTerms:
    """The next terms of `loans`, with some of BASE changed."""
    return facts.terms(facts.dataset(), actor=cast.steward, **{**BASE, **changed})


@pytest.mark.parametrize("what", NARROWER)
def test_terms_that_permit_less_narrow(what: str, facts: Facts, cast: Cast) -> None:
    first = then(facts, cast)
    second = then(facts, cast, **NARROWER[what])
    assert (first.narrows, first.epoch, second.narrows, second.epoch) == (False, 1, True, 2)


@pytest.mark.parametrize("what", NO_NARROWER)
def test_terms_that_permit_as_much_or_more_do_not_narrow(what: str, facts: Facts, cast: Cast) -> None:
    then(facts, cast)
    second = then(facts, cast, **NO_NARROWER[what])
    assert (second.number, second.narrows, second.epoch) == (2, False, 1)


def test_terms_that_return_to_what_they_were_do_not_bring_the_epoch_back(facts: Facts, cast: Cast) -> None:
    then(facts, cast)
    then(facts, cast, permitted_purposes=["dpv:ScientificResearch"])
    assert then(facts, cast).epoch == 2


PLACES = st.lists(st.sampled_from(["DE", "DE-BY", "FR", "NO", "EU", "EEA", "US", "US-CA"]), unique=True, max_size=3)
PURPOSES = st.lists(
    st.sampled_from(["dpv:Marketing", "dpv:CreditChecking", "dpv:ScientificResearch"]), unique=True, max_size=3
)


@st.composite
def terms_rows(draw: st.DrawFn) -> dict[str, Any]:
    """What two terms can differ in, as columns."""
    permitted = draw(PLACES)
    purposes = draw(PURPOSES)
    return {
        "permitted_purposes": purposes,
        "permits_narrower": draw(st.booleans()),
        "forbidden_purposes": [p for p in draw(PURPOSES) if p not in purposes],
        "permitted_geographies": permitted,
        "forbidden_geographies": [p for p in draw(PLACES) if p not in permitted],
        "storage_duration_days": draw(st.sampled_from([None, 10, 20])),
        "effective_to": draw(st.sampled_from([None, "2030-01-01", "2031-01-01"])),
    }


def narrows(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Ask the database about two sets of terms that are not on record."""
    blank = {"licence": "MIT", "controller": "", "legal_basis": "", "special_condition": "", "consent_status": "",
             "permitted_storage_geographies": [], "forbidden_storage_geographies": [],
             "effective_from": "2024-01-01"}  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.terms_narrow(jsonb_populate_record(NULL::public.lineage_collectionterms, %s),"
            " jsonb_populate_record(NULL::public.lineage_collectionterms, %s))",
            [json.dumps(blank | old), json.dumps(blank | new)],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
@settings(max_examples=60, deadline=None)
@given(terms_rows(), terms_rows(), terms_rows())
def test_narrowing_is_a_partial_order(first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]) -> None:
    assert not narrows(first, first), "as much is not less"
    if not narrows(first, second) and not narrows(second, third):
        assert not narrows(first, third), "widened twice is widened"


def answer(cast: Cast, facts: Facts, actor: str = "steward", **more: Any) -> SensitivityFlag:
    """The steward's next answer on income in `loans`."""
    more = {"category": "pd:Income", "present": "yes", **more}
    act = actions.review_flag if actor == "steward" else actions.raise_flag
    return act(actor=getattr(cast, actor), reason=WHY, dataset_version=facts.version(), **more).record


RAISING = [
    ({"present": "no"}, {}, True),
    ({"present": "no"}, {"present": "unknown"}, True),
    ({"present": "unknown"}, {"present": "yes"}, True),
    ({"present": "yes"}, {"present": "unknown"}, True),
    ({}, {"present": "no"}, False),
    ({"present": "unknown"}, {"present": "no"}, False),
    ({"treatment": "masked"}, {"treatment": "none"}, True),
    ({"treatment": "anonymised"}, {"treatment": "pseudonymised"}, True),
    ({"treatment": "none"}, {"treatment": "masked"}, False),
    ({"treatment": "anonymised"}, {"treatment": "dropped"}, False),
    ({}, {"excluded_from_training": True}, True),
    ({"excluded_from_training": True}, {}, False),
    ({}, {"regulation_sets": ["PII"]}, True),
    ({"regulation_sets": ["PII"]}, {}, False),
    ({}, {"data_subjects": ["dpv:Child"]}, True),
    ({}, {"treatment_tool": "masker 2"}, False),
]


@pytest.mark.parametrize(("before", "after", "raises"), RAISING)
def test_an_answer_raises_when_it_says_more_or_worse(
    before: dict[str, Any], after: dict[str, Any], raises: bool, facts: Facts, cast: Cast
) -> None:
    first = answer(cast, facts, **before)
    second = answer(cast, facts, **after)
    assert (second.raises, second.epoch) == (raises, first.epoch + raises)
    assert second.pk != first.pk


def test_a_first_answer_raises_unless_it_is_no(facts: Facts, cast: Cast) -> None:
    assert not answer(cast, facts, present="no").raises
    assert answer(cast, facts, category="pd:Location").epoch == 1
    assert answer(cast, facts, category="pd:Age", present="unknown").epoch == 2, "epochs count per dataset version"


def test_the_epoch_of_use_grows_with_purpose_tier_and_places_alone(facts: Facts, cast: Cast) -> None:
    model = facts.model()

    def changed(**changes: Any) -> int:
        actions.update_model(actor=cast.owner, reason=WHY, model=model, changes=changes)
        model.refresh_from_db()
        return int(model.use_epoch)

    assert changed(title="Scores", description="Scores loans") == 1
    assert changed(deployment_geography=["DE", "FR"]) == 2
    assert changed(deployment_geography=["FR", "DE"]) == 2, "the order of places says nothing"
    assert changed(intended_purpose="dpv:Marketing") == 3
    assert changed(intended_purpose="dpv:FraudPreventionAndDetection") == 4
    assert changed(risk_answers={"personal_data": False}) == 4, "an answer that leaves the tier as it is"


def test_what_the_app_sends_as_epoch_counts_for_nothing(facts: Facts, cast: Cast, attack: Any) -> None:
    version = facts.version()
    with attack(cast.steward) as sql:
        row = sql(
            'INSERT INTO lineage_sensitivityflag (dataset_version_id, "column", category, present, regulation_sets,'
            " special_category, collected_as, data_subjects, treatment, treatment_tool, treatment_parameters,"
            " excluded_from_training, assessment, raises, epoch)"
            " VALUES (%s, '', 'pd:Income', 'yes', '{}', false, 'collected', '{}', 'none', '', '{}', false, 'declared', false, -5)"
            " RETURNING raises, epoch",
            version.pk,
        )
    assert row == [(True, 1)]
