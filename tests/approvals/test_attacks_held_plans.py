"""Plans kept back until the figures are known, by raw SQL under the app's own login (contracts/attacks.md, A42)."""

import threading
from collections.abc import Callable

import pytest

from approvals.models import Plan
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.test_attacks_committed import wait_until_blocked
from tests.approvals.world import World

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]


def lock_plan(app: Connection, w: World, title: str, ago: str = "0 seconds") -> None:
    """INSERT a plan of the model, as if so long ago; the database says itself when it was, unless its trigger is off."""
    app.execute(
        "INSERT INTO approvals_plan (namespace_id, model_id, kind, title, description, checklist, owner_id, locked_at,"
        " written_in) VALUES (%s, %s, 'performance', %s, '', '{}', %s, clock_timestamp() - %s::interval,"
        " muniment.this_transaction())",
        [w.cast.retail.pk, w.model.pk, title, w.cast.validator.pk, ago],
    )


@pytest.mark.parametrize("early", ["", "SET CONSTRAINTS ALL DEFERRED"])
def test_A42_a_plan_held_open_for_more_than_five_minutes_is_refused(w: World, raw: Raw, early: str) -> None:
    """Nothing here waits: the trigger that says when a plan was locked is off, and the plan says it itself."""
    raw("superuser").execute("ALTER TABLE approvals_plan DISABLE TRIGGER r_plan")
    app = raw("app")
    with acting(app, w.cast.tester):
        lock_plan(app, w, "Held for four minutes", "4 minutes")
    with refuses("MU008", "plan-held-open"), acting(app, w.cast.tester):
        lock_plan(app, w, "Held for six", "6 minutes")
        app.execute(early or "SELECT 1")  # type: ignore[arg-type]  # text of ours
    assert [plan.title for plan in Plan.objects.all()] == ["Held for four minutes"]


def test_A42_of_two_plans_held_open_none_is_chosen_once_the_figures_are_known(w: World, raw: Raw) -> None:
    """Whoever has the five minutes asked about early is not asked again. But what is held holds the model: there is no
    second plan to choose, and one that follows is locked after whatever was measured meanwhile."""
    mild, strict = raw("app"), raw("app")

    def second() -> None:
        with acting(strict, w.cast.tester):
            lock_plan(strict, w, "Strict")

    with acting(mild, w.cast.tester):
        lock_plan(mild, w, "Mild")
        mild.execute("SET CONSTRAINTS zz_held IMMEDIATE")
        waiting = threading.Thread(target=second)
        waiting.start()
        wait_until_blocked(raw("superuser"))
        row = mild.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
    waiting.join(10)
    assert Plan.objects.get(title="Strict").locked_at > row[0]


#: docs/audit.md, “Plans that are not there”.
MISSING = "SELECT title, id - lag(id) OVER (ORDER BY id) - 1 FROM approvals_plan ORDER BY id"


def test_A42_a_plan_that_was_dropped_leaves_its_number_missing(w: World, raw: Raw) -> None:
    """A whole transaction undone, or the later of two plans in one; nobody gives the number again."""
    app = raw("app")
    with acting(app, w.cast.tester):
        lock_plan(app, w, "Before")
    with app.transaction(force_rollback=True), acting(app, w.cast.tester):
        lock_plan(app, w, "Strict, dropped")
    with acting(app, w.cast.tester):
        lock_plan(app, w, "Mild")
        with app.transaction(force_rollback=True):
            lock_plan(app, w, "Strict, dropped in the same transaction")
    for attempt in (
        "SELECT setval('approvals_plan_id_seq', 1)",
        "ALTER SEQUENCE approvals_plan_id_seq RESTART",
        "UPDATE approvals_plan SET id = id - 1 WHERE title = 'Mild'",
        "INSERT INTO approvals_plan (id, title) VALUES (1, 'Put in')",
    ):
        with refuses("MU003" if attempt.startswith("UPDATE") else "42501"), acting(app, w.cast.tester):
            app.execute(attempt)
    with acting(app, w.cast.tester):
        lock_plan(app, w, "After")
    assert raw("auditor").execute(MISSING).fetchall() == [("Before", None), ("Mild", 1), ("After", 1)]
