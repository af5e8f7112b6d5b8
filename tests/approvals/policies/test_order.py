"""A policy of a more particular place may only tighten: the order, its table, and what happens to what is looser."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.actions.policies import publish_policy, write_policy_version
from approvals.models import PlanKind, PolicyLapse, Slot
from approvals.policies import KINDS, checked_params, contradicting
from governance import errors
from governance.outbox import drain
from governance.outbox.models import Notice
from lineage.models import RiskTier
from tests.approvals.policies.documents import policies
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.test_api_input import WRONG_PARAMS
from tests.approvals.world import FACTS, WHY, World, database, publish, refused, signature

RISK = signature("risk", "risk_manager")
PROPERTY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def looser(parent: dict[str, Any], child: dict[str, Any]) -> list[tuple[str, str]]:
    """What the database says a child asks less of than its parent."""
    found = database("SELECT muniment.looser_than(%s, %s)", json.dumps(parent), json.dumps(child))
    return [(one["key"], one["field"]) for one in (json.loads(found) if isinstance(found, str) else found)]


def asks(*requirements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"requirements": [{"params": {}, "binds": [], **one} for one in requirements], **more}


# the table


def test_the_databases_parameters_are_pythons(w: World) -> None:
    known = database("SELECT jsonb_agg(jsonb_build_array(kind, name)) FROM muniment.policy_parameters()")
    known = json.loads(known) if isinstance(known, str) else known
    assert sorted(map(tuple, known)) == sorted((kind, f.name) for kind, cls in KINDS.items() for f in fields(cls))
    assert database("SELECT muniment.plan_kinds()") == PlanKind.values


@pytest.mark.parametrize(("kind", "params", "field"), WRONG_PARAMS)
def test_what_python_refuses_in_a_requirement_the_database_refuses(
    w: World, kind: str, params: dict[str, Any], field: str
) -> None:
    contradictory = len(params.get("criteria", ())) > 1
    fault = database("SELECT muniment.requirement_fault(%s, %s)", kind, json.dumps(params))
    assert (fault is None) == contradictory, "bounds that contradict each other are each well-formed"
    with pytest.raises(errors.Invalid):
        checked_params(kind, params)


@PROPERTY
@given(policy=policies())
def test_what_python_accepts_in_a_requirement_the_database_accepts(w: World, policy: dict[str, Any]) -> None:
    for one in policy["requirements"]:
        if not contradicting(one["params"].get("criteria", ())):
            assert checked_params(one["kind"], one["params"]) == one["params"]
        assert database("SELECT muniment.requirement_fault(%s, %s)", one["kind"], json.dumps(one["params"])) is None


# the order


@PROPERTY
@given(policy=policies())
def test_a_policy_is_no_looser_than_itself(w: World, policy: dict[str, Any]) -> None:
    assert looser(policy, policy) == []


@PROPERTY
@given(chain=st.tuples(policies(), policies(), policies()))
def test_what_tightens_a_tightening_tightens(w: World, chain: tuple[dict[str, Any], ...]) -> None:
    # Two made up apart seldom compare: each is made from the one before by asking for all of it as well.
    top, middle, bottom = chain[0], merged(chain[0], chain[1]), merged(merged(chain[0], chain[1]), chain[2])
    if looser(top, middle) == [] and looser(middle, bottom) == []:
        assert looser(top, bottom) == []


@PROPERTY
@given(one=policies(), other=policies())
def test_two_that_are_each_no_looser_than_the_other_ask_the_same(
    w: World, one: dict[str, Any], other: dict[str, Any]
) -> None:
    for first, second in ((one, other), (one, merged(one, other)), (one, respelt(one))):
        if looser(first, second) == [] and looser(second, first) == []:
            assert normal(first) == normal(second)


def merged(policy: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A policy with another's requirements where it has none of that key, and its criteria beside its own."""
    mine = {one["key"]: dict(one) for one in policy["requirements"]}
    for one in more["requirements"]:
        if one["key"] not in mine:
            mine[one["key"]] = one
        elif one["kind"] == "evidence":
            own = mine[one["key"]]
            both = [*own["params"].get("criteria", []), *one["params"].get("criteria", [])]
            mine[one["key"]] = {**own, "params": {**own["params"], "criteria": both, "independent": True}}
        elif one["kind"] == "signoff" == mine[one["key"]]["kind"]:
            own = mine[one["key"]]
            count = max(own["params"].get("count", 1), one["params"].get("count", 1))
            binds = sorted({*own["binds"], *one["binds"]})
            mine[one["key"]] = {**own, "params": {**own["params"], "count": count}, "binds": binds}
    return {**policy, "requirements": list(mine.values()), "responses": {**more["responses"], **policy["responses"]}}


