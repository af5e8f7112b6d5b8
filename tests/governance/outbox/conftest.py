"""A real Celery worker on the test's own database and on a broker database of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from kombu import pools

from governance.celery import app
from tests import databases
from tests.waiting import PATIENCE


class Worker:
    """One worker process with an embedded scheduler, as the product starts it but for the tests' topic and mailbox."""

    def __init__(
        self,
        database: str,
        home: Path,
        broker: str,
        *,
        name: str = "worker",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = home / f"{name}.log"
        self._environment = {
            **(databases.environment(database) if variables is None else variables),
            "MUNIMENT_HOME": str(home),
            "CELERY_BROKER_URL": broker,
            "EMAIL_BACKEND": "tests.governance.outbox.held_mailbox.HeldMailbox",
            "PYTHONWARNINGS": "error::DeprecationWarning,error::PendingDeprecationWarning",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, sweep: bool = True, wait: bool = True) -> None:
        """Start it and wait until it takes work, unless told not to wait."""
        command = [sys.executable, "-m", "celery", "-A", "tests.governance.outbox.worker", "worker", "-l", "info",
                   "-Q", "default,jobs", "-c", "1", "-n", f"{self.name}@%h", "--without-gossip", "--without-mingle"]  # fmt: skip
        with self.log.open("ab") as log:
            offset = log.tell()
            self._process = subprocess.Popen(
                [*command, "-B", "-s", str(self.log.with_suffix(".schedule"))] if sweep else command,
                cwd=databases.ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if not wait:
            return
        wait_until(lambda: b" ready." in self.log.read_bytes()[offset:], lambda: self.log.read_text()[-3000:])

    def kill(self) -> None:
        """SIGKILL to all of it: nothing gets to say goodbye."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)
            self._process = None


def wait_until(done: Callable[[], bool], complaint: Callable[[], object] = lambda: "") -> None:
    """Wait for `done`. Fails the test with `complaint` when it does not come true however slow the machine."""
    limit = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > limit:
            pytest.fail(f"not after {PATIENCE:.0f} s: {complaint()}")
        time.sleep(0.02)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A numbered database of the test broker for this test process alone, empty; this process's hints go there too."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 14
    parts = urlsplit(os.environ["CELERY_BROKER_URL"])
    if parts.scheme.endswith("+socket"):
        url = urlunsplit(parts._replace(query=f"virtual_host={number}"))
    else:
        url = urlunsplit(parts._replace(path=f"/{number}"))
    monkeypatch.setenv("CELERY_BROKER_URL", url)  # which Celery reads at each connection
    pools.reset()
    lose_everything()
    yield url
    lose_everything()
    pools.reset()


def lose_everything() -> None:
    """What a broker does that restarts without its data."""
    with client() as redis:
        redis.flushdb()


@contextlib.contextmanager
def client() -> Iterator[Any]:
    """The redis client of the broker that this process's hints go to."""
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        yield channel.client


@pytest.fixture
def worker(own_database: str, tmp_path: Path, broker: str) -> Iterator[Worker]:
    """A worker that is not started yet; killed at the end."""
    made = Worker(own_database, tmp_path, broker)
    yield made
    made.kill()
