"""A job is cancelled by who asked for it: running work stops at its next step, and nothing is half written."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from governance import errors
from governance.accounts.models import Namespace
from governance.jobs import JobLost, Run, cancel, job, kinds, runner
from governance.jobs.models import Job
from governance.outbox import drain
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.jobs import counting
from tests.governance.jobs.test_jobs import asked

WHY = {"reason": "Asked for by mistake"}


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds registered by a test are forgotten after it."""
    monkeypatch.setattr(kinds, "_registry", dict(kinds._registry))
    counting.register()


def test_one_that_waits_is_over_at_once_and_can_be_asked_for_anew(own_database: str, cast: Cast) -> None:
    one = cancel(actor=cast.admin, job=asked(cast), **WHY)
    assert (one.state, one.cancelled_by, one.message) == (
        "cancelled",
        cast.admin,
        f"Cancelled by {cast.admin.display_name}: Asked for by mistake",
    )
    assert not runner.run(one.pk)
    assert asked(cast).pk != one.pk
    drain()
    assert not Notice.objects.exists(), "nobody is told what they did themselves"


def test_running_work_stops_at_its_next_step_and_that_step_is_rolled_back(own_database: str, cast: Cast) -> None:
    stopped: list[str] = []

    def work(run: Run) -> None:
        for number in range(3):
            try:
                with recorded_action(actor=run.asked_by, reason=run.reason):
                    Namespace.objects.create(name=f"counted-{number}")
                    if number == 1:
                        cancelled_elsewhere(run.job.pk)
                    run.keep({"next": number + 1})
            except JobLost:
                stopped.append(f"at {number}")
                raise

    def cancelled_elsewhere(pk: int) -> None:
        def act() -> None:
            try:
                cancel(actor=cast.admin, job=Job.objects.select_related("asked_by").get(pk=pk), **WHY)
            finally:
                connection.close()

        thread = threading.Thread(target=act)
        thread.start()
        thread.join()

    job("test.work", title="Work", may_read=counting.anyone)(work)
    one = asked(cast, kind="test.work")
    assert runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.checkpoint, stopped) == ("cancelled", {"next": 1}, ["at 1"])
    assert list(Namespace.objects.filter(name__startswith="counted-").values_list("name", flat=True)) == ["counted-0"]
    assert not runner.due().exists()


def test_what_has_ended_is_not_cancelled(own_database: str, cast: Cast) -> None:
    one = asked(cast)
    runner.run(one.pk)
    stale = Job(pk=one.pk, asked_by=cast.admin, ended_at=None)  # as a page saw it before
    with pytest.raises(errors.Conflict):
        cancel(actor=cast.admin, job=stale, **WHY)
    one.refresh_from_db()
    assert (one.state, one.cancelled_by) == ("done", None)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2_001])
def test_a_reason_is_given(cast: Cast, reason: str) -> None:
    one = asked(cast)
    with pytest.raises(errors.Invalid):
        cancel(actor=cast.admin, job=one, reason=reason)
    one.refresh_from_db()
    assert one.is_open


def test_who_asked_cancels_and_an_auditor_who_sees_it_does_not(
    cast: Cast, api: Callable[[str], Any], signed_in: Callable[[str], Any]
) -> None:
    one = asked(cast)
    assert "Cancel this job" not in signed_in("auditor").get(f"/jobs/{one.pk}").content.decode()
    assert signed_in("auditor").post(f"/jobs/{one.pk}/cancel", WHY).status_code == 403
    client = signed_in("admin")
    assert "Cancel this job" in client.get(f"/jobs/{one.pk}").content.decode()
    assert client.post(f"/jobs/{one.pk}/cancel", {"reason": " "}).status_code == 400
    answer = client.post(f"/jobs/{one.pk}/cancel", WHY, follow=True)
    assert "Asked for by mistake" in answer.content.decode()
    one.refresh_from_db()
    assert one.state == "cancelled"
    again = client.post(f"/jobs/{one.pk}/cancel", WHY)
    assert again.status_code == 409


def test_it_is_cancelled_over_the_api(cast: Cast, signed_in: Callable[[str], Any]) -> None:
    one = asked(cast)
    client = signed_in("admin")
    answer = client.post(f"/api/v1/jobs/{one.pk}/cancel", WHY, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["cancelled_by"]) == ("cancelled", cast.admin.pk)
    answer = client.post(f"/api/v1/jobs/{one.pk}/cancel", WHY, content_type="application/json")
    assert answer.status_code == 409
