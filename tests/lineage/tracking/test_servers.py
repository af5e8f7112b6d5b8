"""Who names a tracking server, which addresses are reached, and where secrets go (attack A82)."""

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from governance import errors
from lineage import actions
from lineage.models import TrackingServer
from lineage.tracking.connection import Connection
from lineage.tracking.secrets import secret_of
from tests.cast import Cast
from tests.lineage.conftest import WHY

Door = Callable[[str], Any]


class Answering(http.server.BaseHTTPRequestHandler):
    """Notes what it is shown; answers as it is told."""

    seen: list[tuple[str, str | None]]
    status = 200

    def do_GET(self) -> None:
        """One answer."""
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def answering() -> Iterator[tuple[str, Any]]:
    """A server on loopback: its address and its handler."""
    handler = type("One", (Answering,), {"seen": []})
    served = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}", handler
    served.shutdown()
    served.server_close()


def connect(uri: str) -> Connection:
    """As the worker does, within small limits."""
    return Connection(uri, namespace="retail", max_bytes=1_000, seconds=5)


def test_an_administrator_names_it_and_the_newest_is_in_force(cast: Cast, signed_in: Door, api: Door) -> None:
    admin = signed_in("admin")
    sent = {"namespace": "retail", "uri": "https://mlflow.bank.example/", "reason": "Ours"}
    answer = admin.post("/api/v1/tracking-servers", sent, content_type="application/json")
    assert (answer.status_code, answer.json()["uri"]) == (201, "https://mlflow.bank.example")
    again = admin.post("/api/v1/tracking-servers", sent, content_type="application/json")
    assert (again.status_code, again.json()["params"]["code"]) == (409, "server-in-force")
    page = admin.post("/tracking-servers", {"namespace": "retail", "uri": "", "reason": "Moved"})
    assert page["Location"] == "/tracking-servers"
    told = api("pipeline").get("/api/v1/tracking-servers").json()["results"]
    assert [one["uri"] for one in told] == ["", "https://mlflow.bank.example"], "the newest first"
    assert "none any more" in admin.get("/tracking-servers").content.decode()


@pytest.mark.parametrize(
    "uri",
    ["ftp://a", "mlflow.example", "http://", "https://me:secret@a", "https://a?b=c", "https://a/#x", "https://a b",
     "https://a:99999", "https://a:x", "https://ä", "https://" + "a" * 500],
)  # fmt: skip
def test_what_is_no_address_of_a_server_is_refused(cast: Cast, signed_in: Door, uri: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        actions.name_tracking_server(actor=cast.admin, reason=WHY, namespace=cast.retail, uri=uri)
    assert list(refusal.value.errors) == ["uri"]


@pytest.mark.parametrize("name", ["owner", "pipeline", "risk", "auditor", "outsider"])
def test_nobody_else_names_one(cast: Cast, name: str) -> None:
    with pytest.raises(errors.Forbidden):
        actions.name_tracking_server(
            actor=getattr(cast, name), reason=WHY, namespace=cast.retail, uri="https://a.example"
        )


def test_the_database_lets_nobody_else_name_one_nor_a_form_that_is_none(cast: Cast, attack: Any) -> None:
    insert = "INSERT INTO lineage_trackingserver (namespace_id, uri) VALUES (%s, %s)"
    for actor, uri, code in (
        (cast.pipeline, "https://a.example", "server-by-administrator"),
        (cast.system, "https://a.example", "server-by-administrator"),
        (cast.admin, "", "server-in-force"),
    ):
        with pytest.raises(errors.Refused) as refusal, attack(actor) as sql:
            sql(insert, cast.retail.pk, uri)
        assert refusal.value.params["code"] == code
    with pytest.raises(Exception, match="tracking_server_uri_well_formed"), attack(cast.admin) as sql:
        sql(insert, cast.retail.pk, "https://me@a.example")
    assert not TrackingServer.objects.exists()


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://[::1]:9", "http://10.0.0.1", "http://[2002:7f00:1::]"])
def test_a82_what_lies_inside_is_reached_only_of_the_very_server_the_operator_lists(settings: Any, uri: str) -> None:
    for listed, private in (([], True), (["http://127.0.0.1:10"], True), ([uri], False)):
        settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = listed, private
        with pytest.raises(errors.Invalid, match="not reached from here"):
            connect(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254",
        "http://[fe80::1]",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[64:ff9b:1::a9fe:a9fe]",
        "http://[::a9fe:a9fe]",
        "http://[::7f00:1]",
        "http://[fec0::1]",
        "http://192.0.0.192",
        "http://[::ffff:192.0.0.192]",
        "http://[fd00:ec2::254]",
    ],
)
def test_a82_the_machines_own_secrets_are_never_reached(settings: Any, uri: str) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [uri], True
    with pytest.raises(errors.Invalid, match="not reached from here"):
        connect(uri)


