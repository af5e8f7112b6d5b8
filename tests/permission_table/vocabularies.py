"""Vocabularies, what is said of model versions later, and facts read in other ways."""

from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

GET: dict[str, Row] = {
    "vocabularies": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN, query=lambda _things: {"q": "credit"}),
    "vocabularies/new": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "terms/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
    "datasets/<id>/terms": Row(PAGE_READERS, PAGE_HIDDEN),
    "api/v1/vocabularies": Row((*READERS, "outsider"), NOBODY, query=lambda _things: {"q": "credit"}),
    "api/v1/vocabulary-terms": Row((*READERS, "outsider"), NOBODY),
    "api/v1/dataset-versions/<id>/completeness": Row(READERS, HIDDEN),
    "api/v1/dataset-versions/<id>/croissant": Row(READERS, HIDDEN),
    "api/v1/runs/<id>/openlineage": Row(READERS, HIDDEN),
    "api/v1/model-versions/<id>/openlineage": Row(READERS, HIDDEN),
    "api/v1/model-versions/<id>/cyclonedx": Row(READERS, HIDDEN),
    "api/v1/model-versions/<id>/model-card": Row(READERS, HIDDEN),
    "api/v1/terms/<id>/difference": Row(READERS, HIDDEN),
    "api/v1/terms/<id>/odrl": Row(READERS, HIDDEN),
    "api/v1/vocabulary-terms/<id>": Row((*READERS, "outsider"), NOBODY),
}

POST: dict[str, Row] = {
    "vocabularies/new": Row(
        ("policy",),
        {"anonymous": 302, "viewer": 403, "steward": 403, "outsider": 403},
        lambda _things: {**WHY, "scheme": "purpose", "term": "bank:Page", "label": "Page", "definition": "By the page"},
    ),
    "vocabularies/<id>/retire": Row(
        ("policy2",),
        {"anonymous": 302, "viewer": 403, "steward": 403, "outsider": 403},
        lambda _things: {**WHY, "retired": "yes"},
    ),
    "datasets/<id>/terms": Row(
        ("steward",),
        {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403},
        lambda _things: {**WHY, "licence": "CC0-1.0", "permitted_purposes": ["dpv:Marketing"]},
    ),
    "terms/<id>/withdraw": Row(
        ("steward", "compliance"), {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403}
    ),
    "api/v1/vocabulary-terms": Row(
        ("policy",),
        {"anonymous": 401, "outsider": 403, "viewer": 403, "steward": 403, "compliance": 403, "pipeline": 403},
        lambda _things: {
            "scheme": "purpose",
            "term": "bank:MortgageScoring",
            "label": "Mortgage scoring",
            "definition": "Scores of applicants for a mortgage",
            "broader": ["dpv:CreditChecking"],
        },
    ),
    "api/v1/vocabulary-terms/<id>/retire": Row(
        ("policy2",),
        {"anonymous": 401, "outsider": 403, "viewer": 403, "steward": 403, "pipeline": 403},
        lambda _things: {"retired": True},
    ),
    **{
        f"api/v1/model-versions/<id>/{act}": Row(
            ("pipeline", "owner"),
            {"anonymous": 401, **{who: status for who, status in HIDDEN.items() if who == "outsider"}, "viewer": 403},
            lambda _things, body=body: {**WHY, **body},  # type: ignore[misc]  # mypy reads no default as part of the type
        )
        for act, body in (
            ("tags", {"tags": {"team": "retail"}}),
            ("describe", {"description": "The first of its kind"}),
            ("archive", {"archived": True}),
            ("complete", {"parameters": {"depth": 3}}),
        )
    },
}
