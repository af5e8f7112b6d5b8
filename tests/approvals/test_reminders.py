"""Reminders: once per thing, moment and stage, by the clock alone, to those concerned, and of nothing that is settled."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from approvals.actions.findings import close_finding, raise_finding
from approvals.models import Finding
from approvals.reminders import SOURCES, Ending, announce_reminders, stage_of
from approvals.tasks import expire
from approvals.upkeep import report_late_found
from governance.accounts.actions.grants import end_grant, grant_role
from governance.accounts.actions.principals import issue_api_key, revoke_api_key
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.outbox import Message, drain
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from lineage.actions.terms import record_terms
from tests.approvals.world import World, world
from tests.cast import Cast
from tests.permission_table.found import entry_as_found

WHY = {"reason": "Test"}
NOW = datetime(2026, 6, 1, tzinfo=timezone.get_fixed_timezone(0))
LONG_AGO = NOW - timedelta(days=400)


@pytest.fixture
def w(cast: Cast) -> World:
    return world(cast)


def days(number: float) -> timedelta:
    return timedelta(days=number)


@pytest.mark.parametrize(
    ("left", "stage"), [(31, None), (30, 30), (20, 30), (7, 7), (6.9, 7), (1.01, 7), (1, 1), (0.01, 1)]
)
def test_the_stage_is_the_last_one_whose_moment_has_come(left: float, stage: int | None) -> None:
    assert stage_of(Ending(1, NOW + days(left), LONG_AGO), NOW, (30, 7, 1)) == stage


def test_what_is_short_by_nature_is_told_of_once_towards_its_end() -> None:
    trial = Ending(1, NOW + days(3), NOW)
    assert stage_of(trial, NOW, (30, 7, 1)) is None
    assert stage_of(trial, NOW + days(2.1), (30, 7, 1)) == 1
    assert stage_of(Ending(1, NOW + days(0.5), NOW), NOW, (30, 7, 1)) is None


def told(cast: Cast) -> list[tuple[str, Principal]]:
    drain()
    found = Notice.objects.filter(kind__startswith="reminder-").select_related("recipient").order_by("pk")
    return [(one.kind, one.recipient) for one in found]


def finding(w: World, due: timedelta) -> Finding:
    return raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Explain the drift",
        severity=Finding.Severity.LOW, blocks=False, owner=w.cast.owner, due=timezone.now() + due, **WHY,
    )  # fmt: skip


def test_each_stage_once_however_often_and_late_the_scan_comes(w: World) -> None:
    finding(w, days(40))
    now = timezone.now()
    sent = [announce_reminders(now + days(step / 4)) for step in range(4 * 40)]
    assert sum(sent) == 3
    assert [place / 4 for place, count in enumerate(sent) if count] == pytest.approx([10.25, 33.25, 39.25], abs=0.25)
    stages = [message.payload["stage"] for message in Message.objects.filter(topic="reminder.due").order_by("pk")]
    assert stages == [30, 7, 1]


def test_a_scheduler_that_was_off_sends_the_stage_that_is_due_and_none_that_passed(w: World) -> None:
    finding(w, days(40))
    assert announce_reminders(timezone.now() + days(39.5)) == 1
    assert Message.objects.get(topic="reminder.due").payload["stage"] == 1


def test_the_owner_is_told_in_words_with_the_day(w: World) -> None:
    found = finding(w, days(6.5))
    # Raised six and a half days before it is due: of a stage of seven nobody is told at its birth.
    assert announce_reminders() == 0
    assert announce_reminders(timezone.now() + days(5.6)) == 1
    assert told(w.cast) == [("reminder-finding", w.cast.owner)]
    notice = Notice.objects.get(kind="reminder-finding")
    words = wording(notice)
    assert found.due is not None and found.due.strftime("%Y-%m-%d") in words.body
    assert "Explain the drift" in words.body and "in 6 days" in words.title
    assert notice.url == f"/findings/{found.pk}"


def test_what_was_settled_meanwhile_reminds_nobody(w: World) -> None:
    found = finding(w, days(20))
    assert announce_reminders(timezone.now() + days(14)) == 1
    close_finding(actor=w.cast.risk2, finding=found, text="Mended", **WHY)
    assert told(w.cast) == []
    assert announce_reminders(timezone.now() + days(19.5)) == 0


def test_keys_roles_and_terms_are_told_of_to_whom_they_concern(w: World) -> None:
    cast = w.cast
    soon = timezone.now() + days(40)
    key, _secret = issue_api_key(actor=cast.admin, principal=cast.pipeline, expires_at=soon, **WHY)
    grant = grant_role(
        actor=cast.admin, principal=cast.engineer, role=Role.VIEWER,
        namespace=cast.elsewhere, effective_to=soon, **WHY,
    )  # fmt: skip
    record_terms(actor=cast.steward, dataset=w.datasets["source"], licence="CC0-1.0", effective_to=soon, **WHY)
    later = timezone.now() + days(11)
    assert announce_reminders(later) == 3
    assert announce_reminders(later) == 0
    found = told(cast)
    assert ("reminder-api-key", cast.engineer) in found, "Emil answers for the pipeline"
    assert ("reminder-role", cast.engineer) in found and ("reminder-role", cast.admin) in found
    assert ("reminder-terms", cast.steward) in found
    revoke_api_key(actor=cast.admin, key=key, **WHY)
    end_grant(actor=cast.admin, grant=grant, **WHY)
    assert {message.payload["what"] for message in _new(timezone.now() + days(34))} == {"terms"}


def _new(moment: datetime) -> Iterator[Message]:
    last = Message.objects.latest("pk").pk
    announce_reminders(moment)
    return Message.objects.filter(pk__gt=last).iterator()


def test_the_end_of_retention_is_an_end_of_terms(w: World) -> None:
    record_terms(
        actor=w.cast.steward, dataset=w.datasets["source"], licence="CC0-1.0", storage_duration_days=40,
        effective_to=timezone.now() + days(400), **WHY,
    )  # fmt: skip
    assert announce_reminders(timezone.now() + days(9)) == 0
    assert announce_reminders(timezone.now() + days(11)) == 1
    assert told(w.cast) == [("reminder-terms", w.cast.steward)]


def test_what_serves_as_found_and_the_window_it_came_through_are_told_of(w: World) -> None:
    entry = entry_as_found(w)
    assert announce_reminders(timezone.now() + days(24)) == 1
    assert set(told(w.cast)) == {
        ("reminder-onboarding-window", who) for who in (w.cast.policy, w.cast.policy2, w.cast.admin, w.cast.admin2)
    }
    assert announce_reminders(timezone.now() + days(31)) == 1
    assert ("reminder-as-found", w.cast.owner) in told(w.cast)
    words = wording(Notice.objects.filter(kind="reminder-as-found")[0])
    assert "found-there 1" in words.title and entry.govern_by.strftime("%Y-%m-%d") in words.body


def test_what_serves_late_as_found_is_a_finding_once_and_blocks_nothing(w: World) -> None:
    entry = entry_as_found(w)
    assert report_late_found() == 0
    late = entry.govern_by + days(1)
    assert (report_late_found(late), report_late_found(late)) == (1, 0)
    found = Finding.objects.get(model_version=entry.model_version)
    assert (found.kind, found.severity, found.blocks) == ("incident", "high", False)
    assert f"Entry as found {entry.pk} is past the date" in found.text


def test_a_key_that_a_newer_one_outlasts_is_not_told_of(w: World) -> None:
    cast = w.cast
    issue_api_key(actor=cast.admin, principal=cast.pipeline, expires_at=timezone.now() + days(40), **WHY)
    issue_api_key(actor=cast.admin, principal=cast.pipeline, expires_at=timezone.now() + days(400), **WHY)
    assert announce_reminders(timezone.now() + days(39)) == 0


def test_every_source_is_worded_and_asked_at_each_scan(w: World, settings: Settings) -> None:
    for name in SOURCES:
        words = wording(Notice(kind=f"reminder-{name}", params={}))
        assert words.title != f"reminder-{name}", name
    settings.REMINDER_DAYS = ()
    finding(w, days(20))
    assert announce_reminders(timezone.now() + days(19)) == 0
    settings.REMINDER_DAYS = (90,)
    expire()  # the scheduled task itself: nothing is due for 90 days, and every source's query runs


def test_stages_are_settings() -> None:
    assert settings.REMINDER_DAYS == (1, 7, 30)
