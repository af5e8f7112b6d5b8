"""Who could satisfy a policy: refused where nobody could, watched when people leave."""

import itertools
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.actions._common import call
from approvals.actions.policies import publish_policy, write_policy_version
from approvals.margins import all_margins, announce_margins
from approvals.models import PolicyPublication, PolicyVersion
from governance import errors
from governance.accounts.actions.grants import approve_grant, end_grant, grant_role
from governance.accounts.actions.principals import deactivate_principal
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.roles import Role
from governance.outbox import drain
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from governance.unit_of_work import recorded_action
from lineage.models import RiskTier
from tests.approvals.policies.documents import ROLES
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.test_api import post
from tests.approvals.world import FACTS, WHY, World, database, people_to_spare, signature
from tests.cast import Cast
from tests.waiting import sleep_until, soon

_counter = itertools.count(1)
RISK = signature("risk", "risk_manager")
#: Roles that nobody holds everywhere, so that a new namespace begins empty.
HELD_HERE = [role for role in ROLES if role != "policy_owner"][:4]
TWO = signature("risk", "risk_manager", count=2)


def margin_of(policy_version: int, namespace: int) -> int | None:
    """How many persons could be missing there, as the database works it out."""
    margin: int | None = call("policy_margin", policy_version, namespace)
    return margin


def granted(cast: Cast, person: Principal, role: Role) -> RoleGrant:
    given = grant_role(actor=cast.admin, principal=person, role=role, namespace=cast.retail, **WHY)
    return approve_grant(actor=cast.admin2, grant=given, **WHY)


def written(w: World, *requirements: dict[str, Any]) -> PolicyVersion:
    return write_policy_version(
        actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH, requirements=requirements, **WHY
    )


def ended(w: World, person: Principal) -> None:
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=person, ended_at=None), **WHY)


# how many


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.tuples(st.sampled_from(HELD_HERE), st.integers(1, 3)), min_size=1, max_size=4),
    people=st.lists(st.sets(st.sampled_from(HELD_HERE), max_size=3), max_size=7),
)
def test_the_margin_is_what_taking_persons_out_in_every_way_finds(
    w: World, counts: list[tuple[str, int]], people: list[set[str]]
) -> None:
    """The scarcest set of roles answers what matching over each choice of absent persons would."""
    asked = [signature(f"s{n}", role, count=count) for n, (role, count) in enumerate(counts)]
    with recorded_action(actor=w.cast.admin, **WHY):
        place = Namespace.objects.create(name=f"place-{next(_counter)}", title="A place of its own")
        persons = [
            Principal.objects.create(kind="person", name=f"{place.name}-{n}@bank.example", display_name=f"Person {n}")
            for n in range(len(people))
        ]
        RoleGrant.objects.bulk_create(
            RoleGrant(principal=person, role=role, namespace=place)
            for person, held in zip(persons, people, strict=True) for role in held
        )  # fmt: skip
    with recorded_action(actor=w.cast.admin2, **WHY):
        RoleGrant.objects.filter(namespace=place).update(approved_by=w.cast.admin2, approved_at=timezone.now())
    assert margin_of(w.draft(*asked).pk, place.pk) == _by_matching(asked, people)


def test_the_margin_of_a_version_is_worked_out_from_the_grants_in_force(w: World) -> None:
    cast = w.cast
    version = w.draft(TWO, signature("steward", "data_steward"))
    assert margin_of(version.pk, cast.retail.pk) == 0, "two risk managers for two signatures"
    assert margin_of(w.draft(RISK).pk, cast.retail.pk) == 1
    assert margin_of(w.draft(*FACTS).pk, cast.retail.pk) is None
    assert margin_of(version.pk, cast.elsewhere.pk) == -2, "one person with both roles fills one place"
    granted(cast, cast.business, Role.RISK_MANAGER)
    assert margin_of(version.pk, cast.retail.pk) == 0, "one data steward for one signature"
    granted(cast, cast.risk, Role.DATA_STEWARD)
    assert margin_of(version.pk, cast.retail.pk) == 1, "four persons for three signatures"
    given = grant_role(actor=cast.admin, principal=cast.viewer, role=Role.DATA_STEWARD, namespace=cast.retail, **WHY)
    assert margin_of(version.pk, cast.retail.pk) == 1, "a grant that awaits its second administrator is none yet"
    approve_grant(actor=cast.admin2, grant=given, **WHY)
    assert margin_of(version.pk, cast.retail.pk) == 1, "three risk managers for two signatures"
    deactivate_principal(actor=cast.admin, principal=cast.steward, **WHY)
    ended(w, cast.risk2)
    assert margin_of(version.pk, cast.retail.pk) == 0


