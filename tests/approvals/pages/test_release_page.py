"""The release page: what it says to whom, and what happens when somebody signs, promotes or is refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.promotions import promote
from approvals.models import Promotion, RefusedAttempt, ReleaseClosure, SignOff, SignOffWithdrawal, Vote
from lineage.templatetags.vocabulary import purpose_in_words
from tests.approvals.world import PURPOSE, WHY, World, signature
from tests.cast import PASSWORD

Browser = Callable[[str], Any]
ARTIFACT = {"key": "artifact", "kind": "artifact", "title": "Artifact identified"}
RISK = {**signature("risk", "risk_manager"), "title": "Risk manager"}
VETO = {**signature("compliance", "compliance_officer", veto=True), "title": "Compliance"}


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, f"{answer.status_code}: {answer.content[:500]!r}"
    return re.sub(r"\s+", " ", answer.content.decode())


def form_of(page: Any, requirement: str, vote: str) -> dict[str, str]:
    """The hidden fields of one form, as a browser would send them."""
    digest = next(
        v["statement"].digest
        for row in page.context["rows"]
        if row["card"].key == requirement
        for v in row["votes"]
        if v["vote"] == vote
    )
    return {"requirement": requirement, "vote": vote, "statement_digest": digest}


def test_it_says_what_is_open_what_to_do_and_who_can(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    page = text_of(signed_in("viewer").get(f"/releases/{w.release().pk}"))
    assert "The gate is closed: 2 of 3 requirements are open" in page
    assert "0 of 1 signed as Risk manager." in page
    assert "Risk manager (Rita Risk, Rolf Risk)" in page
    assert "No signature of yours is awaited here." in page
    assert "Approve…" not in page
    assert "Promoting takes one of the roles" in page
    assert purpose_in_words(PURPOSE) in page and purpose_in_words(PURPOSE) != PURPOSE


def test_whose_signature_is_awaited_reads_what_follows_from_it(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    release = w.release()
    risk = text_of(signed_in("risk").get(f"/releases/{release.pk}"))
    assert "Your signature is awaited on “Risk manager”, as Risk manager." in risk
    assert "1 other requirement stays open" in risk
    compliance = text_of(signed_in("compliance").get(f"/releases/{release.pk}"))
    assert (
        "If you reject, the gate is closed until you take the rejection back, or the head of the role lifts it after 72 hours."
        in compliance
    )
    w.vote("risk", w.cast.risk2, release=release)
    last = text_of(signed_in("compliance").get(f"/releases/{release.pk}"))
    assert "If you approve, the gate opens" in last


def test_the_statement_shown_is_the_one_signed(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    browser = signed_in("risk")
    page = browser.get(f"/releases/{release.pk}")
    sent = {**form_of(page, "risk", "approve"), "password": PASSWORD, "comment": "Read twice"}
    answer = browser.post(f"/releases/{release.pk}/sign", sent)
    assert (answer.status_code, answer["Location"]) == (302, f"/releases/{release.pk}#risk")
    signed = SignOff.objects.get()
    assert signed.statement in page.content.decode().replace("&#x27;", "'")
    assert (signed.vote, signed.comment, signed.recorded_by) == ("approve", "Read twice", w.cast.risk)
    assert signed.meaning.startswith("Approval as risk manager")
    shown = text_of(browser.get(f"/releases/{release.pk}"))
    assert "The gate is open" in shown
    assert "Rita Risk" in shown
    assert "Read twice" in shown
    assert "Take your vote back" in shown


def test_a_wrong_password_signs_nothing_and_keeps_what_was_typed(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    browser = signed_in("risk")
    sent = {**form_of(browser.get(f"/releases/{release.pk}"), "risk", "approve"), "comment": "My long thoughts"}
    page = text_of(browser.post(f"/releases/{release.pk}/sign", {**sent, "password": "wrong"}), 403)
    assert not SignOff.objects.exists()
    assert "error-summary" in page
    assert 'href="#id_risk_approve_password"' in page
    assert "My long thoughts" in page
    assert "wrong" not in re.findall(r'type="password"[^>]*', page)[0]
    missing = text_of(browser.post(f"/releases/{release.pk}/sign", sent), 400)
    assert "Enter your password" in missing


def test_a_rejection_asks_why(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, VETO)
    release = w.release()
    browser = signed_in("compliance")
    sent = {**form_of(browser.get(f"/releases/{release.pk}"), "compliance", "reject"), "password": PASSWORD}
    page = text_of(browser.post(f"/releases/{release.pk}/sign", sent), 400)
    assert "Say why you reject it." in page
    assert browser.post(f"/releases/{release.pk}/sign", {**sent, "comment": "Unfair"}).status_code == 302
    assert SignOff.objects.get().vote == Vote.REJECT
    after = text_of(browser.get(f"/releases/{release.pk}"))
    assert "Carla Compliance rejected it" in after
    assert "Unfair" in after


def test_what_changed_since_it_was_shown_is_not_signed(w: World, signed_in: Browser) -> None:
    evidence = {"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance"}}
    w.policy(ARTIFACT, evidence, RISK)
    release, plan = w.release(), w.plan()
    browser = signed_in("risk")
    sent = {
        **form_of(browser.get(f"/releases/{release.pk}"), "risk", "approve"),
        "password": PASSWORD,
        "comment": "Kept",
    }
    w.evidence(plan, "0.5")
    answer = browser.post(f"/releases/{release.pk}/sign", sent)
    page = text_of(answer, 409)
    assert "What you were shown has changed" in page
    assert "Kept" in page
    again = {**sent, **form_of(answer, "risk", "approve")}
    assert again["statement_digest"] in page, "the new statement's digest is in the form"
    assert browser.post(f"/releases/{release.pk}/sign", again).status_code == 302


def test_who_had_a_hand_in_it_reads_why_they_cannot_sign(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, {**signature("validator", "validator"), "title": "Validator"})
    w.evidence(w.plan(), by=w.cast.tester)  # the validator answers for this account
    release = w.release()
    page = text_of(signed_in("validator").get(f"/releases/{release.pk}"))
    assert "nobody judges their own work" in page
    assert "reported evidence on it" in page
    assert "Approve…" not in page
    assert "nobody can now" in page


def test_a_vote_is_taken_back_by_who_gave_it(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    vote = w.vote("risk", w.cast.risk, release=release)
    assert signed_in("risk2").post(f"/sign-offs/{vote.pk}/withdraw", {"reason": "Not mine"}).status_code == 404
    browser = signed_in("risk")
    assert "Give a reason" in text_of(browser.post(f"/sign-offs/{vote.pk}/withdraw", {"reason": " "}), 400)
    assert browser.post(f"/sign-offs/{vote.pk}/withdraw", {"reason": "I read it again"}).status_code == 302
    assert SignOffWithdrawal.objects.get().reason == "I read it again"
    page = text_of(browser.get(f"/releases/{release.pk}"))
    assert "Taken back on" in page
    assert "Approve…" in page, "they may vote again"


def test_promoting_is_offered_to_who_may_once_the_gate_is_open(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    owner = signed_in("owner")
    assert "You may promote it once the gate is open." in text_of(owner.get(f"/releases/{release.pk}"))
    refused = text_of(owner.post(f"/releases/{release.pk}/promote", {"reason": "In a hurry"}), 409)
    assert "The gate is closed. Missing: risk." in refused
    assert "asked for promotion and was refused" in refused
    assert RefusedAttempt.objects.filter(release=release).count() == 1
    w.vote("risk", w.cast.risk, release=release)
    assert "nothing is live there now" in text_of(owner.get(f"/releases/{release.pk}"))
    assert owner.post(f"/releases/{release.pk}/promote", {"reason": "All is met"}).status_code == 302
    assert Promotion.objects.filter(release=release, live_slot__isnull=False).exists()
    page = text_of(owner.get(f"/releases/{release.pk}"))
    assert "2 of 2 requirements met and let it pass" in page
    assert "Approve…" not in page


def test_what_was_decided_stays_as_it_was_decided(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    promote(actor=w.cast.owner, release=release, **WHY)
    w.policy(ARTIFACT, RISK, VETO)
    page = signed_in("auditor").get(f"/releases/{release.pk}")
    assert [row["card"].key for row in page.context["rows"]] == ["artifact", "risk"]
    second = w.release(w.retrain(1))
    w.vote("risk", w.cast.risk2, release=second)
    w.vote("compliance", w.cast.compliance, release=second)
    before = text_of(signed_in("owner").get(f"/releases/{second.pk}"))
    assert "takes the place of version 1" in before
    promote(actor=w.cast.owner, release=second, **WHY)
    assert "It is no longer live: superseded" in text_of(signed_in("auditor").get(f"/releases/{release.pk}"))


def test_a_release_is_closed_with_a_reason(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    browser = signed_in("risk")
    sent = {"kind": "rejected", "reason": "Superseded by another approach"}
    assert "Give a reason" in text_of(browser.post(f"/releases/{release.pk}/close", {**sent, "reason": ""}), 400)
    assert browser.post(f"/releases/{release.pk}/close", sent).status_code == 302
    assert ReleaseClosure.objects.get().kind == "rejected"
    page = text_of(browser.get(f"/releases/{release.pk}"))
    assert "Closed: rejected" in page
    assert "Approve…" not in page
    assert "Superseded by another approach" in page


def test_what_people_wrote_is_shown_as_text(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, {**signature("risk", "risk_manager"), "title": "<script>alert(1)</script>"})
    release = w.release()
    page = text_of(signed_in("risk").get(f"/releases/{release.pk}"))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert " style=" not in page


@pytest.mark.parametrize(("who", "queries"), [("auditor", 13), ("risk", 14)])
def test_queries_do_not_grow_with_what_is_shown(
    who: str, queries: int, w: World, signed_in: Browser, django_assert_num_queries: Any
) -> None:
    evidence = {"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance"}}
    w.policy(ARTIFACT, evidence, RISK, VETO, signature("steward", "data_steward"))
    release = w.release()
    for _number in range(4):
        w.evidence(w.plan())
    w.vote("steward", w.cast.steward, release=release)
    w.vote("compliance", w.cast.compliance, vote=Vote.REJECT, release=release)
    browser = signed_in(who)
    with django_assert_num_queries(queries):
        assert browser.get(f"/releases/{release.pk}").status_code == 200
