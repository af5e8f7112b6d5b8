"""What ends an envelope ends it for good, and what narrows it is not widened again: A, B, A does not revive."""

import datetime

import pytest
from django.utils import timezone

from approvals.actions.change_plans import revoke_change_plan
from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.actions.promotions import ask_for_promotion, end_promotion
from approvals.actions.serving import reinstate, roll_back
from approvals.gate.envelope import envelope_of, state_of
from approvals.gate.gate import ask
from approvals.models import ChangePlan, LiveSlot, Promotion, PromotionEnd, Release, ServingNotice
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.actions import override_tier, recall
from lineage.models import DatasetVersion, Model, ModelVersion, Run, RunInput, RunOutput
from tests.approvals.envelope.scene import ASKED, PARAMETERS, RISK, SCHEMA, STEWARD, VETO, Scene
from tests.approvals.world import WHY, dataset, flag, give_terms, refused, signature, train
from tests.permission_table import found


def live_retrain(s: Scene) -> Promotion:
    """A retrain that went live on the envelope."""
    release = s.w.release(s.retrain())
    s.sign(release, "steward")
    return s.go(release)


def ended(s: Scene, plan: ChangePlan) -> str:
    """Why it ended; and a retrain finds every signature missing."""
    state = state_of(plan)
    if state.ended != "plan-replaced":
        row = s.w.ask(s.w.release(s.retrain()))["risk"]
        assert (row.status, row.params["envelope"]["why"]) == ("UNSATISFIED", state.ended)
    return state.ended


def test_it_ends_at_its_moment(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    release = s.w.release(s.retrain())
    late = {row.key: row for row in ask(release, at=plan.ends_at).requirements}
    assert late["risk"].params["envelope"]["why"] == "plan-over"
    early = ask(release, at=plan.ends_at - datetime.timedelta(seconds=1)).requirements
    assert {row.key: row for row in early}["risk"].status == "WAIVED"


def test_it_is_revoked_by_who_oversees_and_what_went_live_on_it_stays(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    promotion = live_retrain(s)
    for actor in (s.w.cast.owner, s.w.cast.steward, s.w.cast.pipeline):
        with pytest.raises(errors.Forbidden):
            revoke_change_plan(actor=actor, change_plan=plan, **WHY)
    revoke_change_plan(actor=s.w.cast.compliance, change_plan=plan, **WHY)
    assert ended(s, plan) == "plan-revoked"
    assert LiveSlot.objects.get(model=s.w.model).promotion == promotion
    refused(lambda: revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, **WHY), errors.Conflict,
            "envelope-revoked")  # fmt: skip


def test_revoked_before_it_began_it_never_begins(s: Scene) -> None:
    plan = s.envelope()
    release = s.w.release(s.base, change_plan=plan)
    s.sign(release, "risk", "steward", "compliance")
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, **WHY)
    s.go(release)
    assert not plan.promotions.exists()
    assert envelope_of(s.w.release(s.retrain())) is None


