"""Ground truth that comes late: worked out from counts alone, as scikit-learn does from each prediction."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from approvals.models import MonitoringWindow, PlanKind
from approvals.monitoring.truth import Metric, read_truth
from governance import errors
from tests.approvals.monitoring import scene
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.world import World

GOOD = {"tp": 45, "fp": 3, "tn": 45, "fn": 3}


def found(counts: dict[str, Any], predictions: int = 10**9) -> dict[str, Metric]:
    """Metrics by name."""
    return {one.name: one for one in read_truth(counts, predictions).metrics}


labels = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60)


@settings(max_examples=35)
@given(labels)
def test_of_two_classes_as_scikit_learn_says(pairs: list[tuple[bool, float]]) -> None:
    true = np.array([y for y, _s in pairs])
    said = np.array([s >= 0.5 for _y, s in pairs])
    tn, fp, fn, tp = sk.confusion_matrix(true, said, labels=[False, True]).ravel().tolist()
    ours = found({"confusion": {"tp": tp, "fp": fp, "tn": tn, "fn": fn}})
    assert float(ours["accuracy"].value) == pytest.approx(sk.accuracy_score(true, said))
    for name, score, defined in (
        ("precision", sk.precision_score, tp + fp), ("recall", sk.recall_score, tp + fn), ("f1", sk.f1_score, tp + fp + fn),
    ):  # fmt: skip
        assert (name in ours) is bool(defined), "nothing to divide by is no zero"
        if defined:
            assert float(ours[name].value) == pytest.approx(score(true, said))
    low, high = proportion_confint(tp + tn, len(pairs), method="wilson")
    interval = ours["accuracy"]
    assert (float(interval.low or 0), float(interval.high or 1)) == pytest.approx((low, high), abs=1e-9)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_of_many_classes_as_scikit_learn_says(pairs: list[tuple[int, int]]) -> None:
    true, said = [y for y, _p in pairs], [p for _y, p in pairs]
    ours = found({"confusion": {"matrix": sk.confusion_matrix(true, said, labels=range(4)).tolist()}})
    assert float(ours["accuracy"].value) == pytest.approx(sk.accuracy_score(true, said))
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = score(true, said, labels=range(4), average="macro", zero_division=0)
        assert float(ours[name].value) == pytest.approx(expected)


@settings(max_examples=35)
@given(labels, st.integers(1, 25))
def test_area_and_brier_score_lie_within_the_bounds_that_bins_leave(pairs: list[tuple[bool, float]], bins: int) -> None:
    true, scores = np.array([y for y, _s in pairs]), np.array([s for _y, s in pairs])
    edges = np.linspace(0, 1, bins + 1)
    positives = np.histogram(scores[true], edges)[0].tolist()
    negatives = np.histogram(scores[~true], edges)[0].tolist()
    counts = {"edges": [Decimal(repr(float(e))) for e in edges], "positives": positives, "negatives": negatives}
    ours = found({"scores": counts})
    assert within(ours["brier"], sk.brier_score_loss(true, scores, pos_label=True))
    assert ("auc" in ours) is bool(0 < true.sum() < len(true))
    if "auc" in ours:
        assert within(ours["auc"], sk.roc_auc_score(true, scores))
    exact = Decimal(repr(float(((scores - true) ** 2).sum())))
    assert float(found({"scores": {**counts, "sum_squared_error": exact}})["brier"].value) == pytest.approx(
        sk.brier_score_loss(true, scores, pos_label=True), abs=1e-9
    )


def within(metric: Metric, value: float) -> bool:
    """Whether the exact value lies in the bounds stated, and the stated value does."""
    assert metric.low is not None and metric.high is not None and metric.low <= metric.value <= metric.high
    return float(metric.low) - 1e-9 <= value <= float(metric.high) + 1e-9


@settings(max_examples=35)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_of_numbers_as_scikit_learn_says(pairs: list[tuple[float, float]]) -> None:
    true, said = np.array([y for y, _p in pairs]), np.array([p for _y, p in pairs])
    error = said - true
    sums = {
        "n": len(pairs), "sum_error": error.sum(), "sum_absolute_error": abs(error).sum(),
        "sum_squared_error": (error**2).sum(), "sum_truth": true.sum(), "sum_truth_squared": (true**2).sum(),
    }  # fmt: skip
    ours = found({"regression": {k: v if k == "n" else Decimal(repr(float(v))) for k, v in sums.items()}})
    assert float(ours["mae"].value) == pytest.approx(sk.mean_absolute_error(true, said), abs=1e-9)
    assert float(ours["rmse"].value) == pytest.approx(sk.root_mean_squared_error(true, said), abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "where"),
    [
        ({}, "truth"),
        ({"confusion": {"tp": -1, "fp": 0, "tn": 0, "fn": 0}}, "truth.confusion.tp"),
        ({"confusion": {"tp": True, "fp": 0, "tn": 0, "fn": 0}}, "truth.confusion.tp"),
        ({"confusion": {"tp": 1}}, "truth.confusion.fp"),
        ({"confusion": {"tp": 10**16, "fp": 0, "tn": 0, "fn": 0}}, "truth.confusion.tp"),
        ({"confusion": {"matrix": [[1, 2]]}}, "truth.confusion.matrix"),
        ({"confusion": {"tp": 90, "fp": 9, "tn": 1, "fn": 1}}, "truth"),  # 101 labels of 100 predictions
        ({"confusion": GOOD, "regression": {"n": 5, "sum_error": 0, "sum_absolute_error": 0, "sum_squared_error": 0}}, "truth"),
        ({"regression": {"n": 4, "sum_error": 9, "sum_absolute_error": 8, "sum_squared_error": 99}}, "truth.regression"),
        ({"regression": {"n": 4, "sum_error": 0, "sum_absolute_error": 8, "sum_squared_error": 1}}, "truth.regression"),
        ({"regression": {"n": 4, "sum_error": Decimal("NaN"), "sum_absolute_error": 8, "sum_squared_error": 1}},
         "truth.regression.sum_error"),
        ({"scores": {"edges": [0, Decimal("0.5")], "positives": [1], "negatives": [1]}}, "truth.scores.edges"),
        ({"scores": {"edges": [0, 1], "positives": [1, 2], "negatives": [1]}}, "truth.scores.positives"),
        ({"scores": {"edges": [0, 1], "positives": [1], "negatives": [1], "sum_squared_error": 3}},
         "truth.scores.sum_squared_error"),
        ({"confusion": GOOD, "delay": {"edges_hours": [0, 24], "counts": [5]}}, "truth.delay.counts"),
        ({"confusion": GOOD, "delay": {"edges_hours": [24, 0], "counts": [96]}}, "truth.delay.edges_hours"),
        ({"confusion": GOOD, "delay": {"median_hours": -1}}, "truth.delay.median_hours"),
    ],
)  # fmt: skip
def test_what_no_labels_can_yield_is_refused_by_name(counts: dict[str, Any], where: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        read_truth(counts, 100)
    assert list(refusal.value.errors) == [where]


def test_the_delay_s_median_is_interpolated_and_says_between_what() -> None:
    delay = {"edges_hours": [0, 24, 48], "counts": [24, 72]}
    one = found({"confusion": GOOD, "delay": delay})["label_delay_hours"]
    assert (one.value, one.low, one.high) == (Decimal(32), Decimal(24), Decimal(48))


def test_truth_joins_its_window_as_more_of_it_becomes_known(w: World) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    counted = scene.report(w, scene.predicted(promotion, plan))[0].window
    assert (counted.evidence, counted.verdict) == (None, ""), "what is only counted is judged by nobody"
    early = scene.report(w, scene.truth(promotion, plan, confusion={"tp": 5, "fp": 4, "tn": 1, "fn": 0}))[0].window
    late = scene.report(w, scene.truth(promotion, plan, later=2, confusion=GOOD), by=w.cast.tester)[0].window
    assert [early.verdict, late.verdict] == ["bad", "good"]
    assert (late.predictions, late.labelled) == (100, 96)
    assert late.evidence is not None
    values = {one.metric: one.value for one in late.evidence.values.all()}
    assert (values["accuracy"], values["coverage"]) == (Decimal("0.9375"), Decimal("0.96"))
    assert MonitoringWindow.objects.filter(kind="truth").count() == 2, "what was known before stays"


def test_predictions_and_truth_may_come_in_one_call_in_any_order(w: World) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    made = scene.report(w, scene.truth(promotion, plan, confusion=GOOD), scene.predicted(promotion, plan))
    assert [one.window.kind for one in made] == ["truth", "predictions"]


@pytest.mark.parametrize("count", [50, 99])
def test_predictions_are_counted_once(w: World, count: int) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    scene.report(w, scene.predicted(promotion, plan))
    with pytest.raises(errors.Conflict):
        scene.report(w, scene.predicted(promotion, plan, count))
    with pytest.raises(errors.Invalid):
        scene.report(w, scene.truth(promotion, plan, confusion={"tp": 101, "fp": 0, "tn": 0, "fn": 0}))


def test_truth_without_predictions_or_older_than_what_is_known_is_refused(w: World) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    with pytest.raises(errors.Conflict) as refusal:
        scene.report(w, scene.truth(promotion, plan, confusion=GOOD))
    assert refusal.value.params["code"] == "no-predictions"
    scene.report(w, scene.predicted(promotion, plan))
    scene.report(w, scene.truth(promotion, plan, later=5, confusion=GOOD))
    for later in (5, 4):
        with pytest.raises(errors.Conflict):
            scene.report(w, scene.truth(promotion, plan, later=later, confusion={**GOOD, "tp": 46}))
    for later in (-3, 10_000_000):
        with pytest.raises(errors.Invalid):
            scene.report(w, scene.truth(promotion, plan, later=later, confusion=GOOD))


def test_nothing_but_the_server_counts_coverage(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    scene.report(w, scene.predicted(promotion, plan, 1000))
    start, end = scene.span(promotion)
    with refuses("MU009", "other-predictions"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_monitoringwindow (promotion_id, plan_id, kind, window_start, window_end, known_until,"
            " predictions, labelled, counts, content_digest, verdict)"
            " VALUES (%s, %s, 'truth', %s, %s, %s, 10, 10, '{}', '', '')", [promotion.pk, plan.pk, start, end, end],
        )  # fmt: skip


def test_over_http(w: World, api: Any) -> None:
    plan, promotion = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT), scene.live(w)
    truth = scene.truth(
        promotion, plan, confusion=GOOD, delay={"edges_hours": ["0", "24", "48"], "counts": [24, 72]},
        scores={"edges": ["0", "0.5", "1"], "positives": [3, 45], "negatives": [45, 3]},
    )  # fmt: skip
    sent = {"windows": [scene.body(one) for one in (scene.predicted(promotion, plan), truth)]}
    answer = api("pipeline").post("/api/v1/monitoring", sent, format="json")
    assert answer.status_code == 201, answer.content
    assert [row["verdict"] for row in answer.json()["results"]] == ["", "good"]
    assert api("pipeline").post("/api/v1/monitoring", sent, format="json").status_code == 200
    wrong = {"windows": [scene.body(scene.truth(promotion, plan, later=2, confusion={**GOOD, "tp": 10**6}))]}
    assert "windows[0].truth" in api("pipeline").post("/api/v1/monitoring", wrong, format="json").json()["errors"]
