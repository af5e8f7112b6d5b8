"""The envelope over HTTP: proposed as JSON or YAML, carried by a release, asked for edge by edge, revoked."""

import datetime
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from approvals import strict_yaml
from governance.unit_of_work import recorded_action
from lineage.models import Dataset, DatasetVersion, RunInput
from tests.approvals.envelope.scene import Scene

Api = Callable[[str], Any]


def body(s: Scene, **more: Any) -> dict[str, Any]:
    """An envelope as the API takes it."""
    return {
        "model_version": s.base.pk, "environment": "production", "title": "Monthly", "new_data": True,
        "parameters": {"C": {"min": 0.1, "max": "10"}, "solver": {"one_of": ["lbfgs", "saga"]}},
        "bands": [
            {"plan": s.performance.pk, "metric": "accuracy", "low": 0.9, "change_low": "-0.020"},
            {"plan": s.drift.pk, "metric": "psi", "high": "0.2", "low": None},
        ],
        "keeps": ["steward"], "uses": 2, "ends_at": (timezone.now() + datetime.timedelta(days=9)).isoformat(), **more,
    }  # fmt: skip


def sent(api: Any, path: str, given: Any) -> Any:
    return api.post(f"/api/v1/{path}", given, format="json")


def test_it_is_proposed_carried_asked_for_and_revoked(s: Scene, api: Api, signed_in: Api) -> None:
    proposed = sent(api("pipeline"), "change-plans", body(s))
    assert proposed.status_code == 201, proposed.data
    assert proposed.data["parameters"]["C"] == {"min": "0.1", "max": "10"}
    assert proposed.data["bands"][0]["change_low"] == "-0.02"
    assert proposed.data["state"]["ended"] == "plan-not-in-force"
    again = sent(api("pipeline"), "change-plans", body(s, ends_at=proposed.data["ends_at"]))
    assert (again.status_code, again.data["id"]) == (200, proposed.data["id"])
    plan = proposed.data["id"]
    release = sent(api("pipeline"), "releases", {
        "model_version": s.base.pk, "environment": "production", "change_plan": plan})  # fmt: skip
    assert (release.status_code, release.data["change_plan"]) == (201, plan)
    opened = s.w.release(s.base)
    s.sign(opened, "risk", "steward", "compliance")
    s.go(opened)
    retrain = s.w.release(s.retrain(accuracy="0.91"))
    found = api("tester").get(f"/api/v1/releases/{retrain.pk}/envelope").json()
    assert (found["plan"], found["in_force"], found["inside"], found["use"], found["uses"]) == (plan, True, False, 1, 2)
    assert found["keeps"] == ["steward"]
    crossed = [edge for edge in found["edges"] if not edge["inside"]]
    assert [edge["key"] for edge in crossed] == ["band:1"]
    assert crossed[0]["allowed"] == {"low": "0.93", "high": None}
    assert crossed[0]["found"]["value"] == "0.91"
    assert crossed[0]["message"] == "accuracy is 0.91; allowed: ≥ 0.93."
    shown = api("tester").get(f"/api/v1/change-plans/{plan}").json()
    assert (shown["state"]["in_force"], shown["promotions"][0]["number"]) == (True, 0)
    assert sent(api("pipeline"), f"change-plans/{plan}/revoke", {"reason": "No"}).status_code == 403
    revoked = signed_in("risk").post(
        f"/api/v1/change-plans/{plan}/revoke", {"reason": "Complaints"}, content_type="application/json"
    )
    assert revoked.status_code == 201, revoked.content
    found = api("tester").get(f"/api/v1/releases/{retrain.pk}/envelope").json()
    assert (found["in_force"], found["ended"]) == (False, "plan-revoked")


def test_without_one_the_answer_is_empty(s: Scene, api: Api) -> None:
    found = api("tester").get(f"/api/v1/releases/{s.w.release().pk}/envelope").json()
    assert found == {"plan": None, "title": None, "in_force": False, "ended": "", "use": None, "uses": None,
                     "keeps": [], "inside": False, "edges": []}  # fmt: skip


def test_the_same_as_yaml(s: Scene, api: Api) -> None:
    text = strict_yaml.write(body(s, parameters={"C": {"min": "0.1"}}, bands=[
        {"plan": s.performance.pk, "metric": "accuracy", "low": "0.9"}]))  # fmt: skip
    answer = api("pipeline").generic("POST", "/api/v1/change-plans", text, content_type="application/yaml")
    assert answer.status_code == 201, answer.content
    faulty = text.replace("'0.9'", "'NaN'").replace("0.9\n", "NaN\n")
    refusal = api("pipeline").generic("POST", "/api/v1/change-plans", faulty, content_type="application/yaml")
    assert refusal.status_code == 400
    assert "line" in str(refusal.json()["errors"]).lower()


FAULTS: dict[str, dict[str, Any]] = {
    "no bands": {"bands": []},
    "a band without limits": {"bands": [{"plan": 1, "metric": "a"}]},
    "infinity": {"bands": [{"plan": 1, "metric": "a", "low": "Infinity"}]},
    "1e400": {"bands": [{"plan": 1, "metric": "a", "low": "1e400"}]},
    "uses beyond": {"uses": 1000},
    "no uses": {"uses": 0},
    "the past": {"ends_at": "2001-01-01T00:00:00Z"},
    "a signature nobody asks for": {"keeps": ["nobody"]},
    "a parameter of no form": {"parameters": {"C": {"about": 3}}},
    "a parameter of nothing": {"parameters": {"C": {}}},
    "a commit of no form": {"code_commits": ["a b"]},
    "a field of ours": {"recorded_by": 1},
}


def test_what_is_no_envelope_is_refused_with_what_to_do(s: Scene, api: Api) -> None:
    for what, fault in FAULTS.items():
        answer = sent(api("pipeline"), "change-plans", body(s, **fault))
        assert answer.status_code == 400, f"{what}: {answer.content!r}"
        assert answer.json()["detail"], what


def test_another_namespaces_version_plan_and_envelope_are_not_there(s: Scene, api: Api) -> None:
    assert sent(api("outsider_pipeline"), "change-plans", body(s)).status_code == 404
    plan = s.envelope()
    assert api("outsider_pipeline").get(f"/api/v1/change-plans/{plan.pk}").status_code == 404
    assert api("outsider_pipeline").get("/api/v1/change-plans").json()["results"] == []
    release = s.w.release(s.base, change_plan=plan)
    assert api("outsider_pipeline").get(f"/api/v1/releases/{release.pk}/envelope").status_code == 404


def test_names_of_another_namespaces_data_are_not_told(s: Scene, api: Api) -> None:
    s.approve()
    w, cast = s.w, s.w.cast
    with recorded_action(actor=cast.outsider_pipeline, reason="Elsewhere"):
        hidden = Dataset.objects.create(namespace=cast.elsewhere, name="hidden-customers")
        version = DatasetVersion.objects.create(
            dataset=hidden, label="hidden-label", digest_algorithm="sha256", digest_value="7" * 64
        )
    retrain = s.retrain()
    with recorded_action(actor=cast.pipeline, reason="A late link"):
        RunInput.objects.create(run=retrain.source_run, dataset_version=version, role="training")
    answer = api("tester").get(f"/api/v1/releases/{w.release(retrain).pk}/envelope")
    assert "data" in {edge["key"] for edge in answer.json()["edges"] if not edge["inside"]}
    assert "(of another namespace)" in answer.content.decode()
    assert "hidden" not in answer.content.decode()
