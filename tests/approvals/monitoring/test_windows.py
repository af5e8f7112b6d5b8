"""Windows of what is live: reported once, in order, of the time in which it served."""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.promotions import end_promotion
from approvals.models import Evidence, EvidenceValue, MonitoringWindow, PlanKind, Promotion, PromotionEnd
from governance import errors
from tests.approvals.monitoring import scene
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.world import WHY, World, refused

Api = Callable[[str], Any]


def test_a_window_is_evidence_and_its_verdict_is_worked_out(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    good, bad = scene.report(w, scene.values(promotion, plan), scene.values(promotion, plan, "0.06", 1))
    assert (good.window.verdict, bad.window.verdict) == ("good", "bad")
    evidence = Evidence.objects.get(pk=bad.window.evidence_id)
    assert (evidence.promotion, evidence.plan, evidence.window_start) == (promotion, plan, bad.window.window_start)
    assert evidence.recorded_by == w.cast.pipeline
    assert evidence.subject_digest == f"sha256:{w.version.digest_value}"


def test_what_was_sent_before_is_found_again_and_otherwise_it_is_refused(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    first = scene.report(w, scene.values(promotion, plan, "0.07"))[0]
    again = scene.report(w, scene.values(promotion, plan, "0.07"))[0]
    assert first.created and not again.created and again.window == first.window
    better = scene.values(promotion, plan, "0.01")
    refused_windows(lambda: scene.report(w, better), errors.Conflict, "window-reported")
    assert Evidence.objects.filter(promotion=promotion).count() == 1
    # someone else may say what they saw of the same window
    assert scene.report(w, better, by=w.cast.tester)[0].window.verdict == "good"


def refused_windows(act: Callable[[], Any], kind: type[errors.Refused], code: str, place: str = "windows[0]") -> None:
    """Refused with a guard's code, naming the window."""
    with pytest.raises(kind) as refusal:
        act()
    assert refusal.value.params.get("code") == code, f"{refusal.value.params} {refusal.value}"
    assert any(path.startswith(place) for path in refusal.value.errors), refusal.value.errors


def moved(promotion: Promotion, plan: Any, start: datetime.timedelta, length: datetime.timedelta) -> Any:
    """A report of a window so long after the promotion's start."""
    begun = promotion.started_at + start
    return dataclasses.replace(scene.values(promotion, plan), start=begun, end=begun + length)


MS, HOUR = datetime.timedelta(milliseconds=1), datetime.timedelta(hours=1)


def test_a_window_lies_within_the_time_it_served(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    refused_windows(
        lambda: scene.report(w, moved(promotion, plan, -MS, 2 * MS)), errors.Invalid, "window-before-promotion"
    )
    refused_windows(lambda: scene.report(w, moved(promotion, plan, MS, HOUR)), errors.Invalid, "window-in-future")
    end_promotion(actor=w.cast.risk, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED, **WHY)
    assert scene.report(w, scene.values(promotion, plan, "0.2"))[0].window.verdict == "bad", "late, and of its own time"


def test_windows_of_one_plan_do_not_overlap(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, moved(promotion, plan, 10 * MS, 10 * MS))
    for start, length in ((15, 10), (5, 10), (5, 30), (12, 2), (10, 5)):
        report = moved(promotion, plan, start * MS, length * MS)
        refused_windows(lambda report=report: scene.report(w, report), errors.Conflict, "window-overlaps")
    scene.report(w, moved(promotion, plan, 20 * MS, 5 * MS))
    scene.report(w, moved(promotion, plan, 5 * MS, 5 * MS))
    other = scene.watch(w, title="Another plan has windows of its own")
    scene.report(w, moved(promotion, other, 15 * MS, 10 * MS))


def test_a_long_window_shuts_no_other_account_out(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    scene.report(w, moved(promotion, plan, 0 * MS, 40 * MS))
    found = scene.report(w, moved(promotion, plan, 10 * MS, 10 * MS), by=w.cast.validator)
    assert [one.created for one in found] == [True]


def test_all_or_nothing_and_each_fault_is_named_by_its_place(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    good = [scene.values(promotion, plan, n=n) for n in range(3)]
    late, later = moved(promotion, plan, HOUR, MS), moved(promotion, plan, 2 * HOUR, MS)
    with pytest.raises(errors.Invalid) as refusal:
        scene.report(w, good[0], late, good[1], later, good[2])
    assert set(refusal.value.errors) == {"windows[1]", "windows[3]"}
    assert not MonitoringWindow.objects.exists() and not Evidence.objects.exists()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "one", None, True])
def test_only_finite_numbers_count(w: World, value: Any) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    report = scene.values(promotion, plan, values=[{"metric": "error_rate", "value": value}])
    with pytest.raises(errors.Invalid) as refusal:
        scene.report(w, report)
    assert list(refusal.value.errors) == ["windows[0].values"]
    assert not Evidence.objects.exists()


def test_a_plan_that_is_no_monitoring_of_this_model_is_refused(w: World) -> None:
    promotion, other = scene.live(w), w.plan(PlanKind.PERFORMANCE)
    refused_windows(lambda: scene.report(w, scene.values(promotion, other)), errors.Invalid, "other-subject")


def test_a_pipeline_reports_and_a_reader_does_not(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with pytest.raises(errors.Forbidden):
        scene.report(w, scene.values(promotion, plan), by=w.cast.viewer)


def test_windows_come_over_http_in_batches(w: World, api: Api) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    sent = {"windows": [scene.body(scene.values(promotion, plan, f"0.0{n}", n)) for n in range(1, 8)]}
    answer = api("pipeline").post("/api/v1/monitoring", sent, format="json")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert told["created"] == 7
    assert [row["verdict"] for row in told["results"]] == ["good"] * 5 + ["bad"] * 2
    assert told["results"][0]["receipt"]["ledger_entry"]
    again = api("pipeline").post("/api/v1/monitoring", sent, format="json")
    assert again.status_code == 200 and again.json()["receipt"] is None
    listed = api("pipeline").get(f"/api/v1/monitoring-windows?promotion={promotion.pk}&verdict=bad")
    assert len(listed.json()["results"]) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"values": [], "predictions": None}, {"predictions": 5}, {"window_end": "2001-01-01T00:00:00Z"}, {"passed": True},
        {"claim": "passed"}, {"verdict": "good"}, {"values": [{"metric": "error_rate", "value": "0.1", "passed": True}]},
        {"promotion": 10**17}, {"plan": 10**17}, {"window_start": "yesterday"}, {"predictions": -1, "values": []},
        {"values": [{"metric": "coverage", "value": "1"}]}, {"values": [{"metric": "error_rate", "value": "1"}] * 2},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_answered_by_name_and_leaves_nothing(w: World, api: Api, change: dict[str, Any]) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    good = scene.body(scene.values(promotion, plan))
    second = {**scene.body(scene.values(promotion, plan, n=1)), **change}
    second = {name: value for name, value in second.items() if value is not None}
    answer = api("pipeline").post("/api/v1/monitoring", {"windows": [good, second]}, format="json")
    assert answer.status_code in (400, 404), answer.content
    assert any("windows[1]" in path for path in answer.json()["errors"]), answer.json()
    assert not Evidence.objects.exists()


def test_another_namespace_s_promotion_is_not_there(w: World, api: Api) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    sent = {"windows": [scene.body(scene.values(promotion, plan))]}
    assert api("outsider_pipeline").post("/api/v1/monitoring", sent, format="json").status_code == 404
    assert api("outsider_pipeline").get(f"/api/v1/promotions/{promotion.pk}/monitoring").status_code == 404


# --- Past every door --------------------------------------------------------------------------------------------------


def window(app: Connection, promotion: Promotion, plan: Any, evidence: int | None, **fields: Any) -> int:
    """INSERT a window as the app's login."""
    start, end = scene.span(promotion, fields.pop("n", 0))
    given = {
        "promotion_id": promotion.pk, "plan_id": plan.pk, "evidence_id": evidence, "kind": "values",
        "window_start": start, "window_end": end, "counts": "{}", "content_digest": "x", "verdict": "good", **fields,
    }  # fmt: skip
    row = app.execute(
        f"INSERT INTO approvals_monitoringwindow ({', '.join(given)}) VALUES ({', '.join(['%s'] * len(given))}) RETURNING id",
        list(given.values()),
    ).fetchone()
    assert row is not None
    return int(row[0])


def evidence(app: Connection, w: World, promotion: Promotion, plan: Any, value: str, n: int = 0) -> int:
    """INSERT evidence with one value."""
    start, end = scene.span(promotion, n)
    row = app.execute(
        "INSERT INTO approvals_evidence (namespace_id, plan_id, promotion_id, subject_digest, run_started_at,"
        " window_start, window_end, independence, claim, tool, attachments) VALUES (%s, %s, %s, %s, %s, %s, %s, '', '', '',"
        " '[]') RETURNING id",
        [w.cast.retail.pk, plan.pk, promotion.pk, f"sha256:{w.version.digest_value}", start, start, end],
    ).fetchone()
    assert row is not None
    value_of(app, row[0], "error_rate", value)
    return int(row[0])


def value_of(app: Connection, evidence: int, metric: str, value: str) -> None:
    app.execute(
        "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
        " VALUES (%s, %s, %s, '', '', '')", [evidence, metric, value],
    )  # fmt: skip


def test_the_verdict_is_the_database_s_whatever_is_sent(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with acting(app, w.cast.pipeline):
        made = window(app, promotion, plan, evidence(app, w, promotion, plan, "0.5"), verdict="good")
    assert MonitoringWindow.objects.get(pk=made).verdict == "bad"


def test_no_value_joins_evidence_behind_its_window(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with refuses("MU003", "window-recorded"), acting(app, w.cast.pipeline):
        item = evidence(app, w, promotion, plan, "0.01")
        window(app, promotion, plan, item)
        value_of(app, item, "latency", "9")


def test_a_window_takes_no_evidence_of_elsewhere(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with refuses("MU009", "other-evidence"), acting(app, w.cast.pipeline):
        window(app, promotion, plan, None)
    with refuses("MU009", "other-evidence"), acting(app, w.cast.pipeline):
        window(app, promotion, plan, evidence(app, w, promotion, plan, "0.01", n=1))


def test_a_window_takes_no_evidence_of_before(w: World, raw: Callable[[str], Connection]) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    connection = raw("app")
    with acting(connection, w.cast.pipeline):
        before = evidence(connection, w, promotion, plan, "0.01")
    with refuses("MU009", "other-evidence"), acting(connection, w.cast.pipeline):
        window(connection, promotion, plan, before)


def test_a_window_is_never_changed_or_removed(w: World, app: Connection) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    made = scene.report(w, scene.values(promotion, plan, "0.5"))[0].window
    for attack in ("UPDATE approvals_monitoringwindow SET verdict = 'good'", "DELETE FROM approvals_monitoringwindow"):
        with refuses("42501"), acting(app, w.cast.pipeline):
            app.execute(attack)
    assert MonitoringWindow.objects.get(pk=made.pk).verdict == "bad"


def test_the_verdict_kept_is_the_one_worked_out(w: World) -> None:
    from approvals.queries import with_verdict

    plan, promotion = scene.watch(w), scene.live(w)
    scene.error_rates(w, promotion, plan, ["0.01", "0.05", "0.050001", "9"])
    verdicts = {one.pk: one.verdict for one in with_verdict(Evidence.objects.filter(promotion=promotion))}
    assert {one.evidence_id: one.verdict for one in MonitoringWindow.objects.all()} == verdicts
    assert EvidenceValue.objects.count() == 4


def test_a_thousand_windows_in_one_call_and_no_more(w: World) -> None:
    plan, promotion = scene.watch(w), scene.live(w)
    with pytest.raises(errors.Invalid):
        scene.report(w, *[scene.values(promotion, plan, n=n) for n in range(1001)])
    made = scene.report(w, *[scene.values(promotion, plan, n=n) for n in range(250)])
    assert len({one.window.pk for one in made}) == 250


def test_it_is_refused_by_its_code(w: World) -> None:
    """Of one window alone as well."""
    promotion = scene.live(w)
    refused(lambda: scene.report(w, scene.values(promotion, w.plan())), errors.Invalid, "other-subject")
