"""Chapter 10, a trial: a reader of digits is to be replaced by a better one, which has to show first that it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import digits
from client import Answer, muniment
from facts import version_body
from judgement import sign
from scene import ENVIRONMENT, PURPOSE, Scene, as_measured, digest_of, gaps, in_words
from science import TOOL, Candidate

MODEL = "digit-reader"
PROVENANCE = {
    "source": "UCI Machine Learning Repository: Optical Recognition of Handwritten Digits, E. Alpaydin, C. Kaynak "
    "(1998), doi:10.24432/C50P49; the copy that scikit-learn carries",
    "origin": "Forms filled in by hand, scanned",
    "origin_geography": "TR",
    "date": "1998-07-01",
    # No days are named. Outer bounds: years before the thesis that first used it (C. Kaynak, 1995), and the donation.
    "generation_period_start": "1990-01-01",
    "generation_period_end": "1998-07-01",
    "generation_method": "Bitmaps of 32 × 32 counted in blocks of 4 × 4 (NIST's preprocessing programs)",
}
TERMS = {
    "licence": "CC-BY-4.0",
    "original_purpose": "dpv:ScientificResearch",
    "permitted_purposes": ["dpv:ScientificResearch"],
    "controller": "Bogazici University",
    "effective_from": "1998-07-01T00:00:00Z",
}
WINDOWS = ((7, 10), (10, 14))  # sheets that come in each window of the trial
DESIGN = {
    "title": "Half of the images to each reader",
    "hypothesis": "Who learned from six sheets reads the next ones better than who learned from two.",
    "metric": "read_right",
    "metric_kind": "proportion",
    "better": "higher",
    "baseline": "0.82",
    "minimum_effect": "0.10",
    "power": "0.9",
    "units_per_day": 500,
}


def tell_trial(scene: Scene, readers: tuple[Candidate, Candidate]) -> None:
    """The chapter."""
    scene.tell.chapter(
        "A trial",
        "Which of two models is better, on what really comes in? One serves; the other is tried beside it, by a plan "
        "locked beforehand. Real data: digits written by hand, sheet by sheet, as one person after another did.",
    )
    serving, better = readers
    _serving(scene, serving)
    _policy(scene)
    _not_yet(scene, better)
    key = _begun(scene)
    _counted(scene, key, {"champion": serving, "challenger": better})
    _concluded(scene)


def _serving(scene: Scene, candidate: Candidate) -> None:
    tell, pipeline = scene.tell, scene.pipeline
    tell.step("A reader of digits, taught by two sheets, goes live")
    scene.keep("digits", pipeline.post("/api/v1/datasets", {"name": "handwritten-digits"}))
    pipeline.post("/api/v1/terms", {"dataset": scene.ids["digits"], **TERMS})
    model = scene.keep("digits model", pipeline.post("/api/v1/models", {
        "name": MODEL, "title": "Reads a handwritten digit", "intended_purpose": PURPOSE,
        "deployment_geography": ["TR"], "risk_answers": {
            "legal_or_similar_effect": False, "safety_component": False, "special_category_data": False,
            "personal_data": False, "no_human_review": False}}))  # fmt: skip
    scene.keep("digits plan", scene.person("OWNER").post("/api/v1/plans", {
        "model": model["id"], "kind": "performance", "title": "Reads the seventh sheet", "criteria": [
            {"metric": "accuracy", "comparator": "ge", "threshold": "0.80", "dataset_role": "test"}]}))  # fmt: skip
    said = _version(scene, "digits 1", candidate, digits.FEW)
    _release(scene, "digits 1")
    sign(scene, "RISK", "digits 1", "risk")
    scene.keep("promotion digits 1", _promote(scene, "digits 1"))
    tell.asked("POST dataset, terms, model, plan, run, version; as the laboratory, evidence: " + said)
    tell.answered(f"201 each; risk tier {model['risk_tier']}: evidence, and one signature; live in {ENVIRONMENT}")
    tell.right("A person looks at what it reads and nobody's rights hang on it: little depends on it, so the policy "
               "asks less.")  # fmt: skip


def _policy(scene: Scene) -> None:
    tell = scene.tell
    tell.step("From now on, what replaces it must have won a trial: a policy of this namespace")
    author, other = scene.person("POLICY"), scene.person("POLICY2")
    everywhere = next(
        one
        for one in author.get("/api/v1/policies", environment=ENVIRONMENT, risk_tier="low")["results"]
        if one["namespace"] is None and one["slot"] == "" and one["published_at"]
    )
    kept = ("requirements", "responses", "review_days", "review_grace_days")
    written = author.post("/api/v1/policies", {
        **{name: everywhere[name] for name in kept}, "namespace": scene.namespace, "environment": ENVIRONMENT,
        "risk_tier": "low", "slot": "champion", "summary": "Nothing is replaced on a promise",
        "requirements": [*everywhere["requirements"], {
            "key": "trial", "kind": "evidence", "title": "Better than what serves, in a trial",
            "params": {"plan_kind": "ab_test", "max_age_days": 90}}]})  # fmt: skip
    own = author.post(f"/api/v1/policies/{written['id']}/publish", expect=403)
    other.post(f"/api/v1/policies/{written['id']}/publish")
    tell.asked(f"POST /api/v1/policies as {scene.variables['POLICY_USER']}: what the policy of everywhere asks, and "
               "evidence of kind ab_test; POST …/publish, first as the author, then as "
               f"{scene.variables['POLICY2_USER']}")  # fmt: skip
    tell.answered(f"201, version {written['number']}, a draft")
    tell.answered(f"403 {own.problem}", refused=True)
    tell.answered("201, in force")
    tell.right("Rules are changed by two people, too. And below the policy of everywhere a namespace may only ask "
               "more, never less.")  # fmt: skip


def _not_yet(scene: Scene, candidate: Candidate) -> None:
    tell = scene.tell
    tell.step("A reader taught by six sheets is to take its place at once")
    said = _version(scene, "digits 2", candidate, digits.MANY)
    _release(scene, "digits 2")
    sign(scene, "RISK", "digits 2", "risk")
    refused = _promote(scene, "digits 2", expect=409)
    missing = [one["key"] for one in refused["requirements"] if one["status"] == "UNSATISFIED"]
    tell.must(missing == ["trial"], f"The trial alone must be missing, and {missing} is.")
    tell.asked(f"As the laboratory, evidence: {said}; a signature; POST /api/v1/promotions")
    tell.answered(f"201; 201; 409 {refused.problem}", refused=True)
    tell.also(*gaps(refused["requirements"]))
    tell.right("One sheet, read in a laboratory, is a promise. It is tried on what comes in.")


def _begun(scene: Scene) -> str:
    tell = scene.tell
    tell.step("The trial is planned and locked, and the second reader goes live beside the first")
    trial = scene.keep("trial", scene.person("OWNER").post("/api/v1/trials", {
        "model": scene.ids["digits model"], "environment": ENVIRONMENT, **DESIGN}))  # fmt: skip
    ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    _release(scene, "digits 2", called="digits trial", slot="challenger", trial_plan=trial["plan"], trial_ends_at=ends)
    sign(scene, "RISK", "digits trial", "risk")
    begun = scene.keep("promotion digits trial", _promote(scene, "digits trial"))
    scene.moments["trial"] = begun["started_at"]
    tell.asked(f"POST /api/v1/trials: share of images read right, {DESIGN['baseline']} now, better by at least "
               f"{DESIGN['minimum_effect']}, to be found with a chance of 90 %, by mistake in 5 %; a release as "
               "challenger, signed; POST /api/v1/promotions")  # fmt: skip
    tell.answered(f"201, {trial['champion_units']} images for the champion, {trial['challenger_units']} for the "
                  f"challenger; 201, begun at {begun['started_at'][11:19]} UTC")  # fmt: skip
    tell.right("How many images it takes, which test decides and at which bound is fixed before the first image: "
               "nobody can stop on the day on which it looks best.")  # fmt: skip
    return str(trial["key"])


def _counted(scene: Scene, key: str, readers: dict[str, Candidate]) -> None:
    tell, trial, laboratory = scene.tell, scene.ids["trial"], scene.laboratory
    tell.step("Seven sheets that neither has seen: each image meets one of the two")
    sent: list[dict[str, Any]] = []
    start = scene.moments["trial"]
    for span in WINDOWS:
        data = digits.sheets(span)
        said = muniment("assign", "--key", key, "--challenger-share", "0.5", standard_input="\n".join(data.units))
        arms = [line.split("\t")[1] for line in said.splitlines()]
        server = laboratory.post(f"/api/v1/trials/{trial}/assign", {"units": data.units}, expect=200)["results"]
        tell.must([one["arm"] for one in server] == arms, "The command and the server must assign alike.")
        rows = []
        for arm, reader in readers.items():
            units, right = digits.count(reader, data, [one == arm for one in arms])
            rows.append({"arm": arm, "window_start": start, "units": units, "total": str(right)})
        end = datetime.now(UTC).isoformat()
        sent += [one | {"window_end": end} for one in rows]
        laboratory.post(f"/api/v1/trials/{trial}/counts", {"counts": [one | {"window_end": end} for one in rows]})
        start = end
    better = sent[1] | {"total": str(int(sent[1]["total"]) + 5)}
    refused = laboratory.post(f"/api/v1/trials/{trial}/counts", {"counts": [better]}, expect=409)
    tell.asked(f"muniment assign --key {key[:8]}… --challenger-share 0.5; POST /api/v1/trials/{trial}/counts, twice; "
               "the first once more, with five more read right")  # fmt: skip
    for place, span in enumerate(WINDOWS):
        both = "; ".join(f"{one['arm']} {one['total']} of {one['units']}" for one in sent[2 * place : 2 * place + 2])
        tell.answered(f"201, sheets {span[0] + 1} to {span[1]}: {both}")
    tell.answered(f"409 {refused.problem}", refused=True)
    tell.right("Who meets which arm follows from a published rule and the trial's key, so anyone can work it out, and "
               "nobody can choose. What was counted stays as it was counted.")  # fmt: skip


def _concluded(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The conclusion, and the second reader takes over")
    ended = scene.laboratory.post(f"/api/v1/trials/{scene.ids['trial']}/conclude")
    found = ended["result"]
    evidence = scene.audit_tool.get(f"/api/v1/evidence/{ended['evidence']}")
    tell.must(evidence["verdict"] == "good", f"The trial must end well, and ends {evidence['verdict']}: {found}.")
    tell.asked(f"POST /api/v1/trials/{scene.ids['trial']}/conclude; POST /api/v1/promotions")
    shares = [float(found["arms"][arm]["mean"]) for arm in ("champion", "challenger")]
    gain, low, high, p = (float(found[name]) for name in ("estimate", "low", "high", "p_value"))
    split = float(found["sample_ratio"]["p_value"])
    tell.answered(f"201, read right: {shares[0]:.1%} and {shares[1]:.1%}, {gain:+.3f} ({low:+.3f} to {high:+.3f}), p "
                  f"{p:.1g}; images split as planned (p {split:.2f}): {evidence['verdict']}")  # fmt: skip
    _promote(scene, "digits 2")
    live = scene.pipeline.get("/api/v1/live", model=MODEL, environment=ENVIRONMENT, namespace=scene.namespace)
    champion = [one["version"] for one in live["results"] if one["slot"] == "champion"]
    tell.must(champion == [2], f"Version 2 must be the champion, and {champion} is.")
    tell.answered("201, champion in production: version 2")
    tell.right("The planned test on the counts became evidence, worked out by the server and checked by the database. "
               "Had the difference not been shown, the first reader would serve on.")  # fmt: skip


def _version(scene: Scene, name: str, candidate: Candidate, span: tuple[int, int]) -> str:
    """Register what a reader learned from and the reader; the laboratory's evidence on it, in words."""
    pipeline, table = scene.pipeline, digits.write(scene.folder, span)
    body = version_body(scene.ids["digits"], f"sheets-{span[0] + 1}-to-{span[1]}", table) | PROVENANCE
    data = pipeline.post("/api/v1/dataset-versions", body)
    reviewed = {"category": "dpv:PersonalData", "present": "no", "assessment": "reviewed"}
    scene.person("STEWARD").post("/api/v1/flags", {"dataset_version": data["id"], **reviewed})
    run = pipeline.post("/api/v1/runs", {
        "job_name": "train-digit-reader", "run_key": f"{scene.namespace}-{name}", "state": "complete",
        "started_at": candidate.started.isoformat(), "ended_at": candidate.ended.isoformat(),
        "inputs": [{"dataset_version": data["id"], "role": "training"}]})  # fmt: skip
    scene.keep(name, pipeline.post("/api/v1/model-versions", {
        "model": scene.ids["digits model"], "digest": digest_of(candidate), "artifact_uri": candidate.path.as_uri(),
        "source_run": run["id"], "parameters": candidate.parameters}))  # fmt: skip
    started, value = datetime.now(UTC), digits.accuracy(candidate)
    scene.laboratory.post("/api/v1/evidence", {
        "plan": scene.ids["digits plan"], "model_version": scene.ids[name], "subject_digest": digest_of(candidate),
        "run_started_at": started.isoformat(), "values": as_measured([value]), "tool": TOOL})  # fmt: skip
    return in_words([value])


def _release(scene: Scene, name: str, *, called: str = "", **more: Any) -> None:
    body = {"model_version": scene.ids[name], "environment": ENVIRONMENT, "purpose": PURPOSE, **more}
    scene.keep(f"release {called or name}", scene.pipeline.post("/api/v1/releases", body))


def _promote(scene: Scene, name: str, expect: int = 201) -> Answer:
    return scene.pipeline.post("/api/v1/promotions", {"release": scene.ids[f"release {name}"]}, expect=expect)
