"""Terms: numbered, superseded, withdrawn; which are in force is one question with one answer."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from governance import errors
from lineage import actions, queries
from lineage.models import CollectionTerms, TermsWithdrawal
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def test_the_first_terms_are_number_one_and_in_force(facts: Facts) -> None:
    loans = facts.dataset()
    first = facts.terms(loans)
    assert first.number == 1
    assert queries.terms_in_force(loans) == first


def test_the_same_terms_again_are_the_same_record(facts: Facts) -> None:
    loans = facts.dataset()
    first = facts.terms(loans, permitted_purposes=["dpv:ScientificResearch", "dpv:AcademicResearch"])
    same = facts.terms(
        loans,
        licence="cc-by-4.0",
        permitted_purposes=["https://w3id.org/dpv#AcademicResearch", "dpv:ScientificResearch"],
    )
    assert same == first
    assert first.permitted_purposes == ["dpv:AcademicResearch", "dpv:ScientificResearch"]


def test_a_pipeline_brings_the_first_terms_and_no_others(facts: Facts, cast: Cast) -> None:
    loans = facts.dataset()
    facts.terms(loans)
    with pytest.raises(errors.Forbidden):
        facts.terms(loans, licence="MIT")
    second = facts.terms(loans, actor=cast.steward, licence="MIT")
    assert (second.number, queries.terms_in_force(loans)) == (2, second)


def test_withdrawn_terms_leave_none_in_force_and_a_pipeline_cannot_bring_them_back(facts: Facts, cast: Cast) -> None:
    loans = facts.dataset()
    first = facts.terms(loans)
    second = facts.terms(loans, actor=cast.steward, licence="MIT")
    actions.withdraw_terms(actor=cast.compliance, reason="The bureau objected", terms=second)
    assert queries.terms_in_force(loans) is None, "the older terms were superseded and do not come back"
    assert TermsWithdrawal.objects.get().reason == "The bureau objected"
    with pytest.raises(errors.Forbidden):
        facts.terms(loans, licence="MIT")
    assert first.number == 1


def test_withdrawn_terms_were_in_force_before(facts: Facts, cast: Cast) -> None:
    loans = facts.dataset()
    first = facts.terms(loans)
    between = timezone.now()
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=first)
    assert queries.terms_in_force(loans, between) == first
    assert queries.terms_in_force(loans) is None


def test_terms_are_withdrawn_once(facts: Facts, cast: Cast) -> None:
    first = facts.terms(facts.dataset())
    actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=first)
    with pytest.raises(errors.Conflict) as caught:
        actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=first)
    assert caught.value.params["code"] == "terms-withdrawn"


@pytest.mark.parametrize("name", ["pipeline", "owner", "viewer", "risk", "auditor", "outsider"])
def test_only_stewards_and_compliance_withdraw(facts: Facts, cast: Cast, name: str) -> None:
    first = facts.terms(facts.dataset())
    with pytest.raises(errors.Forbidden):
        actions.withdraw_terms(actor=getattr(cast, name), reason=WHY, terms=first)


def test_what_is_both_permitted_and_forbidden_is_refused(facts: Facts) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), permitted_purposes=["dpv:Marketing"], forbidden_purposes=["dpv:Marketing"])
    assert list(caught.value.errors) == ["forbidden_purposes"]


def test_a_misspelt_forbidden_purpose_is_refused_because_it_would_forbid_nothing(facts: Facts) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), forbidden_purposes=["dpv:DirectMarketting"])
    assert "dpv:DirectMarketing" in str(caught.value.errors["forbidden_purposes"][0])


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("licence", {"licence": "Best-License-Ever"}),
        ("document_digest", {"licence": "LicenseRef-Bureau-2024"}),
        ("legal_basis", {"legal_basis": "eu-gdpr:A6-1-g"}),
        ("special_condition", {"special_condition": "eu-gdpr:A9-2-k"}),
        ("consent_status", {"consent_status": "dpv:ConsentPerhaps"}),
        ("permitted_geographies", {"permitted_geographies": ["Germany"]}),
        ("original_purpose", {"original_purpose": "research"}),
        ("effective_to", {"effective_from": EPOCH, "effective_to": EPOCH}),
    ],
)
def test_terms_that_mean_nothing_are_refused_by_field(facts: Facts, field: str, content: dict[str, object]) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.terms(facts.dataset(), **content)
    assert list(caught.value.errors) == [field]
    assert not CollectionTerms.objects.exists()


periods = st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(1, 20), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(periods=periods, day=st.integers(-2, 45))
def test_in_force_is_the_newest_begun_unless_it_ended_or_was_withdrawn(
    request: pytest.FixtureRequest, periods: list[tuple[int, int | None, bool]], day: int
) -> None:
    """The SQL function against a model of it in Python, over random orders of terms."""
    facts: Facts = request.getfixturevalue("facts")
    loans = facts.dataset(f"loans-{uuid.uuid4()}")
    made: list[tuple[CollectionTerms, bool]] = []
    for place, (begin, length, withdrawn) in enumerate(periods):
        one = facts.terms(
            loans,
            actor=facts.cast.steward,
            controller=str(place),
            effective_from=EPOCH + timedelta(days=begin),
            effective_to=None if length is None else EPOCH + timedelta(days=begin + length),
        )
        if withdrawn:
            actions.withdraw_terms(actor=facts.cast.steward, reason=WHY, terms=one)
        made.append((one, withdrawn))
    at = timezone.now() if day == -2 else EPOCH + timedelta(days=day)
    begun = [(one, withdrawn) for one, withdrawn in made if one.effective_from <= at]
    expected = None
    if begun:
        newest, withdrawn = begun[-1]
        # Withdrawals lie in the present: at a moment of 2024 they had not happened.
        gone = withdrawn and at > EPOCH + timedelta(days=365)
        if not gone and (newest.effective_to is None or at < newest.effective_to):
            expected = newest
    assert queries.terms_in_force(loans, at) == expected
