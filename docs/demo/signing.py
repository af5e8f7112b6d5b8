"""Chapters 4 and 5: who cannot get past the gate, and who opens it."""

from judgement import REVIEWERS, gate_question, live_question, sign
from scene import ENVIRONMENT, Scene, clock, gaps
from staleness import tell_stale_votes


def tell_ways_around(scene: Scene) -> None:
    """Chapter 4: every short cut is refused, whoever takes it."""
    tell = scene.tell
    tell.chapter(
        "Ways around", "The facts and the evidence are there. What is missing is people, and that is tempting."
    )
    _own_work(scene)
    _key(scene)
    _wrong_password(scene)
    _update(scene)
    _raw_promotion(scene)


def _own_work(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The owner, who is a risk manager as well, tries to approve their own work")
    refused = sign(scene, "OWNER", "v2", "risk", expect=403)
    tell.asked(f"POST /api/v1/releases/{scene.ids['release v2']}/sign-offs as {scene.variables['OWNER_USER']}")
    tell.answered(f"403 {refused.problem}", refused=True)
    tell.right(
        "The role is held and does not help. Persons are compared, not accounts: the owner answers for the pipeline."
    )


def _key(scene: Scene) -> None:
    tell, release = scene.tell, scene.ids["release v2"]
    tell.step("An API key tries to sign")
    refused = scene.laboratory.post(
        f"/api/v1/releases/{release}/sign-offs",
        {"requirement": "validator", "vote": "approve", "meaning": "ok", "statement_digest": "0" * 64, "password": "x"},
        expect=403,
    )
    tell.asked(f"POST /api/v1/releases/{release}/sign-offs with VALIDATOR_API_KEY")
    tell.answered(f"403 {refused.problem}", refused=True)
    tell.right("A vote is a person's. A service account holds the validator's role to report, never to sign.")


def _wrong_password(scene: Scene) -> None:
    tell = scene.tell
    tell.step("Someone signs at the validator's open screen")
    refused = sign(scene, "VALIDATOR", "v2", "validator", expect=403, password="a guess")
    tell.asked("POST …/sign-offs in the validator's session, without knowing the password")
    tell.answered(f"403 {refused.problem}", refused=True)
    tell.right("Signing asks anew who it is; a session left open is not enough.")


def _update(scene: Scene) -> None:
    tell = scene.tell
    tell.step("A shell with the application's own database login")
    statements = (
        f"UPDATE approvals_evidencevalue SET value = 0.99 WHERE evidence_id = {scene.ids['failed evidence']};",
        f"DELETE FROM approvals_evidence WHERE id = {scene.ids['failed evidence']};",
        f"UPDATE lineage_model SET risk_tier = 'low' WHERE id = {scene.ids['model']};",
    )
    for statement, said in zip(statements, scene.shell.run(*statements), strict=True):
        tell.must(any("ERROR" in line for line in said), f"psql must refuse it, and said {said}.")
        tell.asked(f"psql: {statement}")
        tell.answered(plainly(said), refused=True)
    tell.right("The login has no right to change or delete what is final, and no change is taken without a named "
               "actor and a reason, whichever door it comes by.")  # fmt: skip


def _raw_promotion(scene: Scene) -> None:
    tell, release = scene.tell, scene.ids["release v2"]
    insert = (
        "INSERT INTO approvals_promotion (release_id, model_id, environment_id, slot) "
        f"SELECT r.id, v.model_id, r.environment_id, r.slot FROM approvals_release r "
        f"JOIN lineage_modelversion v ON v.id = r.model_version_id WHERE r.id = {release};"
    )
    forged = (
        "BEGIN; SELECT set_config('muniment.actor', p.id::text, true), set_config('muniment.reason', 'urgent', true), "
        "set_config('muniment.action', gen_random_uuid()::text, true), "
        "set_config('muniment.xid', pg_current_xact_id()::text, true) "
        f"FROM governance_principal p WHERE p.name = '{scene.variables['RISK_USER']}' \\g /dev/null\n{insert} COMMIT;"
    )
    tell.step("The same shell inserts a promotion, first as nobody, then in a risk manager's name")
    for what, said in zip(("as nobody", "with a forged actor"), scene.shell.run(insert, forged), strict=True):
        tell.must(any("ERROR" in line for line in said), f"psql must refuse it, and said {said}.")
        tell.asked(f"psql, {what}: INSERT INTO approvals_promotion … release {release}")
        tell.answered(plainly(said), refused=True)
    live = scene.pipeline.get("/api/v1/live", **live_question(scene))
    tell.must(live["results"] == [], "Nothing may be live yet.")
    tell.right("A trigger asks the gate in the same transaction, under lock. The password of the application opens "
               "nothing that the application may not open.")  # fmt: skip


def tell_signatures(scene: Scene) -> None:
    """Chapter 5: the reviewers sign, and the gate opens."""
    tell, release = scene.tell, scene.ids["release v2"]
    tell.chapter("Signatures", "Each reviewer signs in, reads the statement, and signs it with their password.")
    tell.step("Six people sign")
    for key, requirement in REVIEWERS:
        signed = sign(scene, key, "v2", requirement)
        tell.asked(f"POST …/releases/{release}/sign-offs as {scene.variables[f'{key}_USER']} for {requirement}")
        tell.answered(f"201, {signed['printed_name']}, {clock(signed['signed_at'])}: {signed['meaning']}")
    tell.right("Printed name, moment and meaning stand with the statement word for word. A vote binds to what it was "
               "given on: if that changes, the vote counts no more.")  # fmt: skip
    tell_stale_votes(scene)
    tell.step("The gate is open, and version 2 goes live")
    gate = scene.pipeline.get("/api/v1/gate", **gate_question(scene, 2), enforce="true")
    tell.must(gate["allowed"] is True, f"The gate must be open: {gaps(gate['requirements'])}")
    promoted = scene.keep("promotion v2", scene.pipeline.post("/api/v1/promotions", {"release": release}))
    scene.ids["promotion entry"] = promoted["receipt"]["ledger_entry"]
    scene.moments["v2 live"] = promoted["started_at"]
    tell.asked("GET /api/v1/gate; POST /api/v1/promotions")
    tell.answered(f"200, allowed, {len(gate['requirements'])} requirements met; 201, live in {ENVIRONMENT} since "
                  f"{clock(promoted['started_at'])}")  # fmt: skip
    tell.right("The same question as in chapter 2. The database wrote the decision beside the promotion: every "
               "requirement, and the records it rests on.")  # fmt: skip


def plainly(said: list[str]) -> str:
    """What psql says, as one text: the sentence and the hint, without its prefix, codes and where in which function."""
    sentences = [line.split("ERROR:", 1)[1].strip() for line in said if "ERROR:" in line]
    hints = [line.removeprefix("HINT:").strip() for line in said if line.startswith("HINT:")]
    return " ".join([*sentences, *hints])
