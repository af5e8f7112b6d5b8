"""What an MLflow server knows of a run and a logged model, and the files that lie there (REST API of 2.22 and 3.17)."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from governance import errors
from lineage.tracking.connection import Connection

API = "api/2.0/mlflow"
MAX_FILES = 10_000
MAX_DEPTH = 40
_RUN = re.compile(r"runs:/+([0-9a-zA-Z_-]{1,256})(?:/(.+))?")
_RUN_ID = re.compile(r"[0-9a-zA-Z_-]{1,256}")
_LOGGED = re.compile(r"models:/+(m-[0-9a-zA-Z_-]{1,256})")
_STORED = re.compile(r"/models/(m-[0-9a-zA-Z_-]{1,256})/artifacts/?$")


@dataclass(frozen=True, slots=True)
class DataInput:
    """A dataset that a run read, as it was logged."""

    name: str
    digest: str
    source: str
    schema: str
    context: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artifact lies on the server: of a run, of a logged model, or in the server's own store, and its path."""

    kind: str
    id: str
    path: str


@dataclass(slots=True)
class Told:
    """What the server says of a version."""

    run_id: str = ""
    run_name: str = ""
    status: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    commit: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    inputs: list[DataInput] = field(default_factory=list)
    place: Place | None = None


def told_of(server: Connection, *, source: str, run_id: str) -> Told:
    """What the server says of the version with a source (its artifact's address), which came out of a run.

    Args:
        run_id: "" where none is on record; a source may name one.

    Raises:
        errors.Missing: the server has no such run or logged model. errors.Invalid: an address that leads out of its
            place. errors.Unavailable, errors.TooLarge.
    """
    told = Told(run_id=run_id)
    logged = _LOGGED.fullmatch(source) or _STORED.search(source)
    model: Mapping[str, Any] = {}
    if logged:
        model = _object(server, _object(server, _get(server, f"{API}/logged-models/{logged[1]}"), "model"), "info")
        told.place = Place("logged", logged[1], "")
        named = model.get("source_run_id")
        told.run_id = named if isinstance(named, str) and _RUN_ID.fullmatch(named) else told.run_id
    elif of_run := _RUN.fullmatch(source):
        told.run_id = of_run[1]
        told.place = Place("run", of_run[1], (of_run[2] or "").strip("/"))
    if told.run_id:
        try:
            _read_run(server, told, source)
        except errors.Missing:  # a run may be deleted; the model that was logged from it, with its bytes, stays
            if told.place is None or told.place.kind == "run":
                raise
            told.run_id = ""
    if told.place is None and source.startswith("mlflow-artifacts:/") and not source.startswith("mlflow-artifacts://"):
        told.place = Place("store", "", source.removeprefix("mlflow-artifacts:/").strip("/"))
    if told.place is not None and any(part in (".", "..") for part in told.place.path.split("/")):
        raise errors.Invalid(_("The artifact's address leads out of its own place: it is not followed."))
    return told


def files_at(server: Connection, place: Place) -> dict[str, str]:
    """The files of an artifact: {path relative to it: path on the server}; {"": path} where it is a file itself.

    Raises:
        errors.Missing: nothing lies there. errors.TooLarge: more than 10,000 files. errors.Unavailable.
    """
    found: dict[str, str] = {}
    waiting = [(place.path, 0)]
    while waiting:
        folder, depth = waiting.pop()
        for path, is_folder in _listed(server, place, folder):
            inside = path == folder or not folder or path.startswith(folder + "/")
            if not inside or depth >= MAX_DEPTH:
                raise server.no_mlflow()
            if path == folder:  # some stores list a file as its own content
                return {"": path}
            if is_folder:
                waiting.append((path, depth + 1))
            else:
                found[path[len(place.path) :].lstrip("/")] = path
            if len(found) + len(waiting) > MAX_FILES:
                raise errors.TooLarge(_("The artifact has more than %(limit)d files.") % {"limit": MAX_FILES})
    if not found and place.path:
        found = {"": place.path}  # a folder has files: what has none listed is one, or is not there
    if not found:
        raise errors.Missing(_("Nothing lies where the artifact should lie."))
    return found


