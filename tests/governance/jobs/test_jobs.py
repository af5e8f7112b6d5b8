"""Long work: asked for once, done once however often its worker dies, seen while it runs, ended with a sentence."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from governance import errors
from governance.accounts.models import Namespace
from governance.jobs import JobLost, Later, Run, ask, job, kinds, runner
from governance.jobs.models import Job, JobFilePart
from governance.outbox import Message, drain
from governance.outbox.models import Notice
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.jobs import counting
from tests.governance.outbox.conftest import Worker, wait_until

Work = Callable[[Run], None]


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds registered by a test are forgotten after it."""
    monkeypatch.setattr(kinds, "_registry", dict(kinds._registry))
    counting.register()


def asked(cast: Cast, key: str = "thing:1", kind: str = "test.count", **params: Any) -> Job:
    made, _created = ask(kind, asked_by=cast.admin, reason="Test", params={"count": 3, **params}, key=key)
    return made


def doing(work: Work) -> str:
    """Register `work` as a kind of job; its name."""
    job("test.work", title="Work", may_read=counting.anyone)(work)
    return "test.work"


def opened() -> int:
    return Namespace.objects.filter(name__startswith="counted-").count()


def test_it_is_done_and_who_asked_is_told_on_the_page_only(own_database: str, cast: Cast) -> None:
    one = asked(cast)
    assert runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.done, one.total, one.message) == ("done", 3, 3, "Counted")
    assert one.result == {"namespaces": 3}
    assert one.started_at and one.ended_at and one.attempts == 1
    assert opened() == 3
    assert not runner.run(one.pk), "what has ended is not done again"
    drain()
    notice = Notice.objects.get(recipient=cast.admin)
    assert (notice.kind, notice.url, notice.params["message"]) == ("job-done", f"/jobs/{one.pk}", "Counted")
    assert not Message.objects.filter(topic="notice.mail").exists()


def test_the_same_thing_asked_twice_is_one_job_until_it_has_ended(own_database: str, cast: Cast) -> None:
    first, created = ask("test.count", asked_by=cast.admin, reason="Test", params={"count": 1}, key="a")
    again, anew = ask("test.count", asked_by=cast.admin, reason="Test", params={"count": 1}, key="a")
    other, _ = ask("test.count", asked_by=cast.admin2, reason="Test", params={"count": 1}, key="a")
    assert (created, anew, first.pk == again.pk, other.pk == first.pk) == (True, False, True, False)
    runner.run(first.pk)
    assert asked(cast, "a").pk != first.pk


def test_asked_by_eight_at_once_it_is_one_job(own_database: str, cast: Cast) -> None:
    found: list[int] = []

    def one() -> None:
        try:
            found.append(asked(cast, "a").pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    assert Message.objects.filter(topic="job.asked").count() == 1


def test_what_cannot_be_asked_is_said(cast: Cast) -> None:
    with pytest.raises(errors.Invalid, match="reason"):
        ask("test.count", asked_by=cast.admin, reason=" ", params={}, key="a")
    with pytest.raises(LookupError, match="no work for jobs of kind 'nobody'"):
        ask("nobody", asked_by=cast.admin, reason="Test", params={}, key="a")
    for number in range(20):
        asked(cast, f"thing:{number}")
    with pytest.raises(errors.Conflict, match="20 jobs open"):
        asked(cast, "one more")


def test_progress_is_seen_while_the_work_stands_in_one_transaction(
    own_database: str, cast: Cast, monkeypatch: pytest.MonkeyPatch, raw: Callable[[str], Any]
) -> None:
    monkeypatch.setattr(runner, "PULSE_SECONDS", 0.05)
    looking = raw("app")
    seen: list[Any] = []

    def work(run: Run) -> None:
        with recorded_action(actor=run.asked_by, reason=run.reason):
            Namespace.objects.create(name="counted-in-one-go")
            run.progress(7, 10, "seven")
            wait_until(lambda: _shown(looking, run.job.pk)[0] == 7, lambda: _shown(looking, run.job.pk))
            seen.append(_shown(looking, run.job.pk))
            run.finish("All at once")

    one = asked(cast, kind=doing(work))
    runner.run(one.pk)
    assert seen == [(7, 10, "seven", "running")]
    one.refresh_from_db()
    assert (one.state, one.done) == ("done", 10)


def _shown(connection: Any, pk: int) -> Any:
    query = "SELECT done, total, message, state FROM governance_job WHERE id = %s"
    return connection.execute(query, [pk]).fetchone()


def test_taken_for_dead_it_writes_nothing_more_and_the_other_goes_on(own_database: str, cast: Cast) -> None:
    """The first worker sleeps through its silence; meanwhile a second does everything."""
    lost: list[str] = []

    def work(run: Run) -> None:
        if run.job.attempts == 1:
            Job.objects.filter(pk=run.job.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=5))
            thread = threading.Thread(target=_elsewhere, args=[run.job.pk])
            thread.start()
            thread.join()
        try:
            with recorded_action(actor=run.asked_by, reason=run.reason):
                Namespace.objects.create(name=f"counted-{run.job.attempts}")
                run.keep({"next": 1})
        except JobLost:
            lost.append("first" if run.job.attempts == 1 else "second")
            raise

    one = asked(cast, kind=doing(work))
    runner.run(one.pk)
    one.refresh_from_db()
    assert (lost, one.state, one.attempts) == (["first"], "done", 2)
    assert list(Namespace.objects.filter(name__startswith="counted-").values_list("name", flat=True)) == ["counted-2"]


