"""Two ways out of a veto: its author takes it back, or the head of the role lifts it after the policy's delay."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from approvals.actions.policies import check_requirements
from approvals.actions.sign_offs import withdraw_sign_off
from approvals.models import ReleaseClosure, SignOff, VetoLift, Vote
from governance import errors
from governance.accounts.actions.grants import grant_role
from governance.accounts.models import RoleGrant
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.voting import give, insert, let_time_pass, lift, recuse
from tests.approvals.world import WHY, World, refused, signature
from tests.cast import PASSWORD

Raw = Callable[[str], "psycopg.Connection[Any]"]
Browser = Callable[[str], Any]


def vetoed(w: World, **more: Any) -> SignOff:
    """Compliance rejects; the second risk manager is head of compliance as well."""
    asked = signature("compliance", "compliance_officer", veto=True)
    w.policy({**asked, "params": {**asked["params"], **more}})
    give(w, w.cast.risk2, Role.COMPLIANCE_OFFICER, is_head=True)
    return w.vote("compliance", w.cast.compliance, vote=Vote.REJECT)


def lifting(connection: Connection, veto: SignOff, grant: RoleGrant) -> int:
    return insert(
        connection, "approvals_vetolift", sign_off_id=veto.pk, role_grant_id=grant.pk, reason="x",
        reauthenticated_at=timezone.now(), reauthentication_method="password",
    )  # fmt: skip


def head(w: World) -> RoleGrant:
    return RoleGrant.objects.get(principal=w.cast.risk2, is_head=True)


def test_the_gate_names_both_ways_out(w: World) -> None:
    veto = vetoed(w)
    row = w.ask()["compliance"]
    assert row.reason == "vetoed"
    assert "Carla Compliance can take this back; from 20" in row.message
    assert "the head of the role Compliance officer may lift it" in row.message
    withdraw_sign_off(actor=w.cast.compliance, sign_off=veto, **WHY)
    assert w.ask()["compliance"].reason == "approvals-missing"


def test_before_the_delay_nobody_lifts_it_by_any_door(w: World, app: Connection, signed_in: Browser) -> None:
    veto = vetoed(w)
    refused(lambda: lift(w, w.cast.risk2, veto), errors.Conflict, "veto-too-young")
    with refuses("MU008", "veto-too-young"), acting(app, w.cast.risk2):
        lifting(app, veto, head(w))
    sent = {"reason": "It was answered", "password": PASSWORD}
    browser = signed_in("risk2")
    answer = browser.post(f"/api/v1/sign-offs/{veto.pk}/lift", sent, content_type="application/json")
    assert (answer.status_code, "may be lifted from" in answer.json()["detail"]) == (409, True)
    page = browser.post(f"/sign-offs/{veto.pk}/lift", sent)
    assert page.status_code == 409
    assert "It was answered" in page.content.decode()
    assert not VetoLift.objects.exists()


def test_after_the_delay_the_head_lifts_it_and_it_stays_on_record(w: World, raw: Raw, signed_in: Browser) -> None:
    veto = vetoed(w, veto_lift_hours=48)
    let_time_pass(raw("superuser"), "approvals_signoff", "signed_at", veto.pk, 47)
    refused(lambda: lift(w, w.cast.risk2, veto), errors.Conflict, "veto-too-young")
    let_time_pass(raw("superuser"), "approvals_signoff", "signed_at", veto.pk, 2)
    browser = signed_in("risk2")
    wrong = browser.post(f"/sign-offs/{veto.pk}/lift", {"reason": "Answered", "password": "a guess"})
    assert wrong.status_code == 403
    answer = browser.post(f"/sign-offs/{veto.pk}/lift", {"reason": "Answered in writing", "password": PASSWORD})
    assert answer.status_code == 302
    assert w.ask()["compliance"].reason == "approvals-missing"  # the approval is still asked for
    page = browser.get(f"/releases/{veto.release_id}").content.decode()
    assert "Veto lifted by Rolf Risk" in page
    assert "Answered in writing" in page
    refused(lambda: lift(w, w.cast.risk2, veto), errors.Conflict, "no-veto")
    again = w.vote("compliance", w.cast.risk2, vote=Vote.REJECT)
    let_time_pass(raw("superuser"), "approvals_signoff", "signed_at", again.pk, 49)
    refused(lambda: lift(w, w.cast.risk2, again), errors.SeparationOfDuties, "own-veto")


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("compliance", "own-veto"),
        ("risk", "grant-of-another"),
        ("viewer", "grant-of-another"),
        ("tester", "not-a-person"),
    ],
)
def test_nobody_but_the_head_lifts_it(w: World, app: Connection, who: str, code: str) -> None:
    veto = vetoed(w)
    with refuses("MU006", code), acting(app, getattr(w.cast, who)):
        lifting(app, veto, head(w))


def test_a_holder_who_is_not_the_head_or_heads_another_role_does_not_lift_it(w: World, app: Connection) -> None:
    veto = vetoed(w)
    plain = give(w, w.cast.risk, Role.COMPLIANCE_OFFICER)
    with pytest.raises(errors.Forbidden):
        lift(w, w.cast.risk, veto)
    with refuses("MU006", "not-the-head"), acting(app, w.cast.risk):
        lifting(app, veto, plain)
    other = give(w, w.cast.validator, Role.VALIDATOR, is_head=True)
    with refuses("MU006", "grant-other-role"), acting(app, w.cast.validator):
        lifting(app, veto, other)
    pending = grant_role(
        actor=w.cast.admin, principal=w.cast.business, role=Role.COMPLIANCE_OFFICER, namespace=w.cast.retail,
        is_head=True, **WHY,
    )  # fmt: skip
    with refuses("MU006", "grant-not-in-force"), acting(app, w.cast.business):
        lifting(app, veto, pending)


def test_a_head_with_a_hand_in_it_or_a_conflict_does_not_lift_it(w: World, app: Connection) -> None:
    veto = vetoed(w)
    recuse(w, w.cast.risk2)
    with refuses("MU006", "own-work"), acting(app, w.cast.risk2):
        lifting(app, veto, head(w))


def test_what_is_no_veto_is_not_lifted(w: World, app: Connection) -> None:
    w.policy(signature("compliance", "compliance_officer"), signature("risk", "risk_manager", veto=True))
    grant = give(w, w.cast.business, Role.COMPLIANCE_OFFICER, is_head=True)
    plain = w.vote("compliance", w.cast.compliance, vote=Vote.REJECT)
    approval = w.vote("risk", w.cast.risk)
    for vote in (plain, approval):
        with refuses("MU008", "no-veto"), acting(app, w.cast.business):
            lifting(app, vote, grant)
    with recorded_action(actor=w.cast.owner, **WHY):
        ReleaseClosure.objects.create(release=plain.release, kind="withdrawn", reason="x")
    with refuses("MU008", "release-closed"), acting(app, w.cast.business):
        lifting(app, plain, grant)


def test_only_a_role_of_two_persons_that_votes_has_a_head(w: World) -> None:
    for role in (Role.AUDITOR, Role.VIEWER, Role.ADMINISTRATOR, Role.MODEL_OWNER):
        with pytest.raises(errors.Invalid):
            grant_role(
                actor=w.cast.admin, principal=w.cast.viewer, role=role, namespace=w.cast.retail, is_head=True, **WHY
            )
    with pytest.raises(errors.Invalid):
        give(w, w.cast.viewer, Role.VALIDATOR, is_head=True, on_behalf_of=w.cast.risk)


@pytest.mark.parametrize("hours", [0, -1, 8761, 1.5, "72", True])
def test_a_delay_that_is_no_number_of_hours_is_refused(w: World, hours: Any) -> None:
    asked = {"key": "risk", "kind": "signoff", "binds": ["subject"], "params": {
        "role": "risk_manager", "count": 1, "veto": True, "veto_lift_hours": hours}}  # fmt: skip
    with pytest.raises(errors.Invalid):
        check_requirements([asked])
    with pytest.raises(errors.Invalid):
        w.policy(asked)
