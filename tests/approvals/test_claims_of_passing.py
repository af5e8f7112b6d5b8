"""`passed`, said at every door by whoever made the model: kept at most, and nothing is decided by it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from approvals.models import Evidence, Plan, PlanKind
from approvals.queries import with_verdict
from governance.unit_of_work import recorded_action
from lineage.actions import keep_events
from lineage.actions.openlineage import recognised
from lineage.models import QualityResult
from lineage.openlineage.working import work_off
from tests.approvals.world import WHY, World, sha

Api = Any
ASKED: dict[PlanKind, str] = {
    PlanKind.PERFORMANCE: "model", PlanKind.DATA_QUALITY: "data", PlanKind.DRIFT: "data",
    PlanKind.MONITORING_SCIENCE: "model",
}  # fmt: skip
SUCCESS = {"assertions": [{"assertion": "not_null", "column": "income", "success": True}]}


def asks(w: World, **params: Any) -> dict[PlanKind, Plan]:
    """A policy that asks for each kind of evidence, and a plan locked for each."""
    w.policy(
        *(
            {"key": kind.replace("_", "-"), "kind": "evidence", "params": {"plan_kind": kind, "subject": of, "max_age_days": 90, **params}}
            for kind, of in ASKED.items()
        )
    )  # fmt: skip
    return {
        kind: w.plan(kind, subject=w.model if of == "model" else w.datasets["features"], title=f"Plan of {kind}")
        for kind, of in ASKED.items()
    }


def claimed(w: World, plan: Plan, **more: Any) -> dict[str, Any]:
    """A report with nothing in it but its claim."""
    subject = {"model_version": w.version.pk} if plan.model_id else {"dataset_version": w.versions["features"].pk}
    digest = w.version.digest_value if plan.model_id else w.versions["features"].digest_value
    return {
        "plan": plan.pk, **subject, "subject_digest": f"sha256:{digest}", "run_started_at": timezone.now().isoformat(),
        "claim": "passed", "tool": "Great Checks 9", **more,
    }  # fmt: skip


def at_the_native_api(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    post = api("pipeline").post
    answers = [post("/api/v1/evidence", claimed(w, plan), format="json") for plan in plans.values()]
    wrongs: list[dict[str, Any]] = [{"verdict": "good"}, {"passed": True}, {"sources": []}, {"status": "passed"}]
    for wrong in wrongs:
        answers.append(post("/api/v1/evidence", claimed(w, plans[PlanKind.PERFORMANCE], **wrong), format="json"))
    codes = [one.status_code for one in answers]
    assert codes == [201] * len(plans) + [400] * len(wrongs)
    return codes


def in_a_manifest(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    body = {"reason": "Nightly", "evidence": [claimed(w, plan) for plan in plans.values()]}
    return [api("pipeline").post("/api/v1/manifests", body, format="json").status_code]


def in_mlflow_tags(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    post, name = api("pipeline").post, w.model.name
    said = []
    for key in ("passed", "muniment.passed", "muniment.evidence", "validation_status", "muniment.verdict"):
        for path, where in (("registered-models", {}), ("model-versions", {"version": "1"})):
            body = {"name": name, **where, "key": key, "value": "passed"}
            said.append(post(f"/api/2.0/mlflow/{path}/set-tag", body, format="json").status_code)
    return said


def in_tags_and_metrics(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    post = api("pipeline").post
    tags = {"tags": {"passed": "true", "data_quality": "passed"}}
    version = {
        "model": w.model.pk, "digest": f"sha256:{w.version.digest_value}", "metrics": {"accuracy": 1.0, "passed": 1},
    }  # fmt: skip
    return [
        post(f"/api/v1/model-versions/{w.version.pk}/tags", tags, format="json").status_code,
        post("/api/v1/model-versions", version, format="json").status_code,
    ]


def in_openlineage(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    of = {
        "namespace": "s3://lake", "name": "features",
        "facets": {"dataQualityAssertions": SUCCESS, "dataQualityMetrics": {"rowCount": 7, "columnMetrics": {}}},
    }  # fmt: skip
    event = {
        "eventType": "COMPLETE", "eventTime": timezone.now().isoformat(),
        "run": {
            "runId": "395eaa3b-ac7e-442a-987f-5d05071c0818",
            "facets": {"test": {"tests": [{"name": "all", "status": "pass"}]}},
        },
        "job": {"namespace": "dbt", "name": "dbt test"}, "inputs": [of], "outputs": [of],
    }  # fmt: skip
    keep_events(actor=w.cast.pipeline, reason="A test", events=[recognised(event)])
    work_off()
    with recorded_action(actor=w.cast.pipeline, **WHY):  # of the very version the model was trained on
        QualityResult.objects.create(
            namespace=w.cast.retail, dataset_version=w.versions["features"], said_at=timezone.now(), assertion="all",
            success=True, content_digest=sha("all passed"),
        )  # fmt: skip
    return []


def in_a_profile(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    of = w.versions["features"]
    profile = {
        "profile": 1, "engine": "mine", "format": "csv", "digest": f"sha256:{of.digest_value}", "bytes": 1, "rows": 0,
        "complete": True, "columns": [],
    }  # fmt: skip
    address = f"/api/v1/dataset-versions/{of.pk}/profiles"
    said = []
    for claim in ({"passed": True}, {"verdict": "good"}, {"claim": "passed"}, {"checks": [{"holds": True}]}):
        answer = api("pipeline").post(address, {**profile, **claim}, format="json")
        assert answer.status_code in (400, 404, 405), answer.content
        said.append(answer.status_code)
    assert api("pipeline").post("/api/v1/data-checks", {"figures": []}, format="json").status_code == 405
    return [code for code in said if code == 400]


def in_an_import(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    file = SimpleUploadedFile("inventory.csv", b"name,passed,verdict,claim\nscoring,true,good,passed\n", "text/csv")
    return [api("pipeline").post("/api/v1/imports", {"file": file, "namespace": "retail"}).status_code]


def in_monitoring(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    window = {
        "promotion": 1, "plan": plans[PlanKind.MONITORING_SCIENCE].pk, "window_start": "2026-01-01T00:00:00Z",
        "window_end": "2026-01-02T00:00:00Z", "predictions": 1,
    }  # fmt: skip
    codes = []
    for claim in ({"claim": "passed"}, {"passed": True}, {"verdict": "good"}):
        answer = api("pipeline").post("/api/v1/monitoring", {"windows": [{**window, **claim}]}, format="json")
        assert next(iter(claim)) in json.dumps(answer.json()["errors"]), answer.content
        codes.append(answer.status_code)
    text = 'passed 1\nverdict{value="good"} 1\n# claim passed\n'
    asked = f"?promotion=1&plan={plans[PlanKind.MONITORING_SCIENCE].pk}&window_start=2026-01-01T00:00:00Z"
    prometheus = f"/api/v1/monitoring/prometheus{asked}&window_end=2026-01-02T00:00:00Z"
    return [*codes, api("pipeline").post(prometheus, text, content_type="text/plain").status_code]


def in_expectations_and_trials(w: World, api: Api, plans: dict[PlanKind, Plan]) -> list[int]:
    """What is expected, planned, counted and concluded takes no claim either, and figures have no door of their own."""
    post = api("pipeline").post
    design = {
        "model": w.model.pk, "environment": "production", "title": "Passed", "hypothesis": "It passed", "metric": "repaid",
        "metric_kind": "proportion", "better": "higher", "sides": "two", "minimum_effect": "0.2", "baseline": "0.3",
        "units_per_day": 50,
    }  # fmt: skip
    trial = post("/api/v1/trials", design, format="json")
    assert trial.status_code == 201, trial.content
    at = f"/api/v1/trials/{trial.json()['id']}"
    said = []
    for path, body in (
        ("/api/v1/trials", {**design, "passed": True}),
        (f"{at}/conclude", {"verdict": "good"}),
        (f"{at}/counts", {"counts": [], "claim": "passed"}),
        ("/api/v1/expectations", {"dataset": w.datasets["features"].pk, "items": [], "passed": True}),
    ):
        answer = post(path, body, format="json")
        assert {"passed", "verdict", "claim"} & answer.json()["errors"].keys(), answer.content
        said.append(answer.status_code)
    for path in ("trial-conclusions", "monitoring-windows", "evidence-values", "quality-results"):
        assert post(f"/api/v1/{path}", {"verdict": "good"}, format="json").status_code in (404, 405)
    return said


DOORS: list[Callable[[World, Api, dict[PlanKind, Plan]], list[int]]] = [
    at_the_native_api, in_a_manifest, in_mlflow_tags, in_tags_and_metrics, in_openlineage, in_a_profile, in_an_import,
    in_monitoring, in_expectations_and_trials,
]  # fmt: skip


def shown(w: World) -> str:
    """The gate's answer, but for the newest item that it names."""
    return json.dumps({key: row.status for key, row in w.ask().items()}, sort_keys=True)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_nothing_is_decided_by_a_claim(w: World, api: Api, door: Callable[..., list[int]]) -> None:
    plans = asks(w)
    before = shown(w)
    assert "SATISFIED" not in json.loads(before).values()
    codes = door(w, api, plans)
    assert all(code < 500 for code in codes), codes
    assert shown(w) == before
    verdicts = set(with_verdict(Evidence.objects.all()).values_list("verdict", flat=True))
    assert verdicts <= {"reported"}, "what was only claimed is at most reported"


def test_no_page_of_the_admin_takes_a_claim(w: World, signed_in: Callable[[str], Any]) -> None:
    plan = asks(w)[PlanKind.PERFORMANCE]
    before, browser = shown(w), signed_in("auditor")
    for table in ("evidence", "evidencevalue", "datacheck", "trialconclusion", "monitoringwindow", "gatedecision"):
        answer = browser.post(f"/admin/approvals/{table}/add/", {"plan": plan.pk, "claim": "passed", "verdict": "good"})
        assert answer.status_code == 403, (table, answer.content)
    assert shown(w) == before and not Evidence.objects.exists()


def test_one_the_policy_names_as_trusted_is_believed_and_nobody_else(w: World, api: Api) -> None:
    plans = asks(w, trusted_reporters=["tester"])
    at_the_native_api(w, api, plans)
    assert "SATISFIED" not in json.loads(shown(w)).values(), "the pipeline is not the tester"
    for plan in plans.values():
        sent = api("tester").post("/api/v1/evidence", claimed(w, plan), format="json")
        assert sent.status_code == 201, sent.content
    assert set(json.loads(shown(w)).values()) == {"SATISFIED"}
