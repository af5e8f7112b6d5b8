"""Which server is in force for a namespace, and which versions one may know."""

import re

from lineage.models import ModelVersion, TrackingServer

#: Addresses that only the tracking server can resolve.
LEADING = ("runs:/", "models:/m-", "mlflow-artifacts:/")
RUN_ID = re.compile(r"[0-9a-f]{32}")


def leads_there(version: ModelVersion) -> bool:
    """Whether a version's address or run is one a tracking server may know."""
    run = version.source_run
    return version.artifact_uri.startswith(LEADING) or (run is not None and bool(RUN_ID.fullmatch(run.run_key)))


def server_of(namespace_id: int) -> TrackingServer | None:
    """The tracking server in force for a namespace; None: there is none."""
    newest = TrackingServer.objects.filter(namespace_id=namespace_id).order_by("-pk").first()
    return newest if newest is not None and newest.uri else None
