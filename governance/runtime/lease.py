"""How a process joins the embedded services of a home, and leaves them.

Everyone who uses the services holds a shared lock on `run/lease`; the keeper, their parent, waits for the exclusive
one. The kernel takes a dead process's locks away, `kill -9` included, so there is no list of users that could be stale:
the first to join starts the keeper, and when the last has gone, however it went, the keeper stops the services.

    run/gate.lock     one joins or leaves at a time
    run/lease         shared: a user; exclusive: the keeper, once nobody is left
    run/keeper.lock   the keeper lives
    run/services.json what runs, written when it takes connections
"""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from governance.runtime import environment, keys
from governance.runtime.home import PROJECT, Home, RuntimeProblem, locked, said_plainly

WAIT_SECONDS = 120.0
SERVICES = ("database", "broker")


@dataclass(frozen=True)
class Running:
    """What the keeper says runs."""

    keeper: int
    services: tuple[str, ...]
    sockets: Path


class Lease:
    """A share in the running services; they run at least until `leave`, or until the process ends."""

    def __init__(self, home: Home, *, services: tuple[str, ...] = SERVICES, durable: bool = True) -> None:
        """Join, starting the services when nobody has.

        Args:
            home: whose services.
            services: which must run, of `database` and `broker`.
            durable: False for data that may be lost with the machine (tests); decided by whoever starts them.

        Raises:
            RuntimeProblem: when they do not come up.
        """
        self.home = home
        self.services = services
        self.durable = durable
        with said_plainly(home.run), locked(home.run / "gate.lock"):
            self.descriptor = os.open(home.run / "lease", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_SH)
                self.running = self._ensured()
            except BaseException:
                os.close(self.descriptor)
                raise

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.leave()

    @property
    def urls(self) -> dict[str, str]:
        """The addresses of the services that this lease asked for, by environment variable."""
        found = environment.service_urls(self.running.sockets, keys.passwords(self.home, may_make=False))
        return {
            name: url
            for name, url in found.items()
            if ("broker" if name == "CELERY_BROKER_URL" else "database") in self.services
        }

    def ensure(self) -> None:
        """Start the services again when their keeper has died.

        Raises:
            RuntimeProblem: when they do not come up.
        """
        if keeper_lives(self.home):
            return
        with locked(self.home.run / "gate.lock"):
            self.running = self._ensured()

    def leave(self) -> None:
        """Give the share back; the last one to leave waits until everything has stopped."""
        with locked(self.home.run / "gate.lock"):
            was_last = False
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                was_last = True
            os.close(self.descriptor)
            if was_last:
                with locked(self.home.run / "keeper.lock"):
                    pass

    def _ensured(self) -> Running:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if not keeper_lives(self.home):
                self._start_keeper()
            elif found := running(self.home):
                missing = set(self.services) - set(found.services)
                if missing:
                    raise RuntimeProblem(
                        f"Another process runs {self.home.path} without {' and '.join(sorted(missing))}: "
                        "stop it, or give both the same DATABASE_URL and CELERY_BROKER_URL."
                    )
                return found
            time.sleep(0.02)
        raise RuntimeProblem(f"The embedded services are not ready after {WAIT_SECONDS:.0f} s; see {self.home.log}.")

    def _start_keeper(self) -> None:
        options = [*self.services, *([] if self.durable else ["--throw-away"])]
        foreign = ("DATABASE_", "CELERY_", "DJANGO_")
        with self.home.log_file("keeper").open("ab") as log:
            starter = subprocess.run(
                [sys.executable, "-m", "governance.runtime.keeper", str(self.home.path), *options],
                cwd=PROJECT,
                env={name: value for name, value in os.environ.items() if not name.startswith(foreign)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Not in our session: Ctrl-C is for the user of the services, who then leaves in order.
                start_new_session=True,
                check=False,
            )
        said = starter.stdout.decode().strip()
        if said != "ready":
            raise RuntimeProblem(said or f"The embedded services do not start; see {self.home.log / 'keeper.log'}.")


def keeper_lives(home: Home) -> bool:
    """Whether a keeper holds its lock on that home."""
    handle = os.open(home.run / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def running(home: Home) -> Running | None:
    """What the keeper last said; None while nothing takes connections."""
    try:
        found = json.loads((home.run / "services.json").read_text(encoding="utf-8"))
        return Running(int(found["keeper"]), tuple(found["services"]), Path(found["sockets"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
