"""Rollback, suspension and its lifting, retirement, recall: who may, on what, and what then serves."""

import json
from typing import Any

import pytest

from approvals.actions.promotions import end_promotion, promote
from approvals.actions.releases import open_release
from approvals.actions.serving import reinstate, roll_back
from approvals.models import Environment, LiveSlot, Promotion, PromotionEnd, RefusedAttempt, Slot
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from lineage.models import Model, ModelVersion, Recall
from tests.approvals.serving.scenes import KEEP, STOP, before_and_live, go_live, live, on_own_data, policy, withdraw
from tests.approvals.world import PURPOSE, WHY, World, database, give_terms, refused, sha, signature, train

SUSPENDED, RETIRED = PromotionEnd.Kind.SUSPENDED, PromotionEnd.Kind.RETIRED


def suspend(w: World, promotion: Promotion) -> PromotionEnd:
    return end_promotion(actor=w.cast.risk2, promotion=promotion, kind=SUSPENDED, **WHY)


def test_a_rollback_brings_the_newest_good_one_back_and_says_so(w: World) -> None:
    policy(w, {})
    before, promotion = before_and_live(w)
    back = roll_back(actor=w.cast.owner, promotion=promotion, **WHY)
    assert (back.kind, back.repeats, back.release, back.replaces) == ("rollback", before, before.release, promotion)
    assert live(w) == back
    assert PromotionEnd.objects.get(promotion=promotion).kind == "rolled_back"
    again = roll_back(actor=w.cast.risk, promotion=back, to=promotion, **WHY)
    assert live(w) == again
    assert PromotionEnd.objects.get(promotion=back).kind == "rolled_back"


def test_a_rollback_to_what_may_serve_no_more_is_refused_and_on_record(w: World) -> None:
    policy(w, {"terms_withdrawn": KEEP})
    first = go_live(w)
    second = go_live(w, on_own_data(w, "other"))
    withdraw(w)
    with pytest.raises(errors.GateClosed) as closed:
        roll_back(actor=w.cast.owner, promotion=second, to=first, **WHY)
    assert [r["key"] for r in closed.value.requirements if r["status"] != "SATISFIED"] == ["terms"]
    assert RefusedAttempt.objects.get().release == first.release
    assert live(w) == second
    refused_by = pytest.raises(errors.Conflict)
    with refused_by:
        roll_back(actor=w.cast.owner, promotion=second, **WHY)


def test_a_rollback_stays_in_its_slot(w: World) -> None:
    policy(w, {})
    champion = go_live(w)
    other = promote(actor=w.cast.pipeline, release=w.release(w.retrain(2), slot="shadow"), **WHY)
    with pytest.raises(errors.Invalid) as refusal:
        roll_back(actor=w.cast.owner, promotion=champion, to=other, **WHY)
    assert list(refusal.value.errors) == ["to"]


def test_neither_the_live_nor_the_retired_nor_the_suspended_is_rolled_back_to(w: World) -> None:
    policy(w, {})
    retired = go_live(w)
    end_promotion(actor=w.cast.owner, promotion=retired, kind=RETIRED, **WHY)
    suspended = go_live(w, w.retrain(2))
    suspend(w, suspended)
    promotion = go_live(w, w.retrain(3))
    for to in (retired, suspended, promotion):
        refused(
            lambda to=to: roll_back(actor=w.cast.risk, promotion=promotion, to=to, **WHY),
            errors.Conflict,
            "cannot-be-repeated",
        )  # type: ignore[misc]  # a default is no argument of the type


@pytest.mark.parametrize("who", ["viewer", "steward", "validator", "auditor", "compliance"])
def test_others_do_not_roll_back(w: World, who: str) -> None:
    policy(w, {})
    _before, promotion = before_and_live(w)
    with pytest.raises(errors.Forbidden):
        roll_back(actor=getattr(w.cast, who), promotion=promotion, **WHY)


