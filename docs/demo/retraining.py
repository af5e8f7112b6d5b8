"""The chapter on retraining: what may change is approved with a version; one retrain lies inside, another does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from client import Answer
from facts import version_body
from judgement import sign
from scene import ENVIRONMENT, PURPOSE, Scene, clock, digest_of
from science import Candidate
from sea import LAGS, Window, explained, same_law, stability, train, window
from telling import StoryBroken

SIGNERS = (("VALIDATOR", "validator"), ("STEWARD", "data-steward"), ("RISK", "risk"))
KEPT = "risk"
COMMIT = "5ea7e3c"
PROVENANCE = {
    "source": "NOAA, Extended Reconstructed Sea Surface Temperature v3b, region Niño 1+2; the copy of statsmodels",
    "origin": "Ships, buoys and satellites, gridded and averaged over 0° to 10° S, 90° to 80° W",
    "origin_geography": "PE",
    "date": "2011-01-31",
    "generation_method": "Measured, and reconstructed where measurements are sparse",
}
TERMS = {
    "licence": "CC-PDDC",
    "original_purpose": "dpv:ScientificResearch",
    "permitted_purposes": ["dpv:ScientificResearch"],
    "controller": "NOAA",
    "effective_from": "2011-01-31T00:00:00Z",
}
INSIDE, OUTSIDE = (1956, 1980, 2.0), (1978, 2002, 2.0)


def tell_retraining(scene: Scene) -> None:
    """The chapter."""
    scene.tell.chapter(
        "Retraining",
        "A forecast is retrained as the years go by. What may change is approved once; each retrain is compared by the "
        "database. Real data: the sea off Peru, month by month, where El Niño changes everything.",
    )
    base = window(scene.folder, 1951, 1975)
    _facts(scene, base)
    _version(scene, "nino 1", base, train(base, scene.folder, 1.0), base)
    _envelope(scene)
    _inside(scene, base)
    _outside(scene, base)


def _facts(scene: Scene, base: Window) -> None:
    tell, pipeline = scene.tell, scene.pipeline
    tell.step("The data, the model, and what will count as good")
    scene.keep("nino", pipeline.post("/api/v1/datasets", {"name": "nino-sea-surface"}))
    pipeline.post("/api/v1/terms", {"dataset": scene.ids["nino"], **TERMS})
    scene.keep("nino model", pipeline.post("/api/v1/models", {
        "name": "sea-surface-forecast", "title": "Next month's sea surface temperature", "intended_purpose": PURPOSE,
        "deployment_geography": ["PE"], "risk_answers": {
            "legal_or_similar_effect": False, "safety_component": False, "special_category_data": False,
            "personal_data": False, "no_human_review": True}}))  # fmt: skip
    plans = (
        ("performance", {"model": scene.ids["nino model"], "kind": "performance",
                         "title": "Forecasts the five years after its window", "criteria": [
                             {"metric": "r2", "comparator": "ge", "threshold": "0.70"}]}),
        ("drift", {"dataset": scene.ids["nino"], "kind": "drift", "title": "The sea is the one it was trained for",
                   "criteria": [{"metric": "psi", "comparator": "le", "threshold": "0.25"}]}),
    )  # fmt: skip
    for name, plan in plans:
        scene.keep(f"nino plan {name}", scene.person("OWNER").post("/api/v1/plans", plan))
    tell.asked("POST /api/v1/datasets, terms, models; POST /api/v1/plans: r2 ≥ 0.70; psi ≤ 0.25")
    tell.answered("201 each; risk tier medium: evidence, and three signatures")
    tell.right("R² on the five years that follow a window; the population stability index of the temperatures "
               "against the first window. Both locked before anything was measured.")  # fmt: skip


def _version(scene: Scene, name: str, data: Window, candidate: Candidate, base: Window) -> tuple[float, float]:
    """Register a window, what was trained on it, and the laboratory's measurements; R² and PSI."""
    pipeline = scene.pipeline
    period = {"generation_period_start": f"{data.first}-01-01", "generation_period_end": f"{data.last}-12-31"}
    body = version_body(scene.ids["nino"], data.label, data.table) | PROVENANCE | period
    version = scene.keep(f"{name} data", pipeline.post("/api/v1/dataset-versions", body))
    reviewed = {"category": "dpv:PersonalData", "present": "no", "assessment": "reviewed"}
    scene.person("STEWARD").post("/api/v1/flags", {"dataset_version": version["id"], **reviewed})
    run = pipeline.post("/api/v1/runs", {
        "job_name": "train-sea-surface", "run_key": f"{scene.namespace}-{name}", "state": "complete",
        "started_at": candidate.started.isoformat(), "ended_at": candidate.ended.isoformat(),
        "inputs": [{"dataset_version": version["id"], "role": "training"}]})  # fmt: skip
    scene.keep(name, pipeline.post("/api/v1/model-versions", {
        "model": scene.ids["nino model"], "digest": digest_of(candidate), "artifact_uri": candidate.path.as_uri(),
        "source_run": run["id"], "parameters": candidate.parameters, "code_commit": COMMIT,
        "features_used": [f"celsius {lag} months before" for lag in range(1, LAGS + 1)]}))  # fmt: skip
    share, drift = explained(candidate, data), stability(base, data)
    started = datetime.now(UTC).isoformat()
    _measured(scene, {"plan": scene.ids["nino plan performance"], "model_version": scene.ids[name],
                      "subject_digest": digest_of(candidate), "run_started_at": started, "values": [
                          {"metric": "r2", "value": f"{share.value:.4f}", "ci_low": f"{share.low - 5e-5:.4f}",
                           "ci_high": f"{share.high + 5e-5:.4f}"}]})  # fmt: skip
    _measured(scene, {"plan": scene.ids["nino plan drift"], "dataset_version": version["id"],
                      "subject_digest": f"sha256:{data.table.digest}", "run_started_at": started, "values": [
                          {"metric": "psi", "value": f"{drift:.4f}"},
                          {"metric": "ks", "value": f"{same_law(base, data):.4f}"}]})  # fmt: skip
    return share.value, drift


