"""The approvals over HTTP: the story's end points, their answers, and who may."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Finding, Promotion, SignOff
from governance.unit_of_work import recorded_action
from lineage.models import TermsWithdrawal
from tests.approvals.world import PURPOSE, World, signature
from tests.cast import PASSWORD

Api = Callable[[str], Any]
OPEN = {"key": "artifact", "kind": "artifact"}


def plan_body(w: World, **more: Any) -> dict[str, Any]:
    return {
        "model": w.model.pk, "kind": "performance", "title": "Accuracy",
        "criteria": [{"metric": "accuracy", "comparator": "ge", "threshold": "0.900"}], **more,
    }  # fmt: skip


def evidence_body(w: World, plan: int, value: Any = "0.95", **more: Any) -> dict[str, Any]:
    return {
        "plan": plan, "model_version": w.version.pk, "subject_digest": f"sha256:{w.version.digest_value}",
        "run_started_at": timezone.now().isoformat(), "values": [{"metric": "accuracy", "value": value}], **more,
    }  # fmt: skip


def post(client: Any, path: str, body: Any, **more: Any) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json", **more)


def sent(api: Any, path: str, body: Any) -> Any:
    return api.post(f"/api/v1/{path}", body, format="json")


def test_a_plan_is_locked_and_found_again(w: World, api: Api) -> None:
    first = sent(api("tester"), "plans", plan_body(w))
    assert first.status_code == 201, first.data
    assert first.data["criteria"] == [
        {"metric": "accuracy", "comparator": "ge", "threshold": "0.9", "slice": "", "dataset_role": ""}
    ]
    assert first.data["locked_at"]
    assert set(first.data["receipt"]) == {"id", "history_id", "ledger_entry", "action_id", "recorded_at"}
    again = sent(api("tester"), "plans", plan_body(w))
    assert (again.status_code, again.data["id"]) == (200, first.data["id"])


def test_evidence_answers_with_the_servers_verdict_whatever_is_claimed(w: World, api: Api) -> None:
    plan = sent(api("tester"), "plans", plan_body(w)).data["id"]
    bad = sent(api("tester"), "evidence", evidence_body(w, plan, 0.5, claim="passed"))
    assert (bad.status_code, bad.data["verdict"], bad.data["claim"]) == (201, "bad", "passed")
    good = sent(api("tester"), "evidence", evidence_body(w, plan, "0.950000000000000000000001"))
    assert good.data["verdict"] == "good"
    assert good.data["values"][0]["value"] == "0.950000000000000000000001"
    listed = api("tester").get(f"/api/v1/evidence?plan={plan}").data["results"]
    assert [item["verdict"] for item in listed] == ["good", "bad"]


def test_the_gate_answers_before_anyone_asked_and_enforces_on_demand(w: World, api: Api) -> None:
    where = f"model={w.model.name}&version={w.version.number}&environment=production"
    answer = api("pipeline").get(f"/api/v1/gate?{where}")
    assert answer.status_code == 200
    assert (answer.data["allowed"], answer.data["release"]) == (False, None)
    assert [r["reason"] for r in answer.data["requirements"]] == ["no-release"]
    assert (
        sent(api("pipeline"), "releases", {"model_version": w.version.pk, "environment": "production"}).status_code
        == 201
    )
    rows = {r["key"]: r for r in api("pipeline").get(f"/api/v1/gate?{where}").data["requirements"]}
    assert set(rows["risk"]) == {"key", "kind", "status", "reason", "params", "message", "rests_on"}
    closed = api("pipeline").get(f"/api/v1/gate?{where}&enforce=true")
    assert (closed.status_code, closed.json()["type"]) == (409, "urn:muniment:problem:gate-closed")
    assert {r["key"] for r in closed.json()["requirements"]} == set(rows)
    by_digest = api("pipeline").get(f"/api/v1/gate?digest=sha256:{w.version.digest_value}&environment=production")
    assert by_digest.data["release"] == answer.data["release"] or by_digest.data["version"] == w.version.number


def test_a_release_that_is_over_permits_nothing(w: World, api: Api, signed_in: Api) -> None:
    """What was rejected, or suspended after its promotion, must not pass a pipeline's step on the votes it once had."""
    w.policy(OPEN)
    question = f"/api/v1/gate?model={w.model.name}&version={w.version.number}&environment=production&enforce=true"

    def answer() -> tuple[int, list[str]]:
        given = api("pipeline").get(question)
        return given.status_code, [r["reason"] for r in given.json()["requirements"]]

    release = w.release()
    assert answer() == (200, ["artifact-met"])
    risk = signed_in("risk")
    assert post(risk, f"releases/{release.pk}/close", {"kind": "rejected", "reason": "No"}).status_code == 201
    assert answer() == (409, ["no-release", "artifact-met"])
    promotion = sent(api("pipeline"), "promotions", {"release": w.release().pk}).data["id"]
    assert answer() == (200, ["artifact-met"])
    assert post(risk, f"promotions/{promotion}/end", {"kind": "suspended", "reason": "No"}).status_code == 201
    assert answer() == (409, ["no-release", "artifact-met"])


