"""People's pages; a refused act is refused on the page, with its status."""

from tests.permission_table.row import AFTER_DAYS, PAGE_HIDDEN, PAGE_READERS, SOON, TO_SIGN_IN, WHY, Row

GET: dict[str, Row] = {
    # people's pages
    "": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "reviews": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "releases/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "releases/<id>/comparison": Row(PAGE_READERS, PAGE_HIDDEN),
    "findings": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "findings/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "change-plans": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "change-plans/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "monitoring": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "model-versions/<id>/release-with-envelope": Row(
        ("owner",), {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403}
    ),
    "model-versions/<id>/release-with-envelope/yaml": Row(
        ("owner",), {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403}
    ),
    "findings/new": Row(PAGE_READERS, PAGE_HIDDEN, query=lambda things: {"model": things.id("models")}),
    "environments/<id>": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "datasets": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "datasets/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "models": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "models/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "promotions/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "model-versions/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "policies": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "policies/write": Row(("policy", "policy2"), {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403}),
    "policies/yaml": Row(("policy", "policy2"), {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403}),
    "policies/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "policy-versions/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
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
    "change-plans/<id>/revoke": Row(
        ("risk", "compliance"), {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403}
    ),
    "model-versions/<id>/release-with-envelope": Row(
        ("owner",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: {**things.envelope_in_a_form(), "reason": "Monthly retraining"},
    ),
    "model-versions/<id>/release-with-envelope/yaml": Row(
        ("owner",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda things: {"text": things.envelope_in_yaml(), "reason": "Monthly retraining"},
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
}