def test_the_recall_of_the_base_version_ends_it(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    live_retrain(s)
    recall(actor=s.w.cast.risk, digest=f"sha256:{s.base.digest_value}", **WHY)
    assert ended(s, plan) == "plan-base-recalled"


@pytest.mark.parametrize("of", ["base", "retrain"])
def test_a_suspension_ends_it_and_a_reinstatement_does_not_bring_it_back(s: Scene, of: str) -> None:
    plan = s.envelope()
    promotion = s.approve(plan)
    if of == "retrain":
        promotion = live_retrain(s)
    end_promotion(actor=s.w.cast.risk2, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    assert ended(s, plan) == "plan-serving-ended"
    reinstate(actor=s.w.cast.risk2, promotion=promotion, **WHY)
    assert ended(s, plan) == "plan-serving-ended"


def test_a_rollback_of_a_retrain_ends_it(s: Scene) -> None:
    plan = s.envelope()
    base = s.approve(plan)
    roll_back(actor=s.w.cast.owner, promotion=live_retrain(s), to=base, **WHY)
    assert ended(s, plan) == "plan-serving-ended"


def test_a_retrain_rolled_back_to_may_serve_though_its_envelope_ended(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    first, second = live_retrain(s), live_retrain(s)
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, **WHY)
    roll_back(actor=s.w.cast.owner, promotion=second, to=first, **WHY)
    assert LiveSlot.objects.get(model=s.w.model).promotion.release == first.release


def test_another_use_of_a_retrain_whose_signatures_were_waived_is_answered(s: Scene) -> None:
    """Nobody signed it, so no signature grows stale: what its envelope was approved for has changed all the same."""
    s.approve(keeps=[])
    first = s.go(s.w.release(s.retrain()))
    second = s.go(s.w.release(s.retrain()))
    with recorded_action(actor=s.w.cast.owner, **WHY):
        Model.objects.filter(pk=s.w.model.pk).update(deployment_geography=["DE", "FR"])
    assert ServingNotice.objects.get(promotion=second).cause == "use_changed"
    with pytest.raises(errors.GateClosed) as closed:
        roll_back(actor=s.w.cast.owner, promotion=second, to=first, **WHY)
    stale = {row["key"]: row for row in closed.value.requirements if row["status"] == "UNSATISFIED"}
    assert set(stale) == {"risk", "steward", "compliance"}
    assert stale["risk"]["reason"] == "approval-stale"
    assert "use" in stale["risk"]["params"]["ignored"][0]["aspects"]


def test_the_version_that_brought_it_is_no_retrain_of_its_own(s: Scene) -> None:
    s.approve()
    live_retrain(s)
    release = s.w.release(s.base)
    assert envelope_of(release) is None
    assert s.w.ask(release)["risk"].status == "UNSATISFIED"


def test_an_older_version_is_no_retrain(s: Scene) -> None:
    older = s.w.version
    s.approve()
    assert ("version", "not-a-retrain") in s.crossed(older)


def test_terms_narrowed_and_widened_again_stay_crossed(s: Scene) -> None:
    s.approve()
    assert s.crossed(s.retrain()) == []
    give_terms(s.w.cast, s.data, permitted_purposes=["dpv:CreditChecking", "dpv:FraudPreventionAndDetection"])
    assert s.crossed(s.retrain()) == [], "wider terms are inside"
    give_terms(s.w.cast, s.data, effective_from=timezone.now())
    give_terms(s.w.cast, s.data, permitted_purposes=["dpv:CreditChecking", "dpv:FraudPreventionAndDetection"],
               effective_from=timezone.now())  # fmt: skip
    assert s.crossed(s.retrain()) == [("terms", "terms-not-as-wide")]


def test_a_flag_raised_and_cleared_stays_crossed(s: Scene) -> None:
    s.approve()
    data = s.newer()
    flag(s.w.cast, data, category="pd:Income", present="yes", assessment="declared", by=s.w.cast.pipeline)
    flag(s.w.cast, data, category="pd:Income", present="no")
    assert s.crossed(s.retrain(data=data)) == [("flags", "flags-new")]


def test_data_nobody_answered_for_is_outside(s: Scene) -> None:
    s.approve()
    with recorded_action(actor=s.w.cast.pipeline, **WHY):
        bare = DatasetVersion.objects.create(
            dataset=s.data, label="bare", digest_algorithm="sha256", digest_value="9" * 64, schema=SCHEMA
        )
    s.measure(bare, "0.01")
    assert s.crossed(s.retrain(data=bare)) == [("flags", "flags-unanswered")]


def test_another_use_and_back_stays_crossed(s: Scene) -> None:
    s.approve()
    for places in (["DE", "FR"], ["DE"]):
        with recorded_action(actor=s.w.cast.owner, **WHY):
            Model.objects.filter(pk=s.w.model.pk).update(deployment_geography=places)
    assert s.crossed(s.retrain()) == [("use", "use-other")]


def test_another_tier_and_back_stays_crossed(s: Scene) -> None:
    s.approve()
    for tier in ("low", "high"):
        override = {**found.override(s.w, tier=tier), "model": s.w.model}
        override_tier(actor=s.w.cast.risk, reauthenticated_at=timezone.now(), **override)
    assert s.crossed(s.retrain()) == [("use", "use-other")]


def test_a_release_for_another_purpose_is_outside(s: Scene) -> None:
    s.approve()
    release = s.w.release(s.retrain(), purpose="dpv:FraudPreventionAndDetection")
    judged = envelope_of(release)
    assert judged is not None
    assert [one.key for one in judged.crossed] == ["use"]


def test_a_signature_the_policy_asks_for_since_is_asked_for(s: Scene) -> None:
    s.approve()
    s.w.policy(*ASKED, signature("validator", "validator"))
    rows = s.w.ask(s.w.release(s.retrain()))
    assert (rows["validator"].status, rows["risk"].status) == ("UNSATISFIED", "WAIVED")
    assert rows["validator"].params["envelope"]["why"] == "signature-asked-otherwise"


def test_a_signature_asked_otherwise_and_as_before_again_is_asked_for(s: Scene) -> None:
    s.approve()
    s.w.policy(ASKED[0], signature("risk", "risk_manager", count=2), STEWARD, VETO)
    s.w.policy(*ASKED)
    rows = s.w.ask(s.w.release(s.retrain()))
    assert (rows["risk"].status, rows["compliance"].status) == ("UNSATISFIED", "WAIVED")


def test_facts_and_evidence_are_never_waived(s: Scene) -> None:
    kinds = ("artifact", "provenance", "terms", "sensitivity", "findings")
    evidence = {"key": "fair", "kind": "evidence", "params": {"plan_kind": "fairness"}}
    s.w.policy(*({"key": kind, "kind": kind} for kind in kinds), RISK, STEWARD, VETO)
    s.approve()
    s.w.policy(*({"key": kind, "kind": kind} for kind in kinds), evidence, RISK, STEWARD, VETO)
    rows = s.w.ask(s.w.release(s.retrain()))
    assert rows["risk"].status == "WAIVED"
    assert {row.kind for row in rows.values() if row.status == "WAIVED"} == {"signoff"}
    assert rows["fair"].status == "UNSATISFIED"


def test_a_source_above_that_the_base_version_did_not_have_is_outside(s: Scene) -> None:
    s.approve()
    other, version = dataset(s.w.cast, "bought")
    give_terms(s.w.cast, other)
    flag(s.w.cast, version)
    data = s.newer()
    with recorded_action(actor=s.w.cast.pipeline, **WHY):
        run = Run.objects.create(namespace=s.w.cast.retail, job_name="join", run_key="join")
        RunInput.objects.create(run=run, dataset_version=version, role="source")
        RunOutput.objects.create(run=run, dataset_version=data, role="output")
    assert ("sources", "sources-new") in s.crossed(s.retrain(data=data))


def test_a_model_above_that_the_base_version_did_not_have_is_outside(s: Scene) -> None:
    s.approve()
    assert s.crossed(s.retrain(parent_version=s.base)) == [], "fine-tuned from the base version"
    other = s.w.version
    assert ("sources", "base-models-other") in s.crossed(s.retrain(parent_version=other)) or (
        "sources", "sources-new") in s.crossed(s.retrain(parent_version=other))  # fmt: skip


def test_it_does_not_reach_another_slot_or_model(s: Scene) -> None:
    s.approve()
    assert envelope_of(s.w.release(s.retrain(), slot="shadow")) is None
    with recorded_action(actor=s.w.cast.owner, **WHY):
        other = Model.objects.create(namespace=s.w.cast.retail, name="other", intended_purpose="dpv:CreditChecking")
    version: ModelVersion = train(s.w.cast, other, s.newer(), "other", parameters=PARAMETERS)
    assert envelope_of(s.w.release(version)) is None


def test_a_periodic_review_is_no_retrain(s: Scene) -> None:
    s.approve()
    promotion = live_retrain(s)
    with recorded_action(actor=s.w.cast.owner, **WHY):
        review = Release.objects.create(
            model_version=promotion.release.model_version, environment=promotion.environment, slot=promotion.slot,
            purpose=promotion.release.purpose, review_of=promotion,
        )  # fmt: skip
    assert envelope_of(review) is None
    assert s.w.ask(review)["risk"].status == "UNSATISFIED"


def test_what_observe_only_lets_through_neither_begins_nor_uses_one(s: Scene) -> None:
    change = set_observe_only(
        actor=s.w.cast.policy, environment=s.w.production, until=timezone.now() + datetime.timedelta(days=1), **WHY
    )
    confirm_observe_only(actor=s.w.cast.policy2, change=change, **WHY)
    plan = s.envelope()
    ask_for_promotion(actor=s.w.cast.pipeline, release=s.w.release(s.base, change_plan=plan), **WHY)
    assert not plan.promotions.exists()
