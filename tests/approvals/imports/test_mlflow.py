"""An MLflow registry is read over HTTP: from servers that the operator lists, and no other address (A82)."""

import datetime
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from approvals.actions.onboarding import ask_for_window, confirm_window
from approvals.imports.mlflow import prepare_from_server
from approvals.models import AsFound
from governance import errors
from lineage.imports import mlflow
from lineage.models import ModelVersion
from tests.approvals.imports.conftest import WHY, confirm, faults
from tests.cast import Cast

MODELS = [
    {"name": "churn", "description": "Who leaves"}, {"name": "empty"},
    {"name": "scoring", "aliases": [{"alias": "champion", "version": "2"}]},
]  # fmt: skip
VERSIONS = [
    {"name": name, "version": str(number), "source": f"s3://mlflow/{name}/{number}",
     "current_stage": stage, "last_updated_timestamp": 1_700_000_000_000}
    for name, number, stage in (("scoring", 2, "None"), ("scoring", 1, "Archived"), ("churn", 1, "Production"))
]  # fmt: skip


class Registry(BaseHTTPRequestHandler):
    """Answers the two searches as MLflow 2 and 3 do, a page at a time; `broken` answers something else."""

    broken: bytes | None = None
    status = 200

    def do_GET(self) -> None:
        """One page of a search."""
        asked = urlsplit(self.path)
        entries, key = (
            (MODELS, "registered_models") if "registered-models" in asked.path else (VERSIONS, "model_versions")
        )
        start = int(parse_qs(asked.query).get("page_token", ["0"])[0])
        page: dict[str, Any] = {key: entries[start : start + 2]}
        if start + 2 < len(entries):
            page["next_page_token"] = str(start + 2)
        body = self.broken if self.broken is not None else json.dumps(page).encode()
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def server(settings: Any) -> Iterator[str]:
    """The address of a registry that the operator lists, of their own house."""
    served = HTTPServer(("127.0.0.1", 0), type("OneRegistry", (Registry,), {}))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{served.server_port}"
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [address], True
    _HANDLER[address] = served.RequestHandlerClass
    yield address
    served.shutdown()
    served.server_close()


_HANDLER: dict[str, Any] = {}


def test_models_and_versions_of_a_registry_come_in(cast: Cast, server: str) -> None:
    draft = prepare_from_server(actor=cast.owner, namespace=cast.retail, server=server)
    assert faults(draft) == {}
    made = confirm(draft)
    assert (made.models_made, made.versions_made, made.format, made.source) == (3, 3, "mlflow", server)
    assert set(ModelVersion.objects.values_list("artifact_uri", flat=True)) == {one["source"] for one in VERSIONS}
    again = prepare_from_server(actor=cast.owner, namespace=cast.retail, server=server)
    assert again.report["counts"]["unchanged"] == again.report["counts"]["rows"]


def test_what_an_alias_or_a_stage_marks_as_live_comes_as_found(cast: Cast, server: str) -> None:
    until = timezone.now() + datetime.timedelta(days=30)
    confirm_window(
        actor=cast.policy2,
        window=ask_for_window(actor=cast.policy, namespace=cast.retail, until=until, **WHY), **WHY,
    )  # fmt: skip
    draft = prepare_from_server(
        actor=cast.admin, namespace=cast.retail, server=server, as_found=True,
        govern_by=(timezone.now() + datetime.timedelta(days=60)).date(),
    )  # fmt: skip
    assert faults(draft) == {}
    confirm(draft)
    found = {one.model.name: one for one in AsFound.objects.select_related("model", "environment")}
    assert {name: one.environment.name for name, one in found.items()} == {
        "scoring": "production", "churn": "production",
    }  # fmt: skip
    assert found["churn"].since.year == 2023


def read(server: str) -> None:
    mlflow.fetch(server, namespace="retail", places={})


def test_a82_only_listed_servers_are_read(settings: Any, server: str) -> None:
    with pytest.raises(errors.Invalid, match="not listed"):
        read(server + "/")
    settings.MLFLOW_SERVERS = []
    with pytest.raises(errors.Invalid, match="not listed"):
        read(server)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:9", "http://[::1]:9", "http://10.0.0.1", "http://192.168.1.1", "http://[::ffff:127.0.0.1]:9",
     "http://[fd00::1]", "http://0.0.0.0:9", "http://localhost:9"],
)  # fmt: skip
def test_a82_a_private_address_is_not_reached_unless_the_operator_says_so(settings: Any, address: str) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [address], False
    with pytest.raises(errors.Invalid, match="not reached from here"):
        read(address)


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254", "http://[fe80::1]", "http://224.0.0.1", "http://0.0.0.0"]
)
def test_a82_link_local_addresses_are_never_reached(settings: Any, address: str) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [address], True
    with pytest.raises(errors.Invalid, match="not reached from here"):
        read(address)


def test_a82_a_name_that_means_a_private_address_too_is_not_reached(settings: Any, monkeypatch: Any) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = ["http://mlflow.example"], False
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("93.184.216.34", "10.0.0.7")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(errors.Invalid, match=r"10\.0\.0\.7"):
        read("http://mlflow.example")


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "http://me:secret@127.0.0.1", "gopher://127.0.0.1", "http://"]
)
def test_a82_other_kinds_of_addresses_are_refused(settings: Any, address: str) -> None:
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [address], True
    with pytest.raises(errors.Invalid):
        read(address)


@pytest.mark.parametrize(
    ("status", "body"),
    [(302, b""), (401, b"{}"), (500, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b'{"model_versions": 3}'),
     (200, b'{"model_versions": ["x"]}'), (200, b'{"model_versions": [], "next_page_token": 3}'), (200, b"[" * 50_000)],
)  # fmt: skip
def test_what_does_not_answer_as_mlflow_does_is_named_and_no_redirect_is_followed(
    server: str, status: int, body: bytes
) -> None:
    _HANDLER[server].status, _HANDLER[server].broken = status, body
    with pytest.raises(errors.Unavailable, match="answer"):
        read(server)


def test_a_server_that_is_away_is_named(settings: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [address], True
        with pytest.raises(errors.Unavailable, match="does not answer"):
            read(address)


def test_a_registry_without_end_is_cut_off(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "MAX_BYTES", 100)
    with pytest.raises(errors.TooLarge):
        read(server)


def test_nobody_makes_the_server_ask_another_without_the_role(cast: Cast, server: str) -> None:
    with pytest.raises(errors.Forbidden):
        prepare_from_server(actor=cast.viewer, namespace=cast.retail, server=server)