def _elsewhere(pk: int) -> None:
    try:
        runner.run(pk)
    finally:
        connection.close()


def test_a_refusal_ends_it_with_its_sentence_and_what_it_says_of_fields(own_database: str, cast: Cast) -> None:
    def work(run: Run) -> None:
        raise errors.Invalid("Row 3 has no name.", errors={"rows[3].name": ["Give a name."]})

    one = asked(cast, kind=doing(work))
    runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message, one.attempts, one.fault) == ("failed", "Row 3 has no name.", 1, "")
    assert one.result == {"errors": {"rows[3].name": ["Give a name."]}}
    drain()
    assert Notice.objects.get(recipient=cast.admin).kind == "job-failed"


def test_a_fault_of_ours_is_tried_three_times_and_shown_to_administrators_only(
    own_database: str, cast: Cast, api: Callable[[str], Any], signed_in: Callable[[str], Any]
) -> None:
    def work(run: Run) -> None:
        raise ZeroDivisionError("secret of the house")

    job("test.work", title="Work", may_read=counting.anyone)(work)
    one, _ = ask("test.work", asked_by=cast.pipeline, reason="Test", params={}, key="a")
    for number in (1, 2, 3):
        assert runner.run(one.pk), number
        assert not runner.run(one.pk), "not before its wait is over"
        Job.objects.update(available_at=timezone.now())
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("failed", 3)
    shown = api("pipeline").get(f"/api/v1/jobs/{one.pk}").json()
    assert shown["fault"] is None and "secret" not in str(shown) and "Administrator" not in shown["message"]
    overseer = signed_in("admin")
    assert overseer.get(f"/api/v1/jobs/{one.pk}").json()["fault"] == "ZeroDivisionError: secret of the house"
    assert "secret of the house" in overseer.get(f"/jobs/{one.pk}").content.decode()
    # Emil answers for the pipeline: he sees the job, not the fault.
    page = signed_in("engineer").get(f"/jobs/{one.pk}")
    assert page.status_code == 200 and "secret" not in page.content.decode()


def test_what_is_not_there_yet_is_waited_for_and_not_for_ever(own_database: str, cast: Cast) -> None:
    def work(run: Run) -> None:
        raise Later(0, "Waiting for the seal")

    one = asked(cast, kind=doing(work))
    for _ in range(30):
        assert runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message, one.failures) == ("queued", "Waiting for the seal", 0)
    Job.objects.update(asked_at=timezone.now() - timedelta(hours=2))
    runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.message) == ("failed", "Waiting for the seal")


def test_a_job_that_kills_its_workers_is_given_up(own_database: str, cast: Cast) -> None:
    one = asked(cast)
    Job.objects.update(
        state="running", attempts=runner.MAX_ATTEMPTS, heartbeat_at=timezone.now() - timedelta(minutes=1)
    )
    assert not runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, one.fault) == ("failed", "Every worker that tried it died.")
    assert opened() == 0


