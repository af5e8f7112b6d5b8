"""Each response carried out: stop, the last GOOD version, keep; notice, confirmation, and what nobody needs to run."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.promotions import end_promotion, promote
from approvals.actions.serving import carry_out_notice, clear_notice, confirm_notice
from approvals.expiry import carry_out_overdue
from approvals.models import Finding, GateDecision, LiveSlot, PromotionEnd, ServingNotice
from approvals.serving import how_they_stand
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from tests.approvals.serving.scenes import (
    KEEP,
    LAST_GOOD,
    STOP,
    TWO_DAYS,
    before_and_live,
    go_live,
    live,
    on_own_data,
    only_notice,
    policy,
    withdraw,
)
from tests.approvals.world import WHY, World, give_terms, refused, signature
from tests.waiting import sleep_until, soon

LATER = timedelta(hours=49)


def find(w: World, **more: Any) -> Finding:
    """A blocking finding on the model's version that is live."""
    return raise_finding(
        actor=w.cast.auditor, kind=Finding.Kind.AUDIT, text="Bias", severity=Finding.Severity.HIGH, blocks=True,
        **{"subject": w.version, **more}, **WHY,
    )  # fmt: skip


def test_the_last_good_version_serves_in_the_same_transaction(w: World) -> None:
    policy(w, {"terms_withdrawn": LAST_GOOD})
    before, promotion = before_and_live(w)
    withdraw(w)
    back = live(w)
    assert back is not None
    assert (back.kind, back.repeats, back.release) == ("fallback", before, before.release)
    assert only_notice(promotion).end.fallback == back
    assert PromotionEnd.objects.get(promotion=promotion).kind == "suspended"
    decision = GateDecision.objects.get(promotion=back)
    assert not decision.would_have_refused
    assert {row["key"] for row in decision.requirements} == {
        "artifact",
        "provenance",
        "terms",
        "sensitive-data",
        "findings",
    }


def test_it_is_the_last_good_one_not_the_last(w: World) -> None:
    """Of three before it one rests on the same data, one was recalled, one is good; it is the oldest."""
    policy(w, {"terms_withdrawn": LAST_GOOD})
    good = go_live(w, on_own_data(w, "good"))
    recalled = on_own_data(w, "recalled")
    go_live(w, recalled)
    go_live(w, w.retrain(2))  # on the data whose terms go
    promotion = go_live(w)
    recall(actor=w.cast.risk, digest=f"sha256:{recalled.digest_value}", reason="Broken")
    withdraw(w)
    back = live(w)
    assert back is not None
    assert back.repeats == good
    assert only_notice(promotion).end.fallback == back


