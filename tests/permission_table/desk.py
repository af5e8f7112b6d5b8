"""The auditor's desk, search, samples and exports."""

from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

NOT_AT_THE_DESK = {"viewer": 403, "risk": 403, "outsider": 403}
PAGE = Row(("auditor", "admin"), {**TO_SIGN_IN, **NOT_AT_THE_DESK})
API = Row(("auditor", "admin"), {**NOBODY, **NOT_AT_THE_DESK, "pipeline": 403})

GET: dict[str, Row] = {
    "audit": PAGE,
    "audit/acts/<id>": PAGE,
    "audit/samples": PAGE,
    "audit/samples/<id>": Row(("auditor", "admin"), {**PAGE_HIDDEN, "viewer": 403, "outsider": 403}),
    "audit/access": PAGE,
    "audit/exports": PAGE,
    "search": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN, query=lambda _things: {"q": "scoring"}),
    "api/v1/acts": API,
    "api/v1/acts/<id>": API,
    "api/v1/access-review": API,
    "api/v1/search": Row((*READERS, "outsider"), NOBODY, query=lambda _things: {"q": "scoring"}),
    "api/v1/samples": Row((*READERS, "outsider"), NOBODY),
    "api/v1/samples/<id>": Row(("auditor", "admin", "viewer"), HIDDEN),
    "api/v1/export-records": Row((*READERS, "outsider"), NOBODY),
    "api/v1/export-records/<id>": Row(("auditor", "viewer"), {**HIDDEN, "risk": 404}),
    "api/v1/exports/records": Row((*READERS, "outsider"), NOBODY, query=lambda _things: {"table": "lineage_dataset"}),
    "api/v1/exports/history": Row((*READERS, "outsider"), NOBODY, query=lambda _things: {"table": "lineage_dataset"}),
    "api/v1/exports/acts": API,
    "api/v1/exports/access": API,
    "api/v1/exports/inventory": Row((*READERS, "outsider"), NOBODY),
}

POST: dict[str, Row] = {
    "audit/samples": Row(
        ("auditor",),
        {"anonymous": 302, "viewer": 403, "admin": 403, "outsider": 403},
        lambda _things: {
            **WHY,
            "kind": "lineage_dataset",
            "since": "2020-01-01",
            "until": "2020-03-31",
            "size": "5",
            "seed": "row",
        },
    ),
    "api/v1/samples": Row(
        ("auditor",),
        {"anonymous": 401, "viewer": 403, "outsider": 403, "pipeline": 403, "admin": 403},
        lambda _things: {
            **WHY,
            "kind": "lineage_dataset",
            "from_at": "2020-01-01T00:00:00Z",
            "until_at": "2020-04-01T00:00:00Z",
            "size": 5,
        },
    ),
}
