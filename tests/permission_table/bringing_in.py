"""Answering in bulk, intake, bringing in what exists, the portfolio."""

from tests.permission_table.row import PAGE_HIDDEN, PAGE_READERS, WHY, Row

GET: dict[str, Row] = {
    "dataset-versions/<id>/answers": Row(PAGE_READERS, PAGE_HIDDEN),
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
}