@contextmanager
def content(server: Connection, place: Place, path: str) -> Iterator[Iterator[bytes]]:
    """The bytes of a file, in parts. Raises errors.Missing, errors.Unavailable, errors.TooLarge."""
    if place.kind == "run":
        asked, query = "get-artifact", {"run_id": place.id, "path": path}
    elif place.kind == "logged":
        asked = f"ajax-api/2.0/mlflow/logged-models/{place.id}/artifacts/files"
        query = {"artifact_file_path": path}
    else:
        asked, query = f"api/2.0/mlflow-artifacts/artifacts/{path}", {}
    try:
        with server.opened(asked, query) as parts:
            yield parts
    except errors.Unavailable as refusal:
        raise _as_missing(refusal, _("The file %(path)s is not on the server.") % {"path": path[:200]}) from refusal


def _read_run(server: Connection, told: Told, source: str) -> None:
    run = _object(server, _get(server, f"{API}/runs/get", {"run_id": told.run_id}), "run")
    info, data = _object(server, run, "info"), _object(server, run, "data")
    told.run_name, told.status = _text(info.get("run_name"), 256), _text(info.get("status"), 256)
    told.started_at, told.ended_at = _moment(info.get("start_time")), _moment(info.get("end_time"))
    told.tags = _pairs(data.get("tags"))
    told.commit = told.tags.get("mlflow.source.git.commit", "")
    told.parameters = _pairs(data.get("params"))
    for one in _objects(data.get("metrics")):
        value = _number(one.get("value"))
        if value is not None:
            told.metrics[_text(one.get("key"), 250)] = value
    for one in _objects(_mapping(run.get("inputs")).get("dataset_inputs")):
        dataset, tags = _mapping(one.get("dataset")), _pairs(one.get("tags"))
        told.inputs.append(
            DataInput(
                name=_text(dataset.get("name"), None),
                digest=_text(dataset.get("digest"), None),
                source=_text(dataset.get("source"), None),
                schema=_text(dataset.get("schema"), None),
                context=tags.get("mlflow.data.context", ""),
            )
        )
    root = str(info.get("artifact_uri") or "").rstrip("/")
    if told.place is None and root and source.rstrip("/").startswith(root + "/"):
        told.place = Place("run", told.run_id, source.rstrip("/")[len(root) + 1 :])


def _listed(server: Connection, place: Place, folder: str) -> Iterator[tuple[str, bool]]:
    """The entries of a folder: path from the place's root, and whether it is a folder."""
    token = ""
    while True:
        if place.kind == "logged":
            asked, query = f"{API}/logged-models/{place.id}/artifacts/directories", {"artifact_directory_path": folder}
        elif place.kind == "run":
            asked, query = f"{API}/artifacts/list", {"run_id": place.id, "path": folder}
        else:
            asked, query = "api/2.0/mlflow-artifacts/artifacts", {"path": folder}
        answer = _get(server, asked, {key: value for key, value in {**query, "page_token": token}.items() if value})
        for one in _objects(answer.get("files")):
            name = str(one.get("path") or "")
            if any(part in ("", ".", "..") for part in name.split("/")):
                raise server.no_mlflow()
            if place.kind == "store" and folder:  # the store's own listing names entries by their name alone
                name = f"{folder}/{name.rpartition('/')[2]}"
            yield name, bool(one.get("is_dir"))
        following = str(answer.get("next_page_token") or "")
        if not following or following == token:
            return
        token = following


def _get(server: Connection, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    try:
        return server.get_json(path, query)
    except errors.Unavailable as refusal:
        raise _as_missing(refusal, _("The server has no such run or model.")) from refusal


def _as_missing(refusal: errors.Unavailable, sentence: str) -> errors.Refused:
    """MLflow answers 404, and 400 for ids it finds malformed, where there is nothing; asking again does not help."""
    return errors.Missing(sentence) if refusal.params.get("status") in (400, 404) else refusal


def _object(server: Connection, given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = given.get(key)
    if not isinstance(found, Mapping):
        raise server.no_mlflow()
    return found


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}


def _objects(given: Any) -> list[Mapping[str, Any]]:
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def _pairs(given: Any) -> dict[str, str]:
    """{key: value} of a list of such objects, in lengths the record holds and without what it cannot hold."""
    return {_text(one.get("key"), 250): _text(one.get("value"), 5_000) for one in _objects(given) if one.get("key")}


def _text(given: Any, limit: int | None) -> str:
    """A text the record can hold: at most `limit` characters, no NUL, no half of a surrogate pair."""
    return str(given or "")[:limit].replace("\x00", "").encode(errors="replace").decode()


def _number(given: Any) -> float | None:
    """A finite number; None: something else, or one that no 64 bits hold."""
    try:
        value = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else float("nan")
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _moment(milliseconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