def test_the_margin_agrees_with_the_gates_own_matching_over_persons(w: World) -> None:
    cast = w.cast
    asked = [TWO, signature("steward", "data_steward"), signature("again", "risk_manager")]
    for person, role in (
        (cast.business, Role.RISK_MANAGER),
        (cast.viewer, Role.DATA_STEWARD),
        (cast.viewer, Role.RISK_MANAGER),
    ):
        granted(cast, person, role)
    held = {
        person: set(RoleGrant.objects.filter(principal=person, ended_at=None).values_list("role", flat=True))
        for person in (cast.risk, cast.risk2, cast.steward, cast.business, cast.viewer)
    }
    assert margin_of(w.draft(*asked).pk, cast.retail.pk) == _by_matching(asked, list(held.values()))


def _by_matching(asked: list[dict[str, Any]], people: list[set[str]]) -> int:
    """Take ever more persons out, in every way, until `fill_places` leaves a place empty."""
    if not _filled(asked, people):
        gap = 1
        while not _filled(asked, [*people, *({r["params"]["role"] for r in asked} for _ in range(gap))]):
            gap += 1
        return -gap
    for absent in range(1, len(people) + 1):
        for gone in itertools.combinations(range(len(people)), absent):
            if not _filled(asked, [held for n, held in enumerate(people) if n not in gone]):
                return absent - 1
    raise AssertionError("without anybody nothing is filled")


def _filled(asked: list[dict[str, Any]], people: list[set[str]]) -> bool:
    places = [n for n, one in enumerate(asked) for _ in range(one["params"]["count"])]
    edges = [
        (n, person)
        for n, one in enumerate(asked) for person, held in enumerate(people) if one["params"]["role"] in held
    ]  # fmt: skip
    filled = database(
        "SELECT muniment.fill_places(%s::bigint[], %s::bigint[], %s::bigint[])",
        places, [place for place, _person in edges], [person for _place, person in edges],
    )  # fmt: skip
    return None not in filled


# publishing


def test_A41_a_policy_that_nobody_could_satisfy_is_refused_at_every_door(
    w: World, app: Connection, signed_in: Callable[[str], Any]
) -> None:
    version = written(w, *FACTS, signature("risk", "risk_manager", count=3))
    said = "In retail nobody could satisfy it: 3 signature(s) as risk manager, and 2 persons who could give them."
    with pytest.raises(errors.Invalid, match="nobody could satisfy it") as refusal:
        publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    assert refusal.value.params == {"code": "policy-unsatisfiable"} and said in str(refusal.value)
    answer = post(signed_in("policy2"), f"policies/{version.pk}/publish", {})
    assert answer.status_code == 400 and said in answer.json()["detail"]
    insert = "INSERT INTO approvals_policypublication (policy_version_id) VALUES (%s)"
    for statement in (insert, insert + " ON CONFLICT DO NOTHING", f"WITH x AS ({insert} RETURNING 1) SELECT * FROM x"):
        with refuses("MU009", "policy-unsatisfiable"), acting(app, w.cast.policy2):
            app.execute(statement, [version.pk])  # type: ignore[arg-type]  # text of ours
    assert not PolicyPublication.objects.filter(policy_version=version).exists()


def test_A41_nor_one_that_nobody_could_once_one_of_them_had_a_hand_in_the_model(w: World, app: Connection) -> None:
    version = written(w, *FACTS, TWO)
    with refuses("MU009", "policy-no-one-to-spare"), acting(app, w.cast.policy2):
        app.execute("INSERT INTO approvals_policypublication (policy_version_id) VALUES (%s)", [version.pk])
    granted(w.cast, w.cast.business, Role.RISK_MANAGER)
    publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    assert "risk" in w.ask()


def test_A41_nor_a_veto_that_nobody_holds_nor_one_person_in_two_places(w: World) -> None:
    ended(w, w.cast.compliance)
    veto = written(w, *FACTS, signature("compliance", "compliance_officer", veto=True))
    with pytest.raises(errors.Invalid, match="nobody holds that role") as refusal:
        publish_policy(actor=w.cast.policy2, policy_version=veto, **WHY)
    assert refusal.value.params == {"code": "policy-veto-of-nobody"}
    twice = written(w, *FACTS, RISK, signature("again", "risk_manager"))
    with pytest.raises(errors.Invalid, match="once one of them had a hand in the model"):
        publish_policy(actor=w.cast.policy2, policy_version=twice, **WHY)


