"""Trials over the API, as a pipeline uses them, and what is refused there."""

from typing import Any

from django.test import Client

from approvals.models import Trial, TrialCount
from approvals.trials.assignment import arm_of
from tests.approvals.trials.scenes import WINDOW, begun, counted, locked, span
from tests.approvals.world import World

BODY = {
    "environment": "production", "title": "Challenger", "hypothesis": "It is better", "metric": "repaid",
    "metric_kind": "proportion", "better": "higher", "minimum_effect": "0.2", "baseline": "0.3", "units_per_day": 50,
    "guardrails": [{"metric": "minutes", "metric_kind": "mean", "better": "lower", "margin": "1.5"}],
}  # fmt: skip


def post(client: Any, path: str, body: Any) -> Any:
    return client.post(f"/api/v1/{path}", body, format="json")


def sent(trial: Trial, **more: Any) -> dict[str, Any]:
    start = span(trial).started_at
    return {
        "arm": "champion", "window_start": start.isoformat(), "window_end": (start + WINDOW).isoformat(), "units": 10,
        "total": "3", **more,
    }  # fmt: skip


def test_a_trial_is_locked_with_its_size_and_the_same_again_is_found(w: World, api: Any) -> None:
    body = {**BODY, "model": w.model.pk}
    made = post(api("pipeline"), "trials", body)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["champion_units"], told["challenger_units"], told["expected_days"]) == (93, 93, 4)
    assert (told["test"], told["alpha"], told["challenger_share"]) == ("two_proportion_z", "0.05", "0.5")
    assert told["guardrails"][0]["margin"] == "1.5" and told["receipt"]["ledger_entry"]
    again = post(api("pipeline"), "trials", body)
    assert (again.status_code, again.json()["id"]) == (200, told["id"])
    plan = api("pipeline").get(f"/api/v1/plans/{told['plan']}").json()
    assert {"metric": "p_value", "comparator": "le", "threshold": "0.05", "slice": "", "dataset_role": ""} in plan[
        "criteria"
    ]
    listed = api("pipeline").get(f"/api/v1/trials?model={w.model.pk}&metric=repaid&environment=production").json()
    assert [one["id"] for one in listed["results"]] == [told["id"]]


BAD_PLANS: list[tuple[dict[str, Any], str]] = [
    ({"minimum_effect": "NaN"}, "minimum_effect"), ({"minimum_effect": "1e400"}, "minimum_effect"),
    ({"baseline": "Infinity"}, "baseline"), ({"alpha": "0.9"}, "alpha"), ({"sides": "three"}, "sides"),
    ({"key": "mine"}, "key"), ({"champion_units": 1}, "champion_units"), ({"units_per_day": 10**13}, "units_per_day"),
    ({"environment": "nowhere"}, "environment"),
]  # fmt: skip


def test_what_cannot_be_planned_is_told_by_field(w: World, api: Any) -> None:
    for wrong, field in BAD_PLANS:
        answer = post(api("pipeline"), "trials", {**BODY, "model": w.model.pk, **wrong})
        assert answer.status_code in (400, 404), (wrong, answer.content)
        assert list(answer.json()["errors"]) == [field], wrong


def test_anybody_who_reads_the_trial_learns_the_arm_of_a_unit_and_nothing_is_recorded(w: World, api: Any) -> None:
    trial = locked(w)
    client = api("pipeline")
    for unit in ("customer-7", "Zoë", " a b ", "x&y=z", "", "a\rb", "고객-7\n"):
        answer = client.get(f"/api/v1/trials/{trial.pk}/assign", {"unit": unit})
        assert answer.json() == {"unit": unit, "arm": arm_of(trial.key, trial.challenger_share, unit)}
    units = [f"customer-{n}" for n in range(200)]
    many = post(client, f"trials/{trial.pk}/assign", {"units": units})
    assert (many.status_code, many.json()["key"], many.json()["rule"]) == (200, trial.key, "muniment-ab/1")
    assert [one["unit"] for one in many.json()["results"]] == units
    assert {one["arm"] for one in many.json()["results"]} == {"champion", "challenger"}
    for wrong in ({}, {"unit": "\0"}, {"unit": "x" * 501}, {"unit": "x", "arm": "champion"}):
        assert client.get(f"/api/v1/trials/{trial.pk}/assign", wrong).status_code == 400, wrong
    assert post(client, f"trials/{trial.pk}/assign", {"units": []}).status_code == 400