def respelt(policy: dict[str, Any]) -> dict[str, Any]:
    """The same policy with every default written out, in another order."""
    return {
        **policy,
        "requirements": [
            {**one, "params": {**_defaults(one["kind"]), **one["params"]}} for one in reversed(policy["requirements"])
        ],
    }


def _defaults(kind: str) -> dict[str, Any]:
    return {
        f.name: list(f.default) if isinstance(f.default, tuple) else f.default
        for f in fields(KINDS[kind]) if f.name not in ("plan_kind", "role")
    }  # fmt: skip


def normal(policy: dict[str, Any]) -> Any:
    """What a policy asks, spelt one way: defaults filled in, bounds as what they leave of each metric."""
    asked = {}
    for one in policy["requirements"]:
        params = {**_defaults(one["kind"]), **one["params"]}
        for name, value in params.items():
            if name == "criteria":
                params[name] = _intervals(value)
            elif isinstance(value, list):
                params[name] = sorted(set(value))
        asked[one["key"]] = (one["kind"], params, sorted(one["binds"]))
    serving = {cause: answer for cause, answer in policy["responses"].items() if answer["fallback"] != "keep"}
    return asked, serving, policy["review_days"], policy["review_days"] and (policy["review_grace_days"] or 0)


def _intervals(criteria: list[dict[str, Any]]) -> dict[Any, Any]:
    found: dict[Any, list[Any]] = {}
    for one in criteria:
        low, high = found.setdefault((one["metric"], one.get("slice", ""), one.get("dataset_role", "")), [None, None])
        number, comparator = float(one["threshold"]), one["comparator"]
        if comparator in ("ge", "gt", "eq"):
            low = max(x for x in (low, (number, comparator == "gt")) if x is not None)
        if comparator in ("le", "lt", "eq"):
            high = min(x for x in (high, (number, comparator != "lt")) if x is not None)
        found[(one["metric"], one.get("slice", ""), one.get("dataset_role", ""))] = [low, high]
    return found


BOUND = {"metric": "auc", "comparator": "ge", "threshold": "0.9"}
EVIDENCE: dict[str, Any] = {
    "key": "e",
    "kind": "evidence",
    "params": {"plan_kind": "performance", "max_age_days": 90, "criteria": [BOUND]},
}
LOOSENED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"key": "a", "kind": "artifact"}, {"key": "b", "kind": "artifact"}, "requirement"),
    ({"key": "a", "kind": "artifact"}, {"key": "a", "kind": "terms"}, "kind"),
    ({"key": "a", "kind": "artifact", "params": {"code_commit": True}}, {"key": "a", "kind": "artifact"}, "code_commit"),
    (signature("a", "risk_manager", count=2), signature("a", "risk_manager"), "count"),
    (signature("a", "risk_manager"), signature("a", "validator", count=3), "role"),
    (signature("a", "risk_manager", veto=True), signature("a", "risk_manager"), "veto"),
    (signature("a", "risk_manager", binds=["data", "use"]), signature("a", "risk_manager", binds=["data"]), "binds"),
    (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "max_age_days": 91}}, "max_age_days"),
    (EVIDENCE, {**EVIDENCE, "params": {"plan_kind": "performance", "criteria": [BOUND]}}, "max_age_days"),
    (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "trusted_reporters": ["lab"]}}, "trusted_reporters"),
    (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "plan_kind": "fairness"}}, "plan_kind"),
    (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "criteria": []}}, "criteria"),
    *[
        (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "criteria": [{**BOUND, **other}]}}, "criteria")
        for other in ({"threshold": "0.89"}, {"comparator": "le"}, {"slice": "women"}, {"dataset_role": "test"}, {"metric": "f1"})
    ],
    (
        {"key": "s", "kind": "sensitivity", "params": {"forbidden_categories": ["pd:Health"]}},
        {"key": "s", "kind": "sensitivity"}, "forbidden_categories",
    ),
    ({"key": "a", "kind": "artifact", "params": {"unheard_of": 1}}, {"key": "a", "kind": "artifact"}, "unheard_of"),
]  # fmt: skip


