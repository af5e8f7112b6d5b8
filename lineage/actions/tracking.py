"""Tracking servers: named by administrators, and what was read there put on record."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox import enqueue
from governance.unit_of_work import action, part
from lineage.actions.carriers import CARRIERS, CODE_COMMIT, TRAINING_DATA, facts_in_tags
from lineage.actions.completions import Completed, complete_model_version
from lineage.actions.datasets import SCHEMA_LIMIT
from lineage.actions.registering import get_or_register
from lineage.digests import Digest
from lineage.models import (
    Dataset,
    DatasetVersion,
    FactOrigin,
    LinkMethod,
    ModelVersion,
    Run,
    RunInput,
    RunRole,
    RunState,
    TrackingServer,
)
from lineage.tracking.connection import base_of
from lineage.tracking.mlflow import DataInput, Told

NAMED = "tracking_server.named"
INPUT_LIMIT = 100  # datasets of one run
_COMMIT = re.compile(r"[0-9A-Za-z._/-]{1,128}")
_ROLES = {
    "training": RunRole.TRAINING, "train": RunRole.TRAINING,
    "validation": RunRole.VALIDATION, "valid": RunRole.VALIDATION, "eval": RunRole.VALIDATION,
    "evaluation": RunRole.VALIDATION, "test": RunRole.TEST, "testing": RunRole.TEST,
}  # fmt: skip
_STATES = {"FINISHED": RunState.COMPLETE, "FAILED": RunState.FAILED, "KILLED": RunState.ABORTED}


@action
def name_tracking_server(*, actor: Principal, reason: str, namespace: Namespace, uri: str) -> TrackingServer:
    """Name the MLflow server that workers read for a namespace; a blank address: none any more.

    What has no digest yet is read from it then.

    Args:
        uri: base address, http or https, at most 500 characters. Its secret is the operator's file's to hold.

    Raises:
        errors.Forbidden: no administrator there. errors.Invalid: no such address. errors.Conflict: named already.
    """
    require(actor, Role.ADMINISTRATOR, namespace=namespace)
    uri = uri.strip().rstrip("/")
    if uri:
        base_of(uri, "uri")
    if len(uri) > 500:
        raise errors.Invalid(errors={"uri": [_("At most 500 characters.")]})
    made = TrackingServer.objects.create(namespace=namespace, uri=uri)
    if uri:
        enqueue(NAMED, {"tracking_server": made.pk}, subject=f"namespace:{namespace.pk}")
    return made


class Reading(NamedTuple):
    """What came of a reading of a run, and how many datasets of its run are too many to be linked."""

    completed: Completed
    left_out: int


@action
def record_reading(
    *, actor: Principal, reason: str, model_version: ModelVersion, tracking_server: TrackingServer, told: Told
) -> Reading:
    """Put on record what a server said of a version's run: data it read, commit, metrics, parameters. All of it claims.

    Datasets are found by digest, or by name and the digest MLflow gave them as label; one nobody knows is registered
    with what the server says, and owes its provenance. Raises as `complete_model_version`.
    """
    home = model_version.model.namespace
    run = _claimed_run(home, model_version, told) if told.run_id else None
    carried = _carried(actor, home, told.tags)
    room = max(INPUT_LIMIT - len(carried.get("training", [])), 0)  # our own tags come first
    roles: dict[DatasetVersion, RunRole] = {}
    for given in told.inputs[:room]:
        if found := _claimed_data(home, given):
            roles[found] = _ROLES.get(given.context.strip().lower(), RunRole.SOURCE)
    training = [*carried.get("training", []), *(one for one, role in roles.items() if role == RunRole.TRAINING)]
    done = part(complete_model_version)(
        actor=actor, reason=reason, model_version=model_version, how=FactOrigin.TRACKING,
        came_from=_where(tracking_server, told), tracking_server=tracking_server, run=run, training=training,
        code_commit=carried.get("code_commit") or (told.commit if _COMMIT.fullmatch(told.commit) else ""),
        metrics=told.metrics, parameters=told.parameters,
    )  # fmt: skip
    for one, role in roles.items():
        if run is not None and role != RunRole.TRAINING:
            link = {"run": run, "role": role, "dataset_version": one, "model_version": None}
            get_or_register(RunInput, identity=link, content={"link_method": LinkMethod.MLFLOW}, compare={})
    return Reading(done, max(len(told.inputs) - room, 0))


@action
def record_digest_read(
    *,
    actor: Principal,
    reason: str,
    model_version: ModelVersion,
    tracking_server: TrackingServer,
    digest: Digest,
    came_from: str,
) -> Completed:
    """Put on record the digest of the bytes that lie on the server. Raises as `complete_model_version`."""
    return part(complete_model_version)(
        actor=actor, reason=reason, model_version=model_version, how=FactOrigin.TRACKING, came_from=came_from[:2000],
        tracking_server=tracking_server, digest=digest,
    )  # fmt: skip


def _where(server: TrackingServer, told: Told) -> str:
    return f"{server.uri}, run {told.run_id}"[:2000] if told.run_id else server.uri


def _carried(actor: Principal, home: Namespace, tags: Mapping[str, str]) -> dict[str, Any]:
    """What our tags on the run carry, but the digest, which is read here; one that cannot be read carries nothing."""
    found: dict[str, Any] = {}
    for key in CARRIERS:
        if key in (CODE_COMMIT, TRAINING_DATA):
            try:
                found |= facts_in_tags(actor, home, {key: tags.get(key, "")})
            except errors.Refused:
                continue
    return found


def _claimed_run(home: Namespace, version: ModelVersion, told: Told) -> Run:
    """The run on record under the server's id, brought up to its end; registered where nobody did."""
    state = _STATES.get(told.status, RunState.RUNNING)
    ended = None if state == RunState.RUNNING else _after(told.started_at, told.ended_at)
    run, created = get_or_register(
        Run,
        identity={"namespace": home, "run_key": told.run_id},
        content={
            "job_name": _name(told.run_name) or version.model.name,
            "state": state,
            "started_at": told.started_at,
            "ended_at": ended,
        },
        compare={},
    )
    if not created and run.state == RunState.RUNNING and ended is not None:
        run.started_at = run.started_at or told.started_at
        run.state, run.ended_at = state, _after(run.started_at, ended)
        run.save(update_fields=["state", "started_at", "ended_at"])
    return run


