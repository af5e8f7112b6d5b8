"""Answering in bulk, intake, bringing in what exists, the portfolio."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from lineage.risk import QUESTIONS
from tests.cast import PASSWORD
from tests.permission_table.row import (
    AFTER_DAYS,
    HIDDEN,
    NOBODY,
    PAGE_HIDDEN,
    PAGE_READERS,
    READERS,
    SOON,
    TO_SIGN_IN,
    WHY,
    Row,
)

COLLECTIONS = ("onboarding-windows", "as-found", "inventory-imports", "intakes", "tier-overrides")
#: A file of one's own: nobody else sees it, whatever they may read.
OWN_FILE = {"anonymous": 401, "outsider": 404, "viewer": 404, "auditor": 404, "pipeline": 404}
OWN_PAGE = {"anonymous": 302, "outsider": 404, "viewer": 404, "auditor": 404}
ANSWERS = dict.fromkeys(QUESTIONS, False)


def proposal(things: Any) -> dict[str, Any]:
    """A model as the API is told of it."""
    return {
        **WHY, "namespace": "retail", "name": "next", "description": "Scores", "business_case": "Faster",
        "intended_purpose": "dpv:CreditChecking", "deployment_geography": ["DE"], "affected": "Applicants",
        "expected_data": "Loans", "owner": things.principal("owner"), "risk_answers": ANSWERS,
    }  # fmt: skip


def typed(things: Any) -> dict[str, Any]:
    """The same, as the page's form sends it."""
    told = proposal(things)
    answers = told.pop("risk_answers")
    return {
        **told, "deployment_geography": "DE", "question_set": things.id("risk-question-sets"),
        **{f"answer_{key}": "no" for key in answers},
    }  # fmt: skip


GET: dict[str, Row] = {
    "dataset-versions/<id>/answers": Row(PAGE_READERS, PAGE_HIDDEN),
    **{f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY) for name in COLLECTIONS},
    **{f"api/v1/{name}/<id>": Row(READERS, HIDDEN) for name in COLLECTIONS},
    "api/v1/risk-question-sets": Row((*READERS, "outsider"), NOBODY),
    "api/v1/risk-question-sets/<id>": Row((*READERS, "outsider"), NOBODY),
    "api/v1/tier-overrides/statement": Row(
        ("risk",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403},
        query=lambda things: {"model": things.id("models"), "tier": "low", "reason": "Only a pilot"},
    ),
    "api/v1/imports": Row((*READERS, "outsider"), NOBODY),
    "api/v1/imports/<id>": Row(("owner",), OWN_FILE),
    "api/v1/imports/<id>/remainder": Row(("owner",), OWN_FILE),
    "imports": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "imports/<id>": Row(("owner",), OWN_PAGE),
    "imports/<id>/remainder": Row(("owner",), OWN_PAGE),
    "as-found/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "portfolio": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "api/v1/portfolio": Row((*READERS, "outsider"), NOBODY),
    "intakes": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "intakes/new": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "intakes/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "models/<id>/tier": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "api/v1/dataset-versions/<id>/flags": Row(
        ("pipeline", "steward"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403},
        lambda _things: {"answers": [{"category": "pd:Income", "present": "yes"}]},
    ),
    "dataset-versions/<id>/answers": Row(
        ("steward",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: {**WHY, "at-0": things.answered_at(), "present-0": "yes"},
    ),
    # bringing in: the body is the file, the namespace a pipeline's home
    "api/v1/imports": Row(("pipeline",), {"anonymous": 401, "tester": 403}, lambda _things: {"name": "found"}),
    "api/v1/imports/mlflow": Row(
        AFTER_DAYS,  # only servers that the operator lists are read; tests/approvals/imports/test_mlflow.py reads one
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 400},
        lambda _things: {"namespace": "retail", "server": "https://mlflow.bank.example"},
    ),
    "api/v1/imports/<id>/confirm": Row(("owner",), OWN_FILE, lambda _things: {**WHY, "mode": "good_rows"}),
    "api/v1/onboarding-windows": Row(
        ("policy",),
        {"anonymous": 401, "outsider": 404, "admin": 403, "risk": 403, "pipeline": 403},
        lambda _things: {**WHY, "namespace": "retail", "until": f"{SOON}T00:00:00Z"},
    ),
    "api/v1/onboarding-windows/<id>/confirm": Row(
        ("policy2",), {"anonymous": 401, "outsider": 404, "policy": 403, "admin": 403, "risk": 403}
    ),
    "api/v1/onboarding-windows/<id>/close": Row(
        ("risk", "admin", "policy"), {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403}
    ),
    "api/v1/as-found/<id>/end": Row(
        ("owner", "risk"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "admin": 403},
        lambda _things: {**WHY, "kind": "retired"},
    ),
    "imports": Row(
        ("owner",),
        {"anonymous": 302, "viewer": 403, "outsider": 400},
        lambda _things: {"namespace": "retail", "format": "csv", "file": SimpleUploadedFile("i.csv", b"name\nfound\n")},
    ),
    "imports/<id>": Row(("owner",), OWN_PAGE, lambda _things: {**WHY, "mode": "good_rows"}),
    "onboarding-windows": Row(
        ("policy",),
        {"anonymous": 302, "viewer": 403, "outsider": 403, "admin": 403},
        lambda _things: {**WHY, "namespace": "retail", "until": SOON},
    ),
    "onboarding-windows/<id>/confirm": Row(
        ("policy2",), {"anonymous": 302, "outsider": 404, "policy": 403, "admin": 403, "viewer": 403}
    ),
    "onboarding-windows/<id>/close": Row(("risk",), {"anonymous": 302, "outsider": 404, "viewer": 403}),
    "as-found/<id>": Row(
        ("owner",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "compliance": 403},
        lambda _things: {**WHY, "kind": "retired"},
    ),
    # intake
    "api/v1/intakes": Row(
        ("owner", "business", "risk"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "admin": 403},
        proposal,
    ),
    "api/v1/intakes/<id>/decide": Row(
        ("risk", "compliance"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403, "pipeline": 403},
        lambda _things: {**WHY, "kind": "accepted"},
    ),
    "api/v1/intakes/<id>/register": Row(
        ("owner", "pipeline"), {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}
    ),
    "api/v1/risk-question-sets": Row(
        ("policy",),
        {"anonymous": 401, "outsider": 403, "admin": 403, "risk": 403, "pipeline": 403},
        lambda _things: {"questions": [{"key": key, "text": "Does it?"} for key in QUESTIONS]},
    ),
    "api/v1/tier-overrides": Row(
        ("risk",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403, "pipeline": 403},
        lambda things: things.override() | {"password": PASSWORD},
    ),
    "intakes/new": Row(("owner",), {"anonymous": 302, "viewer": 403, "outsider": 400}, typed),
    "intakes/<id>": Row(
        ("risk",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403},
        lambda _things: {**WHY, "kind": "accepted"},
    ),
    "models/<id>/tier": Row(
        ("risk",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403},
        lambda _things: {"tier": "low", "reason": "Only a pilot"},
    ),
}
