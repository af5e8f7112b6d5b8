"""Policies over HTTP as YAML: sent and got as the same text, faults named with line and column."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import PolicyVersion
from tests.approvals.test_api import post
from tests.approvals.world import FACTS, World, signature

Api = Callable[[str], Any]

GOOD = """\
environment: production
risk_tier: high
slot: challenger
summary: What a challenger must show
requirements:
  - key: artifact
    kind: artifact
    params:
      code_commit: true
  - key: performance
    kind: evidence
    title: Good enough
    params:
      plan_kind: performance
      max_age_days: 30
      criteria:
        - metric: auc
          comparator: ge
          threshold: '0.90'
  - key: risk
    kind: signoff
    params:
      role: risk_manager
      count: 1
    binds:
      - data
      - subject
responses:
  flag_raised:
    notice_hours: 24
    confirm: risk_manager
    fallback: stop
"""


def send(client: Any, text: str | bytes, kind: str = "application/yaml") -> Any:
    return client.post("/api/v1/policies", text, content_type=kind)


def test_yaml_that_was_sent_is_what_is_got(w: World, signed_in: Api) -> None:
    written = send(signed_in("policy"), GOOD)
    assert written.status_code == 201, written.json()
    got = signed_in("policy").get(f"/api/v1/policies/{written.json()['id']}/yaml")
    assert (got.status_code, got["Content-Type"]) == (200, "application/yaml; charset=utf-8")
    assert got.content.decode() == GOOD
    again = send(signed_in("policy"), got.content)
    assert again.status_code == 201
    ours, theirs = PolicyVersion.objects.order_by("id")[PolicyVersion.objects.count() - 2 :]
    assert (theirs.number, theirs.policy) == (ours.number + 1, ours.policy)


def test_yaml_and_json_write_the_same(w: World, signed_in: Api) -> None:
    from approvals.documents import document_of
    from approvals.strict_yaml import read

    one = PolicyVersion.objects.get(pk=send(signed_in("policy"), GOOD).json()["id"])
    other = PolicyVersion.objects.get(pk=post(signed_in("policy"), "policies", read(GOOD).value).json()["id"])
    assert document_of(one) == document_of(other)


WRONG: list[tuple[str, str, str, str]] = [
    ("count: 1", "count: 0", "requirements.risk.count", "Line 24, column 14: From 1 to 20 persons."),
    ("count: 1", "count: yes", "requirements[2].params.count", "Line 24, column 14: Put yes in quotes"),
    ("count: 1", "count: true", "requirements.risk.count", "Line 24, column 14: A value of another type"),
    ("count: 1", "cuont: 1", "requirements.risk.cuont", "Line 24, column 14: There is no such parameter"),
    ("count: 1", "role: validator", "requirements[2].params.role", "Line 24, column 7: This key stands here already"),
    ("code_commit: true", "code_commit: 'no'", "requirements.artifact.code_commit", "Line 9, column 20"),
    ("kind: signoff", "kind: nod", "requirements[2].kind", "Line 21, column 11"),
    ("key: risk", "key: artifact", "requirements.artifact", "Line 20, column 5: Given twice"),
    ("binds:\n      - data", "binds:\n      - dta", "requirements[2].binds[0]", "Line 26, column 9"),
    ("threshold: '0.90'", "threshold: much", "requirements.performance.criteria", "Line 17, column 9"),
    ("threshold: '0.90'", "threshold: .NaN", "requirements[1].params.criteria[0].threshold", "Line 19, column 22"),
    ("plan_kind: performance", "plan_kind: beauty", "requirements.performance.plan_kind", "Line 14, column 18"),
    ("risk_tier: high", "risk_tier: High", "risk_tier", "Line 2, column 12"),
    ("slot: challenger", "slot: 1", "slot", "Line 3, column 7"),
    ("summary:", "sumary:", "sumary", "Line 4, column 9: There is no such field"),
    ("fallback: stop", "fallback: sometimes", "responses.flag_raised", "Line 30, column 5"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "field", "says"), WRONG, ids=[bad for _g, bad, _f, _s in WRONG])
def test_a_fault_is_named_by_field_line_and_column_and_nothing_is_written(
    w: World, signed_in: Api, good: str, bad: str, field: str, says: str
) -> None:
    before = PolicyVersion.objects.count()
    answer = send(signed_in("policy"), GOOD.replace(good, bad))
    assert answer.status_code == 400
    assert says in " ".join(answer.json()["errors"].get(field, ())), answer.json()["errors"]
    assert PolicyVersion.objects.count() == before


@pytest.mark.parametrize(
    ("body", "status"),
    [("- 1", 400), ("", 400), ("a: &a [*a]", 400), (b"\xff", 400), ("x: '" + "y" * 200_000 + "'", 413)],
)
def test_what_is_no_policy_at_all_is_refused(w: World, signed_in: Api, body: Any, status: int) -> None:
    assert send(signed_in("policy"), body).status_code == status
    assert send(signed_in("policy"), GOOD, "text/csv").status_code == 415


def test_yaml_opens_no_other_door(w: World, signed_in: Api) -> None:
    assert send(signed_in("risk"), GOOD).status_code == 403
    other = signed_in("policy").post("/api/v1/datasets", "name: x", content_type="application/yaml")
    assert other.status_code == 415


def test_what_could_not_be_read_back_is_not_written(w: World, signed_in: Api) -> None:
    many = [{**signature(f"s-{n}", "risk_manager"), "title": "ü" * 190 + str(n)} for n in range(100)]
    many[0]["params"] = {**many[0]["params"], "role": "risk_manager"}
    body = {
        "environment": "production",
        "risk_tier": "high",
        "requirements": [*many[:99], FACTS[0]],
        "summary": "\x85" * 10_000,
    }
    answer = post(signed_in("policy"), "policies", body)
    assert answer.status_code == 400, answer.json()


def test_the_slot_is_shown_and_filtered_by(w: World, signed_in: Api) -> None:
    send(signed_in("policy"), GOOD)
    found = signed_in("viewer").get("/api/v1/policies?slot=challenger").json()["results"]
    assert [(one["slot"], one["number"]) for one in found] == [("challenger", 1)]
    assert signed_in("viewer").get("/api/v1/policies?slot=other").status_code == 400
