"""The web's threads stay with a connection they have answered, and keep nobody else waiting by it."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.runtime.home import PROJECT
from tests.governance.runtime.stand_in import eventually
from tests.waiting import PATIENCE

APP = """
import threading
from governance.runtime import worker

worker.STAY = 3_600_000

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(threading.get_ident()).encode()]
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Where a worker of two threads answers with the thread that does; one that stays, stays for an hour."""
    (tmp_path / "threads_app.py").write_text(APP)
    listening = socket.create_server(("127.0.0.1", 0))
    command = [
        *[sys.executable, "-m", "gunicorn", "threads_app:application", "--workers", "1", "--threads", "2"],
        *["--worker-class", "governance.runtime.worker.StayingWorker", "--keep-alive", "60", "--no-control-socket"],
        *["--bind", f"fd://{listening.fileno()}", "--log-level", "error"],
    ]
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}:{tmp_path}"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, pass_fds=[listening.fileno()]) as process:
        number = listening.getsockname()[1]
        listening.close()
        yield number
        process.send_signal(signal.SIGQUIT)  # at once: a thread may stay for an hour here


def thread(connection: http.client.HTTPConnection) -> bytes:
    """The thread that answers a call on a connection."""
    connection.request("GET", "/")
    return connection.getresponse().read()


def test_calls_that_follow_one_another_are_answered_by_one_thread_and_others_are_not_held_up(port: int) -> None:
    first, second, third = (http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(3))
    stays = {thread(first) for _ in range(20)}
    assert len(stays) == 1, "the thread that answered waits for the next call itself"
    time.sleep(0.5)  # for its last answer it is not waiting yet
    for _ in range(3):  # the other thread stays with nobody, so that whoever comes is answered
        assert {thread(second), thread(third)}.isdisjoint(stays)
    assert {thread(first)} == stays
    for connection in (first, second, third):
        connection.close()


def test_a_connection_that_is_closed_lets_its_thread_go(port: int) -> None:
    first, second, third = (http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(3))
    stays = thread(first)
    first.close()
    # One thread may stay with another of them then; the other answers the third.
    eventually(lambda: stays in (thread(second), thread(third)))
    for connection in (second, third):
        connection.close()
