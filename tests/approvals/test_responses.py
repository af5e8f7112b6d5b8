"""What a policy says is done when a fact changes under a live model: its form, in Python and in the database alike."""

import json
from typing import Any

import pytest

from approvals.actions.defaults import RESPONSES
from approvals.actions.policies import write_policy_version
from approvals.models import PolicyVersion
from approvals.responses import Cause, checked_responses, fault_of
from governance import errors
from lineage.models import RiskTier
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.world import WHY, World, database

GOOD: list[dict[str, Any]] = [
    {"notice_hours": 0, "confirm": None, "fallback": "stop"},
    {"notice_hours": 8760, "confirm": "risk_manager", "fallback": "last_good"},
    {"notice_hours": 1, "confirm": None, "fallback": "keep"},
]
WRONG: list[Any] = [
    None, [], "stop", {}, {"notice_hours": 1}, {"fallback": "sometimes"}, {"fallback": "stop", "more": 1},
    {"notice_hours": -1, "confirm": None, "fallback": "stop"}, {"notice_hours": 8761, "confirm": None, "fallback": "stop"},
    {"notice_hours": 1.5, "confirm": None, "fallback": "stop"}, {"notice_hours": "24", "confirm": None, "fallback": "stop"},
    {"notice_hours": True, "confirm": None, "fallback": "stop"}, {"notice_hours": None, "confirm": None, "fallback": "stop"},
    {"notice_hours": 24, "confirm": "pipeline", "fallback": "stop"}, {"notice_hours": 24, "confirm": 7, "fallback": "stop"},
    {"notice_hours": 24, "confirm": "policy_owner", "fallback": "stop"},
    {"notice_hours": 0, "confirm": "risk_manager", "fallback": "stop"}, {"notice_hours": 0, "confirm": None, "fallback": None},
]  # fmt: skip


@pytest.mark.parametrize("given", GOOD, ids=str)
def test_a_response_of_the_right_form_is_kept_whole(w: World, given: dict[str, Any]) -> None:
    kept = checked_responses({"terms_withdrawn": given})
    assert kept == {"terms_withdrawn": given}
    assert database("SELECT muniment.wrong_response(%s)", json.dumps(kept)) is None


@pytest.mark.parametrize("given", WRONG, ids=str)
def test_one_of_another_form_is_refused_by_name_in_python_and_in_the_database(
    w: World, app: Connection, given: Any
) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        checked_responses({"flag_raised": given})
    assert list(refusal.value.errors) == ["responses.flag_raised"]
    assert database("SELECT muniment.wrong_response(%s)", json.dumps({"flag_raised": given})) == "flag_raised"
    with refuses("MU009", "response"), acting(app, w.cast.policy):
        app.execute(
            "INSERT INTO approvals_policyversion (policy_id, number, summary, responses, written_in)"
            " SELECT id, 0, '', %s, 0 FROM approvals_policy LIMIT 1", [json.dumps({"flag_raised": given})],
        )  # fmt: skip


def test_an_unknown_cause_is_refused_and_the_known_ones_are_the_databases() -> None:
    assert "terms_withdrawn" in fault_of("terms_widened", GOOD[0])


def test_the_causes_are_the_databases(w: World) -> None:
    assert database("SELECT muniment.causes()") == Cause.values
    assert database("SELECT muniment.wrong_response(%s)", json.dumps({"terms_widened": GOOD[0]})) == "terms_widened"
    assert database("SELECT muniment.wrong_response('[]')") == "responses"


def test_what_is_left_out_is_filled_in(w: World) -> None:
    version = write_policy_version(
        actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH, namespace=w.cast.retail,
        requirements=[{"key": "artifact", "kind": "artifact"}], responses={"terms_withdrawn": {"fallback": "stop"}}, **WHY,
    )  # fmt: skip
    assert version.responses == {"terms_withdrawn": {"notice_hours": 0, "confirm": None, "fallback": "stop"}}


def test_the_defaults_answer_the_more_sharply_the_higher_the_tier(w: World) -> None:
    kept = {
        version.policy.risk_tier: version.responses
        for version in PolicyVersion.objects.filter(policy__environment__name="production", policy__namespace=None)
    }
    assert kept == {tier.value: RESPONSES[tier] for tier in RiskTier}
    assert set(kept["high"]) == set(Cause.values)
    assert kept["high"]["terms_withdrawn"] == {"notice_hours": 0, "confirm": None, "fallback": "last_good"}
    for cause, medium in kept["medium"].items():
        assert kept["high"][cause]["notice_hours"] <= medium["notice_hours"], cause


def test_a_policy_owner_writes_and_reads_them_over_http(w: World, signed_in: Any) -> None:
    body = {
        "environment": "production", "risk_tier": "low", "namespace": "retail",
        "requirements": [{"key": "artifact", "kind": "artifact"}], "responses": {"finding_raised": GOOD[1]},
    }  # fmt: skip
    made = signed_in("policy").post("/api/v1/policies", body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert made.json()["responses"] == {"finding_raised": GOOD[1]}
    body["responses"] = {"finding_raised": WRONG[7]}
    refused = signed_in("policy").post("/api/v1/policies", body, content_type="application/json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["responses.finding_raised"])
