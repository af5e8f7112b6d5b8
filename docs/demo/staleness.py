"""Chapter 5, between the signatures and the promotion: what votes were given on changes, and changes back."""

from client import Answer
from facts import TERMS
from judgement import gate_question, sign
from scene import Scene, gaps

#: Whose votes bind to the terms under the policy of high risk.
AGAIN = (("STEWARD", "data-steward"), ("COMPLIANCE", "compliance"))


def tell_stale_votes(scene: Scene) -> None:
    """Terms of the training data narrow for a moment: two of six signatures count no more, and do not come back."""
    _narrow(scene)
    _and_back(scene)


def _narrow(scene: Scene) -> None:
    tell, steward = scene.tell, scene.person("STEWARD")
    tell.step("Before anyone promotes, the terms of the training data narrow")
    narrower = {**TERMS, "permitted_purposes": TERMS["permitted_purposes"][1:]}
    recorded = steward.post("/api/v1/terms", {"dataset": scene.ids["training"], **narrower})
    tell.must(recorded["narrows"] is True, "The database must see that a purpose less is narrower.")
    tell.asked(f"POST /api/v1/terms for the training data, without {TERMS['permitted_purposes'][0]}")
    tell.answered(f"201, number {recorded['number']}, narrows")
    stale = _not_counted(scene)
    tell.must(len(stale) == len(AGAIN), f"Two votes bind to the terms, and these do not count: {stale}.")
    for line in stale:
        tell.answered(f"409, {line}", refused=True)
    tell.right("The model's own purpose is still permitted. But steward and compliance signed on other terms than hold "
               "now, so the gate counts their votes no more; the other four never rested on terms.")  # fmt: skip


def _and_back(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The terms are recorded as they were, and the two sign again")
    back = scene.person("STEWARD").post("/api/v1/terms", {"dataset": scene.ids["training"], **TERMS})
    tell.must(back["narrows"] is False, "Terms that permit more again do not narrow.")
    tell.must(len(_not_counted(scene)) == len(AGAIN), "A vote must not revive because what it rested on came back.")
    tell.asked("POST /api/v1/terms, word for word the first; GET /api/v1/gate")
    tell.answered("201; the gate still leaves both votes out", refused=True)
    for key, requirement in AGAIN:
        signed = sign(scene, key, "v2", requirement)
        tell.answered(f"201, {signed['printed_name']} read it again and signed")
    tell.right("What changes and changes back has changed: nobody can weaken something, have it used, and restore it.")


def _not_counted(scene: Scene) -> list[str]:
    """The gate's word on the votes it leaves out. It must be closed."""
    closed: Answer = scene.pipeline.get("/api/v1/gate", **gate_question(scene, 2), enforce="true", expect=409)
    scene.tell.must(len(gaps(closed["requirements"])) == len(AGAIN), "Only the two signatures may be missing.")
    found = []
    for row in closed["requirements"]:
        for one in row["params"].get("ignored", ()):
            scene.tell.must(one["why"] == "vote-stale", f"The vote of {one['name']} must be stale.")
            found.append(f"{row['key']}: {one['name']} signed before this changed: {', '.join(one['aspects'])}")
    return found