@pytest.mark.parametrize(("above", "below", "field"), LOOSENED)
def test_each_way_to_ask_less_is_named(w: World, above: dict[str, Any], below: dict[str, Any], field: str) -> None:
    assert looser(asks(above), asks(below)) == [(above["key"], field)]


TIGHTENED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (signature("a", "risk_manager"), signature("a", "risk_manager", count=3, veto=True, binds=["subject", "data", "privacy", "use", "role"])),
    (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "max_age_days": 30, "independent": True}}),
    *[
        (EVIDENCE, {**EVIDENCE, "params": {**EVIDENCE["params"], "criteria": [{**BOUND, **other}]}})
        for other in ({"threshold": "0.95"}, {"comparator": "gt"}, {"comparator": "eq"}, {"threshold": "9e-1"})
    ],
]  # fmt: skip


@pytest.mark.parametrize(("above", "below"), TIGHTENED)
def test_asking_more_is_no_loosening(w: World, above: dict[str, Any], below: dict[str, Any]) -> None:
    assert looser(asks(above), asks(below, {"key": "more", "kind": "terms"})) == []


@pytest.mark.parametrize(
    ("above", "below"),
    [
        ((0, None, "last_good"), None),
        ((0, None, "last_good"), (0, None, "keep")),
        ((0, None, "stop"), (0, None, "last_good")),
        ((24, None, "stop"), (48, None, "stop")),
        ((24, None, "stop"), (24, "risk_manager", "stop")),
        ((24, "risk_manager", "stop"), (24, "data_steward", "stop")),
    ],
)
def test_a_response_that_gives_more_room_is_looser(w: World, above: Any, below: Any) -> None:
    def answer(given: Any) -> dict[str, Any]:
        return {"flag_raised": dict(zip(("notice_hours", "confirm", "fallback"), given, strict=True))} if given else {}

    parent, child = asks(responses=answer(above)), asks(responses=answer(below))
    assert looser(parent, child) == [("", "responses.flag_raised")]
    assert looser(child, parent) == [] or (above[1] and below and below[1]), "two confirmers do not compare"


@pytest.mark.parametrize(
    ("above", "below", "fields"),
    [
        ((None, None), (90, 30), []),
        ((90, 30), (90, 30), []),
        ((90, 30), (30, None), []),
        ((90, 30), (None, None), ["review_days"]),
        ((90, 30), (91, 30), ["review_days"]),
        ((90, 30), (90, 31), ["review_grace_days"]),
        ((90, None), (90, 1), ["review_grace_days"]),
    ],
)
def test_a_rarer_review_or_a_longer_grace_is_looser(
    w: World, above: tuple[Any, Any], below: tuple[Any, Any], fields: list[str]
) -> None:
    one, other = (asks(review_days=days, review_grace_days=grace) for days, grace in (above, below))
    assert looser(one, other) == [("", name) for name in fields]


# publishing


def test_A41_a_namespaces_policy_that_asks_less_is_refused_and_each_thing_named(w: World, app: Connection) -> None:
    w.policy(*FACTS, signature("risk", "risk_manager", veto=True))
    weak = w.draft(*FACTS[:-1], RISK, namespace=w.cast.retail)
    with pytest.raises(errors.Invalid) as refusal:
        publish(w.cast, weak)
    assert refusal.value.params == {"code": "policy-looser"}
    assert "findings is missing; risk: veto is false, true is asked" in str(refusal.value)
    with refuses("MU009", "policy-looser"), acting(app, w.cast.policy2):
        app.execute("INSERT INTO approvals_policypublication (policy_version_id) VALUES (%s)", [weak.pk])
    assert "findings" in w.ask()


def test_a_slots_policy_is_looked_up_first_and_only_for_that_slot(w: World) -> None:
    w.policy(*FACTS)
    w.policy(*FACTS, RISK, slot=Slot.SHADOW)
    assert "risk" not in w.ask()
    assert "risk" in w.ask(w.release(slot=Slot.SHADOW))
    w.policy(*FACTS, RISK, signature("steward", "data_steward"), namespace=w.cast.retail)
    assert "steward" in w.ask(w.release(slot=Slot.SHADOW)), "the namespace's policy is the more particular"
    w.policy(
        *FACTS, RISK, *(signature(key, "data_steward") for key in ("steward", "again")),
        namespace=w.cast.retail, slot=Slot.SHADOW,
    )  # fmt: skip
    assert "again" in w.ask(w.release(slot=Slot.SHADOW))
    assert "again" not in w.ask()


