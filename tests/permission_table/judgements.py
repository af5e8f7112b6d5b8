"""The API of judgements."""

from tests.cast import PASSWORD
from tests.permission_table.row import AFTER_DAYS, HIDDEN, NOBODY, READERS, SOON, WHY, Row

GET: dict[str, Row] = {
    # judgements
    **{
        f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY)
        for name in (
            *("plans", "evidence", "releases", "sign-offs", "promotions", "findings", "policies", "environments"),
            *("conflicts-of-interest", "serving-notices", "recalls", "change-plans"),
        )
    },
    **{
        f"api/v1/{name}/<id>": Row(READERS, HIDDEN)
        for name in (
            *("plans", "evidence", "releases", "sign-offs", "promotions", "findings", "policies"),
            *("conflicts-of-interest", "serving-notices", "change-plans"),
        )
    },
    "api/v1/releases/<id>/envelope": Row(READERS, HIDDEN),
    "api/v1/policies/<id>/yaml": Row(READERS, HIDDEN),
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
    "api/v1/releases/<id>/comparison": Row(READERS, HIDDEN),
    "api/v1/releases/<id>/statement": Row(
        ("risk",),
        {"anonymous": 401, "outsider": 404, "pipeline": 403, "viewer": 403},
        query=lambda _things: {"requirement": "risk", "vote": "approve"},
    ),
    "api/v1/gate": Row(
        READERS,
        HIDDEN,
        query=lambda things: {"model": "scoring", "version": "1", "environment": "production", "namespace": "retail"},
    ),
    "api/v1/live": Row(READERS, NOBODY, query=lambda things: {"model": "scoring", "environment": "production"}),
    "api/v1/use": Row(READERS, HIDDEN, query=lambda _things: {"dataset": "raw", "purpose": "dpv:CreditChecking"}),
}

POST: dict[str, Row] = {
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
    "api/v1/change-plans": Row(
        ("pipeline", "owner"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: things.envelope(),
    ),
    "api/v1/change-plans/<id>/revoke": Row(
        ("risk", "compliance"), {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403, "pipeline": 403}
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
