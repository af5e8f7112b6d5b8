"""The gate as a whole: closed unless everything says open, and an error is never a verdict to pass on."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.gate.gate import RequirementStatus, Verdict, ask
from approvals.models import Environment
from tests.approvals.world import FACTS, World, database, signature

IN_TEST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def test_no_requirements_no_promotion() -> None:
    assert not Verdict([]).allowed
    assert not Verdict([RequirementStatus("a", "a", "ERROR", "gate-error")]).allowed
    assert not Verdict([RequirementStatus("a", "a", "SATISFIED", "x"), RequirementStatus("b", "b", "?", "x")]).allowed


@pytest.mark.parametrize(
    ("rows", "opens"),
    [
        ([], False),
        ([{"status": "SATISFIED"}], True),
        ([{"status": "SATISFIED"}, {"status": "NOT_APPLICABLE"}, {"status": "WAIVED"}], True),
        ([{"status": "SATISFIED"}, {"status": "ERROR"}], False),
        ([{"status": "SATISFIED"}, {"status": None}], False),
        ([{}], False),
        ({"status": "SATISFIED"}, False),
        (None, False),
    ],
)
@pytest.mark.django_db
def test_the_database_says_the_same(rows: Any, opens: bool) -> None:
    assert database("SELECT muniment.gate_opens(%s::jsonb)", json.dumps(rows)) is opens
    assert database("SELECT muniment.gate_opens(NULL)") is False


def test_an_unknown_release_is_an_error_not_an_empty_answer(w: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT status, reason FROM muniment.gate(999999999)")
        assert cursor.fetchall() == [("ERROR", "gate-error")]


def test_a_requirement_that_cannot_be_worked_out_is_an_error_and_the_others_are_answered(w: World) -> None:
    draft = w.draft(  # no policy owner can publish it; one published before the rules were this strict may look like it
        {"key": "broken", "kind": "evidence", "params": {"plan_kind": "performance", "max_age_days": "soon"}},
        {"key": "nobody", "kind": "signoff", "params": {"role": "risk_manager", "count": 0}, "binds": ["subject"]},
        {"key": "nothing", "kind": "evidence", "params": {}},
        {"key": "artifact", "kind": "artifact"},
    )
    w.evidence(w.plan())
    rows = w.ask(policy_version=draft)
    assert {key: row.status for key, row in rows.items()} == {
        "broken": "ERROR", "nobody": "ERROR", "nothing": "ERROR", "artifact": "SATISFIED",
    }  # fmt: skip
    assert rows["broken"].params["sqlstate"] == "22P02"
    assert not ask(w.release(), policy_version=draft).allowed


def test_a_bound_of_nan_in_a_policy_is_an_error_A43(w: World) -> None:
    for threshold in ("NaN", "Infinity", "1e400"):
        bound = {"metric": "accuracy", "comparator": "le", "threshold": threshold}
        draft = w.draft({"key": "it", "kind": "evidence", "params": {"plan_kind": "performance", "criteria": [bound]}})
        w.evidence(w.plan())
        assert w.ask(policy_version=draft)["it"].status == "ERROR"


def test_a_namespace_with_a_policy_of_its_own_is_judged_by_it(w: World) -> None:
    w.policy(*FACTS)
    assert set(w.ask()) == {f["key"] for f in FACTS}
    w.policy(*FACTS, signature("risk", "risk_manager"), namespace=w.cast.retail)
    assert set(w.ask()) == {*(f["key"] for f in FACTS), "risk"}


def test_a_policy_that_was_written_and_not_published_changes_nothing(w: World) -> None:
    from approvals.actions.policies import write_policy_version
    from lineage.models import RiskTier

    before = set(w.ask())
    draft = write_policy_version(
        actor=w.cast.policy, reason="A draft", environment=Environment.objects.get(name="production"),
        risk_tier=RiskTier.HIGH, namespace=w.cast.retail, requirements=FACTS[:1],
    )  # fmt: skip
    assert set(w.ask()) == before
    assert set(w.ask(policy_version=draft)) == {"artifact"}


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=14),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
@IN_TEST
@pytest.mark.django_db
def test_places_are_filled_as_far_as_any_choice_could(edges: list[tuple[int, int]], places: list[int]) -> None:
    places = sorted(places)
    filled = database(
        "SELECT muniment.fill_places(%s::bigint[], %s::bigint[], %s::bigint[])",
        places, [e[0] for e in edges], [e[1] for e in edges],
    )  # fmt: skip
    chosen = [person for person in filled if person is not None]
    assert len(chosen) == len(set(chosen)), "one person in one place"
    assert all((place, person) in edges for place, person in zip(places, filled, strict=True) if person is not None)
    assert len(chosen) == most(places, edges)


def most(places: list[int], edges: list[tuple[int, int]]) -> int:
    """The most places that can be filled, by trying everything."""
    if not places:
        return 0
    best = most(places[1:], edges)
    for person in {p for place, p in edges if place == places[0]}:
        best = max(best, 1 + most(places[1:], [e for e in edges if e[1] != person]))
    return best


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18),
)
@IN_TEST
@pytest.mark.django_db
def test_comparators_mean_what_they_say(value: Any, threshold: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(muniment.holds_against(%s, c, %s) ORDER BY n)"
            " FROM unnest(ARRAY['ge','gt','le','lt','eq']) WITH ORDINALITY AS x (c, n)",
            [value, threshold],
        )
        assert cursor.fetchone()[0] == [
            value >= threshold, value > threshold, value <= threshold, value < threshold, value == threshold,
        ]  # fmt: skip


@pytest.mark.django_db
def test_an_unknown_comparator_holds_nothing() -> None:
    assert database("SELECT muniment.holds_against(1, '=>', 0)") is None


@given(votes=st.lists(st.tuples(st.sampled_from(["risk", "risk2"]), st.booleans()), max_size=6), need=st.integers(1, 3))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_a_quorum_counts_the_standing_approvals_of_distinct_persons(
    w: World, votes: list[tuple[str, bool]], need: int
) -> None:
    from approvals.actions.releases import close_release
    from approvals.actions.sign_offs import withdraw_sign_off
    from approvals.models import ReleaseClosure

    w.policy(signature("risk", "risk_manager", count=need))
    standing: dict[str, Any] = {}
    for name, approves in votes:
        person = getattr(w.cast, name)
        if approves and name not in standing:
            standing[name] = w.vote("risk", person)
        elif not approves and name in standing:
            withdraw_sign_off(actor=person, sign_off=standing.pop(name), reason="Changed my mind")
    row = w.ask()["risk"]
    assert row.passes == (len(standing) >= need)
    assert row.params["have"] == min(len(standing), need)
    close_release(actor=w.cast.pipeline, reason="Next", release=w.release(), kind=ReleaseClosure.Kind.WITHDRAWN)
