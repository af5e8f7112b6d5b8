"""Drift of the inputs where no truth comes: a window's profile against that of the data the version was trained on."""

from typing import Any

import pytest

from approvals.actions.monitoring import Report
from approvals.models import MonitoringWindow, PlanKind, Promotion
from approvals.monitoring.drift import measure_drift
from governance import errors
from lineage.quality.documents import ColumnProfile, to_json
from tests.approvals.checks import data
from tests.approvals.monitoring import scene
from tests.approvals.world import World
from tests.lineage.quality import documents

LIMITS = [
    {"metric": "psi(income)", "comparator": "le", "threshold": "0.25"},
    {"metric": "nulls(income)", "comparator": "le", "threshold": "0.05"},
    {"metric": "rows", "comparator": "ge", "threshold": "100"},
]


def profiled(column: ColumnProfile) -> dict[str, Any]:
    """A window's profile of one column."""
    return documents.document(to_json(column), rows=(column.count or 0) + (column.nulls or 0), duplicate_rows=0)


def drifted(promotion: Promotion, plan: Any, profile: dict[str, Any], n: int = 0) -> Report:
    return scene.values(promotion, plan, n=n, values=[], profile=profile)


@pytest.fixture
def watched(w: World) -> tuple[Any, Promotion]:
    """Something live whose training data has a profile, with limits on its inputs."""
    data.profile(w, w.versions["features"], [data.income(1)])
    plan = scene.watch(w, PlanKind.MONITORING_SCIENCE, *LIMITS)
    return plan, scene.live(w)


def test_inputs_alike_are_within_limits_and_others_are_a_breach(w: World, watched: tuple[Any, Promotion]) -> None:
    plan, promotion = watched
    made = scene.report(
        w, drifted(promotion, plan, profiled(data.income(2))),
        drifted(promotion, plan, profiled(data.income(3, mean=1.5)), 1),
        drifted(promotion, plan, profiled(data.income(4, missing=0.5)), 2),
    )  # fmt: skip
    assert [one.window.verdict for one in made] == ["good", "bad", "bad"]
    assert made[0].window.evidence is not None
    psi = made[0].window.evidence.values.get(metric="psi(income)")
    assert psi.ci_low <= psi.value == psi.ci_high, "the worse end is judged"
    kept = made[0].window.counts
    assert set(kept["baselines"]) == {"income"}


def test_over_http(w: World, api: Any, watched: tuple[Any, Promotion]) -> None:
    plan, promotion = watched
    window = scene.body(scene.values(promotion, plan))
    sent = {"windows": [{**window, "values": [], "profile": profiled(data.income(3, mean=1.5))}]}
    answer = api("pipeline").post("/api/v1/monitoring", sent, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["results"][0]["verdict"] == "bad"
    assert api("pipeline").post("/api/v1/monitoring", sent, format="json").status_code == 200


def test_what_cannot_be_compared_is_refused(w: World, watched: tuple[Any, Promotion]) -> None:
    plan, promotion = watched
    column = to_json(data.income(2))
    for wrong in (
        {"passed": True}, documents.document(column, rows=400, complete=False, stopped_by="rows"),
        documents.document({**column, "name": "other"}, rows=400) | {"rows": 5},
    ):  # fmt: skip
        with pytest.raises(errors.Invalid) as refusal:
            scene.report(w, drifted(promotion, plan, wrong))
        assert all(path.startswith("windows[0]") for path in refusal.value.errors), refusal.value.errors


def test_without_a_profile_of_the_training_data_there_is_nothing_to_compare_with(w: World) -> None:
    plan = scene.watch(w, PlanKind.MONITORING_SCIENCE, LIMITS[0])
    promotion = scene.live(w)
    with pytest.raises(errors.Invalid):
        scene.report(w, drifted(promotion, plan, profiled(data.income(2))))


def test_values_of_a_column_with_personal_data_are_not_kept(w: World, api: Any, watched: tuple[Any, Promotion]) -> None:
    """Whoever profiled the window looked for nothing: the server looks itself, as at any profile it records."""
    promotion = watched[1]
    plan = scene.watch(
        w, PlanKind.MONITORING_SCIENCE, {"metric": "nulls(contact)", "comparator": "le", "threshold": "0.5"}
    )
    column = {
        "name": "contact", "type": "string", "declared": "VARCHAR", "count": 100, "nulls": 0, "non_finite": 0, "distinct": 2,
        "distinct_exact": True, "other": {"count": 0, "distinct": 0}, "top": [
            {"value": "erika.mustermann@example.com", "key": "0123456789ab", "count": 60},
            {"value": "max.mustermann@example.com", "key": "ba9876543210", "count": 40},
        ],
    }  # fmt: skip
    (made,) = scene.report(w, drifted(promotion, plan, documents.document(column, rows=100, duplicate_rows=0)))
    assert made.window.verdict == "good"
    assert "mustermann" not in str(MonitoringWindow.objects.get(pk=made.window.pk).counts)


def test_nobody_measures_against_data_that_they_may_not_read(w: World, watched: tuple[Any, Promotion]) -> None:
    plan, promotion = watched
    document, asked = profiled(data.income(5)), plan.criteria.all()
    mine = {one.name for one in measure_drift(document, asked, promotion, w.cast.pipeline)[0]}
    theirs = {one.name for one in measure_drift(document, asked, promotion, w.cast.outsider)[0]}
    assert mine - theirs == {"psi(income)"}, "the others are of the window alone"
