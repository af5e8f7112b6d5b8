"""The pages on findings: the list with its ages, one finding with what its reader may do, and raising one."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from approvals.actions.findings import answer_finding, close_finding, raise_finding
from approvals.models import Finding, FindingEvent
from governance import errors
from governance.accounts.roles import Role
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.voting import give, in_days, insert, let_time_pass
from tests.approvals.world import WHY, World, refused

Browser = Callable[[str], Any]
Raw = Callable[[str], "psycopg.Connection[Any]"]


def find(w: World, text: str = "No fallback", by: str = "auditor", **more: Any) -> Finding:
    given: dict[str, Any] = {
        "subject": w.model, "kind": Finding.Kind.AUDIT, "severity": Finding.Severity.HIGH, "blocks": False, **more,
    }  # fmt: skip
    return raise_finding(actor=getattr(w.cast, by), text=text, **given, **WHY)


def text_of(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:500]
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_list_is_narrowed_by_state_severity_owner_and_lateness(w: World, signed_in: Browser) -> None:
    find(w, "Plain")
    mine = find(w, "Mine", owner=w.cast.owner, severity=Finding.Severity.LOW)
    done = find(w, "Done")
    close_finding(actor=w.cast.risk, finding=done, text="Seen", **WHY)
    find(w, "Blocking", subject=w.datasets["raw"], blocks=True)
    browser = signed_in("owner")

    def listed(query: str) -> list[str]:
        return [one.finding.text for one in browser.get(f"/findings{query}").context["findings"]]

    assert listed("") == ["Blocking", "Mine", "Plain"]
    assert listed("?state=closed") == ["Done"]
    assert listed("?state=all") == ["Blocking", "Done", "Mine", "Plain"]
    assert listed("?severity=low") == ["Mine"]
    assert listed("?owner=mine") == ["Mine"]
    assert listed("?overdue=yes") == []
    assert listed("?state=nonsense&severity=%00&before=" + str(mine.pk)) == ["Plain"]
    assert browser.get("/findings?before=x").status_code == 404
    assert list(signed_in("outsider").get("/findings").context["findings"]) == []


def test_ageing_is_worked_out_and_drawn(w: World, raw: Raw, signed_in: Browser) -> None:
    finding = find(w, due=in_days(10), owner=w.cast.owner)
    let_time_pass(raw("superuser"), "approvals_finding", "recorded_at", finding.pk, 24 * 40)
    let_time_pass(raw("superuser"), "approvals_finding", "due", finding.pk, 24 * 40)
    page = text_of(signed_in("viewer").get("/findings"))
    assert 'aria-label="40 days old, 30 days overdue"' in page
    (one,) = signed_in("viewer").get("/findings?overdue=yes").context["findings"]
    assert (one.days, one.days_late, one.bar.age, one.bar.late_from, one.bar.late) == (40, 30, "160.0", "40.0", "120.0")
    close_finding(actor=w.cast.risk, finding=finding, text="Late, but done", **WHY)
    (closed,) = signed_in("viewer").get("/findings?state=closed").context["findings"]
    assert (closed.is_open, closed.overdue, closed.days) == (False, False, 40)


def test_who_may_do_what_is_offered_that_and_told_why_not(w: World, signed_in: Browser) -> None:
    finding = find(w, blocks=True, owner=w.cast.owner)
    address = f"/findings/{finding.pk}"
    viewer = text_of(signed_in("viewer").get(address))
    assert "Nothing here is yours to do." in viewer
    assert "It closes the gate for what it is about." in viewer
    owner = text_of(signed_in("owner").get(address))
    assert "Answer it" in owner
    assert "You have to answer it; somebody else closes it." in owner
    auditor = text_of(signed_in("auditor").get(address))
    assert "You raised it and it may hold up a release; somebody else closes it." in auditor
    assert "Close the finding" not in auditor
    browser = signed_in("risk")
    assert "Close the finding" in text_of(browser.get(address))
    empty = text_of(browser.post(address, {"kind": "closed", "text": " "}), 400)
    assert "Say something: it goes on record." in empty
    assert browser.post(address, {"kind": "closed", "text": "There is one now"}).status_code == 302
    shown = text_of(signed_in("auditor").get(address))
    assert "There is one now" in shown
    assert "Reopen the finding" in shown
    again = text_of(browser.post(address, {"kind": "closed", "text": "Again"}), 409)
    assert "This finding is closed." in again
    assert browser.post(address, {"kind": "raised", "text": "x"}).status_code == 404
    assert FindingEvent.objects.count() == 1


def test_a_finding_is_raised_on_what_it_is_about(w: World, signed_in: Browser) -> None:
    browser = signed_in("auditor")
    assert browser.get("/findings/new").status_code == 404
    assert browser.get("/findings/new?model=x").status_code == 404
    address = f"/findings/new?model_version={w.version.pk}"
    assert "Raise a finding on" in text_of(browser.get(address))
    sent = {"kind": "audit", "text": "No fallback", "severity": "high", "when_overdue": "block", "blocks": "on"}
    late = text_of(browser.post(address, sent), 400)
    assert "Say when it is due." in late
    whole = {**sent, "due": in_days(20).date().isoformat(), "owner": str(w.cast.owner.pk)}
    assert browser.post(address, {**whole, "kind": "condition"}).status_code == 400
    raised = browser.post(address, whole)
    finding = Finding.objects.get()
    assert raised["Location"] == f"/findings/{finding.pk}"
    assert (finding.model_version, finding.owner, finding.blocks) == (w.version, w.cast.owner, True)
    told = text_of(signed_in("viewer").get(address))
    assert "Raising a finding here takes one of the roles" in told
    assert f'href="/findings/new?model={w.model.pk}"' in text_of(browser.get(f"/models/{w.model.pk}"))


# Who frees what was held up


def closing(app: Connection, actor: Any, finding: Finding) -> None:
    with acting(app, actor):
        insert(app, "approvals_findingevent", finding_id=finding.pk, kind="closed", text="Fine")


def test_an_auditor_oversees_and_frees_nothing(w: World, app: Connection) -> None:
    blocking, plain = find(w, blocks=True), find(w)
    later = find(w, due=in_days(3), when_overdue=Finding.WhenOverdue.BLOCK)
    for finding in (blocking, later):
        with pytest.raises(errors.Forbidden):
            close_finding(actor=w.cast.auditor, finding=finding, text="Fine", **WHY)
        with refuses("MU006", "not-an-overseer"):
            closing(app, w.cast.auditor, finding)
    close_finding(actor=w.cast.auditor, finding=plain, text="Fine", **WHY)
    close_finding(actor=w.cast.compliance, finding=blocking, text="Fine", **WHY)


def test_who_raised_it_does_not_free_what_it_held_up(w: World, app: Connection) -> None:
    finding = find(w, by="risk", blocks=True)
    with refuses("MU006", "raised-it"):
        closing(app, w.cast.risk, finding)
    refused(
        lambda: close_finding(actor=w.cast.risk, finding=finding, text="Fine", **WHY),
        errors.SeparationOfDuties, "raised-it",
    )  # fmt: skip
    give(w, w.cast.auditor, Role.RISK_MANAGER)
    other = find(w, blocks=True)  # raised as auditor, closed as risk manager: the same person
    with refuses("MU006", "raised-it"):
        closing(app, w.cast.auditor, other)
    close_finding(actor=w.cast.risk2, finding=finding, text="Fine", **WHY)


@pytest.mark.parametrize("subject", ["model", "version", "raw"])
def test_who_had_a_hand_in_it_does_not_close_what_blocks_it(w: World, app: Connection, subject: str) -> None:
    about = w.datasets.get(subject) or getattr(w, subject)
    give(w, w.cast.engineer, Role.RISK_MANAGER)  # answers for the pipeline, which registered all of it
    finding = find(w, subject=about, blocks=True)
    with refuses("MU006", "own-work"):
        closing(app, w.cast.engineer, finding)
    answer_finding(actor=w.cast.engineer, finding=finding, text="We work on it", **WHY)
    close_finding(actor=w.cast.risk, finding=finding, text="Seen", **WHY)
