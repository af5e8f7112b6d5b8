"""Who steps aside, who owned the model once, and whose password was reset: none of them judges it."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import ConflictOfInterest, Requirement, SignOff
from approvals.queries import awaiting
from governance import errors
from governance.accounts.actions.credentials import restore_signing, set_own_password
from governance.accounts.models import CredentialEvent, Principal, RoleGrant
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from tests.approvals.raw import Connection, acting, refuses, vote
from tests.approvals.voting import give, in_days, insert, recuse
from tests.approvals.world import WHY, World, refused, signature

Browser = Callable[[str], Any]
RISK = signature("risk", "risk_manager")


def asked(w: World) -> Requirement:
    return Requirement.objects.get(policy_version=w.policy(RISK), key="risk")


def risk_grant(person: Principal) -> RoleGrant:
    return RoleGrant.objects.get(principal=person, role="risk_manager", ended_at=None)


def why(w: World) -> list[str]:
    return [one["why"] for one in w.ask()["risk"].params["ignored"]]


def test_who_declares_a_conflict_signs_nothing_and_what_they_signed_is_void(w: World, app: Connection) -> None:
    requirement, release = asked(w), w.release()
    w.vote("risk", w.cast.risk)
    assert w.ask()["risk"].passes
    recuse(w, w.cast.risk)
    assert why(w) == ["voter-recused"]
    assert "Rita Risk declared a conflict of interest" in w.ask()["risk"].message
    with refuses("MU006", "recused"), acting(app, w.cast.risk):
        vote(app, release, requirement, risk_grant(w.cast.risk))
    refused(lambda: w.vote("risk", w.cast.risk), errors.SeparationOfDuties, "recused")
    assert awaiting(w.cast.risk) == []
    w.vote("risk", w.cast.risk2)
    assert w.ask()["risk"].passes


def test_a_vote_given_before_a_conflict_stays_void_when_the_conflict_has_ended(w: World) -> None:
    asked(w)
    w.vote("risk", w.cast.risk)
    recuse(w, w.cast.risk, until=in_days(1))
    assert [v["why"] for v in w.ask(at=in_days(2))["risk"].params["ignored"]] == ["voter-recused"]


def test_a_delegate_of_someone_recused_does_not_sign_either(w: World, app: Connection) -> None:
    requirement, release = asked(w), w.release()
    delegation = give(w, w.cast.business, Role.RISK_MANAGER, on_behalf_of=w.cast.risk)
    w.vote("risk", w.cast.business)
    recuse(w, w.cast.risk)
    assert why(w) == ["voter-recused"]
    with refuses("MU006", "recused"), acting(app, w.cast.business):
        vote(app, release, requirement, delegation)


def test_a_conflict_is_ones_own_in_the_future_and_says_something(w: World, app: Connection, api: Any) -> None:
    with refuses("MU006", "not-a-person"), acting(app, w.cast.tester):
        insert(app, "approvals_conflictofinterest", model_id=w.model.pk, text="x")
    with refuses("MU009", "ended-already"), acting(app, w.cast.risk):
        insert(app, "approvals_conflictofinterest", model_id=w.model.pk, text="x", until=in_days(-1))
    with pytest.raises(errors.Invalid), recorded_action(actor=w.cast.risk, **WHY):
        ConflictOfInterest.objects.create(model=w.model, text="  ")
    with acting(app, w.cast.risk):  # in another's name it becomes one's own
        number = insert(
            app, "approvals_conflictofinterest", model_id=w.model.pk, text="x", recorded_by_id=w.cast.risk2.pk
        )
    assert ConflictOfInterest.objects.get(pk=number).recorded_by == w.cast.risk
    with refuses("42501"), acting(app, w.cast.risk):
        app.execute("UPDATE approvals_conflictofinterest SET until = now()")
    sent = {"model": w.model.pk, "text": "x"}
    assert api("tester").post("/api/v1/conflicts-of-interest", sent, format="json").status_code == 403


def test_the_pages_say_recused_and_keep_why_to_those_who_oversee(w: World, signed_in: Browser) -> None:
    asked(w)
    release, browser = w.release(), signed_in("risk")
    empty = browser.post(f"/releases/{release.pk}/conflict", {"text": ""})
    assert (empty.status_code, "Say what the conflict is." in empty.content.decode()) == (400, True)
    answer = browser.post(f"/releases/{release.pk}/conflict", {"text": "My sister sells it"})
    assert answer.status_code == 302
    mine = browser.get(f"/releases/{release.pk}").content.decode()
    assert "You are recused" in mine
    assert "Declare a conflict of interest" not in mine
    others = signed_in("viewer").get(f"/releases/{release.pk}").content.decode()
    assert "recused: declared a conflict of interest" in others
    assert "My sister sells it" not in others
    for who, shown in (("risk", "My sister sells it"), ("auditor", "My sister sells it"), ("viewer", None)):
        found = signed_in(who).get("/api/v1/conflicts-of-interest").json()["results"]
        assert [one["text"] for one in found] == [shown], who
    assert signed_in("outsider").get("/api/v1/conflicts-of-interest").json()["results"] == []


def test_why_is_not_asked_for_where_a_history_would_show_it(w: World, signed_in: Browser) -> None:
    browser = signed_in("risk")
    sent = {"model": w.model.pk, "text": "My sister sells it"}
    refused = browser.post(
        "/api/v1/conflicts-of-interest", {**sent, "reason": "My sister sells it"}, content_type="application/json"
    )
    assert (refused.status_code, [*refused.json()["errors"]]) == (400, ["reason"])
    made = browser.post("/api/v1/conflicts-of-interest", sent, content_type="application/json")
    assert made.status_code == 201
    asked_for = {"table": "approvals_conflictofinterest"}
    for reader, told in (("auditor", "POST /api/v1/conflicts-of-interest"), ("viewer", None), ("risk2", None)):
        history = signed_in(reader).get("/api/v1/history", asked_for).json()["results"]
        assert [one["reason"] for one in history] == [told], reader


def test_A30_who_owned_the_model_once_does_not_judge_it(w: World, app: Connection) -> None:
    requirement, release = asked(w), w.release()
    for owner in (w.cast.risk, w.cast.owner):
        with recorded_action(actor=w.cast.engineer, **WHY):
            w.model.owner = owner
            w.model.save()
    with refuses("MU006", "own-work"), acting(app, w.cast.risk):
        vote(app, release, requirement, risk_grant(w.cast.risk))
    refused(lambda: w.vote("risk", w.cast.risk), errors.SeparationOfDuties, "own-work")


# A32: a password reset


def reset(w: World, person: Principal, by: Principal | None = None) -> None:
    with recorded_action(actor=by or person, **WHY):
        CredentialEvent.objects.create(principal=person, kind=CredentialEvent.Kind.PASSWORD_RESET)


def test_A32_after_a_reset_nobody_signs_until_a_second_person_restores_it(
    w: World, app: Connection, signed_in: Browser
) -> None:
    requirement, release = asked(w), w.release()
    set_own_password(actor=w.cast.risk, password="another horse battery staple", by_mail=True, **WHY)
    with refuses("MU006", "signing-suspended"), acting(app, w.cast.risk):
        vote(app, release, requirement, risk_grant(w.cast.risk))
    refused(lambda: w.vote("risk", w.cast.risk), errors.SeparationOfDuties, "signing-suspended")
    page = signed_in("risk").get(f"/releases/{w.release().pk}").content.decode()
    assert "signing is suspended until an administrator who did not reset it restores it" in page
    with pytest.raises(errors.Forbidden):
        restore_signing(actor=w.cast.risk2, principal=w.cast.risk, **WHY)
    restored = signed_in("admin").post(
        f"/api/v1/principals/{w.cast.risk.pk}/restore-signing", {}, content_type="application/json"
    )
    assert restored.status_code == 200, restored.content
    w.vote("risk", w.cast.risk)
    assert SignOff.objects.exists()
    refused(
        lambda: restore_signing(actor=w.cast.admin, principal=w.cast.risk, **WHY),
        errors.Conflict, "signing-not-suspended",
    )  # fmt: skip


def test_A32_who_reset_a_password_does_not_restore_signing_and_nobody_does_for_themselves(
    w: World, app: Connection
) -> None:
    reset(w, w.cast.risk, by=w.cast.admin)
    give(w, w.cast.risk2, Role.ADMINISTRATOR)
    for actor, code in (
        (w.cast.admin, "second-person"),
        (w.cast.risk, "not-an-administrator"),
        (w.cast.risk2, "not-an-administrator"),  # of one namespace only
        (w.cast.pipeline, "not-an-administrator"),
    ):
        with refuses("MU006", code), acting(app, actor):
            insert(
                app, "governance_credentialevent", principal_id=w.cast.risk.pk, kind="signing_restored", key_prefix=""
            )
    restore_signing(actor=w.cast.admin2, principal=w.cast.risk, **WHY)


def test_A32_a_second_reset_as_the_person_hides_no_first_one(w: World, app: Connection) -> None:
    """An administrator resets the password, resets it again as its holder, and lets the account sign."""
    reset(w, w.cast.risk, by=w.cast.admin)
    reset(w, w.cast.risk)
    with refuses("MU006", "second-person"), acting(app, w.cast.admin):
        insert(app, "governance_credentialevent", principal_id=w.cast.risk.pk, kind="signing_restored", key_prefix="")
    restore_signing(actor=w.cast.admin2, principal=w.cast.risk, **WHY)
    reset(w, w.cast.risk)
    restore_signing(actor=w.cast.admin, principal=w.cast.risk, **WHY)


def test_a_first_password_and_one_changed_by_its_holder_suspend_nothing(w: World) -> None:
    from governance.accounts.actions.principals import create_person

    new = create_person(actor=w.cast.admin, email="new@bank.example", display_name="Nora New", **WHY)
    give(w, new, Role.RISK_MANAGER)
    asked(w)
    set_own_password(actor=new, password="a first horse battery", by_mail=True, **WHY)
    w.vote("risk", new)
    set_own_password(actor=w.cast.risk, password="another horse battery staple", by_mail=False, **WHY)
    w.vote("risk", w.cast.risk)
    set_own_password(actor=new, password="a second horse battery", by_mail=True, **WHY)
    refused(
        lambda: w.vote("risk", new, release=w.release(w.retrain(2))), errors.SeparationOfDuties, "signing-suspended"
    )
