"""`make run`: the whole product in one command, until Ctrl-C or SIGTERM.

python -m governance.runtime.supervisor                  run
python -m governance.runtime.supervisor --dev            with reload, the debug page and demo data
python -m governance.runtime.supervisor --check-running  print the address of the running copy; status 1 when none
"""

import argparse
import contextlib
import errno
import fcntl
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from governance.ledger.keys import KeyUnusable, log_key
from governance.runtime import environment, process
from governance.runtime.children import Child, child_environment, roles
from governance.runtime.home import PROJECT, Home, RuntimeProblem, last_lines, said_plainly, write_private
from governance.runtime.lease import Lease

READY_SECONDS = 90.0
HOPELESS_DEATHS = 3
STORY = PROJECT / "docs" / "demo" / "story.py"


def chosen_port() -> int:
    """The port that `MUNIMENT_PORT` names, default 8000.

    Raises:
        RuntimeProblem: when it names none.
    """
    text = os.environ.get("MUNIMENT_PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise RuntimeProblem(f"MUNIMENT_PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def listening_sockets(port: int) -> list[socket.socket]:
    """Sockets on both loopback addresses: `localhost` is either, depending on the machine.

    Raises:
        RuntimeProblem: when the port is taken or not allowed.
    """
    found: list[socket.socket] = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
            found.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, port))
            one.listen(2048)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                found = found[:1]
                continue
            for one in found:
                one.close()
            if error.errno == errno.EADDRINUSE:
                raise RuntimeProblem(f"Port {port} is taken: set MUNIMENT_PORT to a free one.") from error
            raise RuntimeProblem(
                f"Port {port} cannot be used ({error.strerror}): set MUNIMENT_PORT to another."
            ) from error
    return found


