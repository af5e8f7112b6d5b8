"""Addresses of the kernel: operators, documentation, accounts."""

from tests.permission_table.row import HIDDEN, NOBODY, READERS, Row

GET: dict[str, Row] = {
    # operators
    "livez": Row(("anonymous", "outsider", "auditor")),
    "readyz": Row(("anonymous", "auditor")),
    "metrics": Row(("anonymous", "auditor")),
    # documentation and the public log
    "api/v1/schema": Row(("auditor", "outsider", "pipeline")),
    "api/docs": Row(("auditor", "outsider")),
    # accounts
    "api/v1/namespaces": Row(READERS, NOBODY),
    "api/v1/namespaces/<id>": Row(READERS, HIDDEN),
    "api/v1/principals": Row(READERS, NOBODY),
    "api/v1/principals/<id>": Row(READERS, NOBODY),
    "api/v1/role-grants": Row(READERS, NOBODY),
    "api/v1/role-grants/<id>": Row(("auditor", "admin"), HIDDEN),
    "api/v1/api-keys": Row(READERS, NOBODY),
    "api/v1/api-keys/<id>": Row(("admin",), HIDDEN),
    "api/v1/history": Row(READERS, NOBODY, query=lambda _things: {"table": "lineage_dataset"}),
}

POST: dict[str, Row] = {
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
}
