"""What a trial is planned by is locked, whole, and the database keeps it so."""

from decimal import Decimal
from typing import Any

import pytest

from approvals.models import (
    MetricKind,
    Plan,
    PlanKind,
    Trial,
)
from governance import errors
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import COMPLAINTS, locked
from tests.approvals.voting import insert
from tests.approvals.world import World


def test_the_same_trial_is_found_again_and_another_design_is_another_trial(w: World) -> None:
    first, again = locked(w, guardrails=[COMPLAINTS]), locked(w, guardrails=[COMPLAINTS])
    assert first == again
    assert locked(w) != first
    assert locked(w, minimum_effect=Decimal("0.1"), guardrails=[COMPLAINTS]) != first
    assert len({one.key for one in Trial.objects.all()}) == Trial.objects.count() == 3
    assert {len(one.key) for one in Trial.objects.all()} == {32}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"alpha": Decimal("0.5")}, "alpha"), ({"power": Decimal("1")}, "power"), ({"challenger_share": Decimal(0)}, "challenger_share"),
    ({"minimum_effect": Decimal(0)}, "minimum_effect"), ({"minimum_effect": Decimal("0.7")}, "minimum_effect"),
    ({"baseline": Decimal("1.2")}, "baseline"), ({"baseline_sd": Decimal(1)}, "baseline_sd"),
    ({"metric_kind": MetricKind.MEAN}, "baseline_sd"), ({"looks": 0}, "looks"), ({"looks": 3}, "spending"),
    ({"looks": 11, "spending": Trial.Spending.POCOCK}, "looks"), ({"spending": Trial.Spending.POCOCK}, "spending"),
    ({"guardrails": [COMPLAINTS, COMPLAINTS]}, "guardrails"), ({"units_per_day": 0}, "units_per_day"),
    ({"metric": "complaints", "guardrails": [COMPLAINTS]}, "guardrails"),
    ({"minimum_effect": Decimal("1e-12")}, "minimum_effect"),
]  # fmt: skip


def test_a_design_that_cannot_be_names_its_field(w: World) -> None:
    for wrong, field in WRONG:
        with pytest.raises(errors.Invalid) as told:
            locked(w, **wrong)
        assert list(told.value.errors) == [field], wrong
    assert not Plan.objects.filter(kind=PlanKind.AB_TEST).exists()


COLUMNS = (
    "environment_id, hypothesis, metric, metric_kind, better, sides, test, minimum_effect, baseline, baseline_sd, alpha,"
    " power, challenger_share, units_per_day, looks, spending, champion_units, challenger_units, expected_days"
)
COPY = (
    f"INSERT INTO approvals_trial (plan_id, key, {COLUMNS}) SELECT %s, '', {COLUMNS} FROM approvals_trial WHERE id = %s"
)


def test_a_trial_without_its_bounds_or_under_another_kind_of_plan_is_refused(w: World, app: Connection) -> None:
    made = locked(w)
    for kind, code in (("performance", "trial-plan"), ("ab_test", "trial-bounds")):
        with refuses("MU009", code), acting(app, w.cast.pipeline):
            plan = insert(
                app, "approvals_plan", namespace_id=w.model.namespace_id, model_id=w.model.pk, kind=kind, title="Mine",
                description="", checklist=[], owner_id=w.cast.engineer.pk,
            )  # fmt: skip
            app.execute(COPY, [plan, made.pk])


def test_what_is_locked_takes_no_trial_no_guardrail_and_no_other_bound(w: World, raw: Any) -> None:
    made, older, app = locked(w), w.plan(PlanKind.AB_TEST), raw("app")
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        app.execute(COPY, [older.pk, made.pk])
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        insert(
            app,
            "approvals_trialguardrail",
            trial_id=made.pk,
            metric="late",
            metric_kind="mean",
            better="lower",
            margin=1,
        )
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        insert(
            app, "approvals_plancriterion", plan_id=made.plan_id, metric="p_value", comparator="le", threshold=1, slice="",
            dataset_role="",
        )  # fmt: skip
    for table in ("approvals_trial", "approvals_trialguardrail", "approvals_trialcount"):
        with refuses("42501"), acting(app, w.cast.pipeline):
            app.execute(f"DELETE FROM {table}")
    with refuses("42501"), acting(app, w.cast.pipeline):
        app.execute("UPDATE approvals_trial SET champion_units = 2")


def test_a_guardrail_is_not_added_unjudged_once_the_bounds_were_asked_about(w: World, app: Connection) -> None:
    """In the transaction that locked the plan, but after its deferred check: it would stand there and count for nothing."""
    made = locked(w)
    app.execute("SET CONSTRAINTS ALL IMMEDIATE")
    app.execute("SET CONSTRAINTS ALL DEFERRED")
    with refuses("MU009", "trial-bounds"), acting(app, w.cast.validator):
        insert(
            app, "approvals_trialguardrail", trial_id=made.pk, metric="complaints", metric_kind="proportion",
            better="lower", margin=Decimal("0.2"),
        )  # fmt: skip
