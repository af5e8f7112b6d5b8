"""The gate on findings, and who closes them."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.findings import answer_finding, close_finding, raise_finding, reopen_finding
from approvals.models import Finding, FindingEvent, Promotion
from governance import errors
from governance.unit_of_work import recorded_action
from tests.approvals.world import WHY, World, refused


def find(w: World, subject: Any, **more: Any) -> Finding:
    """A blocking finding of the auditor's."""
    given: dict[str, Any] = {
        "kind": Finding.Kind.AUDIT, "text": "No fallback", "severity": Finding.Severity.HIGH, "blocks": True, **more,
    }  # fmt: skip
    return raise_finding(actor=w.cast.auditor, subject=subject, **given, **WHY)


def reason(w: World, **more: Any) -> str:
    return w.ask(**more)["findings"].reason


@pytest.mark.parametrize("subject", ["model", "version", "features", "raw", "source"])
def test_an_open_finding_on_the_model_or_its_data_closes_the_gate(w: World, subject: str) -> None:
    w.policy({"key": "findings", "kind": "findings"})
    finding = find(w, w.datasets.get(subject) or getattr(w, subject, None))
    row = w.ask()["findings"]
    assert (row.reason, row.params["finding"]) == ("finding-open", finding.pk)
    close_finding(actor=w.cast.risk, finding=finding, text="There is one now", **WHY)
    assert reason(w) == "findings-met"
    reopen_finding(actor=w.cast.compliance, finding=finding, text="It is gone again", **WHY)
    assert reason(w) == "finding-open"


def test_a_finding_on_a_live_promotion_of_the_model_closes_the_gate_for_the_next(w: World) -> None:
    w.policy({"key": "findings", "kind": "findings"})
    release = w.release()
    with recorded_action(actor=w.cast.pipeline, **WHY):
        promotion = Promotion.objects.create(
            release=release, model=w.model, environment=release.environment, slot="champion"
        )
    find(w, promotion, kind=Finding.Kind.INCIDENT)
    assert w.ask(w.release(w.retrain(2)))["findings"].reason == "finding-open"


def test_a_finding_that_does_not_block_passes_until_it_is_overdue(w: World) -> None:
    w.policy({"key": "findings", "kind": "findings"})
    find(w, w.model, blocks=False)
    assert reason(w) == "findings-met"
    due = timezone.now() + datetime.timedelta(days=3)
    find(w, w.model, blocks=False, due=due, when_overdue=Finding.WhenOverdue.BLOCK)
    assert reason(w) == "findings-met"
    assert reason(w, at=due) == "finding-overdue"


def test_an_answer_closes_nothing(w: World) -> None:
    w.policy({"key": "findings", "kind": "findings"})
    finding = find(w, w.model, owner=w.cast.owner)
    answer_finding(actor=w.cast.owner, finding=finding, text="We are on it", **WHY)
    assert reason(w) == "finding-open"


def test_the_owner_of_a_finding_does_not_close_it(w: World) -> None:
    finding = find(w, w.model, owner=w.cast.risk)
    refused(
        lambda: close_finding(actor=w.cast.risk, finding=finding, text="Fine", **WHY),
        errors.SeparationOfDuties, "own-finding",
    )  # fmt: skip
    with pytest.raises(errors.Forbidden):
        close_finding(actor=w.cast.owner, finding=finding, text="Fine", **WHY)


def test_past_the_action_the_database_refuses_the_same(w: World) -> None:
    finding = find(w, w.model, owner=w.cast.owner)

    def closing() -> None:
        with recorded_action(actor=w.cast.owner, **WHY):
            FindingEvent.objects.create(finding=finding, kind="closed", text="Fine")

    refused(closing, errors.SeparationOfDuties, "not-an-overseer")


def test_closing_twice_and_reopening_what_is_open_are_refused(w: World) -> None:
    finding = find(w, w.model, blocks=False)
    refused(
        lambda: reopen_finding(actor=w.cast.auditor, finding=finding, text="?", **WHY), errors.Conflict, "finding-open"
    )
    close_finding(actor=w.cast.auditor, finding=finding, text="Done", **WHY)
    refused(
        lambda: close_finding(actor=w.cast.auditor, finding=finding, text="Done", **WHY),
        errors.Conflict,
        "finding-closed",
    )
