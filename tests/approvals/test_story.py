"""The default policy for high risk, from nothing to live."""

import pytest

from approvals.actions.promotions import ask_for_promotion
from approvals.models import GateDecision, LiveSlot, PlanKind, RefusedAttempt
from governance import errors
from tests.approvals.world import WHY, World


def test_a_version_is_refused_signed_and_promoted(w: World) -> None:
    release = w.release()
    with pytest.raises(errors.GateClosed) as closed:
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    missing = {r["key"] for r in closed.value.requirements if r["status"] != "SATISFIED"}
    assert missing == {
        "evidence-performance", "evidence-fairness", "validator", "data-steward", "business-owner", "risk", "compliance",
    }  # fmt: skip
    assert all(r["message"] for r in closed.value.requirements)
    assert RefusedAttempt.objects.filter(release=release).count() == 1

    w.evidence(w.plan(PlanKind.FAIRNESS), by=w.cast.pipeline)
    performance = w.plan(PlanKind.PERFORMANCE)
    from governance.accounts.models import Principal

    assert w.ask()["evidence-performance"].reason == "evidence-missing"
    w.evidence(performance, by=w.cast.tester)
    for key, person in (
        ("data-steward", w.cast.steward),
        ("business-owner", w.cast.business),
        ("risk", w.cast.risk),
        ("risk", w.cast.risk2),
        ("compliance", w.cast.compliance),
    ):
        w.vote(key, person)
    rows = w.ask()
    assert {k for k, r in rows.items() if not r.passes} == {"validator"}
    print({k: r.message for k, r in rows.items()})
