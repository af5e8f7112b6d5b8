"""One MLflow server, asked over HTTP: at the address that was checked, within limits, with its own secret.

A name is looked up once and the very address that was checked is connected to; no redirect is followed. Private
addresses and loopback are reached only for a server that the operator lists as the house's own (MUNIMENT_MLFLOW_SERVERS
with MUNIMENT_MLFLOW_PRIVATE=1), link-local ones, where clouds keep their machines' secrets, never (attack A82).
"""

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from lineage.tracking.secrets import secret_of

TIMEOUT = 10.0  # seconds without an answer
HEAD_SECONDS = 30.0  # until the head of an answer is there
OBJECT_SECONDS = 120.0  # until an object is there
OBJECT_BYTES = 32 * 2**20  # of one object: it is held in memory whole
PART = 65_536  # bytes read at once
#: What the standard library takes for global, though it may lead inside: IPv4 in IPv6 (NAT64 [RFC 6052, RFC 8215] and
#: the old compatible form), site-local, and protocol assignments: a cloud keeps its machines' secrets at 192.0.0.192.
NEVER = [
    ipaddress.ip_network(one)
    for one in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "fec0::/10", "192.0.0.0/24", "fd00:ec2::254/128")
]
#: Answers after which asking again may help.
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Connection:
    """One server; every call goes to the address that was checked when it was made."""

    def __init__(self, server: str, *, namespace: str, max_bytes: int, seconds: float, field: str = "server") -> None:
        """Look the server up and check where it lies.

        Args:
            server: its base address. namespace: the name of the one it is asked for.
            max_bytes, seconds: of all calls together. field: named by refusals.

        Raises:
            errors.Invalid: no address of a server, one that is not reached from here, or one that the operator keeps
                for other namespaces. errors.Unavailable: not found, or the file of secrets cannot be used.
        """
        self.server, self.max_bytes, self.seconds, self.field = server, max_bytes, seconds, field
        self.url: SplitResult = base_of(server, field)
        self.secret = self._secret_for(namespace)
        self.port = self.url.port or (443 if self.url.scheme == "https" else 80)
        self.own = self._is_own()
        self.address = self._checked_address()
        self.ends = time.monotonic() + seconds
        self.bytes = 0

    def get_json(self, path: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """The object that a path answers with.

        Raises:
            errors.Unavailable: no answer, another status than 200 (`params` has it), or no object; errors.TooLarge.
        """
        body = bytearray()
        with self.opened(path, query, seconds=OBJECT_SECONDS) as parts:
            for part in parts:
                body += part
                if len(body) > OBJECT_BYTES:
                    raise self._too_large(OBJECT_BYTES)
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise self.no_mlflow() from None
        if not isinstance(found, Mapping):
            raise self.no_mlflow()
        return found

    @contextmanager
    def opened(
        self, path: str, query: Mapping[str, str] | None = None, *, seconds: float = float("inf")
    ) -> Iterator[Iterator[bytes]]:
        """The body that a path answers with, in parts. Raises as `get_json`, while it is read too.

        Args:
            seconds: for the body; no longer than is left for all calls together.
        """
        try:
            with (
                socket.create_connection((self.address, self.port), timeout=TIMEOUT) as plain,
                plain.dup() as line,
                self._secured(plain) as connected,
            ):
                with self._cut_off(line, HEAD_SECONDS):
                    answer = self._answer(connected, path, query or {})
                with closing(answer), self._cut_off(line, seconds):
                    yield self._parts(answer)
        except (OSError, http.client.HTTPException) as error:
            sentence = _("%(server)s does not answer: %(why)s.") % {"server": self.server, "why": error}
            raise errors.Unavailable(sentence, errors={self.field: [sentence]}) from error

    def no_mlflow(self) -> errors.Unavailable:
        """The refusal of an answer that no MLflow server gives."""
        sentence = _("%(server)s does not answer as an MLflow server does.") % {"server": self.server}
        return errors.Unavailable(sentence, errors={self.field: [sentence]})

    def _too_large(self, limit: int) -> errors.TooLarge:
        sentence = _("%(server)s sends more than %(limit)d MiB.") % {"server": self.server, "limit": limit // 2**20}
        return errors.TooLarge(sentence, errors={self.field: [sentence]})

    @contextmanager
    def _cut_off(self, line: socket.socket, seconds: float) -> Iterator[None]:
        """Cut the connection after so many seconds: a timeout of its own begins anew with each byte that drips in."""
        began = time.monotonic()
        limit = min(seconds, self.ends - began)
        cut = threading.Timer(max(limit, 0.0), _shut, [line])
        cut.daemon = True
        cut.start()
        error: Exception | None = None
        try:
            yield
        except (OSError, http.client.HTTPException) as broken:
            error = broken
        finally:
            cut.cancel()
        if time.monotonic() - began >= limit:  # a body without a length seems whole where it is cut off
            raise TimeoutError(self._too_long(min(seconds, self.seconds))) from error
        if error is not None:
            raise error

    def _too_long(self, seconds: float) -> str:
        return _("it takes longer than %(limit)d seconds") % {"limit": int(seconds)}

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.url.scheme == "http":
            return plain
        assert self.url.hostname is not None
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=self.url.hostname, do_handshake_on_connect=False)

    def _answer(self, connected: socket.socket, path: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
        assert self.url.hostname is not None
        headers = {"Host": self.url.netloc, "Accept": "*/*", "User-Agent": "muniment", **self._authorization()}
        if time.monotonic() > self.ends:
            raise TimeoutError(self._too_long(self.seconds))
        if isinstance(connected, ssl.SSLSocket):
            connected.do_handshake()
        connection = http.client.HTTPConnection(self.url.hostname, self.port, timeout=TIMEOUT)
        connection.sock = connected
        asked = f"{self.url.path.rstrip('/')}/{quote(path)}" + (f"?{urlencode(query)}" if query else "")
        connection.request("GET", asked, headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            answer.close()
            sentence = _("%(server)s answers %(status)d, not 200.") % {
                "server": self.server, "status": answer.status,
            }  # fmt: skip
            raise errors.Unavailable(sentence, errors={self.field: [sentence]}, params={"status": answer.status})
        return answer

    def _authorization(self) -> dict[str, str]:
        if self.secret is None:
            return {}
        if self.url.scheme == "http" and not self.own:
            sentence = _("A secret is sent over https alone, or to a server that the operator lists as the house's.")
            raise errors.Invalid(sentence, errors={self.field: [sentence]})
        return {"Authorization": self.secret}

    def _is_own(self) -> bool:
        """Whether the operator lists it as the house's own, whose private address may be reached."""
        return settings.MLFLOW_PRIVATE and self.server in settings.MLFLOW_SERVERS

    def _secret_for(self, namespace: str) -> str | None:
        try:
            return secret_of(self.server, namespace)
        except errors.Invalid as refusal:
            raise errors.Invalid(str(refusal), errors={self.field: [str(refusal)]}) from refusal

    def _parts(self, answer: http.client.HTTPResponse) -> Iterator[bytes]:
        """Read in parts: an answer without end, or a byte a minute, must not hold a worker."""
        expected = answer.length
        read = 0
        while part := answer.read1(PART):
            read += len(part)
            self.bytes += len(part)
            if self.bytes > self.max_bytes:
                raise self._too_large(self.max_bytes)
            yield part
        if expected is not None and read < expected:
            raise http.client.IncompleteRead(b"", expected - read)

    def _checked_address(self) -> str:
        """The address to connect to. Every address of the name must be one that may be reached."""
        host = self.url.hostname
        assert host is not None
        try:
            found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)})
        except (OSError, UnicodeError) as error:
            sentence = _("%(host)s is not found: %(why)s.") % {"host": host, "why": error}
            raise errors.Unavailable(sentence, errors={self.field: [sentence]}) from error
        for text in found:
            if not _reachable(text, own=self.own):
                sentence = _("%(host)s has the address %(address)s, which is not reached from here.") % {
                    "host": host, "address": text,
                }  # fmt: skip
                raise errors.Invalid(sentence, errors={self.field: [sentence]})
        return found[0]


def _shut(line: socket.socket) -> None:
    with suppress(OSError):  # it has ended
        line.shutdown(socket.SHUT_RDWR)


def base_of(server: str, field: str = "server") -> SplitResult:
    """The parts of a server's base address.

    Raises:
        errors.Invalid: not http or https, no host, a user name, a query or a fragment.
    """
    sentence = _("Write the server's address as https://host, without a user name, query or fragment.")
    refusal = errors.Invalid(sentence, errors={field: [sentence]})
    try:
        url = urlsplit(server)
        port = url.port
    except ValueError:
        raise refusal from None
    plain = server.isascii() and server.isprintable() and not any(mark in server for mark in "?#@\\ ")
    if url.scheme not in ("http", "https") or not url.hostname or not plain or port == 0:
        raise refusal
    return url


def _reachable(text: str, *, own: bool) -> bool:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    never = address.is_link_local or address.is_multicast or address.is_unspecified
    never = never or (
        any(address in one for one in NEVER if one.version == address.version) and not address.is_loopback
    )
    return not never and (own or address.is_global)
