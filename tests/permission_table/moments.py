"""Moments that are over, and namespaces: their pages and questions."""

from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

KINDS = (
    "datasets", "models", "model-versions", "releases", "findings", "promotions", "policies", "trials", "change-plans",
)  # fmt: skip

GET: dict[str, Row] = {
    "api/v1/differences": Row(
        READERS,
        HIDDEN,
        query=lambda things: {"table": "lineage_dataset", "id": things.id("datasets"), "from": "2026-01-01"},
    ),
    "api/v1/live-at": Row((*READERS, "outsider"), NOBODY),
    "live": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "differences": Row(
        PAGE_READERS, PAGE_HIDDEN, query=lambda things: {"table": "lineage_dataset", "id": things.id("datasets")}
    ),
    **{f"{kind}/<id>/as-it-was": Row(PAGE_READERS, PAGE_HIDDEN) for kind in KINDS},
    "namespaces": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "namespaces/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "namespaces/<id>/grants": Row(
        ("admin",),
        {"anonymous": 302, "outsider": 404, "auditor": 403, "viewer": 403},
        lambda things: {**WHY, "principal": things.principal("viewer"), "role": "viewer"},
    ),
    "role-grants/<id>/approve": Row(("admin2",), {"anonymous": 302, "outsider": 404, "admin": 403, "auditor": 403}),
    "role-grants/<id>/end": Row(("admin",), {"anonymous": 302, "outsider": 404, "auditor": 403, "viewer": 403}),
}
