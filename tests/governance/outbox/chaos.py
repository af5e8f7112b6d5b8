"""Workers and broker that die at random while acts go on: a storm, and what must be true when it is over.

Used on embedded Valkey (make test, and for a minute in make soak), and on Redis and RabbitMQ (make test-services).
"""

import contextlib
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.governance.outbox.conftest import Worker, wait_until
from tests.waiting import PATIENCE


class Wire:
    """A TCP wire to a broker that can be cut: all connections end, and new ones are refused until it is mended."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = 0
        self.cuts = 0
        self._stop = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def mend(self) -> None:
        """Take connections, on the same port as before."""
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._carry, args=[self._listener, self._stop], daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection at once, with a reset as a dead machine would."""
        if self._thread is None or self._listener is None:
            return
        self.cuts += 1
        self._stop.set()
        self._thread.join()
        self._thread = None

    def _carry(self, listener: socket.socket, stop: threading.Event) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(listener, selectors.EVENT_READ)
            others: dict[socket.socket, socket.socket] = {}
            while not stop.is_set():
                for key, _events in ready.select(0.05):
                    if key.fileobj is listener:
                        near, _address = listener.accept()
                        try:
                            far = socket.create_connection(self.target, 2)
                        except OSError:
                            near.close()
                            continue
                        others |= {near: far, far: near}
                        for one in (near, far):
                            ready.register(one, selectors.EVENT_READ)
                        continue
                    source: Any = key.fileobj
                    target = others.get(source)
                    if target is None:
                        continue
                    data = b""
                    with contextlib.suppress(OSError):
                        data = source.recv(65536)
                        target.sendall(data)
                    if not data:
                        for one in (source, target):
                            ready.unregister(one)
                            others.pop(one)
                            one.close()
            for one in (listener, *others):
                one.close()


class OwnValkey:
    """An embedded broker of the test's own, which is killed and forgets everything."""

    def __init__(self, folder: Path) -> None:
        from governance.runtime import account

        self.program = str(account.programs(account.Account(None, None)).valkey)
        self.socket = folder / "own.sock"
        self.url = f"redis+socket://{self.socket}"
        self.cuts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def mend(self) -> None:
        """Start it, empty."""
        command = [self.program, "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.socket.exists)

    def cut(self) -> None:
        """SIGKILL: its queue is gone with it."""
        if self._process is not None:
            self.cuts += 1
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


LOAD = """
import sys, time
import django
django.setup()
from governance.accounts.models import Principal
from governance.outbox import enqueue
from governance.unit_of_work import recorded_action
until, number, people = time.monotonic() + float(sys.argv[1]), 0, {}
for name in ("owner", "risk", "risk2"):
    people[name] = Principal.objects.get(name=f"{name}@bank.example")
while time.monotonic() < until:
    with recorded_action(actor=people["owner"], reason="Storm"):
        for _ in range(3):  # three of a subject: their order is asked for below
            number += 1
            to = [people["risk"].pk, people["risk2"].pk]
            enqueue("test.tell", {"to": to, "what": str(number)}, subject=f"storm:{number // 30}")
    time.sleep(0.02)
print(number)
"""


def storm(
    seconds: float, *, variables: Mapping[str, str], workers: list[Worker], broker: Any, seed: int | None = None
) -> int:
    """Let acts go on for `seconds` while a worker or the broker dies every second or so; how many messages there were.

    At the end everything is up again. `variables`: the environment of whoever acts.
    """
    seed = random.randrange(10**6) if seed is None else seed
    print(f"storm with seed {seed}")
    chance = random.Random(seed)
    environment = {**variables, "DJANGO_SETTINGS_MODULE": "governance.settings"}
    acting = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(seconds)], cwd=databases.ROOT, env=environment, stdout=subprocess.PIPE
    )
    until = time.monotonic() + seconds
    killed = 0
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 1.2))
        if chance.random() < 0.4:
            broker.cut()
            time.sleep(chance.uniform(0.05, 0.5))
            broker.mend()
        else:
            worker = chance.choice(workers)
            worker.kill()
            killed += 1
            worker.start(wait=False)
    said, _nothing = acting.communicate(timeout=PATIENCE)
    assert acting.returncode == 0, "whoever acts must not notice any of it"
    print(f"{killed} workers killed, broker away {broker.cuts} times, {int(said)} messages")
    return int(said)


def settle(ask: Callable[[str], Any], expected: int, mailbox: Path, seconds: float) -> None:
    """Wait until the outbox is empty; then every person was told of every message exactly once, and by one mail.

    Args:
        seconds: the longest that nothing may be delivered. How long all of it takes is the machine's affair.
    """
    counts = (
        "SELECT ARRAY[count(*) FILTER (WHERE delivered_at IS NULL AND dead_at IS NULL), count(delivered_at)]"
        " FROM governance_outboxmessage"
    )
    errors = "SELECT string_agg(DISTINCT last_error, ' | ') FROM governance_outboxmessage WHERE delivered_at IS NULL"
    began = since = time.monotonic()
    # Deliveries tell whether it moves: a message that is told becomes two letters, so that more are open than before.
    left, delivered = ask(counts)
    first = delivered
    while left:
        time.sleep(0.2)
        left, now = ask(counts)
        if now > delivered:
            delivered, since = now, time.monotonic()
        elif time.monotonic() - since > seconds:
            pytest.fail(f"{left} messages are open, and none was delivered for {seconds} s: {ask(errors)}")
    print(f"{delivered - first} deliveries in the {time.monotonic() - began:.0f} s after the storm")
    assert ask("SELECT count(*) FROM governance_outboxmessage WHERE dead_at IS NOT NULL") == 0
    assert ask("SELECT count(*) FROM governance_outboxmessage WHERE topic = 'test.tell'") == expected
    told = "FROM governance_notice WHERE kind = 'test-told'"
    assert ask(f"SELECT count(*) {told}") == 2 * expected
    assert ask(f"SELECT count(DISTINCT (recipient_id, params ->> 'what')) {told}") == 2 * expected
    letters = [path for path in mailbox.glob("*.eml") if b"X-Muniment-Kind: test-told" in path.read_bytes()]
    assert len(letters) == 2 * expected
    # Within a subject in the order of ids, whoever delivered it and however often it was tried.
    assert ask(
        "SELECT count(*) FROM (SELECT delivered_at, lag(delivered_at) OVER (PARTITION BY subject ORDER BY id) AS before"
        " FROM governance_outboxmessage WHERE topic = 'test.tell') m WHERE before > delivered_at"
    ) == 0  # fmt: skip
