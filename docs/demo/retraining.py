"""Chapter 8, retraining: what may change is approved with a version; one retrain lies inside, another does not."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from client import Answer, Caller, muniment
from facts import version_body
from judgement import sign
from scene import ENVIRONMENT, PURPOSE, Scene, clock, digest_of
from science import Candidate, Value
from sea import LAGS, Window, explained, train, window
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
BASE, INSIDE, OUTSIDE = (1951, 1975, 1.0), (1956, 1980, 2.0), (1978, 2002, 2.0)  # first and last year, ridge
EXPECTED: list[dict[str, Any]] = [
    {"key": "columns", "check": "schema", "columns": [{"name": "year", "type": "integer"},
                                                      {"name": "month", "type": "integer"},
                                                      {"name": "celsius", "type": "number"}]},
    {"key": "no-gaps", "check": "completeness", "column": "celsius"},
    {"key": "months", "check": "range", "column": "month", "at_least": "1", "at_most": "12"},
    {"key": "enough", "check": "volume", "at_least": "240"},
    {"key": "same-sea", "check": "distribution", "column": "celsius", "method": "psi", "at_most": "0.25"},
]  # fmt: skip


@dataclass(frozen=True)
class Forecast:
    """A forecast, the months it was trained on, and what `muniment profile` counted in their file."""

    data: Window
    candidate: Candidate
    profile: dict[str, Any]


def train_forecasts(folder: Path) -> list[Forecast]:
    """The three of this chapter, one after the other; each file is counted at the edges of the one before, too."""
    found: list[Forecast] = []
    for first, last, ridge in (BASE, INSIDE, OUTSIDE):
        data = window(folder, first, last)
        against = ("--against", _profile_of(found[-1].data)) if found else ()
        muniment("profile", data.table.path, "--out", _profile_of(data), *against)
        profile = json.loads(_profile_of(data).read_text(encoding="utf-8"))
        found.append(Forecast(data, train(data, folder, ridge), profile))
    return found


def _profile_of(data: Window) -> Path:
    return data.table.path.with_suffix(".profile.json")


def tell_retraining(scene: Scene, forecasts: list[Forecast]) -> Candidate:
    """The chapter; what is live at its end."""
    scene.tell.chapter(
        "Retraining",
        "A forecast is retrained as the years go by. What may change is agreed once, by everyone who signs; each "
        "retrain is then compared with that by the database. Real data: the sea off Peru, month by month, where El "
        "Niño changes everything.",
    )
    first, inside, outside = forecasts
    _facts(scene)
    _first(scene, first)
    _envelope(scene)
    _inside(scene, inside)
    _outside(scene, outside)
    return inside.candidate


def _facts(scene: Scene) -> None:
    tell, pipeline = scene.tell, scene.pipeline
    tell.step("What will count as good is locked: of the forecast, and of the data")
    scene.keep("nino", pipeline.post("/api/v1/datasets", {"name": "nino-sea-surface"}))
    pipeline.post("/api/v1/terms", {"dataset": scene.ids["nino"], **TERMS})
    scene.keep("nino model", pipeline.post("/api/v1/models", {
        "name": "sea-surface-forecast", "title": "Next month's sea surface temperature", "intended_purpose": PURPOSE,
        "deployment_geography": ["PE"], "risk_answers": {
            "legal_or_similar_effect": False, "safety_component": False, "special_category_data": False,
            "personal_data": False, "no_human_review": True}}))  # fmt: skip
    scene.keep("nino plan performance", scene.person("OWNER").post("/api/v1/plans", {
        "model": scene.ids["nino model"], "kind": "performance", "title": "Forecasts the five years after its window",
        "criteria": [{"metric": "r2", "comparator": "ge", "threshold": "0.70"}]}))  # fmt: skip
    expected = scene.person("STEWARD").post("/api/v1/expectations", {"dataset": scene.ids["nino"], "items": EXPECTED})
    plans = [scene.pipeline.get(f"/api/v1/plans/{one}") for one in expected["plans"]]
    scene.keep("nino plan drift", next(one for one in plans if one["kind"] == "drift"))
    tell.asked("POST /api/v1/plans as the owner: r2 ≥ 0.70; POST /api/v1/expectations as the data steward: three "
               "columns and their types, no gaps, months 1 to 12, 240 rows, and a distribution like that of the data "
               "behind what is live (PSI of celsius ≤ 0.25)")  # fmt: skip
    tell.answered(f"201, locked at {clock(plans[0]['locked_at'])}; risk tier medium: evidence, and three signatures")
    tell.right("r2 is the share of the ups and downs of the next five years that a forecast explains. PSI, the "
               "population stability index, says how far apart two distributions are: 0 is the same, above 0.25 is "
               "another world.")  # fmt: skip


def _first(scene: Scene, forecast: Forecast) -> None:
    tell, data = scene.tell, forecast.data
    tell.step(f"Version 1, trained on {data.first} to {data.last}; its data is counted where it lies")
    share = _version(scene, "nino 1", forecast)
    handed_in = _hand_in(scene.laboratory, scene, "nino 1", forecast)
    found = _checked(scene, "nino 1", 1)
    tell.must(found["verdicts"] == {"quality": "good", "drift": None}, f"Only quality can be told: {found['verdicts']}")
    tell.asked(f"muniment profile {data.table.path.name}, in the laboratory; POST …/dataset-versions/"
               f"{scene.ids['nino 1 data']}/profiles with what it counted; GET …/checks")  # fmt: skip
    tell.answered(f"201, profile {handed_in['id']}: {handed_in['rows']} rows, 3 columns; then, by a worker: quality "
                  f"{found['verdicts']['quality']}, drift not judged: there is nothing before it")  # fmt: skip
    tell.right("Counts, ranges and distributions were sent, no row and no verdict: a worker held them against what "
               f"is expected. The forecast was measured as in chapter 3: r2 {share.value:.3f}.")  # fmt: skip


def _version(scene: Scene, name: str, forecast: Forecast) -> Value:
    """Register a window, what was trained on it, and how well the laboratory finds that it forecasts; R²."""
    pipeline, data, candidate = scene.pipeline, forecast.data, forecast.candidate
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
    started, share = datetime.now(UTC), explained(candidate, data)
    scene.laboratory.post("/api/v1/evidence", {
        "plan": scene.ids["nino plan performance"], "model_version": scene.ids[name],
        "subject_digest": digest_of(candidate), "run_started_at": started.isoformat(), "tool": "numpy", "values": [
            {"metric": "r2", "value": f"{share.value:.4f}", "ci_low": f"{share.low - 5e-5:.4f}",
             "ci_high": f"{share.high + 5e-5:.4f}"}]})  # fmt: skip
    return share


def _hand_in(who: Caller, scene: Scene, name: str, forecast: Forecast) -> Answer:
    return who.post(f"/api/v1/dataset-versions/{scene.ids[f'{name} data']}/profiles", forecast.profile)


def _checked(scene: Scene, name: str, checks: int) -> dict[str, Any]:
    """The newest check of a version's data, once so many were made."""
    address = f"/api/v1/dataset-versions/{scene.ids[f'{name} data']}/checks"
    found: dict[str, Any] = scene.pipeline.wait(address, lambda told: len(told["results"]) == checks)["results"][0]
    return found


