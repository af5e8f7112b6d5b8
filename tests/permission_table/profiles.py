"""Profiles of dataset versions: read, handed in, and asked for."""

from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import SimpleUploadedFile

from lineage.models import DatasetVersion
from tests.approvals.world import World
from tests.lineage.quality.documents import document
from tests.permission_table.row import PAGE_HIDDEN, PAGE_READERS, WHY, Row

if TYPE_CHECKING:
    from tests.permission_table.things import Things

_PROFILERS = ("pipeline", "owner", "steward", "tester")
_NOT = {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403, "auditor": 403}
_PAGE_NOT = {"anonymous": 302, "outsider": 404, "viewer": 403, "risk": 403}


def located(w: World) -> DatasetVersion:
    """A version that lies where a worker may go."""
    from lineage.actions import register_dataset_version

    return register_dataset_version(
        actor=w.cast.pipeline, dataset=w.datasets["source"], label="located", digest="sha256:" + "2" * 64,
        location="https://data.example/loans.csv", **WHY,
    ).record  # fmt: skip


def _document(things: "Things") -> dict[str, Any]:
    version = things.w.versions["source"]
    return {**document(digest=f"sha256:{version.digest_value}"), **WHY}


def _file(_things: "Things") -> dict[str, Any]:
    return {"file": SimpleUploadedFile("loans.csv", b"x\n1\n", "text/csv"), **WHY}


GET: dict[str, Row] = {
    "dataset-versions/<id>/profiles": Row(PAGE_READERS, PAGE_HIDDEN),
    "profiles/<id>": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "api/v1/dataset-versions/<id>/profiles": Row(_PROFILERS, _NOT, _document),
    "api/v1/dataset-versions/<id>/profile-location": Row(_PROFILERS, _NOT),
    "api/v1/dataset-versions/<id>/profile-file": Row(_PROFILERS, _NOT, _file),
    "dataset-versions/<id>/profiles/read": Row(("owner", "steward"), _PAGE_NOT),
    "dataset-versions/<id>/profiles/upload": Row(("owner", "steward"), _PAGE_NOT, _file),
}
