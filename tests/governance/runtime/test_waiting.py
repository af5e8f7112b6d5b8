"""`make demo` beside `make run`: a copy that is still starting is waited for, one that gave up is not."""

import fcntl
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.runtime import supervisor
from governance.runtime.home import Home, RuntimeProblem

NewHome = Callable[..., Home]


class Answering(http.server.BaseHTTPRequestHandler):
    """What a ready web process answers."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Not on the console."""


@pytest.fixture
def starting(new_home: NewHome) -> Iterator[tuple[Home, http.server.HTTPServer]]:
    """A home that a supervisor holds, and the web process that it is about to start."""
    home = new_home()
    server = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    (home.run / "supervisor.json").write_text(json.dumps({"url": f"http://localhost:{server.server_port}"}))
    with (home.run / "supervisor.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield home, server
    server.server_close()


def test_a_copy_that_is_being_started_is_waited_for(
    starting: tuple[Home, http.server.HTTPServer], capsys: pytest.CaptureFixture[str]
) -> None:
    home, server = starting
    later = threading.Timer(1.5, server.serve_forever, kwargs={"poll_interval": 0.05})
    later.start()
    try:
        assert supervisor.ready_address(home) == f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        later.join()
    assert capsys.readouterr().out.startswith("Waiting for the copy that is being started")


def test_one_that_never_answers_is_told(
    starting: tuple[Home, http.server.HTTPServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_SECONDS", 0.1)
    with pytest.raises(RuntimeProblem, match="does not get ready: see "):
        supervisor.ready_address(starting[0])


def test_where_none_runs_there_is_nothing_to_wait_for(new_home: NewHome) -> None:
    home = new_home()
    (Path(home.run) / "supervisor.json").write_text('{"url": "http://localhost:1"}')  # left by one that was killed
    assert supervisor.ready_address(home) is None