def test_a_namespaces_policy_for_every_slot_may_not_loosen_what_everyone_asks_of_one(w: World) -> None:
    w.policy(*FACTS)
    w.policy(*FACTS, RISK, slot=Slot.CHAMPION)
    refused(lambda: w.policy(*FACTS, namespace=w.cast.retail), errors.Invalid, "policy-looser")
    w.policy(*FACTS, namespace=w.cast.retail, slot=Slot.SHADOW)
    assert "risk" in w.ask()


def test_what_is_looser_than_a_new_policy_above_it_lapses_and_its_people_are_told(w: World) -> None:
    w.policy(*FACTS)
    w.policy(*FACTS, RISK, namespace=w.cast.retail)
    same = w.policy(*FACTS, RISK, signature("steward", "data_steward"), namespace=w.cast.retail, slot=Slot.SHADOW)
    stricter = w.draft(*FACTS, signature("steward", "data_steward"))
    from tests.approvals.world import people_to_spare

    with people_to_spare(w.cast, stricter):
        publish_policy(actor=w.cast.policy2, policy_version=stricter, **WHY)
    lapse = PolicyLapse.objects.get()
    assert lapse.publication.policy_version.policy.namespace == w.cast.retail
    assert [(one["key"], one["field"]) for one in lapse.loosened] == [("steward", "requirement")]
    assert lapse.recorded_by == w.cast.policy2
    assert set(w.ask()) == {*(f["key"] for f in FACTS), "steward"}, "what is above holds"
    assert "risk" in w.ask(w.release(slot=Slot.SHADOW)), f"{same} asks for the steward as well"
    drain()
    told = {notice.recipient for notice in Notice.objects.filter(kind="policy-lapsed")}
    assert told == {w.cast.policy, w.cast.policy2}
    w.policy(*FACTS, RISK, signature("steward", "data_steward"), namespace=w.cast.retail)
    assert set(w.ask()) == {*(f["key"] for f in FACTS), "steward", "risk"}


def test_nobody_but_the_database_writes_a_lapse(w: World, app: Connection) -> None:
    version = w.policy(*FACTS)
    with refuses("42501"), acting(app, w.cast.policy):
        app.execute(
            "INSERT INTO approvals_policylapse (publication_id, cause_id, loosened) VALUES (%s, %s, '[]')",
            [version.publication.pk, version.publication.pk],
        )


def test_A41_a_policy_weakened_used_and_restored_stays_on_record_and_closes_again(w: World) -> None:
    from approvals.actions.promotions import ask_for_promotion
    from approvals.models import GateDecision

    strong = w.policy(*FACTS, RISK)
    weak = w.policy(*FACTS)
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=w.release(), **WHY)
    w.policy(*FACTS, RISK)
    decision = GateDecision.objects.get(promotion=promotion)
    assert decision.policy_version == weak, "under which text it went live stands in the decision"
    assert decision.policy_version.publication.recorded_by == w.cast.policy2
    assert strong.publication.pk < weak.publication.pk
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=w.release(w.retrain(2)), **WHY)


def test_two_versions_of_one_place_by_sql_in_the_wrong_order_do_not_bring_the_older_back(w: World) -> None:
    first, second = w.draft(*FACTS), w.draft(*FACTS, RISK)
    publish(w.cast, second)
    publish(w.cast, first)
    assert "risk" not in w.ask(), "published last is in force, whatever was written last"


def test_a_publisher_who_looked_before_another_version_went_in_force_is_told(w: World) -> None:
    seen = w.policy(*FACTS)
    draft = write_policy_version(
        actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH, requirements=[*FACTS, RISK], **WHY
    )
    w.policy(*FACTS[:2])
    act: Callable[[], Any] = lambda: publish_policy(  # noqa: E731
        actor=w.cast.policy2, policy_version=draft, seen=seen.pk, **WHY
    )
    refused(act, errors.Conflict, "publication-overtaken")