def test_counts_are_recorded_once_and_read_in_their_collection(w: World, api: Any) -> None:
    trial = begun(w)
    body = {"counts": [sent(trial), sent(trial, arm="challenger", total=5)]}
    made, again = (post(api("pipeline"), f"trials/{trial.pk}/counts", body) for _n in range(2))
    assert (made.status_code, made.json()["created"], again.status_code, again.json()["created"]) == (201, 2, 200, 0)
    assert [one["id"] for one in again.json()["results"]] == [one["id"] for one in made.json()["results"]]
    listed = api("pipeline").get(f"/api/v1/trial-counts?trial={trial.pk}&arm=challenger").json()["results"]
    assert [(one["units"], one["total"], one["squares"]) for one in listed] == [(10, "5", None)]
    other = post(api("pipeline"), f"trials/{trial.pk}/counts", {"counts": [sent(trial, total=4)]})
    assert (other.status_code, list(other.json()["errors"])) == (409, ["counts[0].total"])


BAD_COUNTS: list[dict[str, Any]] = [
    {"total": "NaN"}, {"total": "1e400"}, {"units": "10"}, {"units": 1.5}, {"arm": "shadow"}, {"window_end": "now"},
    {"verdict": "good"}, {"units": -1}, {"total": 11}, {"squares": 1}, {"guardrail": "unknown"},
]  # fmt: skip


def test_a_bad_count_is_told_and_nothing_of_its_call_is_kept(w: World, api: Any) -> None:
    trial = begun(w)
    for wrong in BAD_COUNTS:
        body = {"counts": [sent(trial, arm="challenger"), {**sent(trial), **wrong}]}
        answer = post(api("pipeline"), f"trials/{trial.pk}/counts", body)
        assert answer.status_code == 400, (wrong, answer.content)
    assert not TrialCount.objects.exists()


def test_look_and_conclusion_are_answered_with_their_figures(w: World, api: Any) -> None:
    trial = begun(w)
    early = post(api("pipeline"), f"trials/{trial.pk}/look", {})
    assert early.status_code == 409
    counted(w, trial, (100, 30), (100, 55))
    look, again = (post(api("pipeline"), f"trials/{trial.pk}/look", {}) for _n in range(2))
    assert (look.status_code, again.status_code) == (201, 200)
    assert look.json()["result"]["outcome"] == "better" and look.json()["result"]["p_value"].startswith("0.000")
    done = post(api("tester"), f"trials/{trial.pk}/conclude", {"reason": "Both arms have their units"})
    assert done.status_code == 201, done.content
    evidence = api("pipeline").get(f"/api/v1/evidence/{done.json()['evidence']}").json()
    assert (evidence["verdict"], evidence["claim"]) == ("good", "")
    assert post(api("tester"), f"trials/{trial.pk}/conclude", {}).status_code == 200
    assert post(api("pipeline"), f"trials/{trial.pk}/look", {}).json()["id"] == look.json()["id"]  # what was seen stays


def test_another_namespaces_trial_is_no_trial(w: World, api: Any) -> None:
    trial = begun(w)
    outsider = api("outsider_pipeline")
    for path, body in (
        ("counts", {"counts": [sent(trial)]}),
        ("look", {}),
        ("conclude", {}),
        ("assign", {"units": ["a"]}),
    ):
        assert post(outsider, f"trials/{trial.pk}/{path}", body).status_code == 404, path
    assert post(outsider, "trials", {**BODY, "model": w.model.pk}).status_code == 404
    assert Client().get(f"/api/v1/trials/{trial.pk}").status_code == 401