def test_a82_no_redirect_is_followed_and_a_name_that_changes_its_address_leads_nowhere_else(
    answering: tuple[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, handler = answering
    uri = address.replace("127.0.0.1", "mlflow.house.example")
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [uri], True
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def first_here_then_there(host: str, *more: Any, **named: Any) -> Any:
        if host == "mlflow.house.example":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return resolve(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", first_here_then_there)
    connection = connect(uri)
    assert connection.get_json("api") == {}
    handler.status = 302
    with pytest.raises(errors.Unavailable, match="answers 302"):
        connection.get_json("api")
    assert [path for path, _secret in handler.seen] == ["/api", "/api"]
    assert len(asked) == 1, "looked up once"


@pytest.fixture
def dripping(settings: Any) -> Iterator[Callable[[bytes, bytes], str]]:
    """Makes a server that sends its beginning, then the same bytes again and again; tells its address."""
    over = threading.Event()
    listening: list[socket.socket] = []

    def start(beginning: bytes, again: bytes) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def serve() -> None:
            with suppress(OSError), server.accept()[0] as line:
                line.sendall(beginning)
                while not over.wait(0.02):
                    line.sendall(again)

        threading.Thread(target=serve, daemon=True).start()
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [uri], True
        return uri

    yield start
    over.set()
    for server in listening:
        server.close()


@pytest.mark.parametrize(
    ("beginning", "again"),
    [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"), (b"HTTP/1.1 200 OK\r\n\r\n{}", b" "),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n")],
)  # fmt: skip
def test_a_server_that_drips_does_not_hold_a_worker(
    dripping: Callable[[bytes, bytes], str], beginning: bytes, again: bytes
) -> None:
    connection = Connection(dripping(beginning, again), namespace="retail", max_bytes=10**9, seconds=1)
    with pytest.raises(errors.Unavailable, match="it takes longer than 1 seconds"):
        connection.get_json("api")


def test_no_object_fills_the_memory(dripping: Callable[[bytes, bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineage.tracking.connection.OBJECT_BYTES", 2**20)
    connection = Connection(
        dripping(b"HTTP/1.1 200 OK\r\n\r\n[", b"1," * 2**17), namespace="retail", max_bytes=10**9, seconds=60
    )
    with pytest.raises(errors.TooLarge, match="more than 1 MiB"):
        connection.get_json("api")


def test_a_secret_goes_to_its_own_server_alone(answering: tuple[str, Any], settings: Any, tmp_path: Path) -> None:
    uri, handler = answering
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({uri: {"token": "t0p"}, "https://other.example": {"username": "u", "password": "p"}}))
    file.chmod(0o600)
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE, settings.MLFLOW_SECRETS = [uri], True, str(file)
    connect(uri).get_json("api")
    assert handler.seen[-1][1] == "Bearer t0p"
    assert secret_of("https://other.example", "retail") == "Basic dTpw"
    assert secret_of("https://third.example", "retail") is None
    assert secret_of(uri + "/", "retail") is None


def test_a_server_kept_for_other_namespaces_is_neither_asked_nor_shown_a_secret(
    answering: tuple[str, Any], settings: Any, tmp_path: Path
) -> None:
    uri, handler = answering
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [uri], True
    file = tmp_path / "secrets.json"
    settings.MLFLOW_SECRETS = str(file)
    for secret, shown in (({"token": "t0p"}, "Bearer t0p"), ({}, None)):
        file.write_text(json.dumps({uri: {**secret, "namespaces": ["retail", "loans"]}}))
        file.chmod(0o600)
        with pytest.raises(errors.Invalid, match="has not listed the namespace wholesale") as refusal:
            Connection(uri, namespace="wholesale", max_bytes=1_000, seconds=5, field="uri")
        assert list(refusal.value.errors) == ["uri"]
        assert handler.seen == []
        connect(uri).get_json("api")
        assert handler.seen.pop()[1] == shown
    file.write_text(json.dumps({uri: {"token": "t0p"}}))
    Connection(uri, namespace="wholesale", max_bytes=1_000, seconds=5).get_json("api")
    assert handler.seen.pop()[1] == "Bearer t0p", "without a list any namespace may use it"


@pytest.mark.parametrize(
    ("content", "mode"),
    [("{}", 0o644), ("{", 0o600), ("[]", 0o600), ('{"https://a": "x"}', 0o600), ('{"https://a": {"token": ""}}', 0o600),
     ('{"https://a": {"token": "a\\nb"}}', 0o600), ('{"https://a": {"token": "a", "namespaces": "retail"}}', 0o600),
     ('{"https://a": {}}', 0o600)],
)  # fmt: skip
def test_a_file_of_secrets_that_cannot_be_used_is_said_without_what_it_holds(
    settings: Any, tmp_path: Path, content: str, mode: int
) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)
    file.chmod(mode)
    settings.MLFLOW_SECRETS = str(file)
    with pytest.raises(errors.Unavailable) as refusal:
        secret_of("https://a", "retail")
    assert str(tmp_path) not in str(refusal.value)
