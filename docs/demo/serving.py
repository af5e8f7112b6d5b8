"""Chapter 6, in part, and 7: data with terms of its own, and what is done when they change under a live version."""

from datetime import UTC, datetime
from typing import Any

import judgement
from facts import HEALTH, version_body
from scene import ENVIRONMENT, Scene

#: The licence of the tool that made the additional training rows.
TOOL_TERMS = {
    "licence": "LicenseRef-Jitter-Evaluation",
    "document_digest": "sha256:" + "7" * 64,
    "original_purpose": "dpv:ResearchAndDevelopment",
    "permitted_purposes": ["dpv:AcademicResearch", "dpv:ResearchAndDevelopment", "dpv:ScientificResearch"],
    "controller": "Maker of the tool",
}


def tell_jittered_data(scene: Scene) -> None:
    """Part of chapter 6: version 3 is trained on additional rows, made from the training part by a licensed tool."""
    tell, pipeline, table = scene.tell, scene.pipeline, scene.data.jittered
    tell.step("More training data, made by a tool that has terms of its own")
    made = scene.keep("jittered", pipeline.post("/api/v1/datasets", {"name": "breast-cancer-jittered"}))
    how = {"preprocessing": "values moved by 1 % of their column's spread"}
    body = version_body(made["id"], "jitter-1", table) | how
    now = datetime.now(UTC).isoformat()
    version = scene.keep("jittered version", pipeline.post("/api/v1/dataset-versions", body))
    pipeline.post(
        "/api/v1/runs",
        {
            "job_name": "jitter",
            "run_key": f"{scene.namespace}-jitter",
            "state": "complete",
            "started_at": now,
            "ended_at": now,
            "inputs": [{"dataset_version": scene.ids["training version"], "role": "source"}],
            "outputs": [{"dataset_version": version["id"], "role": "training"}],
        },
    )
    scene.keep("tool terms", pipeline.post("/api/v1/terms", {"dataset": made["id"], **TOOL_TERMS}))
    scene.person("STEWARD").post(
        "/api/v1/flags", {"dataset_version": version["id"], **HEALTH, "assessment": "reviewed"}
    )
    tell.asked(f"POST a dataset, its version, terms, and the run that made it of the training part: {table.rows} rows")
    tell.answered("201 each; the steward has reviewed the flag")
    tell.right("A licence of a tool is a licence of what it made. Version 3 will rest on it, and version 2 does not.")


def tell_changes_while_serving(scene: Scene) -> None:
    """Chapter 7: terms withdrawn under a live version, the lifting of its suspension, a recall and a rollback."""
    scene.tell.chapter(
        "While it serves", "Facts change under what is live. The policy said beforehand what happens then."
    )
    _withdrawn(scene)
    _lifted(scene)
    _recalled(scene)
    _left_for_you(scene)


def _withdrawn(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The maker of the tool withdraws the licence of the jittered rows")
    scene.person("STEWARD").post(
        f"/api/v1/terms/{scene.ids['tool terms']}/withdrawal", {"reason": "The maker ended all evaluation licences."}
    )
    row = _champion(scene)
    tell.must(row["version"] == 2 and row["kind"] == "fallback", f"Version 2 must serve as fallback, and {row} does.")
    before = scene.pipeline.get(f"/api/v1/promotions/{scene.ids['promotion v3']}")
    tell.must(before["end"]["kind"] == "suspended", "Version 3 must be suspended.")
    tell.asked(f"POST /api/v1/terms/{scene.ids['tool terms']}/withdrawal; GET /api/v1/live")
    tell.answered(f"201; promotion {before['id']} (version 3) {before['end']['kind']}; champion: version 2, "
                  f"promotion {row['promotion']}, {row['kind']}")  # fmt: skip
    notice = scene.pipeline.get("/api/v1/serving-notices", promotion=before["id"])["results"][0]
    way = " → ".join(f"{one['kind'].replace('_', ' ')} {one['name']}" for one in notice["chain"])
    tell.answered(f"why: {way}")
    tell.right("In the transaction of the withdrawal: found everything live below, ended it, and put the last good "
               "version in its place. That one was approved, and never rested on those rows.")  # fmt: skip


def _lifted(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The licence is bought, and a risk manager wants to lift the suspension")
    suspended = scene.ids["promotion v3"]
    early = scene.person("RISK").post(
        f"/api/v1/promotions/{suspended}/reinstate", {"reason": "It did well."}, expect=409
    )
    scene.person("STEWARD").post("/api/v1/terms", {"dataset": scene.ids["jittered"], **TOOL_TERMS,
                                                   "licence": "LicenseRef-Jitter-Commercial"})  # fmt: skip
    still = scene.person("RISK").post(f"/api/v1/promotions/{suspended}/reinstate", {"reason": "Licensed."}, expect=409)
    tell.asked(f"POST /api/v1/promotions/{suspended}/reinstate as {scene.variables['RISK_USER']}, before and after the "
               "steward recorded the new licence")  # fmt: skip
    tell.answered(f"409 {early.problem}", refused=True)
    tell.answered(f"409 {still.problem}", refused=True)
    tell.right("First the terms are missing; then they are there, but steward and compliance had signed on others. "
               "What comes back needs the facts and the signatures, both.")  # fmt: skip


def _recalled(scene: Scene) -> None:
    tell = scene.tell
    tell.step("Version 2's file is found to be damaged: a recall by digest")
    digest = scene.pipeline.get(f"/api/v1/model-versions/{scene.ids['v2']}")["digest"]
    recalled = scene.person("RISK2").post(
        "/api/v1/recalls",
        {
            "digest": f"{digest['algorithm']}:{digest['value']}",
            "reason": "The file was cut short in the store.",
        },
    )
    live = scene.pipeline.get("/api/v1/live", **judgement.live_question(scene))["results"]
    tell.must(live == [], "Nothing may serve after the recall.")
    tell.asked("POST /api/v1/recalls with the digest; GET /api/v1/live")
    tell.answered(f"201, recall {recalled['id']}; nothing is live", refused=True)
    tell.right("A recall goes by the bytes: it ends them in every environment and namespace at once, and no "
               "promotion of them passes again.")  # fmt: skip


def _left_for_you(scene: Scene) -> None:
    tell = scene.tell
    tell.step("Version 3 is asked for again under the new licence, and waits")
    release = judgement.open_release(scene, "v3")
    gate = scene.pipeline.get("/api/v1/gate", **judgement.gate_question(scene, 3))
    waiting = [one["key"] for one in gate["requirements"] if one["status"] != "SATISFIED"]
    tell.must({one for _key, one in judgement.REVIEWERS} == set(waiting),
              f"Signatures alone must be missing, and {waiting} is.")  # fmt: skip
    tell.asked(f"POST /api/v1/releases into {ENVIRONMENT}; GET /api/v1/gate")
    tell.answered(f"201, release {release}; 200, not allowed, missing: {', '.join(waiting)}", refused=True)
    tell.right("The evidence still stands. The signatures were given on other terms, and are asked for anew. This "
               "one is left for you to sign.")  # fmt: skip


def _champion(scene: Scene) -> Any:
    rows = scene.pipeline.get("/api/v1/live", **judgement.live_question(scene))["results"]
    scene.tell.must(len(rows) == 1, f"One version must serve, and {len(rows)} do.")
    return rows[0]
