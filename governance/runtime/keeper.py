"""`python -m governance.runtime.keeper HOME [database] [broker] [--throw-away]`: the parent of the embedded services.

Started by `lease.Lease`, never by hand. It starts them, says `ready` on its standard output, starts one again that
dies, and stops them when the last user has gone. Killed itself, it takes them along: their death signal is a clean
shutdown.
"""

import argparse
import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

from governance.runtime import account as accounts
from governance.runtime import keys, process
from governance.runtime.environment import write_environment_files
from governance.runtime.home import Home, RuntimeProblem, write_private
from governance.runtime.postgres import Postgres
from governance.runtime.sockets import socket_folder
from governance.runtime.valkey import Valkey

NOBODY_LEFT, TOLD_TO_STOP, CHILD_ENDED = "nobody is left", "told to stop", "a child ended"
RESTART_PAUSE_SECONDS = 0.2
RESTARTS_PER_MINUTE = 20


class Keeper:
    """Both services of one home, from start to stop."""

    def __init__(self, home: Home, wanted: list[str], *, durable: bool) -> None:
        self.home = home
        self.wanted = wanted
        account = accounts.service_account()
        programs = accounts.programs(account)
        services = accounts.services_folder(home, account, durable=durable)
        self.sockets = socket_folder(home, services, account)
        self.postgres = Postgres(home, services, self.sockets, account, programs, durable)
        self.valkey = Valkey(home, services, self.sockets, account, programs)
        self.passwords = keys.passwords(home, may_make=not (self.postgres.data / "PG_VERSION").exists())
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: list[float] = []

    def start(self) -> None:
        """Start what is wanted, and say in the home's files how to reach it.

        Raises:
            RuntimeProblem: when one does not come up; the others are stopped again.
        """
        try:
            for name in self.wanted:
                self._start(name)
            write_environment_files(self.home, self.sockets, self.passwords)
            self._say_running()
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str) -> None:
        if name == "broker":
            self.children[name] = self.valkey.start(self.passwords["broker"])
            return
        self.postgres.make_cluster(self.passwords)
        self.children[name] = self.postgres.start()
        # psycopg is slow to import and only needed here.
        from governance.runtime.provision import provision

        provision(self.sockets, self.passwords)

    def _say_running(self) -> None:
        state = {"keeper": os.getpid(), "services": self.wanted, "sockets": str(self.sockets)}
        write_private(self.home.run / "services.json", json.dumps(state) + "\n")

    def _say_stopped(self) -> None:
        (self.home.run / "services.json").unlink(missing_ok=True)

    def revive(self) -> None:
        """Start again whatever has died.

        Raises:
            RuntimeProblem: when it does not come up, or dies again and again.
        """
        dead = [name for name, child in self.children.items() if child.poll() is not None]
        for name in dead:
            self._say_stopped()
            log(f"{name} {process.ending(self.children[name].returncode)}; starting it again")
            now = time.monotonic()
            self.restarts = [moment for moment in self.restarts if now - moment < 60] + [now]
            if len(self.restarts) > RESTARTS_PER_MINUTE:
                raise RuntimeProblem(f"The embedded {name} ends again and again; see {self.home.log}.")
            time.sleep(RESTART_PAUSE_SECONDS)
            self._start(name)
        if dead:
            self._say_running()

    def stop(self) -> None:
        """Stop both, the broker first: it has nothing to finish."""
        self._say_stopped()
        if broker := self.children.pop("broker", None):
            self.valkey.stop(broker)
        if database := self.children.pop("database", None):
            self.postgres.stop(database)


def log(text: str) -> None:
    """One line in the keeper's log."""
    print(time.strftime("%Y-%m-%d %H:%M:%S"), text, file=sys.stderr, flush=True)


def _tell_when_nobody_is_left(home: Home, events: queue.SimpleQueue[str]) -> None:
    handle = os.open(home.run / "lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    # Never let go: who joins from now on waits until this process has stopped the services and ended.
    events.put(NOBODY_LEFT)


def _claimed(home: Home) -> bool:
    handle = os.open(home.run / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answer(text: str) -> None:
    """Tell whoever started us, once: they read until the pipe closes."""
    os.write(1, text.encode() + b"\n")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.close(nothing)


def keep(home: Home, wanted: list[str], *, durable: bool) -> int:
    """Run the services of a home until nobody uses them; the process's exit status."""
    if not _claimed(home):
        _answer("ready")
        return 0
    events: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: events.put(TOLD_TO_STOP))
    signal.signal(signal.SIGCHLD, lambda *_: events.put(CHILD_ENDED))
    keeper = Keeper(home, wanted, durable=durable)
    keeper.start()
    _answer("ready")
    threading.Thread(target=_tell_when_nobody_is_left, args=(home, events), daemon=True).start()
    try:
        while (event := events.get()) == CHILD_ENDED:
            keeper.revive()
        log(f"stopping: {event}")
    finally:
        keeper.stop()
    return 0


def main() -> int:
    """Parse the arguments and keep; problems become one sentence for whoever started us.

    The keeper is a child of nobody: its starter may live long and would have to reap it.
    """
    parser = argparse.ArgumentParser(prog="python -m governance.runtime.keeper")
    parser.add_argument("home", type=Path)
    parser.add_argument("services", nargs="+", choices=("database", "broker"))
    parser.add_argument("--throw-away", action="store_true")
    options = parser.parse_args()
    if os.fork():
        os._exit(0)
    try:
        return keep(Home.open(options.home), options.services, durable=not options.throw_away)
    except RuntimeProblem as problem:
        log(str(problem))
        _answer(str(problem))
        return 2
    except Exception as error:
        traceback.print_exc()
        _answer(f"The embedded services do not start: {type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