def _drift(check: dict[str, Any]) -> float:
    return float(next(one for one in check["figures"] if one["key"] == "same-sea")["value"])


def _envelope(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The owner proposes what may change by retraining, and everyone signs it with the release")
    plan = scene.keep("nino envelope", scene.person("OWNER").post("/api/v1/change-plans", {
        "model_version": scene.ids["nino 1"], "environment": ENVIRONMENT, "title": "Yearly retraining",
        "parameters": {"ridge": {"min": "0.5", "max": "5"}}, "new_data": True, "keeps": [KEPT], "uses": 2,
        "bands": [
            {"plan": scene.ids["nino plan performance"], "metric": "r2", "low": "0.90", "change_low": "-0.05"},
            {"plan": scene.ids["nino plan drift"], "metric": "psi", "slice": "celsius", "high": "0.10"}],
        "ends_at": (datetime.now(UTC) + timedelta(days=365)).isoformat()}))  # fmt: skip
    _open(scene, "nino 1", change_plan=plan["id"])
    for key, requirement in SIGNERS:
        sign(scene, key, "nino 1", requirement)
    scene.keep("promotion nino 1", scene.pipeline.post("/api/v1/promotions", {"release": scene.ids["release nino 1"]}))
    state = scene.pipeline.get(f"/api/v1/change-plans/{plan['id']}")["state"]
    tell.must(state["in_force"], f"The envelope must be in force, and is not: {state['why_ended']}")
    tell.asked("POST /api/v1/change-plans: ridge 0.5 to 5, newer data, r2 ≥ 0.90 and at most 0.05 worse, psi ≤ 0.10, "
               f"2 uses, one signature remains ({KEPT}); three times …/sign-offs; POST /api/v1/promotions")  # fmt: skip
    tell.answered(f"201, envelope {plan['id']}, in force until {clock(plan['ends_at'])}")
    tell.right("What may change stood word for word in what each of the three signed. Who wrote it signed nothing. "
               "From now on a retrain that keeps to it needs one signature instead of three.")  # fmt: skip


def _inside(scene: Scene, forecast: Forecast) -> None:
    tell, data = scene.tell, forecast.data
    tell.step(f"Retrained on {data.first} to {data.last}; the pipeline vouches for its own data")
    share = _version(scene, "nino 2", forecast)
    release = _open(scene, "nino 2")
    _hand_in(scene.pipeline, scene, "nino 2", forecast)
    own = _checked(scene, "nino 2", 1)
    crossed = _crossed(scene, release)
    tell.must([one["key"] for one in crossed] == ["band:2"], f"Drift alone may be in doubt, and {crossed} is.")
    tell.asked("muniment profile --against the profile of the data behind what is live; POST …/profiles with the "
               f"pipeline's key; GET …/checks; GET /api/v1/releases/{release}/envelope")  # fmt: skip
    tell.answered(f"201; drift {own['verdicts']['drift']}, against the data of the live version: psi {_drift(own):.3f}")
    tell.answered(f"but crossed: {crossed[0]['message']}", refused=True)
    tell.right("The figure is fine. But it was worked out from counts that the maker of the model handed in, and "
               "nobody vouches for their own work. The laboratory has to count.")  # fmt: skip
    tell.step("The laboratory counts the same file: inside the envelope, live on one signature")
    _hand_in(scene.laboratory, scene, "nino 2", forecast)
    drift = _drift(_checked(scene, "nino 2", 2))
    still = _crossed(scene, release)
    tell.must(not still, f"It must lie inside, and crosses {still}.")
    waived = [key for key, row in _gate(scene, 2).items() if row["status"] == "WAIVED"]
    tell.must(waived == ["validator", "data-steward"], f"Two signatures must be waived, and {waived} are.")
    tell.asked("POST …/profiles with the laboratory's key; GET …/envelope; GET /api/v1/gate")
    tell.answered(f"200, inside: r2 {share.value:.3f}, psi {drift:.3f}; waived: {', '.join(waived)}; missing: {KEPT}")
    sign(scene, "RISK", "nino 2", KEPT)
    promoted = scene.keep("promotion nino 2", scene.pipeline.post("/api/v1/promotions", {"release": release}))
    tell.answered(f"201, live since {clock(promoted['started_at'])} on one signature, use 1 of 2")
    tell.right("Facts and evidence were asked for in full: an envelope waives signatures, and nothing else.")


def _outside(scene: Scene, forecast: Forecast) -> None:
    tell, data = scene.tell, forecast.data
    tell.step(f"Retrained on {data.first} to {data.last}, with two great El Niños: outside")
    share = _version(scene, "nino 3", forecast)
    _hand_in(scene.laboratory, scene, "nino 3", forecast)
    check = _checked(scene, "nino 3", 1)
    tell.must(check["verdicts"] == {"quality": "good", "drift": "bad"}, f"The sea is another: {check['verdicts']}.")
    release = _open(scene, "nino 3")
    crossed = _crossed(scene, release)
    keys = [one["key"] for one in crossed]
    tell.must(keys == ["band:2"], f"The band on drift, and it alone, must be crossed; {keys} is.")
    rows = _gate(scene, 3)
    missing = [key for key, row in rows.items() if row["status"] == "UNSATISFIED"]
    tell.must(missing == ["validator", "data-steward", "risk"], f"Three signatures must be missing, and {missing} are.")
    refused = scene.pipeline.post("/api/v1/promotions", {"release": release}, expect=409)
    tell.must("envelope" in next(one for one in refused["requirements"] if one["key"] == "validator")["message"],
              "The refusal must say that the envelope does not reach so far.")  # fmt: skip
    tell.asked(f"POST …/profiles with the laboratory's key; GET …/checks; GET /api/v1/releases/{release}/envelope; "
               "POST /api/v1/promotions")  # fmt: skip
    tell.answered(f"quality {check['verdicts']['quality']}, drift {check['verdicts']['drift']}", refused=True)
    tell.answered(f"200, crossed: {crossed[0]['message']} (r2 {share.value:.3f})", refused=True)
    tell.answered(f"409, missing: {', '.join(missing)}", refused=True)
    tell.right("The forecast is still good, but the sea is another than the one people approved it for. That is for "
               "people to look at: all three would have to sign. The version before stays live.")  # fmt: skip


def _open(scene: Scene, name: str, **more: Any) -> int:
    body = {"model_version": scene.ids[name], "environment": ENVIRONMENT, "purpose": PURPOSE, **more}
    return int(scene.keep(f"release {name}", scene.pipeline.post("/api/v1/releases", body))["id"])


def _gate(scene: Scene, version: int) -> dict[str, Any]:
    answer = scene.pipeline.get("/api/v1/gate", model="sea-surface-forecast", version=version, environment=ENVIRONMENT,
                                namespace=scene.namespace)  # fmt: skip
    return {row["key"]: row for row in answer["requirements"]}


def _crossed(scene: Scene, release: int) -> list[dict[str, Any]]:
    """The edges of the envelope in force that a release lies outside of."""
    found = scene.pipeline.get(f"/api/v1/releases/{release}/envelope")
    if found["plan"] is None:
        raise StoryBroken("An envelope must be in force for the release.")
    return [one for one in found["edges"] if not one["inside"]]