def _after(started: datetime | None, ended: datetime | None) -> datetime:
    ended = ended or timezone.now()
    return max(started, ended) if started else ended


def _claimed_data(home: Namespace, given: DataInput) -> DatasetVersion | None:
    """The dataset version an input means; None where its name is none that the record could hold."""
    name, label = _name(given.name), _name(given.digest) or "unversioned"
    known = DatasetVersion.objects.filter(dataset__namespace=home)
    whole = Q(digest_algorithm="sha256", digest_value=given.digest or "-")
    if found := known.filter(whole).order_by("-pk").first():
        return found
    if not name:
        return None
    if found := known.filter(dataset__name=name, label=label).select_related("dataset").order_by("-pk").first():
        return found
    dataset = get_or_register(Dataset, identity={"namespace": home, "name": name}, content={}, compare={}).record
    content = {"location": _location(given.source), "schema": _columns(given.schema)}
    identity = {"dataset": dataset, "label": label, "digest_value": ""}
    return get_or_register(DatasetVersion, identity=identity, content=content, compare={}).record


def _name(given: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in given).split())[:256].strip()


def _location(source: str) -> str:
    """Where the data lies, out of MLflow's description of its source."""
    try:
        told = json.loads(source)
    except (ValueError, RecursionError):
        told = source
    if isinstance(told, dict):
        told = next(
            (told[key] for key in ("uri", "url", "path", "table_name") if isinstance(told.get(key), str)), source
        )
    return _name(str(told))[:2000]


def _columns(schema: str) -> list[dict[str, str]]:
    """The columns of MLflow's description, where it has some."""
    try:
        told = json.loads(schema)["mlflow_colspec"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    found: dict[str, dict[str, str]] = {}
    for one in told if isinstance(told, Iterable) else []:
        name = _name(str(one.get("name") or "")) if isinstance(one, dict) else ""
        if name:
            found.setdefault(name, {"name": name, "type": _name(str(one.get("type") or ""))[:100], "description": ""})
    return list(found.values())[:SCHEMA_LIMIT]
