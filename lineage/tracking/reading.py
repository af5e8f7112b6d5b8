"""The worker that reads a version's tracking server: its run, and the bytes of its artifact, hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import errors
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import Principal
from governance.jobs import Later, Run, ask, job
from governance.jobs.models import Job
from lineage import queries
from lineage.actions.tracking import record_digest_read, record_reading
from lineage.digests import Digest
from lineage.models import ModelVersion, TrackingServer
from lineage.tracking.connection import PASSING, Connection
from lineage.tracking.hashing import ALGORITHMS, digest_of_stream, names_of_artifact
from lineage.tracking.mlflow import Place, Told, content, files_at, told_of
from lineage.tracking.servers import RUN_ID, leads_there, server_of

READING = "tracking-reading"
SECONDS = 3_600.0  # one artifact
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds; it waits as long again as it has waited


def ask_for_reading(*, asked_by: Principal, reason: str, model_version: ModelVersion) -> tuple[Job, bool]:
    """Ask for a version's tracking server to be read; the job, and whether it is new.

    Raises:
        errors.Conflict: no server is named for its namespace, or nothing of the version leads to one.
    """
    if server_of(model_version.model.namespace_id) is None:
        raise errors.Conflict(_("No tracking server is named for this namespace. An administrator names one."))
    if not leads_there(model_version):
        raise errors.Conflict(_("Neither its address nor its run is one of a tracking server. Complete it by hand."))
    key = f"model_version:{model_version.pk}"
    return ask(READING, asked_by=asked_by, reason=reason, params={"model_version": model_version.pk}, key=key)


def last_reading(version: ModelVersion) -> Job | None:
    """The newest job that read, or is to read, a version's server."""
    return Job.objects.filter(kind=READING, key=f"model_version:{version.pk}").order_by("-pk").first()


def may_read(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Whoever may read the version."""
    return queries.readable(ModelVersion, reader).filter(pk=params["model_version"]).exists()


@job(READING, title=gettext_lazy("Reading of a tracking server"), may_read=may_read)
def read_server(run: Run) -> None:
    """Read what the server says of the version, then hash its artifact: two acts, each of which may be done again."""
    found = ModelVersion.objects.select_related("model__namespace", "source_run")
    version = found.get(pk=run.params["model_version"])
    server = server_of(version.model.namespace_id)
    if server is None:
        raise errors.Missing(_("No tracking server is named for this namespace any more."))
    try:
        _read(run, version, server)
    except errors.Unavailable as refusal:
        if (status := refusal.params.get("status")) is not None and status not in PASSING:
            raise
        waited = (timezone.now() - run.job.asked_at).total_seconds()
        raise Later(min(max(waited, FIRST_WAIT), LONGEST_WAIT), str(refusal)) from refusal


def _read(run: Run, version: ModelVersion, server: TrackingServer) -> None:
    acting: dict[str, Any] = {
        "actor": load_system_principal(), "reason": run.reason, "model_version": version, "tracking_server": server,
    }  # fmt: skip
    connection = Connection(
        server.uri, namespace=version.model.namespace.name, max_bytes=settings.TRACKING_MAX_GIB * 2**30, seconds=SECONDS
    )
    run.progress(0, None, _("Asking %(server)s") % {"server": server.uri})
    source_run = version.source_run.run_key if version.source_run else ""
    told = told_of(connection, source=version.artifact_uri, run_id=source_run if RUN_ID.fullmatch(source_run) else "")
    said, fault = _put_on_record(told, acting) if told.run_id else ("", None)
    result: dict[str, Any] = {"run": told.run_id, "metrics": len(told.metrics), "inputs": len(told.inputs)}
    if told.place is None:
        if fault is not None:
            raise fault
        run.finish(
            _("The run is read. Its artifact lies where the tracking server does not lead.") + said, result=result
        )
        return
    digest, where, files = _hashed(run, connection, version, told.place)
    done = record_digest_read(digest=digest, came_from=f"{server.uri}, {where}", **acting)
    result |= {"digest": str(digest), "files": files, "bytes": connection.bytes}
    if fault is not None and not isinstance(fault, errors.Refused):
        raise fault  # tried again: the bytes are on record
    other = done.record is not None and "digest" in done.record.contradicts
    run.finish(
        (_("Other bytes lie there than those on record: the gate is closed.") if other else _("Read, and hashed."))
        + said,
        url=f"/model-versions/{version.pk}",
        result={**result, "contradicts": other},
    )


def _put_on_record(told: Told, acting: Mapping[str, Any]) -> tuple[str, Exception | None]:
    """Put what is said of the run on record; a sentence on what is not, and what prevented it.

    Nothing that the run's author wrote there may keep the bytes from being hashed.
    """
    try:
        left_out = record_reading(told=told, **acting).left_out
    except Exception as fault:
        return " " + _("Nothing is on record of its run: %(why)s") % {"why": fault}, fault
    if left_out:
        return " " + _("Its run names %(number)d datasets too many; they are not linked.") % {"number": left_out}, None
    return "", None


def _hashed(run: Run, connection: Connection, version: ModelVersion, place: Place) -> tuple[Digest, str, int]:
    """The digest of what lies there, where that is, and how many files."""
    files = files_at(connection, place)
    algorithm = version.digest_algorithm if version.digest_algorithm in ALGORITHMS else "sha256"
    found: dict[str, str] = {}
    for number, (path, there) in enumerate(sorted(files.items()), start=1):
        said = _("Hashing file %(number)d of %(files)d") % {"number": number, "files": len(files)}
        with content(connection, place, there) as parts:
            found[path] = digest_of_stream(algorithm, _counted(run, connection, parts, said))
    names = names_of_artifact(algorithm, found)
    value, path = next((one for one in names if one[0] == version.digest_value), names[0])
    return Digest(algorithm, value), _place(place, path), len(found)


def _counted(run: Run, connection: Connection, parts: Iterator[bytes], said: str) -> Iterator[bytes]:
    for one in parts:
        run.progress(connection.bytes, None, said)
        yield one


def _place(place: Place, path: str) -> str:
    kind = {"run": "run ", "logged": "model ", "store": "artifacts"}[place.kind]
    return f"{kind}{place.id} {'/'.join(one for one in (place.path, path) if one)}".strip()
