"""Chapters 2 to 6: asking, being refused, giving evidence, signing, promoting, superseding."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from client import Answer, Caller
from facts import HEALTH, TERMS, register_version
from objections import tell_condition, tell_veto
from scene import ENVIRONMENT, MODEL, PURPOSE, Scene, as_measured, clock, digest_of, gaps, in_words, met
from science import TOOL, Candidate, Data, Value, by_size_of_nuclei, performance
from serving import tell_jittered_data

REVIEWERS = (
    ("VALIDATOR", "validator"),
    ("STEWARD", "data-steward"),
    ("BUSINESS", "business-owner"),
    ("RISK", "risk"),
    ("RISK2", "risk"),
    ("COMPLIANCE", "compliance"),
)
PLANS: dict[str, dict[str, Any]] = {
    "performance": {
        "kind": "performance",
        "title": "Finds malignant cases, and few others",
        "description": "On the held-out test part, at the threshold that belongs to the model. 95 % intervals: Wilson; "
        "Hanley and McNeil for the area.",
        "criteria": [
            {"metric": "sensitivity", "comparator": "ge", "threshold": "0.95", "dataset_role": "test"},
            {"metric": "specificity", "comparator": "ge", "threshold": "0.90", "dataset_role": "test"},
            {"metric": "roc_auc", "comparator": "ge", "threshold": "0.98", "dataset_role": "test"},
        ],
    },
    "fairness": {
        "kind": "fairness",
        "title": "As good on small nuclei as on large ones",
        "description": "The data names no groups of patients. The group that can be told apart and is at risk are "
        "cases with small nuclei, which look benign.",
        "criteria": [
            {"metric": "sensitivity", "comparator": "ge", "threshold": "0.85", "slice": one, "dataset_role": "test"}
            for one in ("small nuclei", "large nuclei")
        ],
    },
}


def tell_refusal(scene: Scene) -> None:
    """Chapter 2: the pipeline asks, and is told everything that is missing."""
    tell = scene.tell
    tell.chapter("Asking for promotion")
    tell.step("The pipeline asks to promote version 1 to production")
    release = open_release(scene, "v1")
    refused = scene.pipeline.post("/api/v1/promotions", {"release": release}, expect=409)
    missing = gaps(refused["requirements"])
    tell.must(len(missing) >= 8, f"The gate must name every gap, and named {len(missing)}.")
    tell.asked(f"POST /api/v1/promotions for release {release}")
    tell.answered(f"409 {refused.problem}", refused=True)
    tell.also(*missing)
    tell.right(f"Met by what is on record: {', '.join(met(refused['requirements']))}. All else is missing, each gap is "
               "named with who can close it, and the attempt itself is on record.")  # fmt: skip
    tell.step("A pipeline step asks the same beforehand")
    gate = scene.pipeline.get("/api/v1/gate", expect=409, **gate_question(scene, 1), enforce="true")
    tell.asked("GET /api/v1/gate?model=…&version=1&environment=production&enforce=true")
    tell.answered(f"409, {len(gaps(gate['requirements']))} gaps", refused=True)
    tell.right("`curl --fail` on this address is a pipeline step. Page, API and promotion ask the same SQL function.")


def tell_evidence(scene: Scene, first: Candidate, second: Candidate) -> None:
    """Chapter 3: the steward, the plans, and the evidence; one item fails and stays."""
    tell = scene.tell
    tell.chapter(
        "Evidence",
        "What will count as good is locked first. Then an independent laboratory measures the very artifact.",
    )
    _steward_reviews(scene)
    _lock_plans(scene)
    tell.step("The laboratory measures version 1: one item fails")
    bad, values = report(scene, scene.laboratory, "v1", "performance", first)
    good, _ = report(scene, scene.laboratory, "v1", "fairness", first)
    scene.keep("failed evidence", bad)
    tell.must((bad["verdict"], good["verdict"]) == ("bad", "good"), "The plan's bound must decide the verdict.")
    tell.asked(f"POST /api/v1/evidence: {in_words(values)}")
    tell.answered(f"201, verdict {bad['verdict']}, worked out by the server: sensitivity below 0.95", refused=True)
    tell.right("At a threshold of one half the regression misses 4 of 64 malignant cases. Nobody can report “passed”: "
               "the verdict follows from plan and values.")  # fmt: skip
    _failure_stays(scene, bad)
    register_version(
        scene, "v2", second, "A second candidate: the same regression, its threshold chosen on training data"
    )
    _not_independent(scene, second)
    tell.step("The laboratory measures version 2: good")
    values = report_both(scene, "v2", second)
    tell.asked(f"POST /api/v1/evidence, twice: {in_words(values)}")
    tell.answered("201, verdict good; 201, verdict good")
    tell.right(
        "Measured after the plans were locked, on the digest on record, by someone who had no hand in the model."
    )


def _steward_reviews(scene: Scene) -> None:
    tell, steward = scene.tell, scene.person("STEWARD")
    tell.step("The data steward reviews the flags and records the terms of the derived data")
    unreviewed = scene.pipeline.post(
        "/api/v1/flags",
        {"dataset_version": scene.ids["source version"], "category": "pd:Identifying", "present": "no"},
        expect=403,
    )
    for version in ("source version", "training version", "test version"):
        steward.post("/api/v1/flags", {"dataset_version": scene.ids[version], **HEALTH, "assessment": "reviewed"})
    cleared = steward.post(
        "/api/v1/flags",
        {
            "dataset_version": scene.ids["source version"],
            "category": "pd:Identifying",
            "present": "no",
            "assessment": "reviewed",
            "reason": "Looked through all 31 columns: features of nuclei and the diagnosis, no number, name or date.",
        },
    )
    for part in ("training", "test"):
        steward.post("/api/v1/terms", {"dataset": scene.ids[part], **TERMS})
    tell.asked(
        "POST /api/v1/flags, identifying data: no; first with the pipeline's key, then as the steward, signed in"
    )
    tell.answered(f"403 {unreviewed.problem}", refused=True)
    scene.keep("cleared flag", cleared)
    tell.answered(f"201, flag {cleared['id']}, {cleared['assessment']}")
    tell.right("A person looked, and says so under their name. Derived data needs terms in force as the source does.")


def _lock_plans(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The owner locks what is to be measured and what will count as good")
    locked = []
    for kind, plan in PLANS.items():
        answer = scene.person("OWNER").post("/api/v1/plans", {"model": scene.ids["model"], **plan})
        scene.keep(f"plan {kind}", answer)
        locked.append(answer)
    tell.asked("POST /api/v1/plans: sensitivity ≥ 0.95, specificity ≥ 0.90, area ≥ 0.98; sensitivity ≥ 0.85 by size")
    tell.answered(f"201, locked at {clock(locked[0]['locked_at'])}")
    tell.right("Evidence counts only if its run began after this moment: the bar cannot be laid where the ball fell.")


def _failure_stays(scene: Scene, bad: Answer) -> None:
    tell = scene.tell
    tell.step("The failure stays")
    scene.pipeline.post(
        f"/api/v1/releases/{scene.ids['release v1']}/close",
        {"kind": "withdrawn", "reason": "Sensitivity too low; another candidate is on its way."},
    )
    still = scene.audit_tool.get(f"/api/v1/evidence/{bad['id']}")
    tell.must(still["verdict"] == "bad", "Failed evidence must stay as it is.")
    tell.asked(f"POST /api/v1/releases/{scene.ids['release v1']}/close as withdrawn; GET /api/v1/evidence/{bad['id']}")
    tell.answered(f"201, closed; 200, verdict {still['verdict']}")
    tell.right("The team gives version 1 up. What was measured on it can still be read, by every reviewer to come.")


def _not_independent(scene: Scene, second: Candidate) -> None:
    tell = scene.tell
    tell.step("The pipeline measures its own version 2: that is not enough")
    open_release(scene, "v2")
    own, _ = report(scene, scene.pipeline, "v2", "performance", second)
    gate = scene.pipeline.get("/api/v1/gate", **gate_question(scene, 2))
    found = next(one for one in gate["requirements"] if one["key"] == "evidence-performance")
    tell.must(found["reason"] == "evidence-not-independent", f"Own evidence must not do, and is {found['reason']}.")
    tell.asked("POST /api/v1/evidence with the pipeline's key; GET /api/v1/gate")
    tell.answered(f"201, verdict {own['verdict']}; but the gate: {found['message']}", refused=True)
    tell.right("The measurement is good and on record. Who made a model does not vouch for it.")


def tell_supersession(scene: Scene, third: Candidate) -> None:
    """Chapter 6: the next version goes the same way and takes the place of the one before."""
    tell = scene.tell
    tell.chapter("The next version", "Another algorithm, and more data. Nothing is waived because it went well before.")
    tell_jittered_data(scene)
    register_version(scene, "v3", third, "Version 3: extremely randomised trees", ("training", "jittered"))
    tell.step("Evidence, and the first four signatures")
    release = open_release(scene, "v3")
    values = report_both(scene, "v3", third)
    for key, requirement in REVIEWERS[:4]:
        sign(scene, key, "v3", requirement)
    tell.asked(f"POST /api/v1/evidence, twice: {in_words(values)}; POST …/releases/{release}/sign-offs, four times")
    tell.answered("201, good; 201, good; four times 201")
    tell.right("Signatures bind to one version's content. Those for version 2 count for nothing here. Two are missing.")
    tell_condition(scene)
    tell_veto(scene)
    tell.step("Version 3 goes live and supersedes version 2")
    promoted = scene.keep("promotion v3", scene.pipeline.post("/api/v1/promotions", {"release": release}))
    live = scene.pipeline.get("/api/v1/live", **live_question(scene))
    tell.must([one["version"] for one in live["results"]] == [3], "Version 3, and it alone, must be live.")
    before = scene.pipeline.get(f"/api/v1/promotions/{scene.ids['promotion v2']}")
    tell.must(before["end"]["kind"] == "superseded", "The promotion before must have ended as superseded.")
    tell.asked("POST /api/v1/promotions; GET /api/v1/live")
    tell.answered(f"201, live since {clock(promoted['started_at'])}; champion in production: version 3")
    tell.right(
        f"One version per slot. Promotion {before['id']} ended as {before['end']['kind']} in the same transaction."
    )


def open_release(scene: Scene, name: str) -> int:
    """Ask for the promotion of a version; the release's id."""
    body = {"model_version": scene.ids[name], "environment": ENVIRONMENT, "purpose": PURPOSE}
    return int(scene.keep(f"release {name}", scene.pipeline.post("/api/v1/releases", body))["id"])


