"""Jobs, inbox and outbox: what happens behind the records."""

from tests.permission_table.row import NOBODY, PAGE_READERS, READERS, TO_SIGN_IN, Row

GET: dict[str, Row] = {
    "jobs": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    **{
        f"jobs/<id>{part}": Row(("auditor", "admin"), {"anonymous": 302, "outsider": 404, "viewer": 404})
        for part in ("", "/file")
    },
    "api/v1/jobs": Row((*READERS, "outsider"), NOBODY),
    **{
        f"api/v1/jobs/<id>{part}": Row(("auditor", "admin"), {"anonymous": 401, "outsider": 404, "viewer": 404})
        for part in ("", "/file")
    },
}

POST: dict[str, Row] = {
    "releases/<id>/evidence-pack": Row(("auditor", "viewer"), {"anonymous": 302, "outsider": 404}),
    "api/v1/releases/<id>/evidence-pack": Row(("pipeline", "auditor"), {"anonymous": 401, "outsider": 404}),
}
