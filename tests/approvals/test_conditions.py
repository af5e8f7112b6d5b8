"""Approvals under conditions: in the signed statement word for word, each with its finding, closed by somebody else."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.promotions import end_promotion, promote
from approvals.actions.sign_offs import withdraw_sign_off
from approvals.models import Finding, PromotionEnd, Requirement, SignOff, Vote
from governance import errors
from governance.accounts.models import RoleGrant
from tests.approvals.raw import Connection, acting, refuses, vote
from tests.approvals.voting import condition, in_days, insert
from tests.approvals.world import WHY, World, database, refused, signature
from tests.cast import PASSWORD

Browser = Callable[[str], Any]
FINDINGS = {"key": "findings", "kind": "findings"}
RISK = signature("risk", "risk_manager")


def overdue(w: World, version: Any, days: float) -> list[int]:
    """The findings that stop a version from serving, so many days from now."""
    found = database(
        "SELECT coalesce(array_agg(finding_id), '{}') FROM muniment.overdue_findings(ARRAY[%s]::bigint[], %s)",
        version.pk,
        in_days(days),
    )
    return list(found)


def test_each_condition_stands_in_the_statement_and_opens_a_finding(w: World) -> None:
    w.policy(RISK, FINDINGS)
    signed = w.vote("risk", w.cast.risk, conditions=[
        condition(w, "Retrain\n  by spring"), condition(w, "Tell the customers", when_overdue=Finding.WhenOverdue.NOTHING),
    ])  # fmt: skip
    due = in_days(30).astimezone(datetime.UTC).strftime("%Y-%m-%d")
    assert f"\nCondition 1: Retrain by spring (answered by Olga Owner, due {due} " in signed.statement
    assert signed.statement.endswith("when overdue: nothing)")
    found = list(Finding.objects.filter(sign_off=signed).order_by("pk"))
    assert [(f.text, f.owner, f.kind, f.model_version, f.recorded_by, f.when_overdue) for f in found] == [
        ("Retrain by spring", w.cast.owner, "condition", w.version, w.cast.risk, "block"),
        ("Tell the customers", w.cast.owner, "condition", w.version, w.cast.risk, "nothing"),
    ]
    rows = w.ask()
    assert (rows["risk"].passes, rows["findings"].passes) == (True, True)
    assert w.ask(at=in_days(31))["findings"].params["finding"] == found[0].pk


def test_suspend_blocks_promotions_and_counts_for_what_serves(w: World) -> None:
    w.policy(RISK, FINDINGS)
    signed = w.vote("risk", w.cast.risk, conditions=[condition(w, when_overdue=Finding.WhenOverdue.SUSPEND)])
    finding = Finding.objects.get(sign_off=signed)
    promotion = promote(actor=w.cast.owner, release=signed.release, **WHY)
    assert overdue(w, w.version, 29) == []
    assert overdue(w, w.version, 31) == [finding.pk]
    assert w.ask(w.release(w.version, slot="shadow"), at=in_days(31))["findings"].reason == "finding-overdue"
    close_finding(actor=w.cast.risk, finding=finding, text="I saw it done", **WHY)
    assert overdue(w, w.version, 31) == []
    on_live = raise_finding(
        actor=w.cast.auditor, subject=promotion, kind=Finding.Kind.INCIDENT, text="Slow", blocks=False,
        severity=Finding.Severity.HIGH, due=in_days(1), when_overdue=Finding.WhenOverdue.SUSPEND, **WHY,
    )  # fmt: skip
    on_model = raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="No owner", blocks=False,
        severity=Finding.Severity.HIGH, due=in_days(1), when_overdue=Finding.WhenOverdue.SUSPEND, **WHY,
    )  # fmt: skip
    assert sorted(overdue(w, w.version, 2)) == [on_live.pk, on_model.pk]
    assert overdue(w, w.retrain(2), 2) == [on_model.pk]


def test_a_condition_falls_with_the_vote_it_was_part_of(w: World) -> None:
    w.policy(RISK, FINDINGS)
    signed = w.vote("risk", w.cast.risk, conditions=[condition(w, when_overdue=Finding.WhenOverdue.SUSPEND)])
    withdraw_sign_off(actor=w.cast.risk, sign_off=signed, **WHY)
    assert w.ask(at=in_days(31))["findings"].passes
    assert overdue(w, w.version, 31) == []


def test_who_set_a_condition_or_another_of_the_role_closes_it_and_its_owner_never(w: World) -> None:
    w.policy(signature("validator", "validator"))
    signed = w.vote("validator", w.cast.validator, conditions=[condition(w), condition(w, "More", owner=w.cast.risk)])
    first, second = Finding.objects.filter(sign_off=signed).order_by("pk")
    with pytest.raises(errors.Forbidden):
        close_finding(actor=w.cast.auditor, finding=first, text="Fine", **WHY)  # oversees, and frees nothing
    with pytest.raises(errors.Forbidden):
        close_finding(actor=w.cast.owner, finding=first, text="Done", **WHY)
    refused(
        lambda: close_finding(actor=w.cast.risk, finding=second, text="Done", **WHY),
        errors.SeparationOfDuties, "own-finding",
    )  # fmt: skip
    close_finding(actor=w.cast.validator, finding=first, text="Seen", **WHY)
    close_finding(actor=w.cast.compliance, finding=second, text="Seen", **WHY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": " "},
        {"text": "x" * 1001},
        {"due": in_days(-1)},
        {"due": in_days(4000)},
        {"owner": "pipeline"},
    ],
)
def test_a_condition_that_is_wrong_signs_nothing(w: World, wrong: dict[str, Any]) -> None:
    w.policy(RISK)
    if "owner" in wrong:
        wrong = {"owner": getattr(w.cast, wrong["owner"])}
    text = wrong.pop("text", "Retrain") if "text" in wrong else "Retrain"
    refused(lambda: w.vote("risk", w.cast.risk, conditions=[condition(w, text, **wrong)]), errors.Invalid, "conditions")
    assert not SignOff.objects.exists()


def test_the_same_condition_twice_too_many_or_on_a_rejection_are_refused(w: World) -> None:
    w.policy(RISK)
    for given, voted in (
        ([condition(w), condition(w)], Vote.APPROVE),
        ([condition(w, f"No. {n}") for n in range(21)], Vote.APPROVE),
        ([condition(w)], Vote.REJECT),
    ):
        refused(
            lambda g=given, v=voted: w.vote("risk", w.cast.risk, vote=v, conditions=g), errors.Invalid, "conditions"
        )
    assert not SignOff.objects.exists()
    assert not Finding.objects.exists()


def test_past_the_action_the_database_asks_the_same(w: World, app: Connection) -> None:
    version = w.policy(RISK)
    release = w.release()
    asked = Requirement.objects.get(policy_version=version)
    grant = RoleGrant.objects.get(principal=w.cast.risk, role="risk_manager")
    one = condition(w).as_dict()
    with refuses("MU009", "conditions"), acting(app, w.cast.risk):
        vote(app, release, asked, grant, conditions=json.dumps([one]))  # not in the statement
    wrong: list[Any] = [
        {}, 5, [1], [{**one, "more": 1}], [{**one, "due": "tomorrow"}],
        [{**one, "due": "2027-01-01T00:00:00"}],
        [{**one, "owner": "1"}], [{**one, "owner": 10**9}], [{**one, "when_overdue": "stop"}],
        [{**one, "text": "a\nContent: b"}], [{**one, "text": None}],
    ]  # fmt: skip
    for bad in wrong:
        with refuses("MU009", "conditions"), acting(app, w.cast.risk):
            vote(app, release, asked, grant, conditions=json.dumps(bad))
    assert not SignOff.objects.exists()


def test_a_condition_without_its_vote_or_by_another_hand_is_refused(w: World, app: Connection) -> None:
    w.policy(RISK)
    signed = w.vote("risk", w.cast.risk, conditions=[condition(w)])
    finding = Finding.objects.get(sign_off=signed)
    values = {
        "namespace_id": w.cast.retail.pk, "kind": "condition", "model_version_id": w.version.pk, "text": finding.text,
        "severity": "low", "owner_id": w.cast.owner.pk, "due": finding.due, "when_overdue": "block", "blocks": False,
        "sign_off_id": signed.pk,
    }  # fmt: skip
    for actor, changed in (
        (w.cast.risk, {}),  # there already
        (w.cast.risk, {"text": "Another"}),
        (w.cast.risk, {"sign_off_id": None}),
        (w.cast.risk, {"kind": "audit"}),
        (w.cast.risk2, {"text": "Another"}),
    ):
        with refuses("MU006", "condition-without-vote"), acting(app, actor):
            insert(app, "approvals_finding", **{**values, **changed})
    assert Finding.objects.count() == 1


def test_what_was_found_on_a_promotion_blocks_the_model_when_the_promotion_has_ended(w: World) -> None:
    w.policy(FINDINGS)
    promotion = promote(actor=w.cast.owner, release=w.release(), **WHY)
    raise_finding(
        actor=w.cast.auditor, subject=promotion, kind=Finding.Kind.INCIDENT, text="It discriminated",
        severity=Finding.Severity.CRITICAL, blocks=True, **WHY,
    )  # fmt: skip
    end_promotion(actor=w.cast.risk, promotion=promotion, kind=PromotionEnd.Kind.RETIRED, **WHY)
    assert w.ask(w.release(w.retrain(2)))["findings"].reason == "finding-open"


# Doors


def signing(browser: Any, release: Any, **more: Any) -> Any:
    shown = browser.get(f"/api/v1/releases/{release.pk}/statement", {"requirement": "risk", "vote": "approve"}).json()
    sent = {"requirement": "risk", "vote": "approve", "statement_digest": shown["statement_digest"],
            "password": PASSWORD, **more}  # fmt: skip
    return browser.post(f"/api/v1/releases/{release.pk}/sign-offs", sent, content_type="application/json")


def test_over_the_api(w: World, signed_in: Browser) -> None:
    w.policy(RISK)
    release, browser = w.release(), signed_in("risk")
    one = {"text": "Retrain", "owner": w.cast.owner.pk, "due": "2027-06-30T12:00:00+02:00", "when_overdue": "suspend"}
    for wrong, field in (
        ({**one, "owner": 10**9}, "conditions.0.owner"),
        ({**one, "when_overdue": "stop"}, "when_overdue"),
        ({**one, "extra": 1}, "extra"),
    ):
        answer = signing(browser, release, conditions=[wrong])
        assert answer.status_code in (400, 404)
        assert field in json.dumps(answer.json()["errors"])
    answer = signing(browser, release, conditions=[one])
    assert answer.status_code == 201, answer.content
    assert "due 2027-06-30 10:00 UTC, when overdue: suspend" in answer.json()["statement"]
    assert answer.json()["conditions"][0]["text"] == "Retrain"
    finding = Finding.objects.get()
    assert browser.get(f"/api/v1/findings/{finding.pk}").json()["sign_off"] == answer.json()["id"]


def test_on_the_release_page_without_a_script(w: World, signed_in: Browser) -> None:
    w.policy(RISK)
    release, browser = w.release(), signed_in("risk")
    page = browser.get(f"/releases/{release.pk}")
    assert "Approve under conditions" in page.content.decode()
    digest = next(v["statement"].digest for v in page.context["rows"][0]["votes"] if v["vote"] == "approve")
    sent = {"requirement": "risk", "vote": "approve", "statement_digest": digest, "password": PASSWORD}
    half = browser.post(f"/releases/{release.pk}/sign", {**sent, "condition_1_text": "Retrain"})
    assert half.status_code == 400
    assert "A condition has a text, someone who answers it, and a day." in half.content.decode()
    whole = {"condition_1_text": "Retrain", "condition_1_owner": str(w.cast.owner.pk), "condition_1_due": "2027-06-30",
             "condition_1_when_overdue": "block"}  # fmt: skip
    past = browser.post(f"/releases/{release.pk}/sign", {**sent, **whole, "condition_1_due": "2020-01-01"})
    assert past.status_code == 400
    assert "is due in the future" in past.content.decode()
    assert browser.post(f"/releases/{release.pk}/sign", {**sent, **whole}).status_code == 302
    after = browser.get(f"/releases/{release.pk}").content.decode()
    assert "Approved under these conditions" in after
    assert "23:59 UTC" in after
