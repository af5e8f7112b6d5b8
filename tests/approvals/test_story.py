"""The default policy for high risk, from nothing to live, superseded and looked back at."""

import pytest
from django.utils import timezone

from approvals.actions.promotions import ask_for_promotion, end_promotion
from approvals.models import GateDecision, LiveSlot, PlanKind, PromotionEnd, RefusedAttempt, Release
from approvals.queries import awaiting, live
from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.principals import create_person
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.outbox.models import OutboxMessage
from tests.approvals.world import WHY, World


def second_validator(w: World) -> Principal:
    """The validator of the cast answers for the account that reports evidence; another one signs."""
    person = create_person(
        actor=w.cast.admin, email="valerie@bank.example", display_name="Valerie Validator", password="x" * 20, **WHY
    )
    grant = grant_role(actor=w.cast.admin, principal=person, role=Role.VALIDATOR, namespace=w.cast.retail, **WHY)
    approve_grant(actor=w.cast.admin2, grant=grant, **WHY)
    return person


def sign_all(w: World, release: Release, validator: Principal) -> None:
    """Everyone the default policy for high risk asks."""
    for key, person in (
        ("validator", validator),
        ("data-steward", w.cast.steward),
        ("business-owner", w.cast.business),
        ("risk", w.cast.risk),
        ("risk", w.cast.risk2),
        ("compliance", w.cast.compliance),
    ):
        w.vote(key, person, release=release)


def test_a_version_is_refused_signed_promoted_and_superseded(w: World) -> None:
    release = w.release()
    with pytest.raises(errors.GateClosed) as closed:
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    rows = {r["key"]: r for r in closed.value.requirements}
    assert {k for k, r in rows.items() if r["status"] != "SATISFIED"} == {
        *("evidence-performance", "evidence-fairness", "validator", "data-steward", "business-owner", "risk"),
        "compliance",
    }
    assert all(r["message"] for r in rows.values())
    assert "message" not in RefusedAttempt.objects.get(release=release).requirements[0]

    performance, fairness = w.plan(PlanKind.PERFORMANCE), w.plan(PlanKind.FAIRNESS)
    w.evidence(fairness, by=w.cast.pipeline)
    w.evidence(performance, by=w.cast.tester)
    validator = second_validator(w)
    assert [r.key for r in awaiting(w.cast.risk)[0][1]] == ["risk"]
    sign_all(w, release, validator)
    assert awaiting(w.cast.risk) == []

    first = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    decision = GateDecision.objects.get(promotion=first)
    assert decision.recorded_by == w.cast.pipeline
    assert not decision.would_have_refused
    assert {r["status"] for r in decision.requirements} == {"SATISFIED"}
    assert len(next(r for r in decision.requirements if r["key"] == "risk")["rests_on"]) == 2
    assert release.closure.kind == "promoted"
    while_first = timezone.now()

    again = w.release(w.retrain(2))
    for plan, by in ((performance, w.cast.tester), (fairness, w.cast.pipeline)):
        w.evidence(plan, by=by, subject=again.model_version)
    sign_all(w, again, validator)
    second = ask_for_promotion(actor=w.cast.owner, release=again, **WHY)
    assert second.replaces == first
    assert PromotionEnd.objects.get(promotion=first).kind == "superseded"
    assert [s.promotion_id for s in LiveSlot.objects.all()] == [second.pk]
    assert [p.pk for p in live(w.cast.auditor)] == [second.pk]
    assert [p.pk for p in live(w.cast.auditor, at=while_first)] == [first.pk]
    assert list(live(w.cast.outsider)) == []

    topics = set(OutboxMessage.objects.values_list("topic", flat=True))
    assert topics >= {"release.opened", "promotion.live", "release.decided"}

    end_promotion(actor=w.cast.risk, promotion=second, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    assert not LiveSlot.objects.exists()
    assert [p.pk for p in live(w.cast.auditor)] == []


def test_asking_again_finds_the_same_release(w: World) -> None:
    assert w.release().pk == w.release().pk
    assert w.release().purpose == w.model.intended_purpose
    with pytest.raises(errors.AlreadyDifferent):
        w.release(purpose="dpv:Marketing")


def test_without_a_policy_the_gate_is_closed(w: World) -> None:
    from approvals.models import Environment
    from governance.unit_of_work import recorded_action

    with recorded_action(actor=w.cast.policy, **WHY):
        Environment.objects.create(name="moon", order=9, live_traffic=True)
    from approvals.actions.releases import open_release

    release, _ = open_release(
        actor=w.cast.pipeline, model_version=w.version, environment=Environment.objects.get(name="moon"), **WHY
    )
    assert [(r.key, r.reason) for r in w.ask(release).values()] == [("policy", "no-policy")]
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
