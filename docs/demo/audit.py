"""The last chapter: an auditor, later."""

from client import last_words, manage
from judgement import live_question
from scene import Scene, clock


def tell_audit(scene: Scene) -> None:
    """The chapter."""
    scene.tell.chapter("The auditor", "Someone from outside the team re-examines all of it, reading only.")
    _live_then(scene)
    _who_signed(scene)
    _history(scene)
    _no_writing(scene)
    _log(scene)


def _live_then(scene: Scene) -> None:
    tell, then = scene.tell, scene.moments["v2 live"]
    tell.step("Which version was live at a moment?")
    live = scene.audit_tool.get("/api/v1/live", **live_question(scene), at=then)
    tell.must([one["version"] for one in live["results"]] == [2], "Version 2 must have been live then.")
    tell.asked(f"GET /api/v1/live?model=…&environment=production&at={then}")
    tell.answered("200, version 2, promotion " + str(live["results"][0]["promotion"]))
    tell.right("Nothing of this model serves now; the past is not rewritten by that.")


def _who_signed(scene: Scene) -> None:
    tell, release = scene.tell, scene.ids["release v2"]
    tell.step("Who had signed it?")
    votes = scene.audit_tool.get("/api/v1/sign-offs", release=release)["results"]
    promotion = scene.audit_tool.get(f"/api/v1/promotions/{scene.ids['promotion v2']}")
    rests = {
        r["id"] for row in promotion["decision"]["requirements"] for r in row["rests_on"] if r["kind"] == "sign_off"
    }
    tell.must(len(rests) == 6, f"The decision must rest on six signatures, and it rests on {len(rests)}.")
    tell.asked(f"GET /api/v1/sign-offs?release={release}; GET /api/v1/promotions/{scene.ids['promotion v2']}")
    said = {True: "counted", False: "no longer counted"}
    tell.answered("\n".join(f"{one['printed_name']}, {one['requirement']}, {clock(one['signed_at'])}: {one['vote']}, "
                            f"{said[one['id'] in rests]}"
                            for one in sorted(votes, key=lambda one: int(one["id"]))))  # fmt: skip
    tell.right("By name and moment, each with the statement that was signed; the decision names those it rested on.")


def _history(scene: Scene) -> None:
    tell = scene.tell
    tell.step("Who changed what, when and why?")
    page = scene.audit_tool.get("/api/v1/history", table="lineage_sensitivityflag", object=scene.ids["cleared flag"])[
        "results"
    ]
    tell.must(len(page) == 1 and "31 columns" in page[0]["reason"], "The review and its reason must be in the history.")
    tell.asked(f"GET /api/v1/history?table=lineage_sensitivityflag&object={scene.ids['cleared flag']}")
    tell.answered(
        f"{clock(page[0]['at'])}, {page[0]['by_name']}: “{page[0]['reason']}” (ledger entry {page[0]['ledger_entry']})"
    )
    tell.right("Every write has its row, written by the database, whichever door it came through.")


def _no_writing(scene: Scene) -> None:
    tell = scene.tell
    tell.step("The auditor changes nothing")
    refused = scene.audit_tool.post("/api/v1/datasets", {"name": "mine", "namespace": scene.namespace}, expect=403)
    tell.asked("POST /api/v1/datasets with the auditor's key")
    tell.answered(f"403 {refused.problem}", refused=True)
    tell.right("Oversight reads everything and raises findings; it takes no part.")


def _log(scene: Scene) -> None:
    tell = scene.tell
    tell.step("Is the record complete and unaltered?")
    verified = manage("verify_ledger")
    tell.must(verified.returncode == 0, f"verify_ledger says: {last_words(verified)}")
    checkpoint = scene.audit_tool.get("/log/checkpoint").text.splitlines()
    entry = scene.ids["promotion entry"]
    proof = scene.audit_tool.get("/api/v1/log/proof/inclusion", entry=entry)
    tell.asked(f"manage.py verify_ledger; GET /log/checkpoint; GET /api/v1/log/proof/inclusion?entry={entry}")
    tell.answered(verified.stdout.strip().splitlines()[-1])
    tell.answered(f"{checkpoint[0]}, {checkpoint[1]} entries, tree head {checkpoint[2]}")
    tell.answered(f"the promotion is entry {proof['position']} of the log; {len(proof['proof'])} hashes prove it")
    tell.right("Every change is a leaf of a Merkle tree whose heads are signed. Keep a head elsewhere, and not even "
               "the owner of the database can change the past unnoticed.")  # fmt: skip