def test_a_suspension_is_lifted_by_an_overseer_without_a_hand_in_it(w: World) -> None:
    policy(w, {})
    promotion = go_live(w)
    suspend(w, promotion)
    assert live(w) is None
    for other in (w.cast.owner, w.cast.steward, w.cast.pipeline):
        with pytest.raises(errors.Forbidden):
            reinstate(actor=other, promotion=promotion, **WHY)
    back = reinstate(actor=w.cast.compliance, promotion=promotion, **WHY)
    assert (live(w), back.kind, back.repeats) == (back, "reinstatement", promotion)


def test_nobody_lifts_the_suspension_of_their_own_work(w: World) -> None:
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.roles import Role

    policy(w, {})
    promotion = go_live(w)
    suspend(w, promotion)
    given = grant_role(
        actor=w.cast.admin, principal=w.cast.engineer, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY
    )
    approve_grant(actor=w.cast.admin2, grant=given, **WHY)
    refused(lambda: reinstate(actor=w.cast.engineer, promotion=promotion, **WHY), errors.SeparationOfDuties, "own-work")


def test_only_what_was_suspended_is_reinstated_and_only_while_it_may_serve(w: World) -> None:
    policy(w, {"terms_withdrawn": STOP})
    before, promotion = before_and_live(w)
    refused(lambda: reinstate(actor=w.cast.risk, promotion=before, **WHY), errors.Conflict, "cannot-be-repeated")
    withdraw(w)
    with pytest.raises(errors.GateClosed):
        reinstate(actor=w.cast.risk, promotion=promotion, **WHY)
    give_terms(w.cast, w.datasets["source"])
    assert reinstate(actor=w.cast.risk, promotion=promotion, **WHY).kind == "reinstatement"


def test_a_reinstated_version_takes_the_place_of_the_fallback(w: World) -> None:
    policy(w, {"terms_withdrawn": {**STOP, "fallback": "last_good"}})
    _before, promotion = before_and_live(w)
    withdraw(w)
    fallback = live(w)
    assert fallback is not None
    give_terms(w.cast, w.datasets["source"])
    back = reinstate(actor=w.cast.risk, promotion=promotion, **WHY)
    assert (live(w), PromotionEnd.objects.get(promotion=fallback).kind) == (back, "superseded")


def test_an_approval_stale_by_content_is_not_brought_back(w: World) -> None:
    policy(w, {"terms_narrowed": KEEP}, signature("risk", "risk_manager", binds=["privacy"]))
    w.vote("risk", w.cast.risk)
    promotion = go_live(w)
    suspend(w, promotion)
    give_terms(w.cast, w.datasets["raw"], forbidden_purposes=["dpv:Marketing"])
    with pytest.raises(errors.GateClosed) as closed:
        reinstate(actor=w.cast.compliance, promotion=promotion, **WHY)
    assert [r["reason"] for r in closed.value.requirements if r["status"] != "SATISFIED"] == ["approval-stale"]


def test_owners_and_risk_managers_retire(w: World) -> None:
    policy(w, {})
    promotion = go_live(w)
    for other in (w.cast.pipeline, w.cast.compliance, w.cast.steward):
        with pytest.raises(errors.Forbidden):
            end_promotion(actor=other, promotion=promotion, kind=RETIRED, **WHY)
    assert end_promotion(actor=w.cast.owner, promotion=promotion, kind=RETIRED, **WHY).kind == "retired"


@pytest.mark.parametrize("kind", ["superseded", "rolled_back", "recalled"])
def test_what_follows_from_something_else_is_no_end_by_hand(w: World, kind: str) -> None:
    policy(w, {})
    promotion = go_live(w)
    with pytest.raises(errors.Invalid):
        end_promotion(actor=w.cast.risk, promotion=promotion, kind=PromotionEnd.Kind(kind), **WHY)