MEASURES: dict[str, Callable[[Candidate, Data], list[Value]]] = {
    "performance": performance,
    "fairness": by_size_of_nuclei,
}


def report(scene: Scene, who: Caller, name: str, kind: str, candidate: Candidate) -> tuple[Answer, list[Value]]:
    """Measure under a plan, and report what came out."""
    started = datetime.now(UTC)
    values = MEASURES[kind](candidate, scene.data)
    answer = who.post(
        "/api/v1/evidence",
        {
            "plan": scene.ids[f"plan {kind}"],
            "model_version": scene.ids[name],
            "subject_digest": digest_of(candidate),
            "run_started_at": started.isoformat(),
            "values": as_measured(values),
            "tool": TOOL,
        },
    )
    return answer, values


def report_both(scene: Scene, name: str, candidate: Candidate) -> list[Value]:
    """The laboratory's two reports on a version, both good; all values."""
    found = []
    for kind in MEASURES:
        answer, values = report(scene, scene.laboratory, name, kind, candidate)
        scene.tell.must(
            answer["verdict"] == "good", f"The evidence on {kind} must be good, and is {answer['verdict']}."
        )
        found += values
    return found


def sign(
    scene: Scene, key: str, name: str, requirement: str, *, expect: int = 201, password: str = "", **more: Any
) -> Answer:
    """Read the statement as one person, and sign it with their password; `more`: vote, comment, conditions."""
    person, release = scene.person(key), scene.ids[f"release {name}"]
    shown = person.get(
        f"/api/v1/releases/{release}/statement", requirement=requirement, vote=more.get("vote", "approve")
    )
    return person.post(
        f"/api/v1/releases/{release}/sign-offs",
        {
            "requirement": requirement,
            "vote": "approve",
            "meaning": "Reviewed, and approved for the purpose named.",
            "statement_digest": shown["statement_digest"],
            "password": password or person.password,
            **more,
        },
        expect=expect,
    )


def gate_question(scene: Scene, version: int) -> dict[str, Any]:
    """The parameters of GET /api/v1/gate."""
    return {**live_question(scene), "version": version}


def live_question(scene: Scene) -> dict[str, Any]:
    """The parameters of GET /api/v1/live."""
    return {"model": MODEL, "environment": ENVIRONMENT, "namespace": scene.namespace}
