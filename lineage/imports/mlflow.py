"""Reading an inventory from an MLflow server's registry, over its REST API.

The operator lists the servers (MUNIMENT_MLFLOW_SERVERS); how they are reached, `lineage.tracking.connection` says. A
server names the aliases of its versions with the model alone (MLflow 2.22 and 3.17), so models are read first.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sized
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from lineage.imports.reading import MAX_BYTES, MAX_ROWS
from lineage.tracking.connection import Connection

PAGE = 200
DEADLINE = 60.0  # seconds for the whole inventory
FIELD = "server"


def fetch(server: str, *, namespace: str, places: Mapping[str, str], govern_by: str = "") -> bytes:
    """The registry of a server as JSON lines in our own columns.

    Args:
        server: one of those the operator lists. namespace: the name of the one it is read for.
        places: aliases and stages, in lower case, that mean an environment: what has one comes as found there. Empty:
            nothing does. govern_by: the day for those.

    Raises:
        errors.Invalid: not listed, kept for other namespaces, or an address that is not reached.
        errors.Unavailable: it does not answer, or not as an MLflow server does. errors.TooLarge: more than is taken at
            once.
    """
    if server not in settings.MLFLOW_SERVERS:
        raise _refusal(_("The operator has not listed this server (MUNIMENT_MLFLOW_SERVERS)."))
    client = _Registry(server, namespace=namespace, max_bytes=MAX_BYTES, seconds=DEADLINE, field=FIELD)
    described: dict[str, str] = {}
    aliases: dict[tuple[str, str], list[str]] = defaultdict(list)
    for model in client.pages("registered-models/search", "registered_models"):
        name = str(model.get("name", ""))
        described[name] = str(model.get("description") or "")
        _within(described)
        for one in _list(model.get("aliases")):
            aliases[name, str(one.get("version", ""))].append(str(one.get("alias", "")))
    lines: list[str] = []
    named: set[str] = set()
    for version in client.pages("model-versions/search", "model_versions"):
        name = str(version.get("name", ""))
        named.add(name)
        row = {"name": name, "version_artifact_uri": str(version.get("source") or ""), "version_supplier": ""}
        found = _places_of(version, aliases[name, str(version.get("version", ""))], places)
        moment = _day(version.get("last_updated_timestamp") or version.get("creation_timestamp"))
        live = [{"live_in": one, "live_since": moment, "govern_by": govern_by} for one in found]
        lines += [json.dumps(row | one, ensure_ascii=False) for one in live or [{}]]
        _within(lines)
    said = {name: text for name, text in described.items() if text or name not in named}
    lines = [json.dumps({"name": name, "description": said[name]}, ensure_ascii=False) for name in said] + lines
    _within(lines)
    if not lines:
        raise _refusal(_("The server's registry is empty."))
    return ("\n".join(lines) + "\n").encode()


def _list(given: Any) -> list[Mapping[str, Any]]:
    return [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []


def _within(lines: Sized) -> None:
    if len(lines) > MAX_ROWS:
        sentence = _("The registry holds more than %(limit)d models and versions.") % {"limit": MAX_ROWS}
        raise errors.TooLarge(sentence, errors={FIELD: [sentence]})


def _places_of(version: Mapping[str, Any], aliases: list[str], places: Mapping[str, str]) -> list[str]:
    marks = [*aliases, str(version.get("current_stage") or "")]
    return sorted({places[mark.lower()] for mark in marks if mark.lower() in places})


def _day(milliseconds: Any) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(milliseconds) / 1000))
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


class _Registry(Connection):
    """A server's registry, page by page."""

    def pages(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a search."""
        token = ""
        while True:
            query = {"max_results": str(PAGE), **({"page_token": token} if token else {})}
            answer = self.get_json(f"api/2.0/mlflow/{path}", query)
            entries = answer.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
                raise self.no_mlflow()
            yield from entries
            following = answer.get("next_page_token") or ""
            if not isinstance(following, str) or following == token != "":
                raise self.no_mlflow()
            if not following:
                return
            token = following


def _refusal(sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={FIELD: [sentence]})