def test_a_file_is_kept_piece_by_piece_given_out_whole_and_dropped_after_days(
    own_database: str, cast: Cast, signed_in: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PART_BYTES", 1000)
    content = bytes(range(256)) * 17
    (tmp_path / "file").write_bytes(content)

    def work(run: Run) -> None:
        run.attach(tmp_path / "file", "first.bin", "application/octet-stream")
        run.attach(tmp_path / "file", 'odd "name"\r\n.bin', "application/octet-stream")

    one = asked(cast, kind=doing(work))
    runner.run(one.pk)
    assert JobFilePart.objects.count() == 5
    client = signed_in("admin")
    answer = client.get(f"/jobs/{one.pk}/file")
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Length"] == str(len(content))
    assert answer["Content-Disposition"] == 'attachment; filename="odd_name.bin"'
    assert runner.drop_old_files(7) == 0
    Job.objects.update(ended_at=timezone.now() - timedelta(days=8))
    assert runner.drop_old_files(7) == 1
    assert not JobFilePart.objects.exists()
    gone = client.get(f"/api/v1/jobs/{one.pk}/file")
    assert gone.status_code == 404 and "Ask for the job again" in gone.json()["detail"]
    assert "Ask for it again" in client.get(f"/jobs/{one.pk}").content.decode()


def test_who_may_no_longer_read_what_it_is_about_gets_no_file(
    cast: Cast, signed_in: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job("test.secret", title="Secret", may_read=lambda reader, params: False)(lambda run: None)
    one = asked(cast, kind="test.secret")
    Job.objects.update(state="done", ended_at=timezone.now(), file_name="x", file_type="text/plain", file_bytes=1)
    for address in (f"/jobs/{one.pk}/file", f"/api/v1/jobs/{one.pk}/file"):
        assert signed_in("admin").get(address).status_code == 403


def test_who_answers_for_a_service_gets_no_file_that_was_put_together_as_the_service_reads(
    cast: Cast, signed_in: Callable[[str], Any]
) -> None:
    job("test.open", title="Open", may_read=lambda reader, params: True)(lambda run: None)
    one = asked(cast, kind="test.open")
    Job.objects.update(
        asked_by=cast.pipeline,
        state="done",
        ended_at=timezone.now(),
        file_name="x",
        file_type="text/plain",
        file_bytes=0,
    )
    answering = signed_in("engineer")
    assert answering.get(f"/api/v1/jobs/{one.pk}").status_code == 200
    for address in (f"/jobs/{one.pk}/file", f"/api/v1/jobs/{one.pk}/file"):
        assert answering.get(address).status_code == 403, "it may read another namespace's data"
        assert signed_in("admin").get(address).status_code == 200, "who oversees everything reads no less"


def test_the_page_loads_itself_anew_while_the_job_is_open_and_can_be_stopped(
    cast: Cast, signed_in: Callable[[str], Any]
) -> None:
    one = asked(cast)
    client = signed_in("admin")
    page = client.get(f"/jobs/{one.pk}").content.decode()
    assert '<meta http-equiv="refresh" content="2">' in page
    assert "refresh" not in client.get(f"/jobs/{one.pk}?still=1").content.decode()
    Job.objects.update(state="failed", ended_at=timezone.now(), message="<b>no</b>")
    page = client.get(f"/jobs/{one.pk}").content.decode()
    assert "refresh" not in page and "&lt;b&gt;no" in page


@pytest.mark.parametrize("url", ["//elsewhere.example", "javascript:alert(1)"])
def test_its_outcome_leads_nowhere_else(own_database: str, cast: Cast, url: str) -> None:
    one = asked(cast, kind=doing(lambda run: run.finish(url=url)))
    runner.run(one.pk)
    one.refresh_from_db()
    assert one.state == "queued" and "job_url_is_a_path" in one.fault


def test_a_worker_killed_in_the_middle_is_followed_by_one_that_goes_on(
    cast: Cast, worker: Worker, tmp_path: Path
) -> None:
    hold = tmp_path / "hold"
    hold.touch()
    one = asked(cast, count=8, hold=str(hold))
    worker.start()
    wait_until(lambda: opened() == 2, lambda: worker.log.read_text()[-2000:])
    worker.kill()
    hold.unlink()
    worker.start()
    wait_until(lambda: Job.objects.get(pk=one.pk).state == "done", lambda: worker.log.read_text()[-2000:])
    one.refresh_from_db()
    assert (opened(), one.attempts) == (8, 2)
    wait_until(lambda: not Message.objects.filter(delivered_at=None).exists())
    assert Notice.objects.filter(recipient=cast.admin, kind="job-done").count() == 1