def _measured(scene: Scene, body: dict[str, Any]) -> None:
    scene.laboratory.post("/api/v1/evidence", {**body, "tool": "numpy, scipy"})


def _envelope(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The owner proposes what may change by retraining, and everyone signs it with the release")
    plan = scene.keep("nino envelope", scene.person("OWNER").post("/api/v1/change-plans", {
        "model_version": scene.ids["nino 1"], "environment": ENVIRONMENT, "title": "Yearly retraining",
        "parameters": {"ridge": {"min": "0.5", "max": "5"}}, "new_data": True, "keeps": [KEPT], "uses": 2,
        "bands": [
            {"plan": scene.ids["nino plan performance"], "metric": "r2", "low": "0.90", "change_low": "-0.05"},
            {"plan": scene.ids["nino plan drift"], "metric": "psi", "high": "0.10"}],
        "ends_at": (datetime.now(UTC) + timedelta(days=365)).isoformat()}))  # fmt: skip
    _open(scene, "nino 1", change_plan=plan["id"])
    for key, requirement in SIGNERS:
        sign(scene, key, "nino 1", requirement)
    scene.pipeline.post("/api/v1/promotions", {"release": scene.ids["release nino 1"]})
    state = scene.pipeline.get(f"/api/v1/change-plans/{plan['id']}")["state"]
    tell.must(state["in_force"], f"The envelope must be in force, and is not: {state['why_ended']}")
    tell.asked("POST /api/v1/change-plans: ridge 0.5 to 5, newer data, r2 ≥ 0.90 and at most 0.05 worse, psi ≤ 0.10, "
               f"2 uses, one signature remains ({KEPT}); three times …/sign-offs; POST /api/v1/promotions")  # fmt: skip
    tell.answered(f"201, envelope {plan['id']}, in force until {clock(plan['ends_at'])}")
    tell.right("What may change stood word for word in what each of the three signed. Who wrote it signed nothing.")


def _inside(scene: Scene, base: Window) -> None:
    tell = scene.tell
    first, last, ridge = INSIDE
    tell.step(f"Retrained on {first} to {last}: inside")
    data = window(scene.folder, first, last)
    share, drift = _version(scene, "nino 2", data, train(data, scene.folder, ridge), base)
    _open(scene, "nino 2")
    found = scene.pipeline.get(f"/api/v1/releases/{scene.ids['release nino 2']}/envelope")
    tell.must(found["inside"], f"It must lie inside, and crosses {_crossed(found)}.")
    waived = [key for key, row in _gate(scene, 2).items() if row["status"] == "WAIVED"]
    tell.must(waived == ["validator", "data-steward"], f"Two signatures must be waived, and {waived} are.")
    tell.asked(f"GET /api/v1/releases/{scene.ids['release nino 2']}/envelope; GET /api/v1/gate")
    tell.answered(f"200, inside: r2 {share:.3f}, psi {drift:.3f}; waived: {', '.join(waived)}; missing: {KEPT}")
    sign(scene, "RISK", "nino 2", KEPT)
    promoted = scene.pipeline.post("/api/v1/promotions", {"release": scene.ids["release nino 2"]})
    tell.answered(f"201, live since {clock(promoted['started_at'])} on one signature, use 1 of 2")
    tell.right("Facts and evidence were asked for in full: an envelope waives signatures, and nothing else.")


def _outside(scene: Scene, base: Window) -> None:
    tell = scene.tell
    first, last, ridge = OUTSIDE
    tell.step(f"Retrained on {first} to {last}, with two great El Niños: outside")
    data = window(scene.folder, first, last)
    share, _drift = _version(scene, "nino 3", data, train(data, scene.folder, ridge), base)
    release = _open(scene, "nino 3")
    found = scene.pipeline.get(f"/api/v1/releases/{release}/envelope")
    crossed = _crossed(found)
    tell.must(crossed == ["band:2"], f"The band on drift, and it alone, must be crossed; {crossed} is.")
    rows = _gate(scene, 3)
    missing = [key for key, row in rows.items() if row["status"] == "UNSATISFIED"]
    tell.must(missing == ["validator", "data-steward", "risk"], f"Three signatures must be missing, and {missing} are.")
    refused = scene.pipeline.post("/api/v1/promotions", {"release": release}, expect=409)
    tell.must("envelope" in next(one for one in refused["requirements"] if one["key"] == "validator")["message"],
              "The refusal must say that the envelope does not reach so far.")  # fmt: skip
    edge = next(one for one in found["edges"] if not one["inside"])
    tell.asked(f"GET /api/v1/releases/{release}/envelope; POST /api/v1/promotions")
    tell.answered(f"200, crossed: {edge['message']} (r2 {share:.3f})", refused=True)
    tell.answered(f"409, missing: {', '.join(missing)}", refused=True)
    tell.right("The forecast is still good, but the sea is another than the one people approved it for. That is for "
               "people to look at; the version before stays live.")  # fmt: skip


def _open(scene: Scene, name: str, **more: Any) -> int:
    body = {"model_version": scene.ids[name], "environment": ENVIRONMENT, "purpose": PURPOSE, **more}
    return int(scene.keep(f"release {name}", scene.pipeline.post("/api/v1/releases", body))["id"])


def _gate(scene: Scene, version: int) -> dict[str, Any]:
    answer = scene.pipeline.get("/api/v1/gate", model="sea-surface-forecast", version=version, environment=ENVIRONMENT,
                                namespace=scene.namespace)  # fmt: skip
    return {row["key"]: row for row in answer["requirements"]}


def _crossed(found: Answer) -> list[str]:
    if found["plan"] is None:
        raise StoryBroken("An envelope must be in force for the release.")
    return [one["key"] for one in found["edges"] if not one["inside"]]
