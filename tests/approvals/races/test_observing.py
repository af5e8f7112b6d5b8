"""Windows of one promotion and checks of one version at the same time: of two that exclude each other, one is refused.

Which of them comes first is chosen here, not left to chance: the one holds its transaction open until the other waits for
it. Without the lock the other does not wait, and both are on record.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connections

from approvals.actions import checks as recording
from approvals.models import DataCheck, Evidence, MonitoringWindow, Plan, PlanKind, Promotion, PromotionEnd
from governance import errors
from tests.approvals.checks.data import check, expect, income, profile
from tests.approvals.monitoring import scene
from tests.approvals.races.harness import GUARDS, without
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.voting import insert
from tests.approvals.world import World, database
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]
WINDOWS = GUARDS.with_name("61_monitoring.sql")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"


@pytest.fixture
def watched(w: World) -> tuple[Promotion, Plan]:
    """What serves, and a plan that asks whether it is right."""
    return scene.live(w), scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT)


def until_it_waits(other: "Future[Any]") -> None:
    while not database(WAITING):
        assert not other.done(), other.result()


# --- Two windows ---------------------------------------------------------------------------------------------------------


def predictions(app: Connection, w: World, watched: tuple[Promotion, Plan], count: int, end: str = "%(end)s") -> None:
    """How many predictions were made, by raw SQL: of such a window no evidence takes the lock before."""
    promotion, plan = watched
    start, until = scene.span(promotion)
    with acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_monitoringwindow (promotion_id, plan_id, kind, window_start, window_end, predictions, counts,"
            f" content_digest) VALUES (%(promotion)s, %(plan)s, 'predictions', %(start)s, {end}, %(count)s, '{{}}', %(digest)s)",
            {"promotion": promotion.pk, "plan": plan.pk, "start": start, "end": until, "count": count,
             "digest": f"{count:064}"},
        )  # fmt: skip


def test_of_two_counts_of_one_window_at_once_the_second_waits_and_is_refused(
    w: World, raw: Raw, watched: tuple[Promotion, Plan]
) -> None:
    first, second = raw("app"), raw("app")
    with ThreadPoolExecutor(1) as pool:
        with acting(first, w.cast.pipeline):
            predictions(first, w, watched, 100)
            other = pool.submit(predictions, second, w, watched, 900)
            until_it_waits(other)
        with refuses("MU008", "predictions-counted"):
            other.result(timeout=PATIENCE)
    assert [one.predictions for one in MonitoringWindow.objects.all()] == [100]


def test_without_the_lock_a_window_is_counted_twice(w: World, raw: Raw, watched: tuple[Promotion, Plan]) -> None:
    without(raw("owner"), "window", guards=WINDOWS)
    first, second = raw("app"), raw("app")
    with acting(first, w.cast.pipeline):
        predictions(first, w, watched, 100)
        predictions(second, w, watched, 900)
    assert {one.predictions for one in MonitoringWindow.objects.all()} == {100, 900}


# --- A window and the end of its promotion -------------------------------------------------------------------------------

#: As far ahead as clocks may differ, so that it lies behind an end that is a little older.
AHEAD = "clock_timestamp() + interval '4.9 seconds'"


def ended(w: World, app: Connection, promotion: Promotion) -> None:
    """End it, and let a little more time pass than the two clocks' difference leaves."""
    insert(app, "approvals_promotionend", promotion_id=promotion.pk, kind="retired", reason="Replaced by hand")
    late = "SELECT clock_timestamp() > ended_at + interval '200 milliseconds' FROM approvals_promotionend"
    while not (app.execute(late).fetchone() or [False])[0]:
        pass


def test_a_window_that_waited_for_the_end_of_its_promotion_does_not_reach_beyond_it(
    w: World, raw: Raw, watched: tuple[Promotion, Plan]
) -> None:
    first, second = raw("app"), raw("app")
    with ThreadPoolExecutor(1) as pool:
        with acting(first, w.cast.owner):
            ended(w, first, watched[0])
            other = pool.submit(predictions, second, w, watched, 100, AHEAD)
            until_it_waits(other)
        with refuses("MU009", "window-after-end"):
            other.result(timeout=PATIENCE)
    assert PromotionEnd.objects.exists() and not MonitoringWindow.objects.exists()


def test_without_the_lock_a_window_says_what_was_observed_after_the_end(
    w: World, raw: Raw, watched: tuple[Promotion, Plan]
) -> None:
    without(raw("owner"), "window", guards=WINDOWS)
    first, second = raw("app"), raw("app")
    with acting(first, w.cast.owner):
        ended(w, first, watched[0])
        predictions(second, w, watched, 100, AHEAD)
    assert database("SELECT w.window_end > e.ended_at + interval '5 seconds'"
                    " FROM approvals_monitoringwindow w, approvals_promotionend e")  # fmt: skip


# --- Two checks ----------------------------------------------------------------------------------------------------------


def two_checks(w: World, raw: Raw) -> list[Any]:
    """Two workers check one profile while somebody holds its dataset until both wait; what came of each."""
    expect(w)
    mine = profile(w, w.versions["features"], [income(1)])
    holding = raw("app")
    outcomes: list[Any] = []

    def worker() -> None:
        try:
            outcomes.append(check(mine))
        except (errors.Refused, DatabaseError) as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    with acting(holding, w.cast.steward):
        holding.execute(
            "SELECT muniment.lock_roots(ARRAY['dataset'], ARRAY[%s]::bigint[], true)", [w.datasets["features"].pk]
        )
        for one in threads:
            one.start()
        while database(WAITING) < 2:
            assert not outcomes, outcomes
    for one in threads:
        one.join(PATIENCE)
    return outcomes


def test_two_checks_of_one_version_at_once_are_one(w: World, raw: Raw) -> None:
    first, second = two_checks(w, raw)
    assert isinstance(first, DataCheck) and first == second
    assert (DataCheck.objects.count(), Evidence.objects.filter(dataset_version__isnull=False).count()) == (1, 1)


def test_without_the_lock_one_of_two_checks_breaks(w: World, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "lock_roots", lambda *_roots: None)
    outcomes = two_checks(w, raw)
    assert sum(isinstance(one, DataCheck) for one in outcomes) == 1, outcomes
    assert "data_check_once" in str(next(one for one in outcomes if not isinstance(one, DataCheck)))
