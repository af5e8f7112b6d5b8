"""The embedded Valkey: the broker that Celery speaks to. Losing what is in it loses no work; it tries not to."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from governance.runtime import process
from governance.runtime.account import Account, Programs
from governance.runtime.home import Home, RuntimeProblem, last_lines, said_plainly

START_SECONDS = 20.0


def broker_url(sockets: Path, password: str) -> str:
    """The broker's address in Celery's form; the password stands before the socket's path."""
    return f"redis+socket://:{password}@{quote(str(sockets / 'broker.sock'))}"


@dataclass
class Valkey:
    """One server on a socket, with its append-only file in `services/broker`."""

    home: Home
    services: Path
    sockets: Path
    account: Account
    programs: Programs

    def start(self, password: str) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers.

        Raises:
            RuntimeProblem: when it does not come up.
        """
        data = self.services / "broker"
        with said_plainly(data):
            data.mkdir(mode=0o700, exist_ok=True)
            self.account.give(data)
        log = self.home.log_file("broker")
        child = self._launch(data, log, password)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(password):
            if child.poll() is not None or time.monotonic() > deadline:
                self.stop(child)
                raise RuntimeProblem(f"The embedded broker does not start; {log} says: {last_lines(log, 3)}")
            time.sleep(0.02)
        return child

    def _launch(self, data: Path, log: Path, password: str) -> subprocess.Popen[bytes]:
        settings = {
            "port": "0",
            "unixsocket": f'"{self.sockets / "broker.sock"}"',
            "unixsocketperm": "700",
            "dir": f'"{data}"',
            "requirepass": password,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            # A queue that evicts its messages to make room would lose work without a word.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        # By standard input: an argument or a file would show the password to others.
        reading, writing = os.pipe()
        try:
            os.write(writing, "".join(f"{name} {value}\n" for name, value in settings.items()).encode())
            os.close(writing)
            return process.spawn(
                [str(self.programs.valkey), "-"],
                log=log,
                death_signal=signal.SIGTERM,
                environment={"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"},
                folder=data,
                uid=self.account.uid,
                gid=self.account.gid,
                stdin=reading,
            )
        finally:
            os.close(reading)

    def _answers(self, password: str) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(self.sockets / "broker.sock"))
            client.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                piece = client.recv(256)
                if not piece:
                    return False
                answer += piece
            # While it loads its file it answers -LOADING.
            return b"+PONG" in answer
        return False

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Stop the server after it has written its file."""
        process.stop(child, (signal.SIGTERM, 10.0))