def test_enforcing_asks_the_facts_anew_while_a_version_is_live(w: World, api: Api, signed_in: Api) -> None:
    w.policy({"key": "terms", "kind": "terms"})
    sent(api("pipeline"), "promotions", {"release": w.release().pk})
    question = f"/api/v1/gate?model={w.model.name}&version={w.version.number}&environment=production"
    assert api("pipeline").get(f"{question}&enforce=true").status_code == 200
    with recorded_action(actor=w.cast.steward, reason="Consent withdrawn"):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Consent withdrawn")
    assert api("pipeline").get(question).data["live"]
    assert api("pipeline").get(f"{question}&enforce=true").status_code == 409


def test_a_release_is_opened_once(w: World, api: Api) -> None:
    body = {"model_version": w.version.pk, "environment": "production"}
    first, again = sent(api("pipeline"), "releases", body), sent(api("pipeline"), "releases", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.data["id"] == again.data["id"]
    assert (first.data["purpose"], first.data["model"], first.data["slot"]) == (PURPOSE, "scoring", "champion")
    other = sent(api("pipeline"), "releases", {**body, "purpose": "dpv:Marketing"})
    assert (other.status_code, list(other.json()["errors"])) == (409, ["purpose"])


def test_a_refused_promotion_names_every_gap_and_is_on_record(w: World, api: Api) -> None:
    from approvals.models import RefusedAttempt

    release = w.release()
    answer = sent(api("pipeline"), "promotions", {"release": release.pk})
    assert answer.status_code == 409
    rows = answer.json()["requirements"]
    assert {r["key"] for r in rows if r["status"] == "UNSATISFIED"} >= {"risk", "compliance", "evidence-performance"}
    assert all(r["message"] for r in rows)
    assert RefusedAttempt.objects.filter(release=release).count() == 1
    assert not Promotion.objects.exists()


def sign(client: Any, release: int, requirement: str, *, vote: str = "approve", **more: Any) -> Any:
    """Read the statement and sign it, as a person would."""
    shown = client.get(f"/api/v1/releases/{release}/statement?requirement={requirement}&vote={vote}")
    assert shown.status_code == 200, shown.json()
    body = {
        "requirement": requirement, "vote": vote, "statement_digest": shown.json()["statement_digest"],
        "password": PASSWORD, **more,
    }  # fmt: skip
    return post(client, f"releases/{release}/sign-offs", body)


def test_a_person_reads_the_statement_signs_promotes_and_it_shows(w: World, signed_in: Api, api: Api) -> None:
    w.policy(OPEN, signature("risk", "risk_manager"))
    release = w.release()
    risk = signed_in("risk")
    signed = sign(risk, release.pk, "risk", meaning="I answer for this")
    assert signed.status_code == 201, signed.json()
    answer = signed.json()
    assert (answer["printed_name"], answer["vote"], answer["meaning"]) == ("Rita Risk", "approve", "I answer for this")
    assert answer["statement"].startswith("Rita Risk, risk_manager (retail): APPROVE")
    assert answer["receipt"]["id"] == answer["id"]
    again = sign(risk, release.pk, "risk")
    assert (again.status_code, again.json()["params"]["code"]) == (409, "already-voted")

    live = sent(api("pipeline"), "promotions", {"release": release.pk})
    assert live.status_code == 201, live.json()
    assert live.json()["decision"]["would_have_refused"] is False
    seen = api("pipeline").get("/api/v1/live?model=scoring&environment=production").json()["results"]
    assert [(r["version"], r["slot"], [s["name"] for s in r["signed_by"]]) for r in seen] == [
        (1, "champion", ["Rita Risk"])
    ]
    assert seen[0]["attention"] == []
    gate = api("pipeline").get("/api/v1/gate?model=scoring&version=1&environment=production&enforce=true")
    assert (gate.status_code, gate.json()["live"]) == (200, True)
    before = w.version.recorded_at.isoformat().replace("+00:00", "Z")
    assert api("pipeline").get(f"/api/v1/live?at={before}").json()["results"] == []

    end = post(risk, f"promotions/{live.json()['id']}/end", {"kind": "retired", "reason": "No longer used"})
    assert (end.status_code, end.json()["kind"]) == (201, "retired")
    assert api("pipeline").get("/api/v1/live").json()["results"] == []


def test_live_shows_that_terms_upstream_were_withdrawn(w: World, api: Api) -> None:
    from governance.unit_of_work import recorded_action
    from lineage.models import TermsWithdrawal
    from tests.approvals.world import WHY

    w.policy(OPEN, {"key": "terms", "kind": "terms"})
    release = w.release()
    assert sent(api("pipeline"), "promotions", {"release": release.pk}).status_code == 201
    with recorded_action(actor=w.cast.steward, **WHY):
        TermsWithdrawal.objects.create(terms=w.terms["source"], reason="Objection")
    shown = api("pipeline").get("/api/v1/live").json()["results"][0]
    assert [row["reason"] for row in shown["attention"]] == ["terms-withdrawn"]


def test_an_api_key_neither_reads_a_statement_nor_signs_nor_takes_back(w: World, api: Api) -> None:
    w.policy(OPEN, signature("validator", "validator"))
    release = w.release()
    vote = w.vote("validator", w.cast.validator)
    tester = api("tester")
    shown = tester.get(f"/api/v1/releases/{release.pk}/statement?requirement=validator&vote=approve")
    assert shown.status_code == 403
    body = {
        "requirement": "validator", "vote": "approve", "statement_digest": "0" * 64, "password": PASSWORD,
    }  # fmt: skip
    assert sent(tester, f"releases/{release.pk}/sign-offs", body).status_code == 403
    assert sent(tester, f"sign-offs/{vote.pk}/withdraw", {"reason": "x"}).status_code == 403
    assert SignOff.objects.filter(release=release).count() == 1


def test_signing_takes_the_password_and_the_statement_that_was_shown(w: World, signed_in: Api) -> None:
    w.policy(OPEN, signature("risk", "risk_manager"))
    release = w.release()
    risk = signed_in("risk")
    wrong = sign(risk, release.pk, "risk", password="wrong")
    assert (wrong.status_code, list(wrong.json()["errors"])) == (403, ["password"])
    stale = sign(risk, release.pk, "risk", statement_digest="0" * 64)
    assert (stale.status_code, stale.json()["params"]["code"]) == (409, "statement-outdated")
    shown = risk.get(f"/api/v1/releases/{release.pk}/statement?requirement=risk&vote=approve").json()
    w.evidence(w.plan())
    body = {
        "requirement": "risk",
        "vote": "approve",
        "password": PASSWORD,
        "statement_digest": shown["statement_digest"],
    }
    assert post(risk, f"releases/{release.pk}/sign-offs", body).status_code == 409
    silent = sign(risk, release.pk, "risk", vote="reject")
    assert (silent.status_code, list(silent.json()["errors"])) == (400, ["comment"])
    assert not SignOff.objects.exists()


def test_the_owner_does_not_approve_their_own_work_A30(w: World, signed_in: Api) -> None:
    from governance.accounts.roles import Role
    from tests.approvals.test_attacks import also

    w.policy(OPEN, signature("risk", "risk_manager"))
    release = w.release()
    also(w, w.cast.engineer, Role.RISK_MANAGER, w.cast.retail)
    answer = sign(signed_in("engineer"), release.pk, "risk")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:muniment:problem:separation-of-duties")
    assert answer.json()["params"]["code"] == "own-work"
    owner = signed_in("owner").get(f"/api/v1/releases/{release.pk}/statement?requirement=risk&vote=approve")
    assert owner.status_code == 403


def test_a_vote_is_taken_back_by_its_author(w: World, signed_in: Api) -> None:
    w.policy(OPEN, signature("risk", "risk_manager"))
    vote = w.vote("risk", w.cast.risk)
    other = post(signed_in("risk2"), f"sign-offs/{vote.pk}/withdraw", {"reason": "Not mine"})
    assert (other.status_code, other.json()["params"]["code"]) == (403, "not-your-vote")
    taken = post(signed_in("risk"), f"sign-offs/{vote.pk}/withdraw", {"reason": "I was wrong"})
    assert (taken.status_code, taken.json()["sign_off"]) == (201, vote.pk)
    listed = signed_in("risk").get(f"/api/v1/sign-offs?release={vote.release_id}").json()["results"]
    assert listed[0]["withdrawal"]["reason"] == "I was wrong"


def test_policies_are_written_by_one_and_published_by_another(w: World, signed_in: Api) -> None:
    body = {
        "environment": "production", "risk_tier": "high", "summary": "Ours",
        "requirements": [OPEN, signature("risk", "risk_manager")],
    }  # fmt: skip
    written = post(signed_in("policy"), "policies", body)
    assert written.status_code == 201, written.json()
    assert [r["key"] for r in written.json()["requirements"]] == ["artifact", "risk"]
    number = written.json()["id"]
    assert post(signed_in("policy"), f"policies/{number}/publish", {}).status_code == 403
    assert post(signed_in("risk"), f"policies/{number}/publish", {}).status_code == 403
    assert post(signed_in("policy2"), f"policies/{number}/publish", {}).status_code == 201
    assert post(signed_in("policy2"), f"policies/{number}/publish", {}).status_code == 409
    assert set(w.ask()) == {"artifact", "risk"}


def test_findings_are_raised_answered_and_closed(w: World, signed_in: Api) -> None:
    body = {"kind": "audit", "dataset": w.datasets["raw"].pk, "text": "Unclear", "severity": "high", "blocks": True}
    raised = post(signed_in("auditor"), "findings", {**body, "owner": w.cast.steward.pk})
    assert raised.status_code == 201, raised.json()
    number = raised.json()["id"]
    assert post(signed_in("steward"), f"findings/{number}/answer", {"text": "Cleared up"}).status_code == 201
    assert post(signed_in("steward"), f"findings/{number}/close", {"text": "Done"}).status_code == 403
    assert post(signed_in("risk"), f"findings/{number}/close", {"text": "Agreed"}).status_code == 201
    shown = signed_in("auditor").get(f"/api/v1/findings/{number}").json()
    assert [e["kind"] for e in shown["events"]] == ["answered", "closed"]
    assert Finding.objects.count() == 1


@pytest.mark.parametrize(
    "path",
    ["plans/{plan}", "evidence/{evidence}", "releases/{release}", "sign-offs/{vote}", "promotions/{promotion}",
     "findings/{finding}", "releases/{release}/statement?requirement=risk&vote=approve"],
)  # fmt: skip
def test_records_of_another_namespace_are_not_found_A71(w: World, signed_in: Api, api: Api, path: str) -> None:
    w.policy(OPEN, signature("risk", "risk_manager"))
    plan = w.plan()
    evidence = w.evidence(plan)
    release, vote = w.release(), w.vote("risk", w.cast.risk)
    promotion = sent(api("pipeline"), "promotions", {"release": release.pk}).json()["id"]
    finding = post(
        signed_in("auditor"),
        "findings",
        {"kind": "audit", "model": w.model.pk, "text": "x", "severity": "low", "blocks": False},
    ).json()["id"]
    known = {
        "plan": plan.pk, "evidence": evidence.pk, "release": release.pk, "vote": vote.pk, "promotion": promotion,
        "finding": finding,
    }  # fmt: skip
    outsider = signed_in("outsider")
    mine = outsider.get("/api/v1/" + path.format(**known))
    none = outsider.get("/api/v1/" + path.format(**dict.fromkeys(known, 999_999)))
    assert (mine.status_code, mine.json()["detail"]) == (404, none.json()["detail"])
    for collection in ("plans", "evidence", "releases", "sign-offs", "promotions", "findings"):
        assert outsider.get(f"/api/v1/{collection}").json()["results"] == []
    assert outsider.get("/api/v1/gate?model=scoring&version=1&environment=production").status_code == 404
    assert outsider.get("/api/v1/live").json()["results"] == []


def test_who_may_not_ask_is_told_the_roles_that_may(w: World, signed_in: Api) -> None:
    body = {"model_version": w.version.pk, "environment": "production"}
    answer = post(signed_in("auditor"), "releases", body)
    assert answer.status_code == 403
    assert set(answer.json()["params"]["roles"]) == {"pipeline", "model_owner"}
    release = w.release()
    assert post(signed_in("viewer"), "promotions", {"release": release.pk}).status_code == 403
