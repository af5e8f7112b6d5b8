"""Who is told that an envelope ends: revoked, used up, or about to run out."""

import datetime
from collections.abc import Callable

import pytest
from django.utils import timezone

from approvals.actions.change_plans import revoke_change_plan
from approvals.actions.promotions import end_promotion
from approvals.actions.serving import reinstate, roll_back
from approvals.models import ChangePlan, PromotionEnd
from approvals.reminders import announce_reminders
from governance.accounts.models import Principal
from governance.outbox import Message, drain
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from lineage.models import Model
from tests.approvals.envelope.scene import Scene
from tests.approvals.envelope.test_endings import live_retrain
from tests.approvals.world import WHY


def own(s: Scene) -> None:
    """Somebody else than who proposes envelopes answers for what is decided with the model."""
    with recorded_action(actor=s.w.cast.owner, **WHY):
        model = Model.objects.get(pk=s.w.model.pk)
        model.owner, model.decision_owner = s.w.cast.owner, s.w.cast.business
        model.save()


def told(kind: str) -> dict[Principal, Notice]:
    """Who was told of it, after everything under way has been delivered."""
    drain()
    assert {message.state for message in Message.objects.all()} == {"delivered"}
    return {notice.recipient: notice for notice in Notice.objects.filter(kind=kind)}


def test_that_it_is_revoked_the_owners_hear_with_the_reason(s: Scene) -> None:
    own(s)
    plan = s.envelope()
    s.approve(plan)
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, reason="Complaints")
    found = told("envelope-revoked")
    assert set(found) == {s.w.cast.owner, s.w.cast.business}
    words = wording(found[s.w.cast.business])
    assert "Monthly" in words.title and "Complaints" in words.body and s.w.cast.risk.display_name in words.body
    assert found[s.w.cast.owner].url == f"/change-plans/{plan.pk}"


def test_that_it_is_used_up_they_hear_with_the_last_use_and_not_before(s: Scene) -> None:
    own(s)
    s.approve()
    live_retrain(s)
    assert told("envelope-spent") == {}
    live_retrain(s)
    found = told("envelope-spent")
    assert set(found) == {s.w.cast.owner, s.w.cast.business}
    assert "last of its 2 uses" in wording(found[s.w.cast.owner]).body


def test_that_it_is_about_to_end_they_hear_by_the_clock_while_it_is_in_force(s: Scene) -> None:
    own(s)
    plan = s.envelope()
    soon = plan.ends_at - datetime.timedelta(days=6.9)
    assert announce_reminders(soon) == 0, "it is not in force, so it does not end"
    s.approve(plan)
    live_retrain(s)
    assert [announce_reminders(soon), announce_reminders(soon)] == [1, 0]
    found = told("reminder-envelope")
    assert set(found) == {s.w.cast.owner, s.w.cast.business}
    words = wording(found[s.w.cast.owner])
    assert "1 of its 2 uses are left" in words.body and plan.ends_at.strftime("%Y-%m-%d") in words.body


def test_one_that_was_revoked_meanwhile_reminds_nobody(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    assert announce_reminders(plan.ends_at - datetime.timedelta(days=6.9)) == 1
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, **WHY)
    assert told("reminder-envelope") == {}
    assert plan.ends_at > timezone.now()


def full_review(s: Scene) -> None:
    """Another release, on everyone's signature."""
    release = s.w.release(s.retrain(accuracy=None))
    s.sign(release, "risk", "steward", "compliance")
    s.go(release)


def with_a_new_envelope(s: Scene) -> None:
    s.approve(base=s.retrain())


def suspended(s: Scene) -> None:
    promotion = live_retrain(s)
    end_promotion(actor=s.w.cast.risk2, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    reinstate(actor=s.w.cast.risk2, promotion=promotion, **WHY)


def rolled_back(s: Scene) -> None:
    base = ChangePlan.objects.get().promotions.get(number=0).promotion
    roll_back(actor=s.w.cast.owner, promotion=live_retrain(s), to=base, **WHY)


def base_recalled(s: Scene) -> None:
    recall(actor=s.w.cast.risk, digest=f"sha256:{s.base.digest_value}", **WHY)


def base_recalled_after_a_retrain(s: Scene) -> None:
    live_retrain(s)
    base_recalled(s)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (full_review, "plan-replaced"), (with_a_new_envelope, "plan-replaced"), (suspended, "plan-serving-ended"),
        (rolled_back, "plan-serving-ended"), (base_recalled, "plan-base-recalled"),
        (base_recalled_after_a_retrain, "plan-base-recalled"),
    ],
)  # fmt: skip
def test_whatever_else_ends_it_they_hear_once(s: Scene, what: Callable[[Scene], None], kind: str) -> None:
    own(s)
    plan = s.envelope()
    s.approve(plan)
    what(s)
    full_review(s)
    found = told(f"envelope-{kind}")
    assert set(found) == {s.w.cast.owner, s.w.cast.business}
    assert [one.topic for one in Message.objects.filter(subject=f"change_plan:{plan.pk}")] == ["change_plan.ended"]
    assert "every signature" in wording(found[s.w.cast.business]).body


def test_one_that_was_over_already_does_not_end_again(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    revoke_change_plan(actor=s.w.cast.risk, change_plan=plan, **WHY)
    full_review(s)
    base_recalled(s)
    assert not Message.objects.filter(topic="change_plan.ended").exists()
