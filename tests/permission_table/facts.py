"""The API of facts."""

from tests.permission_table.row import HIDDEN, NOBODY, READERS, Row

GET: dict[str, Row] = {
    # facts
    **{
        f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY)
        for name in ("datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions")
    },
    **{
        f"api/v1/{name}/<id>": Row(READERS, HIDDEN)
        for name in ("datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions")
    },
}

POST: dict[str, Row] = {
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
    "api/v1/models/<id>/rename": Row(
        ("pipeline", "owner"), {"anonymous": 401, "outsider": 404, "viewer": 403}, lambda _things: {"name": "scored"}
    ),
    "api/v1/models/<id>/tags": Row(
        ("pipeline", "owner"),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda _things: {"tags": {"team": "retail"}},
    ),
    "api/v1/models/<id>/aliases": Row(
        ("pipeline", "owner"),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda _things: {"alias": "canary", "number": 1},
    ),
    "api/v1/model-versions": Row(
        ("pipeline",),
        {"anonymous": 401, "outsider": 404, "viewer": 403},
        lambda things: {"model": things.id("models"), "digest": "sha256:" + "b" * 64},
    ),
}
