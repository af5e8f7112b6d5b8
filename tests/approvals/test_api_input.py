"""Bad input at the end points of approvals: the field is named, nothing is written."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.approvals.test_api import evidence_body, plan_body, post, sent
from tests.approvals.world import World

Api = Callable[[str], Any]


def bound(comparator: str, threshold: str) -> dict[str, str]:
    return {"metric": "m", "comparator": comparator, "threshold": threshold}


WRONG_PARAMS: list[tuple[str, dict[str, Any], str]] = [
    ("artifact", {"color": 1}, "color"),
    ("artifact", {"code_commit": "yes"}, "code_commit"),
    ("signoff", {"role": "auditor"}, "role"),
    ("signoff", {"role": "risk_manager", "count": 0}, "count"),
    ("signoff", {"role": "risk_manager", "count": True}, "count"),
    ("signoff", {"role": "risk_manager", "veto": 1}, "veto"),
    ("evidence", {}, "plan_kind"),
    ("evidence", {"plan_kind": "beauty"}, "plan_kind"),
    ("evidence", {"plan_kind": "performance", "subject": "moon"}, "subject"),
    ("evidence", {"plan_kind": "performance", "environment": "staging"}, "environment"),
    ("evidence", {"plan_kind": "performance", "max_age_days": 0}, "max_age_days"),
    ("evidence", {"plan_kind": "performance", "criteria": [bound("=>", "1")]}, "criteria"),
    ("evidence", {"plan_kind": "performance", "criteria": [bound("ge", "NaN")]}, "criteria"),
    ("evidence", {"plan_kind": "performance", "criteria": [bound("gt", "1"), bound("lt", "1")]}, "criteria"),
    ("sensitivity", {"forbidden_categories": "pd:Health"}, "forbidden_categories"),
    ("sensitivity", {"forbidden_categories": ["health"]}, "forbidden_categories"),
    ("sensitivity", {"forbidden_categories": ["pd:Helth"]}, "forbidden_categories"),
]


@pytest.mark.parametrize(("kind", "params", "field"), WRONG_PARAMS)
def test_a_requirement_that_cannot_be_right_is_refused_by_name(
    w: World, signed_in: Api, kind: str, params: dict[str, Any], field: str
) -> None:
    binds = ["subject"] if kind == "signoff" else []
    asked = [{"key": "a", "kind": kind, "params": params, "binds": binds}]
    answer = post(
        signed_in("policy"), "policies", {"environment": "production", "risk_tier": "high", "requirements": asked}
    )
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [f"requirements.a.{field}"]), answer.json()


@pytest.mark.parametrize(
    ("requirement", "field"),
    [
        ({"key": "a", "kind": "magic"}, "requirements[0].kind"),
        ({"key": "A b", "kind": "artifact"}, "requirements[0].key"),
        ({"key": "a", "kind": "signoff", "params": {"role": "risk_manager"}}, "requirements.a.binds"),
        ({"key": "a", "kind": "artifact", "binds": ["subject"]}, "requirements.a.binds"),
    ],
)
def test_a_requirement_of_no_known_form_is_refused_by_name(
    w: World, signed_in: Api, requirement: dict[str, Any], field: str
) -> None:
    body = {"environment": "production", "risk_tier": "high", "requirements": [requirement]}
    answer = post(signed_in("policy"), "policies", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.json()


BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("plans", {"kind": "magic"}, ["kind"]),
    ("plans", {"kind": 1}, ["kind"]),
    ("plans", {"title": ""}, ["title"]),
    ("plans", {"title": "a\x00b"}, ["title"]),
    ("plans", {"title": "x" * 201}, ["title"]),
    ("plans", {"locked_at": "2020-01-01T00:00:00Z"}, ["locked_at"]),
    ("plans", {"model": "7"}, ["model"]),
    ("plans", {"model": 10**30}, ["model"]),
    ("plans", {"dataset": 1}, ["model"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "=>", "threshold": "1"}]}, ["criteria[0].comparator"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "ge", "threshold": "NaN"}]}, ["criteria[0].threshold"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "ge", "threshold": "0x1A"}]}, ["criteria[0].threshold"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "ge", "threshold": "0.9 "}]}, ["criteria[0].threshold"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "ge", "threshold": True}]}, ["criteria[0].threshold"]),
    ("plans", {"criteria": [{"metric": "a", "comparator": "ge", "threshold": "1e400"}]}, ["criteria[0].threshold"]),
    ("plans", {"criteria": {"metric": "a"}}, ["criteria"]),
    ("plans", {"criteria": []}, ["criteria"]),
    ("evidence", {"values": [{"metric": "a", "value": "NaN"}]}, ["values[0].value"]),
    ("evidence", {"values": [{"metric": "a", "value": "1e31"}]}, ["values[0].value"]),
    ("evidence", {"values": [{"metric": "a", "value": True}]}, ["values[0].value"]),
    ("evidence", {"values": [{"metric": "a"}]}, ["values[0].value"]),
    ("evidence", {"values": [{"metric": "a", "value": "1", "passed": True}]}, ["values[0].passed"]),
    ("evidence", {"values": [{"metric": "a", "value": "1"}, {"metric": "a", "value": "2"}]}, ["values"]),
    ("evidence", {"verdict": "good"}, ["verdict"]),
    ("evidence", {"passed": True}, ["passed"]),
    ("evidence", {"subject_digest": "md5"}, ["subject_digest"]),
    ("evidence", {"subject_digest": "sha256:" + "0" * 64}, ["subject_digest"]),
    ("evidence", {"run_started_at": "yesterday"}, ["run_started_at"]),
    ("evidence", {"run_started_at": "2026-01-01T00:00:00"}, ["run_started_at"]),
    ("evidence", {"attachments": [{"uri": "s3://a", "digest": "x"}]}, ["attachments[0].digest"]),
    ("evidence", {"dataset_version": 1}, ["model_version"]),
    ("releases", {"environment": 5}, ["environment"]),
    ("releases", {"slot": "winner"}, ["slot"]),
    ("releases", {"purpose": "selling"}, ["purpose"]),
    ("releases", {"model_version": None}, ["model_version"]),
    ("promotions", {"release": "1"}, ["release"]),
    ("promotions", {"release": -1}, ["release"]),
    ("promotions", {"replaces": None}, ["replaces"]),
]


@pytest.mark.parametrize(("path", "change", "fields"), BAD)
def test_bad_input_is_refused_with_the_field_named_and_nothing_written(
    w: World, api: Api, path: str, change: dict[str, Any], fields: list[str]
) -> None:
    from governance.ledger.models import LedgerEntry

    plan = w.plan()
    good = {
        "plans": plan_body(w, title="Another"),
        "evidence": evidence_body(w, plan.pk),
        "releases": {"model_version": w.version.pk, "environment": "production"},
        "promotions": {"release": 1},
    }
    before = LedgerEntry.objects.count()
    answer = sent(api("tester" if path in ("plans", "evidence") else "pipeline"), path, {**good[path], **change})
    assert answer.status_code == 400, answer.json()
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == fields, answer.json()
    assert LedgerEntry.objects.count() == before


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("evidence", {"plan": 999999}, "plan"),
        ("evidence", {"model_version": 999999}, "model_version"),
        ("releases", {"model_version": 999999}, "model_version"),
        ("releases", {"environment": "moon"}, "environment"),
        ("promotions", {"release": 999999}, "release"),
        ("plans", {"model": 999999}, "model"),
    ],
)
def test_what_does_not_exist_is_not_found_with_the_field_named(
    w: World, api: Api, path: str, body: dict[str, Any], field: str
) -> None:
    good = {
        "plans": plan_body(w),
        "evidence": evidence_body(w, w.plan().pk),
        "releases": {"model_version": w.version.pk, "environment": "production"},
        "promotions": {},
    }
    answer = sent(api("tester" if path in ("plans", "evidence") else "pipeline"), path, {**good[path], **body})
    assert (answer.status_code, list(answer.json()["errors"])) == (404, [field])


@pytest.mark.parametrize("raw", ['{"release": 1, "release": 2}', '{"release": NaN}', '{"release": 1', "[]", '"x"'])
def test_json_that_reads_two_ways_or_none_is_refused(w: World, api: Api, raw: str) -> None:
    answer = api("pipeline").generic("POST", "/api/v1/promotions", raw, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "",
        "environment=production",
        "model=scoring&environment=production",
        "model=scoring&version=x&environment=production",
        "model=scoring&version=1&environment=production&enforce=maybe",
        "model=scoring&version=1&environment=production&color=1",
        "model=scoring&version=1&digest=a&environment=production",
        "model=scoring&version=99999999999&environment=production",
        "model=scoring&version=1&environment=production&environment=staging",
    ],
)
def test_the_gate_refuses_a_question_it_cannot_read(w: World, api: Api, query: str) -> None:
    assert api("pipeline").get(f"/api/v1/gate?{query}").status_code == 400
