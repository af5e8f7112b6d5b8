"""Every cause, found downstream in the transaction of the fact, with the way it came."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.actions.findings import close_finding, raise_finding, reopen_finding
from approvals.actions.serving import clear_notice
from approvals.models import Finding, PlanKind, PromotionEnd, Release, ServingNotice
from approvals.responses import Cause
from approvals.serving import how_they_stand
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from tests.approvals.serving.scenes import KEEP, STOP, before_and_live, go_live, live, only_notice, policy, withdraw
from tests.approvals.world import FACTS, PURPOSE, WHY, World, flag, give_terms, refused

EVERY = dict.fromkeys(Cause.values, STOP)


def kinds(notice: ServingNotice) -> list[str]:
    return [node["kind"] for node in notice.chain]


def test_terms_withdrawn_three_datasets_upstream_end_what_is_live_with_the_whole_chain(w: World) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    withdrawal = withdraw(w)
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id) == ("terms_withdrawn", withdrawal.pk)
    assert notice.response == STOP
    assert [(n["kind"], n["name"]) for n in notice.chain] == [
        ("terms_withdrawal", "source"), ("dataset_version", "source"), ("run", "derive"), ("dataset_version", "raw"),
        ("run", "derive"), ("dataset_version", "features"), ("run", "train"), ("model_version", "scoring"),
        ("promotion", "production"),
    ]  # fmt: skip
    assert (notice.end.kind, notice.end.fallback) == ("carried_out", None)
    end = PromotionEnd.objects.get(promotion=promotion)
    assert (end.kind, end.recorded_by, f"serving notice {notice.pk}" in end.reason) == (
        "suspended",
        w.cast.steward,
        True,
    )
    assert live(w) is None


def test_the_policys_silence_keeps_it_serving_flagged(w: World) -> None:
    policy(w, {"flag_raised": STOP})
    promotion = go_live(w)
    withdraw(w)
    notice = only_notice(promotion)
    assert (notice.response, notice.due_at, hasattr(notice, "end")) == (KEEP, None, False)
    assert live(w) == promotion


def test_the_withdrawal_of_terms_that_nothing_rests_on_is_no_cause(w: World) -> None:
    policy(w, EVERY)
    give_terms(w.cast, w.datasets["source"])
    promotion = go_live(w)
    withdraw(w)  # the first ones, superseded
    assert not ServingNotice.objects.exists()
    assert live(w) == promotion


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        ({"permitted_purposes": ["dpv:Marketing"]}, True),
        ({"forbidden_purposes": [PURPOSE], "permitted_purposes": []}, True),
        ({"permitted_geographies": ["FR"]}, True),
        ({"forbidden_geographies": ["DE"], "permitted_geographies": []}, True),
        ({"forbidden_purposes": ["dpv:Marketing"]}, False),
        ({"permitted_geographies": ["DE"]}, False),
        ({"permitted_purposes": [PURPOSE, "dpv:Marketing"]}, False),
    ],
    ids=["other purpose", "purpose forbidden", "other place", "place forbidden", "another purpose forbidden",
         "fewer places, but this one", "wider"],
)  # fmt: skip
def test_narrower_terms_are_a_cause_only_for_what_they_now_forbid(
    w: World, change: dict[str, list[str]], affected: bool
) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    terms = give_terms(w.cast, w.datasets["source"], **change)
    assert (
        ServingNotice.objects.filter(promotion=promotion, cause="terms_narrowed", cause_id=terms.pk).exists()
        is affected
    )
    assert (live(w) is None) is affected


def test_terms_that_narrow_later_are_noticed_now_and_due_when_they_begin(w: World) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    begin = timezone.now() + timedelta(days=10)
    give_terms(w.cast, w.datasets["raw"], permitted_purposes=["dpv:Marketing"], effective_from=begin)
    notice = only_notice(promotion)
    assert (notice.due_at, hasattr(notice, "end")) == (begin, False)
    assert live(w) == promotion
    refused(lambda: clear_notice(actor=w.cast.steward, notice=notice, **WHY), errors.Conflict, "cause-stands")


def test_a_raised_flag_is_a_cause_where_it_stands_against_the_model(w: World) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    raised = flag(
        w.cast, w.versions["raw"], category="pd:Health", present="unknown", assessment="detected", by=w.cast.pipeline
    )
    assert (only_notice(promotion).cause, only_notice(promotion).cause_id) == ("flag_raised", raised.pk)
    assert kinds(only_notice(promotion))[:2] == ["flag", "dataset_version"]
    assert live(w) is None


def test_a_raised_flag_with_its_legal_ground_is_none(w: World) -> None:
    policy(w, EVERY)
    go_live(w)
    flag(w.cast, w.versions["raw"], category="pd:Income", present="yes")
    assert not ServingNotice.objects.exists()


def test_a_category_is_a_cause_where_the_policy_forbids_it(w: World) -> None:
    policy(w, EVERY, {"key": "none", "kind": "sensitivity", "params": {"forbidden_categories": ["pd:Income"]}})
    promotion = go_live(w)
    flag(w.cast, w.versions["features"], category="pd:Income", present="yes")
    assert only_notice(promotion).cause == "flag_raised"


def test_an_excluded_column_is_a_cause_for_models_that_use_it(w: World) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    flag(w.cast, w.versions["features"], column="income", present="yes", excluded_from_training=True)
    assert only_notice(promotion).cause == "flag_raised"


def test_recalled_source_data_is_answered_downstream_and_blocks(w: World) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    made = recall(actor=w.cast.steward, digest=f"sha256:{w.versions['raw'].digest_value}", reason="Poisoned")
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id) == ("source_recalled", made.pk)
    assert kinds(notice)[:2] == ["recall", "dataset_version"]
    assert live(w) is None
    assert w.ask(w.release(w.retrain(2)))["provenance"].reason == "source-recalled"


def test_failed_evidence_is_a_cause_where_the_policy_asks_for_its_kind(w: World) -> None:
    policy(w, EVERY, {"key": "performance", "kind": "evidence", "params": {"plan_kind": "performance"}})
    plan, other = w.plan(), w.plan(PlanKind.ROBUSTNESS)
    w.evidence(plan)
    promotion = go_live(w)
    w.evidence(other, "0.1")
    assert not ServingNotice.objects.exists()
    failed = w.evidence(plan, "0.5")
    assert (only_notice(promotion).cause, only_notice(promotion).cause_id) == ("evidence_failed", failed.pk)
    assert kinds(only_notice(promotion)) == ["evidence", "model_version", "promotion"]


def test_failed_evidence_on_what_it_serves_is_a_cause(w: World) -> None:
    """Asked of a promotion elsewhere: what is live here has none of that kind on itself."""
    policy(w, EVERY, {"key": "monitoring", "kind": "evidence", "params": {
        "plan_kind": "monitoring_operations", "subject": "promotion", "environment": "production"}})  # fmt: skip
    assert w.ask()["monitoring"].reason == "not-promoted-there"


@pytest.mark.parametrize("what", ["model", "version", "dataset", "promotion"])
def test_a_blocking_finding_is_a_cause_wherever_it_is_raised(w: World, what: str) -> None:
    policy(w, EVERY)
    promotion = go_live(w)
    subject = {"model": w.model, "version": w.version, "dataset": w.datasets["source"], "promotion": promotion}[what]
    found = raise_finding(
        actor=w.cast.auditor, subject=subject, kind=Finding.Kind.AUDIT, text="Bias", severity=Finding.Severity.HIGH,
        blocks=True, **WHY,
    )  # fmt: skip
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id) == ("finding_raised", found.pk)
    assert [notice.chain[0]["kind"], notice.chain[-1]["kind"]] == ["finding", "promotion"]
    assert live(w) is None


def test_a_finding_that_does_not_block_is_none_and_reopening_one_that_does_is_one(w: World) -> None:
    policy(w, {**EVERY, "finding_raised": KEEP})
    promotion = go_live(w)
    raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Typo", severity=Finding.Severity.LOW,
        blocks=False, **WHY,
    )  # fmt: skip
    assert not ServingNotice.objects.exists()
    found = raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Bias", severity=Finding.Severity.HIGH,
        blocks=True, **WHY,
    )  # fmt: skip
    first = only_notice(promotion)
    close_finding(actor=w.cast.risk2, finding=found, text="Mended", **WHY)
    reopen_finding(actor=w.cast.risk2, finding=found, text="Not so", **WHY)
    assert only_notice(promotion) == first, "the notice on it still stands: no second one"


def test_every_live_promotion_downstream_is_found_and_nothing_else(w: World) -> None:
    policy(w, {**EVERY, "terms_withdrawn": KEEP})
    _before, promotion = before_and_live(w)
    withdraw(w)
    assert [n.promotion for n in ServingNotice.objects.all()] == [promotion]


def test_a_review_that_is_not_done_in_time_is_a_cause_and_nobody_clears_it_early(w: World) -> None:
    w.policy(*FACTS, responses={"review_overdue": STOP}, review_days=1, review_grace_days=2)
    promotion = go_live(w)
    with recorded_action(actor=w.cast.system, **WHY):
        review = Release.objects.create(
            model_version=w.version, environment=w.production, slot="champion", purpose=PURPOSE, review_of=promotion
        )
    notice = only_notice(promotion)
    assert (notice.cause, notice.cause_id) == ("review_overdue", review.pk)
    assert notice.due_at == promotion.started_at + timedelta(days=3)
    refused(lambda: clear_notice(actor=w.cast.risk, notice=notice, **WHY), errors.Conflict, "cause-stands")
    assert not how_they_stand([promotion.pk], at=timezone.now() + timedelta(days=4))[promotion.pk].may_serve
    assert live(w) == promotion
