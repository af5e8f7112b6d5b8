"""The database knows how many units a design takes: a trial of fewer is refused, whoever locks it."""

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from approvals.models import Better, MetricKind, PlanCriterion, Trial
from approvals.trials import design as designs
from approvals.trials.sequential import inflation
from approvals.trials.statistics import normal_point
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import design, locked
from tests.approvals.trials.test_plans import COLUMNS
from tests.approvals.voting import insert
from tests.approvals.world import World, database

MEAN = {
    "metric_kind": MetricKind.MEAN,
    "baseline": Decimal(40),
    "baseline_sd": Decimal("12.5"),
    "minimum_effect": Decimal("1.5"),
}
RATES: list[dict[str, Any]] = [
    {"baseline": Decimal("0.3"), "minimum_effect": Decimal("0.2")}, {"baseline": Decimal("0.01"), "minimum_effect": Decimal("0.001")},
    {"baseline": Decimal("0.999"), "minimum_effect": Decimal("0.0009"), "better": Better.LOWER}, MEAN,
    {**MEAN, "better": Better.LOWER}, {**MEAN, "baseline_sd": Decimal("0.001"), "minimum_effect": Decimal(1)},
]  # fmt: skip
ERRORS = [
    {"alpha": Decimal(alpha), "power": Decimal(power), "challenger_share": Decimal(share), "sides": sides}
    for alpha, power, share, sides in itertools.product(
        ("0.0001", "0.05", "0.2"), ("0.5", "0.8", "0.999"), ("0.001", "0.1", "0.5", "0.999"), Trial.Sides
    )
]


def row_of(given: designs.Design, **units: int) -> str:
    """The design as a row of the table, in JSON."""
    kept = {name: getattr(given, name) for name in (
        "metric_kind", "better", "sides", "minimum_effect", "baseline", "baseline_sd", "alpha", "power", "challenger_share",
        "looks", "spending",
    )}  # fmt: skip
    return json.dumps({**kept, **units}, default=str)


def least(given: designs.Design) -> tuple[int, int]:
    """What the database says a design takes, of champion and challenger."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (muniment.trial_least_units(jsonb_populate_record(NULL::approvals_trial, %s))).*", [row_of(given)]
        )
        champion, challenger = cursor.fetchone() or (0, 0)
    return int(champion), int(challenger)


def reached_by(given: designs.Design, champion: int, challenger: int) -> float:
    """The power that the database says a design reaches with so many units."""
    asked = "SELECT muniment.trial_power(jsonb_populate_record(NULL::approvals_trial, %s))"
    return float(database(asked, row_of(given, champion_units=champion, challenger_units=challenger)))


@pytest.mark.parametrize("rates", RATES)
def test_it_comes_out_as_planned_for_one_look(db: None, rates: dict[str, Any]) -> None:
    for wrong in ERRORS:
        given = design(**rates, **wrong)
        planned = designs.sizes(given)
        assert least(given) == (planned.champion, planned.challenger), given


@pytest.mark.parametrize("spending", [Trial.Spending.POCOCK, Trial.Spending.OBRIEN_FLEMING])
@pytest.mark.parametrize("looks", [2, 5, 10])
def test_the_power_of_several_looks_is_that_of_the_plan(db: None, spending: Trial.Spending, looks: int) -> None:
    for tail, power in itertools.product((0.00005, 0.025, 0.2), (0.5, 0.8, 0.999)):
        drift = (normal_point(tail) + normal_point(1 - power)) * inflation(spending, tail, power, looks) ** 0.5
        reached = database("SELECT muniment.power_of_looks(%s, %s, %s, %s)", spending, tail, looks, drift)
        assert reached == pytest.approx(power, abs=3e-6), (tail, power)


@pytest.mark.parametrize("rates", RATES)
def test_a_trial_of_several_looks_is_large_enough_as_it_comes_out_and_not_a_unit_less(
    db: None, rates: dict[str, Any]
) -> None:
    for share, spending in itertools.product(("0.1", "0.5"), (Trial.Spending.POCOCK, Trial.Spending.OBRIEN_FLEMING)):
        given = design(**rates, looks=4, spending=spending, challenger_share=Decimal(share))
        planned = designs.sizes(given)
        assert reached_by(given, planned.champion, planned.challenger) >= 0.8 - 1e-5
        fewer = min(planned.champion - 1, int(planned.champion * 0.999)), planned.challenger
        assert reached_by(given, *fewer) < 0.8 - 1e-5 or planned.champion < 20, (
            "rounded up, a few may be more than it takes"
        )


@pytest.mark.parametrize("spending", [Trial.Spending.POCOCK, Trial.Spending.OBRIEN_FLEMING])
def test_units_beyond_measure_reach_any_power(db: None, spending: Trial.Spending) -> None:
    given = design(looks=10, spending=spending, alpha=Decimal("0.0001"))
    assert reached_by(given, 10**12, 10**12) > 0.9999


@pytest.mark.parametrize("tail", [1e-9, 0.0001, 0.001, 0.025, 0.05, 0.0750001, 0.2, 0.5, 0.8, 0.93, 0.999, 1 - 1e-9])
def test_points_of_the_normal_distribution_are_those_of_python(db: None, tail: float) -> None:
    assert database("SELECT muniment.normal_point(%s)", tail) == pytest.approx(normal_point(tail), rel=1e-12, abs=1e-15)


def test_raw_sql_locks_no_trial_of_fewer_units(w: World, app: Connection) -> None:
    """The plan's bounds are those of the smaller trial, so that they are no reason to refuse it."""
    made = locked(w)
    for units, changed, code in (
        (92, {}, "trial-too-small"), (93, {"power": "0.9"}, "trial-too-small"),
        (93, {"minimum_effect": "0.19"}, "trial-too-small"), (93, {"baseline": "0.9"}, "trial-rates"),
        (93, {"baseline": "0"}, "trial-rates"), (93, {"looks": "3", "spending": "'pocock'"}, "trial-too-small"),
    ):  # fmt: skip
        with refuses("MU009", code):
            lock_raw(w, app, made, units, changed)
    lock_raw(w, app, made, 93, {})
    lock_raw(w, app, made, 110, {"looks": "3", "spending": "'pocock'"})


def lock_raw(w: World, app: Connection, made: Trial, units: int, changed: dict[str, str]) -> None:
    """A copy of a trial with other units in both arms, with the plan that fits."""
    with acting(app, w.cast.pipeline):
        plan = insert(
            app, "approvals_plan", namespace_id=w.model.namespace_id, model_id=w.model.pk, kind="ab_test", title="Mine",
            description="", checklist=[], owner_id=w.cast.engineer.pk,
        )  # fmt: skip
        for one in PlanCriterion.objects.filter(plan=made.plan_id):
            threshold = -(-units // int(changed.get("looks", "1"))) if one.metric == "units" else one.threshold
            insert(
                app, "approvals_plancriterion", plan_id=plan, metric=one.metric, comparator=one.comparator,
                threshold=threshold, slice=one.slice, dataset_role="",
            )  # fmt: skip
        values = {"champion_units": str(units), "challenger_units": str(units), **changed}
        columns = [values.get(name, name) for name in COLUMNS.replace(" ", "").split(",")]
        app.execute(
            f"INSERT INTO approvals_trial (plan_id, key, {COLUMNS}) SELECT %s, '', {', '.join(columns)} FROM approvals_trial"
            " WHERE id = %s",
            [plan, made.pk],
        )
