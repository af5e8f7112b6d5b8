"""Kinds of which only so many run at the same time: they leave the workers to other kinds, and their askers take turns."""

import threading
from collections.abc import Callable

import pytest
from django.db import connections

from governance.jobs import Run, ask, job, kinds, runner, tasks
from governance.jobs.models import Job
from tests.cast import Cast
from tests.governance.jobs import counting
from tests.governance.outbox.conftest import wait_until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("own_database")
Work = Callable[[Run], None]


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds registered by a test are forgotten after it."""
    monkeypatch.setattr(kinds, "_registry", dict(kinds._registry))
    counting.register()


def slow(at_once: int, work: Work = lambda run: None) -> str:
    """A kind of which so many run at once; its name."""
    job("test.slow", title="Slow", may_read=counting.anyone, at_once=at_once)(work)
    return "test.slow"


def asked(cast: Cast, key: str, kind: str = "test.slow", by: str = "admin") -> Job:
    return ask(kind, asked_by=getattr(cast, by), reason="Test", params={"count": 1}, key=key)[0]


def test_of_eight_workers_one_takes_a_job_of_the_kind_and_the_others_go_on_to_something_else(cast: Cast) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def work(run: Run) -> None:
        begun.set()
        assert may_end.wait(PATIENCE)

    slow(1, work)
    jobs = [asked(cast, f"thing:{n}") for n in range(8)]
    export = asked(cast, "export", "test.count")
    taken: list[bool] = []

    def worker(one: Job) -> None:
        try:
            taken.append(runner.run(one.pk))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker, args=[one]) for one in jobs]
    for one in threads:
        one.start()
    assert begun.wait(PATIENCE)
    wait_until(lambda: len(taken) == 7, lambda: taken)
    assert not any(taken)
    assert runner.startable(100) == [export.pk], "a sweep hints at nothing that finds no room"
    assert runner.run(export.pk), "an export does not wait"
    may_end.set()
    for one in threads:
        one.join(PATIENCE)
    assert sorted(taken) == [False] * 7 + [True]
    assert Job.objects.filter(kind="test.slow", state="done").count() == 1


def test_who_asked_for_many_waits_behind_who_asked_for_one(cast: Cast) -> None:
    slow(1)
    many = [asked(cast, f"thing:{n}") for n in range(3)]
    one = asked(cast, "thing", by="admin2")
    order = []
    while turn := runner.next_of("test.slow"):
        order += turn
        assert runner.run(turn[0])
    assert order == [many[0].pk, one.pk, many[1].pk, many[2].pk]


def test_a_worker_that_has_done_one_starts_the_next(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(2)
    first, second, third = (asked(cast, f"thing:{n}") for n in range(3))
    hinted: list[int] = []
    monkeypatch.setattr(tasks, "start", hinted.append)
    tasks.run(first.pk)
    assert hinted == [second.pk, third.pk]
    tasks.run(first.pk)
    assert hinted == [second.pk, third.pk], "what was done already makes no room"


def test_a_silent_worker_holds_no_place(cast: Cast) -> None:
    slow(1)
    dead, waiting = asked(cast, "a"), asked(cast, "b")
    Job.objects.filter(pk=dead.pk).update(
        state="running", attempts=1, started_at=dead.asked_at, heartbeat_at=dead.asked_at - 2 * runner.SILENCE
    )
    assert set(runner.startable(100)) <= {dead.pk, waiting.pk} and runner.startable(100)
    assert runner.run(waiting.pk)
