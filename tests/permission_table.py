"""The table of `test_permissions.py`: for each address who may and who may not, and what is sent.

Members of the cast are named as in `tests/cast.py`; `anonymous` is nobody, `outsider` has a namespace of their own.
An address that answers both GET and POST has a row in both tables.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from tests.test_permissions import Things

Body = Callable[["Things"], dict[str, Any]]
WHY = {"reason": "A row of the permission table"}
SOON = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


@dataclass(frozen=True)
class Row:
    """Who may (answer below 400, or `allowed`), and the status of who may not."""

    may: tuple[str, ...]
    may_not: dict[str, int] = field(default_factory=dict)
    body: Body = lambda _things: dict(WHY)
    query: Body = lambda _things: {}


READERS = ("auditor", "viewer", "pipeline")
PAGE_READERS = ("auditor", "viewer", "owner", "risk")
NOBODY = {"anonymous": 401}
#: Who may may only after a delay of days; the test that lets them pass stands with the rule.
AFTER_DAYS: tuple[str, ...] = ()
_HIDDEN = {"anonymous": 401, "outsider": 404}
_TO_SIGN_IN = {"anonymous": 302}
_PAGE_HIDDEN = {"anonymous": 302, "outsider": 404}

GET: dict[str, Row] = {
    # operators
    "livez": Row(("anonymous", "outsider", "auditor")),
    "readyz": Row(("anonymous", "auditor")),
    "metrics": Row(("anonymous", "auditor")),
    # documentation and the public log
    "api/v1/schema": Row(("auditor", "outsider", "pipeline")),
    "api/docs": Row(("auditor", "outsider")),
    # people's pages
    "": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "reviews": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "releases/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "findings": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "findings/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "findings/new": Row(PAGE_READERS, _PAGE_HIDDEN, query=lambda things: {"model": things.id("models")}),
    "environments/<id>": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "datasets": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "datasets/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "models": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "models/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "promotions/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "model-versions/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "policies": Row((*PAGE_READERS, "outsider"), _TO_SIGN_IN),
    "policies/write": Row(("policy", "policy2"), {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403}),
    "policies/yaml": Row(("policy", "policy2"), {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403}),
    "policies/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    "policy-versions/<id>": Row(PAGE_READERS, _PAGE_HIDDEN),
    # accounts
    "api/v1/namespaces": Row(READERS, NOBODY),
    "api/v1/namespaces/<id>": Row(READERS, _HIDDEN),
    "api/v1/principals": Row(READERS, NOBODY),
    "api/v1/principals/<id>": Row(READERS, NOBODY),
    "api/v1/role-grants": Row(READERS, NOBODY),
    "api/v1/role-grants/<id>": Row(("auditor", "admin"), _HIDDEN),
    "api/v1/api-keys": Row(READERS, NOBODY),
    "api/v1/api-keys/<id>": Row(("admin",), _HIDDEN),
    "api/v1/history": Row(READERS, NOBODY, query=lambda _things: {"table": "lineage_dataset"}),
    # facts
    **{
        f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY)
        for name in ("datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions")
    },
    **{
        f"api/v1/{name}/<id>": Row(READERS, _HIDDEN)
        for name in ("datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions")
    },
    # judgements
    **{
        f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY)
        for name in (
            *("plans", "evidence", "releases", "sign-offs", "promotions", "findings", "policies", "environments"),
            *("conflicts-of-interest", "serving-notices", "recalls"),
        )
    },
    **{
        f"api/v1/{name}/<id>": Row(READERS, _HIDDEN)
        for name in (
            *("plans", "evidence", "releases", "sign-offs", "promotions", "findings", "policies"),
            *("conflicts-of-interest", "serving-notices"),
        )
    },
    "api/v1/policies/<id>/yaml": Row(READERS, _HIDDEN),
    "api/v1/recalls/<id>": Row((*READERS, "outsider"), NOBODY),
    **{
        f"api/v1/{address}": Row((*READERS, "outsider"), NOBODY)
        for address in (
            "environments/<id>",
            "environments/<id>/observed",
            "observe-only-changes",
            "observe-only-changes/<id>",
        )
    },
    "api/v1/releases/<id>/statement": Row(
        ("risk",),
        {"anonymous": 401, "outsider": 404, "pipeline": 403, "viewer": 403},
        query=lambda _things: {"requirement": "risk", "vote": "approve"},
    ),
    "api/v1/gate": Row(
        READERS,
        _HIDDEN,
        query=lambda things: {"model": "scoring", "version": "1", "environment": "production", "namespace": "retail"},
    ),
    "api/v1/live": Row(READERS, NOBODY, query=lambda things: {"model": "scoring", "environment": "production"}),
    "api/v1/use": Row(READERS, _HIDDEN, query=lambda _things: {"dataset": "raw", "purpose": "dpv:CreditChecking"}),
}

POST: dict[str, Row] = {
    # people's pages: the act itself is refused on the page, with its status
    "releases/<id>/sign": Row(
        ("risk",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403},
        lambda things: things.vote(),
    ),
    "releases/<id>/promote": Row(("owner", "risk"), {"anonymous": 302, "outsider": 404, "viewer": 403, "steward": 403}),
    **{
        f"promotions/<id>/{act}": Row(may, {"anonymous": 302, "outsider": 404, "viewer": 403, "steward": 403} | more)
        for act, may, more in (
            ("suspend", ("compliance",), {"owner": 403}),
            ("retire", ("owner",), {"compliance": 403}),
            ("rollback", ("owner",), {"compliance": 403}),
            ("reinstate", ("compliance",), {"owner": 403}),
        )
    },
    "promotions/<id>/recall": Row(("risk",), {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403}),
    "serving-notices/<id>/confirm": Row(
        ("risk",), {"anonymous": 302, "outsider": 404, "viewer": 403, "compliance": 403, "owner": 403}
    ),
    "serving-notices/<id>/clear": Row(("steward",), {"anonymous": 302, "outsider": 404, "viewer": 403}),
    "releases/<id>/close": Row(
        ("owner",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda _things: {**WHY, "kind": "withdrawn"},
    ),
    "findings/<id>": Row(
        ("owner",),
        {"anonymous": 302, "outsider": 404, "viewer": 403},
        lambda _things: {"kind": "answered", "text": "Done"},
    ),
    "findings/new": Row(
        ("auditor", "owner"),
        {"anonymous": 302, "outsider": 404, "viewer": 403},
        lambda _things: {"kind": "audit", "text": "Found", "severity": "low", "when_overdue": "nothing"},
        lambda things: {"model": things.id("models")},
    ),
    "environments/<id>/observe": Row(
        ("policy",),
        {"anonymous": 302, "outsider": 403, "admin": 403, "risk": 403},
        lambda _things: {**WHY, "until": SOON},
    ),
    "observe-only-changes/<id>/confirm": Row(
        ("policy2",), {"anonymous": 302, "outsider": 403, "policy": 403, "admin": 403, "risk": 403}
    ),
    "releases/<id>/conflict": Row(
        ("risk",), {"anonymous": 302, "outsider": 404}, lambda _things: {"text": "My sister sells it"}
    ),
    "sign-offs/<id>/lift": Row(AFTER_DAYS, {"anonymous": 302, "outsider": 404, "risk": 404, "owner": 404}),
    "policies/write": Row(
        ("policy",),
        {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403},
        lambda _things: {
            **WHY,
            "environment": "production",
            "risk_tier": "low",
            "row": "0",
            "r0-kind": "artifact",
            "r0-key": "it",
        },
    ),
    "policies/yaml": Row(
        ("policy",),
        {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403},
        lambda _things: {
            **WHY,
            "text": "environment: production\nrisk_tier: low\nrequirements:\n  - {key: it, kind: artifact}\n",
        },
    ),
    "policy-versions/<id>/publish": Row(
        ("policy2",),
        {"anonymous": 302, "outsider": 404, "policy": 403, "admin": 403, "risk": 403},
        lambda _things: {**WHY, "seen": "0"},
    ),
    "sign-offs/<id>/withdraw": Row(("risk2",), {"anonymous": 302, "outsider": 404, "risk": 404, "owner": 404}),
    # accounts
    "api/v1/namespaces": Row(
        ("admin",),
        {"anonymous": 401, "outsider": 403, "auditor": 403, "pipeline": 403},
        lambda _things: {"name": "wholesale"},
    ),
    "api/v1/principals": Row(
        ("admin",),
        {"anonymous": 401, "outsider": 403, "auditor": 403, "pipeline": 403},
        lambda _things: {"kind": "person", "email": "new@bank.example", "display_name": "Nora New"},
    ),
    "api/v1/principals/<id>/deactivate": Row(("admin",), {"anonymous": 401, "auditor": 403, "pipeline": 403}),
    "api/v1/principals/<id>/restore-signing": Row(
        ("admin", "admin2"), {"anonymous": 401, "auditor": 403, "pipeline": 403, "risk": 403}
    ),
    "api/v1/role-grants": Row(
        ("admin",),
        {"anonymous": 401, "outsider": 404, "auditor": 403, "pipeline": 403},
        lambda things: {"principal": things.principal("viewer"), "role": "viewer", "namespace": "retail"},
    ),
    "api/v1/role-grants/<id>/approve": Row(
        ("admin2",), {"anonymous": 401, "outsider": 404, "admin": 403, "auditor": 403}
    ),
    "api/v1/role-grants/<id>/end": Row(("admin",), {"anonymous": 401, "outsider": 404, "auditor": 403}),
    "api/v1/api-keys": Row(
        ("admin",),
        {"anonymous": 401, "auditor": 403, "pipeline": 403},
        lambda things: {"principal": things.principal("pipeline")},
    ),
    "api/v1/api-keys/<id>/revoke": Row(("admin",), {"anonymous": 401, "outsider": 404, "viewer": 404}),
    # facts
    "api/v1/datasets": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "auditor": 403, "risk": 403},
        lambda _things: {"name": "ledger", "namespace": "retail"},
    ),
    "api/v1/datasets/<id>/change": Row(
        ("steward", "owner"), {"anonymous": 401, "outsider": 404, "viewer": 403}, lambda _things: {"title": "Renamed"}
    ),
    "api/v1/dataset-versions": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {"dataset": things.id("datasets"), "label": "next", "digest": "sha256:" + "a" * 64},
    ),
    "api/v1/terms": Row(
        ("steward",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {"dataset": things.id("datasets"), "licence": "CC0-1.0"},
    ),
    "api/v1/terms/<id>/withdrawal": Row(
        ("steward", "compliance"), {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403}
    ),
    "api/v1/flags": Row(
        ("pipeline", "steward"),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {"dataset_version": things.id("dataset-versions"), "category": "pd:Income", "present": "yes"},
    ),
    "api/v1/flags/<id>/review": Row(
        ("steward",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "owner": 403},
        lambda _things: {"present": "yes"},
    ),
    "api/v1/runs": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda _things: {"job_name": "train", "run_key": "row", "namespace": "retail"},
    ),
    "api/v1/runs/<id>/end": Row(
        ("pipeline",), {"anonymous": 401, "outsider": 404, "viewer": 403}, lambda _things: {"state": "complete"}
    ),
    **{
        f"api/v1/runs/<id>/{part}": Row(
            ("pipeline",),
            {"anonymous": 401, "outsider": 404, "viewer": 403},
            lambda things, part=part: {  # type: ignore[misc]  # mypy reads no default as part of the type
                "dataset_version": things.versions["source"].pk,
                "role": "test" if part == "inputs" else "output",
            },
        )
        for part in ("inputs", "outputs")
    },
    "api/v1/models": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda _things: {"name": "churn", "namespace": "retail"},
    ),
    "api/v1/models/<id>/change": Row(
        ("owner",), {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}, lambda _things: {"title": "Score"}
    ),
    "api/v1/model-versions": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {"model": things.id("models"), "digest": "sha256:" + "b" * 64},
    ),
    # judgements
    "api/v1/plans": Row(
        ("validator", "tester"),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {
            "model": things.id("models"),
            "kind": "robustness",
            "title": "A row's plan",
            "criteria": [{"metric": "accuracy", "comparator": "ge", "threshold": "0.9"}],
        },
    ),
    "api/v1/evidence": Row(
        ("tester", "pipeline"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: things.measurement(),
    ),
    "api/v1/environments/<id>/observe": Row(
        ("policy",),
        {"anonymous": 401, "outsider": 403, "admin": 403, "pipeline": 403},
        lambda _things: {"until": f"{SOON}T00:00:00Z"},
    ),
    "api/v1/observe-only-changes/<id>/confirm": Row(
        ("policy2",), {"anonymous": 401, "outsider": 403, "policy": 403, "admin": 403, "pipeline": 403}
    ),
    "api/v1/policies": Row(
        ("policy",),
        {"anonymous": 401, "outsider": 404, "admin": 403, "risk": 403, "pipeline": 403},
        lambda _things: {
            "environment": "production",
            "risk_tier": "low",
            "namespace": "retail",
            "requirements": [{"key": "artifact", "kind": "artifact"}],
        },
    ),
    "api/v1/policies/<id>/publish": Row(
        ("policy2",), {"anonymous": 401, "outsider": 404, "policy": 403, "admin": 403, "risk": 403}
    ),
    "api/v1/releases": Row(
        ("pipeline", "owner"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: {"model_version": things.id("model-versions"), "environment": "staging"},
    ),
    "api/v1/releases/<id>/close": Row(
        ("owner",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403},
        lambda _things: {**WHY, "kind": "withdrawn"},
    ),
    "api/v1/releases/<id>/sign-offs": Row(
        ("risk",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403, "pipeline": 403},
        lambda things: {**things.vote(), "comment": ""},
    ),
    "api/v1/sign-offs/<id>/withdraw": Row(
        ("risk2",), {"anonymous": 401, "outsider": 404, "risk": 403, "pipeline": 403}
    ),
    "api/v1/sign-offs/<id>/lift": Row(
        AFTER_DAYS,
        {"anonymous": 401, "outsider": 404, "risk": 403, "viewer": 403, "pipeline": 403},
        lambda _things: {**WHY, "password": PASSWORD},
    ),
    "api/v1/conflicts-of-interest": Row(
        ("risk", "viewer"),
        {"anonymous": 401, "outsider": 404, "pipeline": 403},
        lambda things: {"model": things.id("models"), "text": "My sister sells it"},
    ),
    "api/v1/promotions": Row(
        ("pipeline", "owner", "risk"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "steward": 403},
        lambda things: {"release": things.id("releases")},
    ),
    "api/v1/promotions/<id>/end": Row(
        ("risk", "compliance"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403},
        lambda _things: {**WHY, "kind": "suspended"},
    ),
    "api/v1/promotions/<id>/rollback": Row(
        ("pipeline", "owner", "risk"), {"anonymous": 401, "outsider": 404, "viewer": 403, "steward": 403}
    ),
    "api/v1/promotions/<id>/reinstate": Row(
        ("risk", "compliance"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "owner": 403, "steward": 403},
    ),
    "api/v1/serving-notices/<id>/confirm": Row(
        ("risk",), {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "compliance": 403, "owner": 403}
    ),
    "api/v1/serving-notices/<id>/clear": Row(
        ("steward", "risk"), {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403}
    ),
    "api/v1/recalls": Row(
        ("steward", "risk", "compliance"),
        {"anonymous": 401, "outsider": 403, "viewer": 403, "pipeline": 403, "owner": 403},
        lambda things: {**WHY, "digest": things.artifact()},
    ),
    "api/v1/findings": Row(
        ("auditor",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403},
        lambda things: {
            "model": things.id("models"),
            "kind": "audit",
            "severity": "low",
            "text": "Found",
            "blocks": False,
        },
    ),
    "api/v1/findings/<id>/answer": Row(
        ("owner",), {"anonymous": 401, "outsider": 404, "viewer": 403}, lambda _things: {"text": "Mended"}
    ),
    "api/v1/findings/<id>/close": Row(
        ("risk", "auditor"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403},
        lambda _things: {"text": "Seen"},
    ),
    "api/v1/findings/<id>/reopen": Row(
        ("risk", "auditor"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403},
        lambda things: {"text": "Not so"},
    ),
}

#: Addresses under these belong to others' own tests; what is checked of them here stands in test_permissions.py.
PREFIXES: dict[str, str] = {
    "admin/": "auditors and administrators, read-only (tests/governance/history/test_admin.py)",
    "accounts/": "sign-in: everyone for themselves (tests/governance/accounts)",
    "log/": "the public log: whoever holds its address (tests/governance/ledger)",
    "api/v1/log": "entries for auditors, proofs for everyone signed in (tests/governance/ledger)",
}

__all__ = ["GET", "PASSWORD", "POST", "PREFIXES", "WHY", "Row"]