def test_what_was_found_wanting_before_is_no_fallback(w: World) -> None:
    policy(w, {"terms_withdrawn": LAST_GOOD})
    bad = go_live(w, on_own_data(w, "suspended"))
    end_promotion(actor=w.cast.risk, promotion=bad, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    promotion = go_live(w)
    withdraw(w)
    assert live(w) is None
    assert only_notice(promotion).end.fallback is None


def test_an_approval_whose_ground_has_changed_is_no_fallback(w: World) -> None:
    """The only earlier version was signed for data whose terms were narrowed since, though not for this purpose."""
    policy(w, {"terms_withdrawn": LAST_GOOD}, signature("risk", "risk_manager", binds=["privacy"]))
    other = on_own_data(w, "other")
    for version in (other, w.version):
        w.vote("risk", w.cast.risk, release=w.release(version))
        promotion = go_live(w, version)
    data = other.source_run.inputs.get().dataset_version.dataset  # type: ignore[union-attr]  # it has one
    give_terms(w.cast, data, forbidden_purposes=["dpv:Marketing"])
    withdraw(w)
    assert live(w) is None
    assert only_notice(promotion).end.fallback is None


def test_a_voter_who_left_their_role_takes_no_fallback_away(w: World) -> None:
    from governance.accounts.actions.grants import end_grant
    from governance.accounts.models import RoleGrant

    policy(w, {"terms_withdrawn": LAST_GOOD}, signature("risk", "risk_manager", binds=["subject", "role"]))
    for version in (on_own_data(w, "other"), w.version):
        w.vote("risk", w.cast.risk, release=w.release(version))
        go_live(w, version)
    end_grant(actor=w.cast.admin, grant=RoleGrant.objects.get(principal=w.cast.risk, role="risk_manager"), **WHY)
    withdraw(w)
    back = live(w)
    assert back is not None
    assert back.kind == "fallback"


def test_keep_leaves_it_serving_flagged(w: World) -> None:
    policy(w, {"terms_withdrawn": KEEP})
    promotion = go_live(w)
    withdraw(w)
    assert live(w) == promotion
    standing = how_they_stand([promotion.pk], at=timezone.now() + timedelta(days=400))[promotion.pk]
    assert (standing.may_serve, standing.flagged, standing.until) == (True, True, None)
    assert [gap.reason for gap in standing.gaps] == ["terms-withdrawn"]


def test_a_notice_gives_time_and_being_over_means_may_not_serve_though_nothing_ran(w: World) -> None:
    policy(w, {"finding_raised": TWO_DAYS})
    before, promotion = before_and_live(w)
    find(w)
    now = how_they_stand([promotion.pk])[promotion.pk]
    assert (now.may_serve, now.until, now.fallback) == (True, only_notice(promotion).due_at, before)
    assert now.notices[0].confirm == "risk_manager"
    over = how_they_stand([promotion.pk], at=timezone.now() + LATER)[promotion.pk]
    assert (over.may_serve, over.notices[0].overdue, over.notices[0].confirm) == (False, True, None)
    assert live(w) == promotion, "nothing has run"


def test_the_named_role_keeps_it_serving_in_time(w: World) -> None:
    policy(w, {"finding_raised": TWO_DAYS})
    promotion = go_live(w)
    find(w)
    notice = only_notice(promotion)
    end = confirm_notice(actor=w.cast.risk, notice=notice, reason="The bias is known and accepted until May")
    assert (end.kind, end.fallback) == ("confirmed", None)
    assert how_they_stand([promotion.pk], at=timezone.now() + LATER)[promotion.pk].may_serve
    refused(lambda: confirm_notice(actor=w.cast.risk2, notice=notice, **WHY), errors.Conflict, "notice-ended")


def test_nobody_else_confirms(w: World) -> None:
    policy(w, {"finding_raised": TWO_DAYS, "terms_withdrawn": {**TWO_DAYS, "confirm": None}})
    promotion = go_live(w)
    find(w)
    notice = only_notice(promotion)
    for other in (w.cast.compliance, w.cast.steward, w.cast.owner, w.cast.pipeline):
        with pytest.raises(errors.Forbidden):
            confirm_notice(actor=other, notice=notice, **WHY)
    withdraw(w)
    nobody = ServingNotice.objects.get(promotion=promotion, cause="terms_withdrawn")
    refused(
        lambda: confirm_notice(actor=w.cast.risk, notice=nobody, **WHY), errors.SeparationOfDuties, "nobody-confirms"
    )


def test_nobody_keeps_their_own_work_serving(w: World) -> None:
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.roles import Role

    policy(w, {"finding_raised": TWO_DAYS})
    promotion = go_live(w)
    find(w)
    given = grant_role(
        actor=w.cast.admin, principal=w.cast.engineer, role=Role.RISK_MANAGER, namespace=w.cast.retail, **WHY
    )
    approve_grant(actor=w.cast.admin2, grant=given, **WHY)
    refused(
        lambda: confirm_notice(actor=w.cast.engineer, notice=only_notice(promotion), **WHY),
        errors.SeparationOfDuties, "own-work",
    )  # fmt: skip


def test_it_is_not_carried_out_early_and_is_cleared_when_its_cause_is_gone(w: World) -> None:
    policy(w, {"finding_raised": TWO_DAYS})
    promotion = go_live(w)
    found = find(w)
    notice = only_notice(promotion)
    refused(lambda: carry_out_notice(actor=w.cast.system, notice=notice, **WHY), errors.Conflict, "notice-runs")
    refused(lambda: clear_notice(actor=w.cast.owner, notice=notice, **WHY), errors.Conflict, "cause-stands")
    close_finding(actor=w.cast.risk2, finding=found, text="Mended", **WHY)
    assert how_they_stand([promotion.pk], at=timezone.now() + LATER)[promotion.pk].may_serve, "its cause is gone"
    assert clear_notice(actor=w.cast.owner, notice=notice, **WHY).kind == "cleared"
    assert not how_they_stand([promotion.pk])[promotion.pk].flagged


def test_what_is_over_is_carried_out_by_the_schedule_and_read_so_before(w: World) -> None:
    """The notice ends when terms that forbid the purpose begin, a moment from now."""
    policy(w, {"terms_narrowed": LAST_GOOD})
    began = time.monotonic()
    before, promotion = before_and_live(w)
    begin = soon(began)
    give_terms(w.cast, w.datasets["source"], permitted_purposes=["dpv:Marketing"], effective_from=begin)
    assert carry_out_overdue() == 0
    assert carry_out_overdue(timezone.now() + LATER) == 0, "the database has its own clock"
    assert live(w) == promotion
    sleep_until(begin)
    assert not how_they_stand([promotion.pk])[promotion.pk].may_serve
    assert carry_out_overdue() == 1
    back = live(w)
    assert back is not None
    assert (back.repeats, back.recorded_by) == (before, w.cast.system)
    assert carry_out_overdue() == 0


def test_what_is_over_is_cleared_where_its_cause_is_gone(w: World) -> None:
    policy(w, {"terms_narrowed": STOP})
    began = time.monotonic()
    promotion = go_live(w)
    begin = soon(began)
    give_terms(w.cast, w.datasets["source"], permitted_purposes=["dpv:Marketing"], effective_from=begin)
    sleep_until(begin)
    give_terms(w.cast, w.datasets["source"], effective_from=timezone.now())
    assert how_they_stand([promotion.pk])[promotion.pk].may_serve
    notice = only_notice(promotion)
    refused(lambda: carry_out_notice(actor=w.cast.system, notice=notice, **WHY), errors.Conflict, "cause-gone")
    assert carry_out_overdue() == 1
    notice.refresh_from_db()
    assert (notice.end.kind, live(w)) == ("cleared", promotion)


def test_new_terms_clear_a_withdrawal(w: World) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    notice = only_notice(promotion)
    refused(lambda: clear_notice(actor=w.cast.steward, notice=notice, **WHY), errors.Conflict, "cause-stands")
    give_terms(w.cast, w.datasets["source"])
    assert clear_notice(actor=w.cast.steward, notice=notice, **WHY).kind == "cleared"


def test_two_causes_are_two_notices_and_the_sharper_wins(w: World) -> None:
    policy(w, {"finding_raised": TWO_DAYS, "terms_withdrawn": STOP})
    promotion = go_live(w)
    find(w)
    withdraw(w)
    assert live(w) is None
    waiting = ServingNotice.objects.get(promotion=promotion, cause="finding_raised")
    refused(lambda: confirm_notice(actor=w.cast.risk, notice=waiting, **WHY), errors.Conflict, "promotion-ended")


def test_other_slots_and_models_are_left_alone(w: World) -> None:
    policy(w, {"terms_withdrawn": STOP})
    other = promote(actor=w.cast.pipeline, release=w.release(on_own_data(w, "other"), slot="shadow"), **WHY)
    go_live(w)
    withdraw(w)
    assert [slot.promotion for slot in LiveSlot.objects.all()] == [other]


def test_the_fact_and_its_answer_are_one_transaction(w: World) -> None:
    """When the act that withdraws fails afterwards, nothing has ended."""
    policy(w, {"terms_withdrawn": STOP})
    promotion = go_live(w)
    with pytest.raises(ZeroDivisionError), recorded_action(actor=w.cast.steward, **WHY):
        w.terms["source"].withdrawal = (
            type(w.terms["source"])
            ._meta.get_field("withdrawal")
            .related_model.objects.create(terms=w.terms["source"], reason="No")
        )
        assert live(w) is None
        raise ZeroDivisionError
    assert live(w) == promotion