def running_address(home: Home) -> str | None:
    """The address of the copy that runs from this home; None when none does."""
    handle = os.open(home.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return str(json.loads((home.run / "supervisor.json").read_text(encoding="utf-8"))["url"])
        return "an address not known yet"
    finally:
        os.close(handle)
    return None


def ready_address(home: Home) -> str | None:
    """The address of the copy that runs from this home, once it answers: one that is still starting is waited for.

    Raises:
        RuntimeProblem: when it does not answer within `READY_SECONDS`.
    """
    address, told = running_address(home), False
    deadline = time.monotonic() + READY_SECONDS
    while address is not None:
        port = urlsplit(address).port
        if port and answers(port):
            return address
        if time.monotonic() > deadline:
            raise RuntimeProblem(f"Muniment is being started from {home.path} and does not get ready: see {home.log}.")
        if not told:
            say("Waiting for the copy that is being started from this home.")
            told = True
        time.sleep(0.2)
        address = running_address(home)
    return None


def answers(port: int) -> bool:
    """Whether a web process of ours answers on this port."""
    # Short: the sockets take connections even while no web process answers them.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/livez", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def say(text: str) -> None:
    """One line on the console, at once even into a pipe."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


class Supervisor:
    """One running copy: the services, the product's processes, and the signals that end them."""

    def __init__(self, home: Home, port: int, *, dev: bool = False, demo_only: bool = False) -> None:
        self.home = home
        self.port = port
        self.dev = dev
        self.demo_only = demo_only
        self.url = f"http://localhost:{port}"
        self.children: list[Child] = []
        self.stop_requests = 0
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)

    def run(self) -> int:
        """Start everything, look after it, stop it; the process's exit status (the story's, when it ran for that).

        Raises:
            RuntimeProblem: when something about the machine keeps it from starting.
        """
        self._listen_to_signals()
        with contextlib.ExitStack() as stack:
            self._claim_home(stack)
            sockets = listening_sockets(self.port)
            for one in sockets:
                stack.enter_context(one)
            missing = environment.missing_services()
            lease = stack.enter_context(Lease(self.home, services=missing)) if missing else None
            stack.callback(self._stop_children)
            self._make_log_key()
            if not self._migrate():
                return 0
            self._require_fitness()
            self._start_children(lease, sockets)
            status = 0
            if self._wait_until_ready(lease):
                say(f"Ready: {self.url}")
                status = self._look_after(lease)
            say("Stopping.")
        return status

    def _listen_to_signals(self) -> None:
        def request_stop(*_: object) -> None:
            self.stop_requests += 1

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, request_stop)
        # A handler of its own, for the wake-up: without one, the death of a child would not end a pause.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)

    def _pause(self, seconds: float) -> None:
        """Sleep, but not past a signal."""
        if select.select([self._woken], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while self._woken.recv(512):
                    pass

    def _claim_home(self, stack: contextlib.ExitStack) -> None:
        handle = os.open(self.home.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeProblem(
                f"Muniment already runs from {self.home.path}, at {running_address(self.home)}: stop it, "
                "or set MUNIMENT_HOME and MUNIMENT_PORT to run another copy."
            ) from None
        state = {"pid": os.getpid(), "port": self.port, "url": self.url}
        write_private(self.home.run / "supervisor.json", json.dumps(state) + "\n")

    def _make_log_key(self) -> None:
        """The log's key, whose public half those who check the log need before anything is sealed."""
        try:
            log_key(self.home.path)
        except KeyUnusable as problem:
            raise RuntimeProblem(str(problem)) from problem

    def _migrate(self) -> bool:
        """Bring the database's schema up to date as its owner; False when we are told to stop meanwhile."""
        if os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_OWNER_URL"):
            say("DATABASE_OWNER_URL is not set, so nothing is migrated.")
            return True
        log = self.home.log_file("migrate")
        child = process.spawn(
            [sys.executable, "manage.py", "migrate", "--noinput"],
            log=log,
            death_signal=signal.SIGTERM,
            environment={**os.environ, "MUNIMENT_HOME": str(self.home.path)},
            folder=PROJECT,
        )
        while child.poll() is None and not self.stop_requests:
            self._pause(1.0)
        if self.stop_requests:
            process.stop(child, (signal.SIGTERM, 10.0))
            return False
        if child.returncode != 0:
            raise RuntimeProblem(f"The database could not be migrated; {log} says:\n{last_lines(log, 12)}")
        return True

    def _require_fitness(self) -> None:
        """In production: what each process would refuse to start for (governance/production.py), said once."""
        if not environment.is_production():
            return
        done = subprocess.run(
            [sys.executable, "manage.py", "production_check"], cwd=PROJECT, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeProblem("\n".join(done.stderr.splitlines()[-5:]) or "manage.py production_check failed.")

    def _start_children(self, lease: Lease | None, sockets: list[socket.socket]) -> None:
        (self.home.path / "static").mkdir(mode=0o700, exist_ok=True)
        numbers = [one.fileno() for one in sockets]
        # The share in the services goes along, so that they outlast a killed supervisor until its children are done.
        shared = [lease.descriptor] if lease else []
        # The story asks one thing after another; a second process would only be one more to start.
        for role in roles(self.home, numbers, dev=self.dev, web_workers=1 if self.demo_only else 2):
            variables = child_environment(self.home, role.login, lease, port=self.port, dev=self.dev)
            keep_open = [*shared, *(numbers if role.name == "web" else [])]
            child = Child(role, self.home, variables, keep_open)
            self.children.append(child)
            child.start()

    def _wait_until_ready(self, lease: Lease | None) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        web = self.children[0]
        while not self.stop_requests:
            if answers(self.port):
                return True
            self._tend(lease)
            if web.deaths >= HOPELESS_DEATHS or time.monotonic() > deadline:
                raise RuntimeProblem(f"The web process does not start; {web.log} says:\n{last_lines(web.log, 12)}")
            self._pause(0.2)
        return False

    def _look_after(self, lease: Lease | None) -> int:
        seen = newest_source() if self.dev else 0.0
        story = self._start_story()
        while not self.stop_requests:
            self._tend(lease)
            if story is not None and story.poll() is not None:
                if self.demo_only:
                    return story.returncode
                log = self.home.log / "demo.log"
                say("Demo data are in." if story.returncode == 0 else f"The demo's story failed; see {log}.")
                story = None
            # gunicorn reloads by itself; Celery does not.
            if self.dev and (newest := newest_source()) > seen:
                seen = newest
                for child in self.children[1:]:
                    child.restart()
            self._pause(1.0)
        if story is not None:
            process.stop(story, (signal.SIGTERM, 5.0))
        return 0

    def _tend(self, lease: Lease | None) -> None:
        if lease is not None:
            lease.ensure()
        for child in self.children:
            if happened := child.look_after():
                say(happened)

    def _start_story(self) -> subprocess.Popen[bytes] | None:
        """The demo's story, beside us: when that is all we are for, or once as data for development."""
        if self.demo_only:
            return start_story(self.home, self.url)
        if self.dev and STORY.exists() and not (self.home.path / "demo.env").exists():
            return start_story(self.home, self.url, log=self.home.log_file("demo"))
        return None

    def _stop_children(self) -> None:
        """Stop in turns, so that no request and no tick finds its worker gone; a second signal cuts it short."""
        for turn in sorted({child.role.turn for child in self.children}):
            group = [child for child in self.children if child.role.turn == turn]
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.stop(at_once=self.stop_requests > 1)


def start_story(home: Home, url: str, *, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the demo's story against a running copy; without a log it speaks on our console.

    Raises:
        RuntimeProblem: when it cannot be started.
    """
    return process.spawn(
        [sys.executable, str(STORY)],
        log=log,
        death_signal=signal.SIGTERM,
        environment={**os.environ, "MUNIMENT_HOME": str(home.path), "MUNIMENT_URL": url},
        folder=PROJECT,
        on_console=log is None,
    )


def newest_source() -> float:
    """When a source file of the project last changed, in seconds since 1970."""
    folders = [PROJECT / name for name in ("governance", "lineage", "approvals")]
    return max((path.stat().st_mtime for folder in folders for path in folder.rglob("*.py")), default=0.0)


def main(arguments: list[str] | None = None) -> int:
    """Run the product; problems of the machine are one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="python -m governance.runtime.supervisor")
    parser.add_argument("--dev", action="store_true", help="reload, debug page, demo data")
    parser.add_argument("--demo", action="store_true", help="run the demo's story, then stop what was started for it")
    parser.add_argument("--check-running", action="store_true", help="print the running copy's address, or status 1")
    options = parser.parse_args(arguments)
    try:
        home = Home.open()
        if options.check_running:
            address = running_address(home)
            if address:
                say(address)
            return 0 if address else 1
        if options.demo and (address := ready_address(home)):
            return start_story(home, address).wait()
        with said_plainly(home.path):
            return Supervisor(home, chosen_port(), dev=options.dev, demo_only=options.demo).run()
    except RuntimeProblem as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