BOUND = {"metric": "auc", "comparator": "ge", "threshold": "0.9"}
IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("policy-malformed", {"kind": "signoff", "params": {"role": "risk_manager", "count": 0}, "binds": ["use"]}),
    ("policy-malformed", {"kind": "signoff", "params": {"role": "risk_manager", "count": -1}, "binds": ["use"]}),
    ("policy-malformed", {"kind": "signoff", "params": {"role": "auditor"}, "binds": ["use"]}),
    ("policy-malformed", {"kind": "signoff", "params": {"role": "risk_manager", "where_available": True}, "binds": ["use"]}),
    ("policy-malformed", {"kind": "evidence", "params": {"plan_kind": "beauty"}}),
    ("policy-malformed", {"kind": "evidence", "params": {"plan_kind": "drift", "criteria": [{**BOUND, "threshold": "NaN"}]}}),
    ("policy-malformed", {"kind": "evidence", "params": {"plan_kind": "drift", "criteria": [{**BOUND, "threshold": "1e400"}]}}),
    ("policy-contradictory", {"kind": "evidence", "params": {"plan_kind": "drift", "criteria": [BOUND, {**BOUND, "comparator": "lt"}]}}),
    ("policy-no-such-environment",
     {"kind": "evidence", "params": {"plan_kind": "drift", "subject": "promotion", "environment": "moon"}}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "requirement"), IMPOSSIBLE)
def test_A41_what_cannot_be_met_is_refused_by_the_database_whoever_wrote_it(
    w: World, code: str, requirement: dict[str, Any]
) -> None:
    version = w.draft(*FACTS, {"key": "it", **requirement})
    with pytest.raises(errors.Invalid) as refusal:
        publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    assert refusal.value.params == {"code": code}, str(refusal.value)
    assert "it" in str(refusal.value)


def test_a_namespace_with_a_policy_of_its_own_is_not_asked_for_people(w: World) -> None:
    w.policy(*FACTS)
    w.policy(*FACTS, RISK, namespace=w.cast.retail)
    version = written(w, *FACTS, signature("risk", "risk_manager", count=1))
    publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    assert [one.namespace for one in all_margins() if one.policy_version == version.pk] == []


def test_one_of_a_tier_no_model_has_yet_must_be_satisfiable_somewhere(w: World) -> None:
    low = {"actor": w.cast.policy, "environment": w.production, "risk_tier": RiskTier.LOW, **WHY}
    version = write_policy_version(requirements=[*FACTS, TWO], **low)
    with pytest.raises(errors.Invalid, match="In any namespace nobody could satisfy it once"):
        publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    publish_policy(actor=w.cast.policy2, policy_version=write_policy_version(requirements=[*FACTS, RISK], **low), **WHY)


# watched


def test_policy_owners_are_told_once_when_someone_leaves_and_too_few_are_left(w: World) -> None:
    announce_margins()  # whoever made room for the world's own policies
    version = w.policy(*FACTS, RISK)
    announce_margins()
    drain()
    before = Notice.objects.filter(kind="policy-margin").count()
    ended(w, w.cast.risk2)
    assert margin_of(version.pk, w.cast.retail.pk) == 0
    assert (announce_margins(), announce_margins()) == (1, 0)
    drain()
    told = list(Notice.objects.filter(kind="policy-margin").order_by("id")[before:])
    assert {notice.recipient for notice in told} == {w.cast.policy, w.cast.policy2}
    said = wording(told[0])
    assert said.title == "Too few people for the policy everywhere · production · high in retail"
    assert "1 signatures as risk manager, and 1 persons could give them. One more absence" in said.body
    deactivate_principal(actor=w.cast.admin, principal=w.cast.risk, **WHY)
    assert (announce_margins(), announce_margins()) == (1, 0), "it fell further"
    drain()
    assert "Nobody can satisfy it." in wording(Notice.objects.filter(kind="policy-margin").latest("id")).body


def test_a_role_that_runs_out_by_itself_is_a_loss_too(w: World) -> None:
    began = time.monotonic()
    version = written(w, *FACTS, signature("compliance", "compliance_officer", veto=True))
    over = soon(began) + timedelta(seconds=1)
    spare = grant_role(
        actor=w.cast.admin, principal=w.cast.viewer, role=Role.COMPLIANCE_OFFICER, namespace=w.cast.retail,
        effective_to=over, **WHY,
    )  # fmt: skip
    approve_grant(actor=w.cast.admin2, grant=spare, **WHY)
    publish_policy(actor=w.cast.policy2, policy_version=version, **WHY)
    assert [one.margin for one in all_margins() if one.policy_version == version.pk] == [1]
    sleep_until(over)
    assert [one.margin for one in all_margins() if one.policy_version == version.pk] == [0]
    assert announce_margins() >= 1


def test_A41_taking_people_out_of_a_role_lowers_nothing(w: World) -> None:
    w.policy(*FACTS, TWO)
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    ended(w, w.cast.risk2)
    row = w.ask(release)["risk"]
    assert (row.status, row.params["have"], row.params["needed"]) == ("UNSATISFIED", 1, 2)


def test_enough_people_for_a_moment_are_gone_when_the_test_goes_on(w: World) -> None:
    version = w.draft(TWO)
    with people_to_spare(w.cast, version):
        assert (margin_of(version.pk, w.cast.retail.pk) or 0) >= 1
    assert margin_of(version.pk, w.cast.retail.pk) == 0
