"""OpenLineage: who sends events, who reads what came of them, who says whose a name is."""

import json
from typing import Any

from lineage.actions import keep_events
from lineage.actions.openlineage import recognised
from lineage.models import OpenLineageEvent
from lineage.openlineage.working import work_off
from tests.approvals.world import World
from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, TO_SIGN_IN, WHY, Row

EVENT = {
    "eventTime": "2026-11-22T18:00:00Z",
    "dataset": {"namespace": "s3://lake", "name": "features/churn"},
}
WHOLE: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-22T18:00:00Z",
    "run": {"runId": "395eaa3b-ac7e-442a-987f-5d05071c0818"},
    "job": {"namespace": "airflow://prod", "name": "churn"},
    "outputs": [
        {
            "namespace": "s3://lake",
            "name": "features/churn",
            "facets": {
                "documentation": {"description": "Features"},
                "dataQualityAssertions": {"assertions": [{"assertion": "unique", "success": True}]},
                "dataQualityMetrics": {"rowCount": 7, "columnMetrics": {}},
            },
        }
    ],
}


def received(w: World, name: str = "churn") -> OpenLineageEvent:
    """An event that the pipeline sent, worked off; of the job and the data of a name."""
    event = json.loads(json.dumps(WHOLE).replace("churn", name))
    [kept] = keep_events(actor=w.cast.pipeline, reason="A row of the permission table", events=[recognised(event)])
    work_off()
    return OpenLineageEvent.objects.get(pk=kept.id)


_SENDERS = ("pipeline", "outsider_pipeline")
_SEND_NOT = {"anonymous": 401, "tester": 403, "viewer": 403, "steward": 403, "admin": 403}
COLLECTIONS = (
    "openlineage-events",
    "openlineage-namespaces",
    "openlineage-datasets",
    "reported-facts",
    "data-profiles",
    "quality-results",
)

GET: dict[str, Row] = {
    **{f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY) for name in COLLECTIONS},
    **{f"api/v1/{name}/<id>": Row(READERS, HIDDEN) for name in COLLECTIONS},
    "api/v1/openlineage-events/<id>/text": Row(READERS, HIDDEN),
    "openlineage": Row((*PAGE_READERS, "outsider"), TO_SIGN_IN),
    "openlineage/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    **{f"api/v1/lineage{slash}": Row(_SENDERS, _SEND_NOT, lambda _things: EVENT) for slash in ("", "/")},
    **{
        f"api/v1/lineage/batch{slash}": Row(_SENDERS, _SEND_NOT, lambda _things: [EVENT])  # type: ignore[arg-type,return-value]  # a list
        for slash in ("", "/")
    },
    "api/v1/openlineage-events/<id>/replay": Row(
        ("steward",), {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "owner": 403}
    ),
    "openlineage/<id>": Row(("steward",), {"anonymous": 302, "outsider": 404, "viewer": 403, "owner": 403}),
    "openlineage/replay": Row(
        ("steward",),
        {"anonymous": 302, "outsider": 400, "viewer": 403, "owner": 403},
        lambda things: {**WHY, "event": things.id("openlineage-events")},
    ),
    "api/v1/openlineage-namespaces": Row(
        ("steward",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "owner": 403},
        lambda things: {
            **WHY,
            "namespace": "retail",
            "source": "postgres://crm:5432",
            "producer": things.principal("pipeline"),
        },
    ),
    "api/v1/openlineage-datasets": Row(
        ("steward", "pipeline"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "owner": 403},
        lambda things: {**WHY, "source": "s3://lake", "name": "loans", "dataset": things.id("datasets")},
    ),
}
