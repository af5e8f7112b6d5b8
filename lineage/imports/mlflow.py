"""Reading an inventory from an MLflow server's registry, over its REST API.

The operator lists the servers (MUNIMENT_MLFLOW_SERVERS). A name is looked up once and the very address that was checked
is connected to; no redirect is followed; private addresses are reached only if the operator says so, and link-local
ones, where clouds keep their machines' secrets, never (attack A82).
"""

import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from lineage.imports.reading import MAX_BYTES, MAX_ROWS

PAGE = 200
TIMEOUT = 10.0  # seconds without an answer
DEADLINE = 60.0  # seconds for the whole inventory
FIELD = "server"


def fetch(server: str, *, places: Mapping[str, str], govern_by: str = "") -> bytes:
    """The registry of a server as JSON lines in our own columns.

    Args:
        server: one of those the operator lists.
        places: aliases and stages, in lower case, that mean an environment: what has one comes as found there. Empty:
            nothing does. govern_by: the day for those.

    Raises:
        errors.Invalid: not listed, or an address that is not reached. errors.Unavailable: it does not answer, or not as
            an MLflow server does. errors.TooLarge: more than is taken at once.
    """
    if server not in settings.MLFLOW_SERVERS:
        raise _refusal(_("The operator has not listed this server (MUNIMENT_MLFLOW_SERVERS)."))
    client = _Client(server)
    lines: list[str] = []
    named: set[str] = set()
    for version in client.pages("model-versions/search", "model_versions"):
        name = str(version.get("name", ""))
        named.add(name)
        row = {"name": name, "version_artifact_uri": str(version.get("source") or ""), "version_supplier": ""}
        found = _places_of(version, places)
        moment = _day(version.get("last_updated_timestamp") or version.get("creation_timestamp"))
        live = [{"live_in": one, "live_since": moment, "govern_by": govern_by} for one in found]
        lines += [json.dumps(row | one, ensure_ascii=False) for one in live or [{}]]
        _within(lines)
    for model in client.pages("registered-models/search", "registered_models"):
        name = str(model.get("name", ""))
        described = {"name": name, "description": str(model.get("description") or "")}
        if described["description"] or name not in named:
            lines.insert(0, json.dumps(described, ensure_ascii=False))
        _within(lines)
    if not lines:
        raise _refusal(_("The server's registry is empty."))
    return ("\n".join(lines) + "\n").encode()


def _within(lines: list[str]) -> None:
    if len(lines) > MAX_ROWS:
        sentence = _("The registry holds more than %(limit)d models and versions.") % {"limit": MAX_ROWS}
        raise errors.TooLarge(sentence, errors={FIELD: [sentence]})


def _places_of(version: Mapping[str, Any], places: Mapping[str, str]) -> list[str]:
    marks = [str(one) for one in version.get("aliases") or []] + [str(version.get("current_stage") or "")]
    return sorted({places[mark.lower()] for mark in marks if mark.lower() in places})


def _day(milliseconds: Any) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(milliseconds) / 1000))
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


class _Client:
    """One server, connected to at the address that was checked."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.url: SplitResult = urlsplit(server)
        if self.url.scheme not in ("http", "https") or not self.url.hostname or self.url.username:
            raise _refusal(_("Write the server's address as https://host, without a user name."))
        self.port = self.url.port or (443 if self.url.scheme == "https" else 80)
        self.address = _checked_address(self.url.hostname, self.port)
        self.ends = time.monotonic() + DEADLINE
        self.bytes = 0

    def pages(self, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """Every entry of a search, page by page."""
        token = ""
        while True:
            answer = self._get(path, {"max_results": str(PAGE), **({"page_token": token} if token else {})})
            entries = answer.get(key, [])
            if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
                raise self._no_mlflow()
            yield from entries
            following = answer.get("next_page_token") or ""
            if not isinstance(following, str) or following == token != "":
                raise self._no_mlflow()
            if not following:
                return
            token = following

    def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        address = f"{self.url.path.rstrip('/')}/api/2.0/mlflow/{path}?{urlencode(query)}"
        headers = {"Host": self.url.netloc, "Accept": "application/json", "User-Agent": "muniment"}
        if settings.MLFLOW_TOKEN:
            headers["Authorization"] = f"Bearer {settings.MLFLOW_TOKEN}"
        try:
            with socket.create_connection((self.address, self.port), timeout=TIMEOUT) as plain:
                return self._ask(self._secured(plain), address, headers)
        except (OSError, http.client.HTTPException) as error:
            sentence = _("%(server)s does not answer: %(why)s.") % {"server": self.server, "why": error}
            raise errors.Unavailable(sentence, errors={FIELD: [sentence]}) from error

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.url.scheme == "http":
            return plain
        assert self.url.hostname is not None
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.url.hostname)

    def _ask(self, connected: socket.socket, address: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        assert self.url.hostname is not None
        connection = http.client.HTTPConnection(self.url.hostname, self.port, timeout=TIMEOUT)
        connection.sock = connected
        connection.request("GET", address, headers=dict(headers))
        answer = connection.getresponse()
        if answer.status != 200:
            sentence = _("%(server)s answers %(status)d where an MLflow server answers 200.") % {
                "server": self.server, "status": answer.status,
            }  # fmt: skip
            raise errors.Unavailable(sentence, errors={FIELD: [sentence]})
        body = self._body(answer)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise self._no_mlflow() from None
        if not isinstance(found, Mapping):
            raise self._no_mlflow()
        return found

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        """The body, read in parts: an answer without end, or a byte a minute, must not hold a worker."""
        parts = []
        while part := answer.read1(65_536):
            self.bytes += len(part)
            if self.bytes > MAX_BYTES:
                sentence = _("The registry sends more than %(limit)d MiB.") % {"limit": MAX_BYTES // 2**20}
                raise errors.TooLarge(sentence, errors={FIELD: [sentence]})
            if time.monotonic() > self.ends:
                raise TimeoutError(_("it takes longer than %(limit)d seconds") % {"limit": int(DEADLINE)})
            parts.append(part)
        return b"".join(parts)

    def _no_mlflow(self) -> errors.Unavailable:
        sentence = _("%(server)s does not answer as an MLflow server does.") % {"server": self.server}
        return errors.Unavailable(sentence, errors={FIELD: [sentence]})


def _checked_address(host: str, port: int) -> str:
    """The address to connect to. Every address of the name must be one that may be reached."""
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError) as error:
        sentence = _("%(host)s is not found: %(why)s.") % {"host": host, "why": error}
        raise errors.Unavailable(sentence, errors={FIELD: [sentence]}) from error
    for text in found:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        never = address.is_link_local or address.is_multicast or address.is_unspecified
        if never or not (address.is_global or settings.MLFLOW_PRIVATE):
            raise _refusal(
                _("%(host)s has the address %(address)s, which is not reached from here.")
                % {"host": host, "address": text}
            )
    return found[0]


def _refusal(sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={FIELD: [sentence]})
