"""README's snippets, run as they stand against a served copy."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from tests.cast import KEYS, Cast
from tests.docs.documents import blocks


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is the snippet's."""


@pytest.fixture
def served(own_database: str, cast: Cast) -> Iterator[str]:
    """The address of the product, on the test's own database."""
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connections

    product = WSGIHandler()

    def closing(environ: Any, start_response: Any) -> Any:
        """Each request has a thread of its own; its connection must not outlive it."""
        try:
            return list(product(environ, start_response))
        finally:
            connections.close_all()

    server = make_server("127.0.0.1", 0, closing, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pipeline_registers_a_model_and_asks_the_gate(served: str, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("income,repaid\n1,1\n", encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo.env").write_text(
        f"export MUNIMENT_URL={served}\nexport PIPELINE_API_KEY={KEYS['pipeline']}\n", encoding="utf-8"
    )
    first, gate = [block for block in blocks("README.md", "sh") if "curl" in block]
    (whole,) = blocks("README.md", "python")

    def shell(script: str) -> subprocess.CompletedProcess[str]:
        given = f"set -e; . var/demo.env\n{script}"
        return subprocess.run(
            ["sh", "-c", given], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    registered = shell(first)
    assert registered.returncode == 0, registered.stdout + registered.stderr
    assert '"receipt"' in registered.stdout
    for _again in range(2):
        done = shell(f"exec {sys.executable} - <<'END'\n{whole}\nEND")
        assert done.stdout.startswith("scoring 1: release "), done.stdout + done.stderr
    asked = shell(gate)
    assert asked.returncode == 22, "curl --fail must end with 22 while the gate is closed"
    assert '"allowed"' in asked.stdout or '"requirements"' in asked.stdout
