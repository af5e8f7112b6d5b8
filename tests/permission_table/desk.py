"""The auditor's desk, search, samples and exports."""

from tests.permission_table.row import NOBODY, PAGE_READERS, READERS, TO_SIGN_IN, Row

NOT_AT_THE_DESK = {"viewer": 403, "risk": 403, "outsider": 403}

GET: dict[str, Row] = {
    "audit": Row(("auditor", "admin"), {**TO_SIGN_IN, **NOT_AT_THE_DESK}),
    "audit/acts/<id>": Row(("auditor", "admin"), {**TO_SIGN_IN, **NOT_AT_THE_DESK}),
    "search": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN, query=lambda _things: {"q": "scoring"}),
    "api/v1/acts": Row(("auditor", "admin"), {**NOBODY, **NOT_AT_THE_DESK, "pipeline": 403}),
    "api/v1/acts/<id>": Row(("auditor", "admin"), {**NOBODY, **NOT_AT_THE_DESK, "pipeline": 403}),
    "api/v1/search": Row((*READERS, "outsider"), NOBODY, query=lambda _things: {"q": "scoring"}),
}

POST: dict[str, Row] = {}
