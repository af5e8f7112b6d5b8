"""Tracking servers, what is read from them, and completing a version by hand."""

from lineage.actions import name_tracking_server
from lineage.models import ModelVersion, TrackingServer
from tests.approvals.world import WHY as BECAUSE
from tests.approvals.world import World, train
from tests.permission_table.row import HIDDEN, NOBODY, PAGE_HIDDEN, READERS, WHY, Row

URI = "https://mlflow.bank.example"


def server(w: World) -> TrackingServer:
    """The one of `retail`."""
    return name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri=URI, **BECAUSE)


def to_read(w: World) -> ModelVersion:
    """A version that lies on it."""
    server(w)
    bare = {"digest_algorithm": "", "digest_value": "", "artifact_uri": "models:/m-1"}
    return train(w.cast, w.model, w.versions["features"], "logged", **bare)


GET: dict[str, Row] = {
    "api/v1/tracking-servers": Row((*READERS, "outsider"), NOBODY),
    "api/v1/tracking-servers/<id>": Row(READERS, HIDDEN),
    "api/v1/model-versions/<id>/tracking": Row(READERS, HIDDEN),
    "tracking-servers": Row(("viewer", "auditor", "admin", "outsider"), {"anonymous": 302}),
    "model-versions/<id>/complete": Row(("owner",), {**PAGE_HIDDEN, "viewer": 403, "risk": 403}),
}

POST: dict[str, Row] = {
    "api/v1/tracking-servers": Row(
        ("admin",),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403, "owner": 403},
        lambda _things: {"namespace": "retail", "uri": URI, **WHY},
    ),
    "api/v1/model-versions/<id>/read-tracking": Row(
        ("pipeline", "owner"), {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}
    ),
    "tracking-servers": Row(
        ("admin",),
        {"anonymous": 302, "outsider": 403, "viewer": 403, "owner": 403},
        lambda _things: {"namespace": "retail", "uri": URI, **WHY},
    ),
    "model-versions/<id>/complete": Row(
        ("owner",), {**PAGE_HIDDEN, "viewer": 403, "risk": 403}, lambda _things: {"code_commit": "abc123", **WHY}
    ),
    "model-versions/<id>/read-tracking": Row(("owner",), {**PAGE_HIDDEN, "viewer": 403, "risk": 403}),
}
