"""What follows from facts, done by workers.

| topic | payload | what is done |
|---|---|---|
| model_version.registered | {"model_version": id} | its tracking server is read; written only where there is one |
| tracking_server.named | {"tracking_server": id} | versions of its namespace without a digest are read |
"""

from typing import Any

from django.db.models import Q

from governance.accounts.actions.system import load_system_principal
from governance.celery import app
from governance.outbox import Message, handles
from lineage.actions.model_registry import REGISTERED
from lineage.actions.tracking import NAMED
from lineage.models import ModelVersion, TrackingServer
from lineage.quality import files, profiling
from lineage.tracking.reading import ask_for_reading
from lineage.tracking.servers import LEADING, RUN_ID, server_of

__all__ = ["profiling"]  # registers a kind of job

SCHEDULE: dict[str, dict[str, Any]] = {
    "profiles-forget": {"task": "lineage.forget_profiled", "schedule": 3600.0, "options": {"expires": 3600.0}},
}
READ_AT_ONCE = 500
"""Versions read when a server is named, the newest; older ones when somebody asks."""


@handles(REGISTERED)
def read_what_was_registered(message: Message) -> None:
    """A job for it, unless the server was taken back meanwhile."""
    version = ModelVersion.objects.select_related("model", "source_run").get(pk=message.payload["model_version"])
    if server_of(version.model.namespace_id) is not None:
        _ask(version, "It was registered")


@handles(NAMED)
def read_what_lacks_a_digest(message: Message) -> None:
    """A job for each, if the server is still in force."""
    server = TrackingServer.objects.get(pk=message.payload["tracking_server"])
    if server_of(server.namespace_id) != server:
        return
    leading = Q(source_run__run_key__regex=f"^{RUN_ID.pattern}$")
    for start in LEADING:
        leading |= Q(artifact_uri__startswith=start)
    bare = ModelVersion.objects.filter(leading, model__namespace=server.namespace_id, digest_value="")
    for version in bare.select_related("model", "source_run").order_by("-pk")[:READ_AT_ONCE]:
        _ask(version, "The namespace's tracking server was named")


def _ask(version: ModelVersion, why: str) -> None:
    ask_for_reading(asked_by=load_system_principal(), reason=why, model_version=version)


@app.task(name="lineage.forget_profiled")
def forget_profiled() -> None:
    """Remove data files that a worker which died left lying."""
    files.forget_what_is_old()
