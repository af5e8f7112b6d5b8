"""Calls that register many records at once, and the reference page."""

from tests.permission_table.row import Row

_MAY_NOT = {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}

GET: dict[str, Row] = {"api/reference": Row(("anonymous", "viewer", "outsider"))}

POST: dict[str, Row] = {
    "api/v1/dataset-versions/bulk": Row(
        ("pipeline", "steward", "owner"),
        _MAY_NOT,
        lambda things: {"items": [{"dataset": things.id("datasets"), "label": "next", "digest": "sha256:" + "a" * 64}]},
    ),
    "api/v1/model-versions/bulk": Row(
        ("pipeline", "steward", "owner"),
        _MAY_NOT,
        lambda things: {"items": [{"model": things.id("models"), "digest": "sha256:" + "b" * 64}]},
    ),
    "api/v1/flags/bulk": Row(
        ("pipeline", "steward", "owner"),
        _MAY_NOT,
        lambda things: {
            "items": [{"dataset_version": things.id("dataset-versions"), "category": "pd:Income", "present": "yes"}]
        },
    ),
    "api/v1/manifests": Row(
        ("pipeline", "steward", "owner"),
        _MAY_NOT,
        lambda _things: {"namespace": "retail", "datasets": [{"name": "ledger"}]},
    ),
}
