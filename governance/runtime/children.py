"""The product's own processes: what each is started with, and starting one again when it dies."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from governance.runtime import environment, process
from governance.runtime.home import PROJECT, Home
from governance.runtime.lease import Lease

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass(frozen=True)
class Role:
    """One kind of process: its command, its database login, how it is asked to stop, and in which turn (0 first)."""

    name: str
    command: Sequence[str]
    login: str
    turn: int
    stop_signals: tuple[tuple[signal.Signals, float], ...]
    death_signal: signal.Signals
    extra: Mapping[str, str] = field(default_factory=dict)


def roles(home: Home, listening: Sequence[int], *, dev: bool, web_workers: int = 2) -> list[Role]:
    """The processes of one running copy: web, worker, jobs, sealer, beat.

    Args:
        listening: descriptors of the sockets that web serves; they are the supervisor's, so that the port stays ours
            while web is started again.
        web_workers: processes that answer requests, of four threads each.
    """
    celery = [sys.executable, "-m", "celery", "--app", "governance.celery:app"]
    level = "INFO"
    # Warm first: a task in hand is finished. Then cold: what is cut off is delivered again, handlers are idempotent.
    worker_stop = ((signal.SIGTERM, 8.0), (signal.SIGQUIT, 3.0))
    lean = ["--without-gossip", "--without-mingle", "--loglevel", level]
    return [
        Role("web", _gunicorn(home, listening, dev=dev, workers=web_workers), "app", 0, ((signal.SIGTERM, 8.0),),
             signal.SIGTERM, {"MUNIMENT_POOL": "1"}),
        Role("beat", [*celery, "beat", "--schedule", str(home.run / "beat-schedule"), "--pidfile", "",
                      "--loglevel", level], "app", 0, ((signal.SIGTERM, 5.0),), signal.SIGTERM),
        Role("worker", [*celery, "worker", "--queues", "default", "--hostname", "default@%h", "--concurrency", "2",
                        *lean], "app", 1, worker_stop, signal.SIGQUIT),
        # Long jobs have a worker of their own: an import of a minute holds up no notice. Of the kinds that may take a
        # quarter of an hour one runs at a time, so that an export finds the second process free.
        Role("jobs", [*celery, "worker", "--queues", "jobs", "--hostname", "jobs@%h", "--concurrency", "2",
                      *lean], "app", 1, worker_stop, signal.SIGQUIT),
        Role("sealer", [*celery, "worker", "--queues", "sealer", "--hostname", "sealer@%h", "--concurrency", "1",
                        *lean], "sealer", 1, worker_stop, signal.SIGQUIT),
    ]  # fmt: skip


def _gunicorn(home: Home, listening: Sequence[int], *, dev: bool, workers: int) -> list[str]:
    shared_memory = Path("/dev/shm")
    return [
        *[sys.executable, "-m", "gunicorn", "governance.wsgi:application"],
        *[part for number in listening for part in ("--bind", f"fd://{number}")],
        *["--worker-class", "governance.runtime.worker.StayingWorker", "--workers", str(workers), "--threads", "4"],
        *["--timeout", "60"],
        # A pipeline's session rests longer than gunicorn's two seconds; a POST on a connection closed meanwhile fails.
        *[
            "--keep-alive",
            "75",
            "--graceful-timeout",
            "5",
            "--no-control-socket",
            "--access-logfile",
            str(home.log_file("access")),
            # No address: that of a password reset holds its key. The route stands in web.log, under the request's id.
            "--access-logformat",
            "%(h)s %(t)s %(m)s %(s)s %(B)s %(M)sms %({x-request-id}o)s",
        ],
        # A heartbeat file on a slow disk makes gunicorn kill healthy workers.
        *(["--worker-tmp-dir", str(shared_memory)] if os.access(shared_memory, os.W_OK) else []),
        *(["--reload"] if dev else []),
    ]


def child_environment(home: Home, login: str, lease: Lease | None, *, port: int, dev: bool) -> dict[str, str]:
    """The environment of one of the product's processes: its own login's address, nobody else's password."""
    inherited = dict(os.environ)
    own = environment.DATABASE_VARIABLES[login]
    for variable in environment.DATABASE_VARIABLES.values():
        if variable != own and inherited.get(variable):
            inherited[variable] = environment.without_password(inherited[variable])
    return (
        inherited
        | environment.common(home)
        | (environment.for_login(lease.urls, login) if lease else {})
        | {"MUNIMENT_LOGIN": login, "MUNIMENT_PORT": str(port), "PYTHONUNBUFFERED": "1"}
        | ({"MUNIMENT_DEBUG": "1"} if dev else {})
    )


class Child:
    """One process that is to be there, and is started again, ever more slowly, when it is not."""

    def __init__(self, role: Role, home: Home, variables: Mapping[str, str], keep_open: Sequence[int]) -> None:
        self.role = role
        self.log = home.log_file(role.name)
        self.variables = variables
        self.keep_open = keep_open
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.deaths = 0
        self.due_at: float | None = None

    def start(self) -> None:
        """Start it.

        Raises:
            RuntimeProblem: when the program cannot be started at all.
        """
        self.due_at = None
        self.started_at = time.monotonic()
        self.process = process.spawn(
            self.role.command,
            log=self.log,
            death_signal=self.role.death_signal,
            environment={**self.variables, **self.role.extra},
            folder=PROJECT,
            keep_open=self.keep_open,
        )

    def look_after(self) -> str | None:
        """Notice a death and start it again when its pause is over; what happened, for people, or None."""
        now = time.monotonic()
        if self.due_at is not None:
            if now >= self.due_at:
                self.start()
            return None
        if self.process is None or self.process.poll() is None:
            return None
        self.deaths = self.deaths + 1 if now - self.started_at < STEADY_SECONDS else 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self.deaths - 1), LONGEST_PAUSE_SECONDS)
        self.due_at = now + pause
        how = process.ending(self.process.returncode)
        return f"{self.role.name} {how}; starting it again in {pause:g} s. Its log: {self.log}"

    def restart(self) -> None:
        """Stop it and start it with today's code."""
        if self.process is not None:
            process.stop(self.process, *self.role.stop_signals)
        self.start()

    def ask_to_stop(self) -> None:
        """Send the first of its stop signals and return at once."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.role.stop_signals[0][0])

    def stop(self, *, at_once: bool = False) -> None:
        """Wait, after `ask_to_stop`, for it to end, with firmer signals when it takes too long."""
        if self.process is None:
            return
        if at_once:
            process.stop(self.process)
        else:
            process.stop(self.process, *self.role.stop_signals, asked=True)
        # What it left behind (workers of a killed master) is in its session, and goes with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
