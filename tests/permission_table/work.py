"""Jobs, inbox and outbox: what happens behind the records."""

from tests.permission_table.row import NOBODY, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

GET: dict[str, Row] = {
    "jobs": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    **{
        f"jobs/<id>{part}": Row(("auditor", "admin"), {"anonymous": 302, "outsider": 404, "viewer": 404})
        for part in ("", "/file")
    },
    "inbox": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "outbox": Row(("auditor", "admin"), {"anonymous": 302, "viewer": 403, "outsider": 403}),
    "api/v1/notices": Row((*READERS, "outsider"), NOBODY),
    "api/v1/notices/<id>": Row(("auditor",), {"anonymous": 401, "outsider": 404, "admin": 404}),
    "api/v1/outbox": Row(("auditor", "admin"), {"anonymous": 401, "viewer": 403, "outsider": 403, "pipeline": 403}),
    "api/v1/outbox/<id>": Row(("auditor", "admin"), {"anonymous": 401, "viewer": 403, "outsider": 403}),
    "api/v1/jobs": Row((*READERS, "outsider"), NOBODY),
    **{
        f"api/v1/jobs/<id>{part}": Row(("auditor", "admin"), {"anonymous": 401, "outsider": 404, "viewer": 404})
        for part in ("", "/file")
    },
}

POST: dict[str, Row] = {
    "jobs/<id>/cancel": Row(("auditor", "admin"), {"anonymous": 302, "outsider": 404, "viewer": 404}),
    "api/v1/jobs/<id>/cancel": Row(("auditor", "admin"), {"anonymous": 401, "outsider": 404, "viewer": 404}),
    "inbox/<id>": Row(("auditor",), {"anonymous": 302, "outsider": 404, "admin": 404}),
    "inbox/read": Row(("auditor", "outsider"), TO_SIGN_IN),
    "outbox/replay": Row(
        ("admin",),
        {"anonymous": 302, "auditor": 403, "viewer": 403, "outsider": 403},
        lambda things: {**WHY, "message": things.id("outbox")},
    ),
    "api/v1/notices/<id>/read": Row(("auditor",), {"anonymous": 401, "outsider": 404, "admin": 404}),
    "api/v1/outbox/<id>/replay": Row(("admin",), {"anonymous": 401, "auditor": 403, "viewer": 403, "outsider": 403}),
    "releases/<id>/evidence-pack": Row(("auditor", "viewer"), {"anonymous": 302, "outsider": 404}),
    "api/v1/releases/<id>/evidence-pack": Row(("pipeline", "auditor"), {"anonymous": 401, "outsider": 404}),
}
