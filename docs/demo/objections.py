"""Chapter 6, in part: an approval under a condition, and a veto that is taken back."""

from datetime import UTC, datetime, timedelta

import judgement
from scene import Scene


def tell_condition(scene: Scene) -> None:
    """The second risk manager approves under a condition: it stands in what is signed, and opens a finding."""
    tell = scene.tell
    tell.step("The second risk manager approves under a condition")
    owner = scene.audit_tool.get("/api/v1/principals", name=scene.variables["OWNER_USER"])["results"][0]["id"]
    due = (datetime.now(UTC) + timedelta(days=90)).isoformat()
    asked = {"text": "Measure it on patients of another hospital", "owner": owner, "due": due, "when_overdue": "block"}
    signed = judgement.sign(scene, "RISK2", "v3", "risk", conditions=[asked])
    line = next(one for one in signed["statement"].splitlines() if one.startswith("Condition 1: "))
    found = scene.audit_tool.get("/api/v1/findings", model_version=scene.ids["v3"])["results"]
    mine = [one for one in found if one["sign_off"] == signed["id"]]
    tell.must(len(mine) == 1, "The condition must have opened one finding.")
    tell.asked(f"POST …/sign-offs as {scene.variables['RISK2_USER']} with a condition, due in 90 days, else block")
    tell.answered(f"201; signed: {line}")
    tell.answered(
        f"finding {mine[0]['id']}, {mine[0]['kind']}: answered by the owner, closed by neither owner nor maker"
    )
    tell.right("The condition is part of the signed words, and the finding was opened in the same transaction. Once it "
               "is overdue, no release of this version passes.")  # fmt: skip


def tell_veto(scene: Scene) -> None:
    """Compliance rejects, which closes the gate whatever the others signed; then takes it back and approves."""
    tell = scene.tell
    tell.step("Compliance rejects version 3: a veto")
    veto = judgement.sign(
        scene, "COMPLIANCE", "v3", "compliance", vote="reject", meaning="Rejected.",
        comment="Who answers a patient's question about the score is not said.",
    )  # fmt: skip
    refused = scene.pipeline.post("/api/v1/promotions", {"release": scene.ids["release v3"]}, expect=409)
    gap = next(one for one in refused["requirements"] if one["key"] == "compliance")
    tell.must(gap["reason"] == "vetoed", f"The veto must close the gate, and it is {gap['reason']}.")
    tell.asked("POST …/sign-offs as compliance, reject; POST /api/v1/promotions")
    tell.answered(f"201; 409: {gap['message'].splitlines()[0]}", refused=True)
    tell.right("One rejection by a role with veto closes. Two ways lead out, and both are named.")
    tell.step("Compliance got an answer, takes the veto back, and approves")
    scene.person("COMPLIANCE").post(
        f"/api/v1/sign-offs/{veto['id']}/withdraw", {"reason": "The hospital's ombudsperson answers, in writing."}
    )
    judgement.sign(scene, "COMPLIANCE", "v3", "compliance")
    tell.asked(f"POST /api/v1/sign-offs/{veto['id']}/withdraw; POST …/sign-offs, approve")
    tell.answered("201; 201")
    tell.right("Nobody could do that for them but the head of compliance, and not before three days had passed.")
