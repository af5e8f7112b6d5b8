"""A window that never comes."""

import datetime

import pytest
from django.utils import timezone

from approvals.models import Environment, PlanKind
from approvals.monitoring.reading import silent
from approvals.monitoring.silence import announce_silence
from approvals.tasks import tell_of_silence
from governance import errors
from governance.outbox import Message
from governance.outbox.models import Notice
from tests.approvals.monitoring import scene
from tests.approvals.world import World

NOW = timezone.now


def hours(count: float) -> datetime.timedelta:
    return datetime.timedelta(hours=count)


def test_it_is_a_matter_of_the_clock(w: World) -> None:
    plan, promotion = scene.watch(w, expected_every_minutes=60), scene.live(w)
    assert not silent([promotion.pk], NOW())
    ((found, by),) = silent([promotion.pk], NOW() + hours(1))[promotion.pk]
    assert found == plan.pk and abs(by - plan.locked_at - hours(1)) < hours(0.01)
    scene.report(w, scene.values(promotion, plan, n=1000))
    assert not silent([promotion.pk], plan.locked_at + hours(1)), "a window came"
    assert silent([promotion.pk], NOW() + hours(2)), "and then none did"


def test_predictions_alone_break_no_silence(w: World) -> None:
    """That it answers says nothing of whether it is right, which is what the plan asks."""
    plan = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT, expected_every_minutes=60)
    running, promotion = scene.watch(w, expected_every_minutes=60), scene.live(w)
    scene.report(w, *[scene.predicted(promotion, plan, n=n) for n in (1000, 2000)])
    scene.report(w, scene.values(promotion, running, n=1000))
    ((silenced, by),) = silent([promotion.pk], promotion.started_at + hours(1))[promotion.pk]
    assert (silenced, by) == (plan.pk, promotion.started_at + hours(1))


def test_a_newer_plan_of_the_same_title_takes_over(w: World) -> None:
    promotion = scene.live(w)
    scene.watch(w, expected_every_minutes=60)
    scene.watch(w, expected_every_minutes=6000)
    assert not silent([promotion.pk], NOW() + hours(2))


def test_where_no_traffic_is_live_nothing_is_expected_until_a_window_came(w: World) -> None:
    plan, promotion = scene.watch(w, expected_every_minutes=60), scene.live(w)
    assert Environment.objects.get(pk=promotion.environment_id).live_traffic
    other = scene.watch(w, PlanKind.MONITORING_SCIENCE, title="Without a rule")
    assert other.expected_every_minutes is None
    assert {pk for pk, _by in silent([promotion.pk], NOW() + hours(9))[promotion.pk]} == {plan.pk}


def test_people_are_told_once_of_a_silence(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, promotion = scene.watch(w, expected_every_minutes=60), scene.live(w)
    assert announce_silence() == 0
    later = NOW() + hours(3)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    assert announce_silence() == 1
    assert announce_silence() == 0
    message = Message.objects.get(topic="monitoring.silent")
    tell_of_silence(message)
    assert Notice.objects.filter(message=message, recipient=w.cast.validator).exists()
    assert message.payload["plan"] == plan.pk and message.payload["promotion"] == promotion.pk


def test_only_plans_of_monitoring_expect_windows(w: World) -> None:
    with pytest.raises(errors.Invalid):
        w.plan(PlanKind.PERFORMANCE, expected_every_minutes=60)