def elsewhere(w: World, digest: str) -> Promotion:
    """The same bytes, registered and live in another namespace."""
    with recorded_action(actor=w.cast.outsider_pipeline, **WHY):
        model = Model.objects.create(namespace=w.cast.elsewhere, name="copied", intended_purpose=PURPOSE)
        version = ModelVersion.objects.create(model=model, digest_algorithm="sha256", digest_value=digest)
    release, _ = open_release(
        actor=w.cast.outsider_pipeline, model_version=version, environment=w.production, slot=Slot.SHADOW, **WHY
    )
    return promote(actor=w.cast.outsider_pipeline, release=release, **WHY)


def test_a_recall_ends_the_bytes_everywhere_and_blocks_them(w: World) -> None:
    w.policy({"key": "artifact", "kind": "artifact"})
    here, there = go_live(w), elsewhere(w, w.version.digest_value)
    made = recall(actor=w.cast.risk, digest=f"SHA-256:{w.version.digest_value.upper()}", reason="Backdoor found")
    assert not LiveSlot.objects.exists()
    for promotion in (here, there):
        end = PromotionEnd.objects.get(promotion=promotion)
        assert (end.kind, end.recorded_by, "Backdoor found" in end.reason) == ("recalled", w.cast.risk, True)
    same = train(w.cast, w.model, w.versions["features"], "again", digest_value=w.version.digest_value)
    assert w.ask(w.release(same))["artifact"].reason == "digest-recalled"
    refused(lambda: recall(actor=w.cast.risk, digest=str(made_digest(made)), **WHY), errors.Conflict, "digest-recalled")
    with pytest.raises(errors.GateClosed):
        promote(actor=w.cast.pipeline, release=w.release(same), **WHY)


def made_digest(made: Recall) -> str:
    """As it is written."""
    return f"{made.digest_algorithm}:{made.digest_value}"


def test_a_version_tuned_from_a_recalled_one_is_answered_as_made_from_it(w: World) -> None:
    policy(w, {"source_recalled": STOP})
    child = train(w.cast, w.model, w.versions["features"], "tuned", parent_version=w.version)
    promotion = go_live(w, child)
    recall(actor=w.cast.steward, digest=f"sha256:{w.version.digest_value}", reason="Backdoor")
    assert live(w) is None
    assert PromotionEnd.objects.get(promotion=promotion).kind == "suspended"
    assert w.ask(w.release(w.retrain(9)))["provenance"].passes


@pytest.mark.parametrize("who", ["owner", "viewer", "validator", "auditor", "pipeline", "admin"])
def test_others_do_not_recall(w: World, who: str) -> None:
    with pytest.raises(errors.Forbidden):
        recall(actor=getattr(w.cast, who), digest=f"sha256:{w.version.digest_value}", **WHY)


@pytest.mark.parametrize("digest", ["", "md5:0123", "sha256:xyz", "sha256", f"sha256:{'a' * 63}"])
def test_what_is_no_digest_is_not_recalled(w: World, digest: str) -> None:
    with pytest.raises(errors.Invalid):
        recall(actor=w.cast.risk, digest=digest, **WHY)


def test_a_digest_is_recalled_where_one_oversees_it(w: World) -> None:
    """Said alike of what lies in another namespace and of what nobody knows."""
    said: set[Any] = set()
    for digest in (w.version.digest_value, sha("never seen")):
        with pytest.raises(errors.SeparationOfDuties) as refusal:
            recall(actor=w.cast.outsider, digest=f"sha256:{digest}", **WHY)
        said.add((str(refusal.value), str(refusal.value.params)))
    assert len(said) == 1


def test_nothing_is_brought_back_where_no_policy_says_what_to_ask(w: World) -> None:
    with recorded_action(actor=w.cast.policy, **WHY):
        laboratory = Environment.objects.create(name="laboratory", order=9, live_traffic=False)
    release = open_release(actor=w.cast.pipeline, model_version=w.version, environment=laboratory, **WHY)[0]
    rows = database("SELECT muniment.serving_rows(%s, now())", release.pk)
    assert "no-policy" in {row["reason"] for row in (json.loads(rows) if isinstance(rows, str) else rows)}
