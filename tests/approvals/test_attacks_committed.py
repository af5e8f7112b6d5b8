"""Attacks on judgements that need commits, several connections or other logins (contracts/attacks.md)."""

import threading
import time
from collections.abc import Callable

import pytest
from django.utils import timezone

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.actions.promotions import ask_for_promotion
from approvals.models import GateDecision, LiveSlot
from governance import errors
from tests.approvals.raw import Connection, acting, promote, refuses
from tests.approvals.test_attacks import OPEN, RISK, asked, nothing_went_live
from tests.approvals.voting import let_time_pass
from tests.approvals.world import WHY, World
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("own_database")
Raw = Callable[[str], Connection]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_A21_a_caller_with_a_frozen_view_is_refused(w: World, raw: Raw, level: str) -> None:
    release, _ = asked(w, OPEN)
    app = raw("app")
    with refuses("MU009", "isolation"), acting(app, w.cast.pipeline, isolation=level):
        promote(app, release)
    nothing_went_live()


def test_A20_even_the_owner_cannot_repoint_a_promotion_or_undo_its_end(w: World, raw: Raw) -> None:
    release, _ = asked(w, OPEN)
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    owner = raw("owner")
    with acting(owner, w.cast.risk):
        owner.execute(
            "INSERT INTO approvals_promotionend (promotion_id, kind, reason) VALUES (%s, 'suspended', 'x')",
            [promotion.pk],
        )
    for table in ("promotion", "promotionend", "gatedecision", "releaseclosure", "release"):
        with refuses("MU003", "born-final"), acting(owner, w.cast.pipeline):
            owner.execute(f"UPDATE approvals_{table} SET recorded_at = recorded_at")  # type: ignore[arg-type]
        with refuses("MU002", "never-removed"), acting(owner, w.cast.pipeline):
            owner.execute(f"DELETE FROM approvals_{table}")  # type: ignore[arg-type]


def test_an_observe_only_environment_lets_pass_on_record_until_its_date(w: World, raw: Raw) -> None:
    release, _ = asked(w, RISK)
    later = w.release(w.retrain(2))
    until = timezone.now() + timezone.timedelta(hours=1)
    with pytest.raises(errors.Forbidden):
        set_observe_only(actor=w.cast.owner, environment=w.production, until=until, **WHY)
    change = set_observe_only(actor=w.cast.policy, environment=w.production, until=until, **WHY)
    confirm_observe_only(actor=w.cast.policy2, change=change, **WHY)
    promotion = ask_for_promotion(actor=w.cast.pipeline, release=release, **WHY)
    decision = GateDecision.objects.get(promotion=promotion)
    assert decision.would_have_refused
    assert [r["status"] for r in decision.requirements] == ["UNSATISFIED"]
    let_time_pass(raw("superuser"), "approvals_environment", "observe_only_until", w.production.pk, 2)
    with pytest.raises(errors.GateClosed):
        ask_for_promotion(actor=w.cast.pipeline, release=later, **WHY)


def test_A22_of_two_promotions_at_once_one_wins_and_one_is_told(w: World, raw: Raw) -> None:
    w.policy(OPEN)
    first, second = w.release(), w.release(w.retrain(2))
    one, two = raw("app"), raw("app")
    told: list[str] = []

    def other() -> None:
        with refuses("MU008", "another-went-live"), acting(two, w.cast.pipeline):
            promote(two, second)
        told.append("told")

    with acting(one, w.cast.pipeline):
        promote(one, first)
        waiting = threading.Thread(target=other)
        waiting.start()
        wait_until_blocked(raw("superuser"))
    waiting.join(PATIENCE)
    assert told == ["told"]
    assert LiveSlot.objects.get().promotion.release_id == first.pk
    assert GateDecision.objects.count() == 1


def wait_until_blocked(watcher: Connection) -> None:
    """Until some backend of this database waits for a lock."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        row = watcher.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
        if row and row[0]:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


# A30: one's own work


def test_A42_a_plan_takes_no_criterion_and_evidence_no_value_once_recorded(w: World, raw: Raw) -> None:
    plan = w.plan()
    evidence = w.evidence(plan, "0.5")
    policy = w.policy(OPEN)
    app = raw("app")
    with refuses("MU003", "plan-locked"), acting(app, w.cast.tester):
        app.execute(
            "INSERT INTO approvals_plancriterion (plan_id, metric, comparator, threshold, slice, dataset_role)"
            " VALUES (%s, 'x', 'ge', 0, '', '')",
            [plan.pk],
        )
    with refuses("MU003", "evidence-recorded"), acting(app, w.cast.tester):
        app.execute(
            "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
            " VALUES (%s, 'accuracy', 0.99, '', 'test', '')",
            [evidence.pk],
        )
    with refuses("MU003", "policy-version-final"), acting(app, w.cast.policy):
        app.execute(
            "INSERT INTO approvals_requirement (policy_version_id, position, key, kind, title, params, binds)"
            " VALUES (%s, 9, 'more', 'artifact', '', '{}', '{}')",
            [policy.pk],
        )


def test_A93_after_a_restore_a_transaction_of_the_same_number_adds_nothing(w: World, raw: Raw) -> None:
    """Another cluster counts transactions anew: one could be waited for whose number a plan was written under."""
    plan, version = w.plan(), w.policy(OPEN)
    owner, app = raw("superuser"), raw("app")
    with app.transaction():
        row = app.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        assert row is not None
        for table, what in (("plan", plan), ("policyversion", version)):
            owner.execute(f"ALTER TABLE approvals_{table} DISABLE TRIGGER USER")  # type: ignore[arg-type]
            owner.execute(
                f"UPDATE approvals_{table} SET written_in = %s WHERE id = %s",  # type: ignore[arg-type]
                [row[0], what.pk],
            )
            owner.execute(f"ALTER TABLE approvals_{table} ENABLE TRIGGER USER")  # type: ignore[arg-type]
        with refuses("MU003", "plan-locked"), acting(app, w.cast.validator):
            app.execute(
                "INSERT INTO approvals_plancriterion (plan_id, metric, comparator, threshold, slice, dataset_role)"
                " VALUES (%s, 'x', 'ge', 0, '', '')",
                [plan.pk],
            )
        with refuses("MU003", "policy-version-final"), acting(app, w.cast.policy):
            app.execute(
                "INSERT INTO approvals_requirement (policy_version_id, position, key, kind, title, params, binds)"
                " VALUES (%s, 9, 'x', 'artifact', '', '{}', '{}')",
                [version.pk],
            )
