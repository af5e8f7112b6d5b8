"""Expectations and checks of data: API and pages."""

from typing import Any

from django.utils import timezone

from approvals.actions.expectations import record_expectations
from approvals.checks import check_profile
from approvals.models import DataCheck
from governance.unit_of_work import recorded_action
from lineage.models import DataProfile, ExpectationSet
from tests.approvals.world import WHY as BECAUSE
from tests.approvals.world import World, sha
from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, READERS, WHY, Row

ITEMS = [{"key": "rows", "check": "volume", "at_least": "1"}]
TEXT = "items:\n  - key: rows\n    check: volume\n    at_least: 1\n"
SETTERS_REFUSED: dict[str, int] = {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403}


def expectations(w: World) -> ExpectationSet:
    """Of `source`."""
    return record_expectations(actor=w.cast.steward, dataset=w.datasets["source"], items=ITEMS, **BECAUSE)[0]


def checked(w: World) -> DataCheck:
    """A profile of the pipeline's, held against them."""
    asked, version = expectations(w), w.versions["source"]
    with recorded_action(actor=w.cast.pipeline, **BECAUSE):
        profile = DataProfile.objects.create(
            namespace=w.cast.retail, dataset_version=version, said_at=timezone.now(), rows=3, content_digest=sha("p")
        )
    return check_profile(profile, asked, reason="A row of the table")


def sent(things: Any) -> dict[str, Any]:
    """What a steward sends."""
    return {"dataset": things.id("datasets"), "items": ITEMS, **WHY}


GET: dict[str, Row] = {
    **{f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY) for name in ("expectations", "data-checks")},
    **{f"api/v1/{name}/<id>": Row(READERS, HIDDEN) for name in ("expectations", "data-checks")},
    "api/v1/dataset-versions/<id>/checks": Row(READERS, HIDDEN),
    "datasets/<id>/expectations": Row(("viewer", "steward", "auditor"), PAGE_HIDDEN),
    "dataset-versions/<id>/quality": Row(("viewer", "steward", "auditor"), PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "api/v1/expectations": Row(("steward", "validator", "risk"), SETTERS_REFUSED, sent),
    "datasets/<id>/expectations": Row(
        ("steward", "risk"), {**PAGE_HIDDEN, "viewer": 403}, lambda _things: {"text": TEXT, "reason": "Why"}
    ),
}
