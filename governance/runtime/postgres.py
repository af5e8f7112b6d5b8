"""The embedded PostgreSQL 18: make its cluster, start it, stop it.

It listens on a socket in a folder that only its user may enter, never on the network; every login, the superuser's
included, needs its SCRAM password. Nothing about durability is relaxed unless a caller says the data are throw-away.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from governance.runtime import process
from governance.runtime.account import Account, Programs
from governance.runtime.home import Home, RuntimeProblem, last_lines, said_plainly
from governance.runtime.keys import Passwords

SUPERUSER = "muniment_superuser"
DRAFT = "database.new-"
START_SECONDS = 60.0
# Smart shutdown would wait for every client; fast rolls their transactions back and writes a checkpoint.
FAST_SHUTDOWN = signal.SIGINT
IMMEDIATE_SHUTDOWN = signal.SIGQUIT

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    # The gate share-locks every ancestor of a release; a closure of a thousand versions must fit beside others.
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_level": "replica",
    "random_page_cost": "1.1",
    "jit": "off",
    # A client that forgot its transaction holds locks the gate waits for.
    "idle_in_transaction_session_timeout": "5min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_lock_waits": "on",
    # Values can be personal data; they have no place in a log file.
    "log_parameter_max_length_on_error": "0",
    "log_parameter_max_length": "0",
}
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300",
              "max_wal_size": "512MB"}  # fmt: skip


@dataclass
class Postgres:
    """One cluster in `services/database`, run by `account`, reached through `sockets`."""

    home: Home
    services: Path
    sockets: Path
    account: Account
    programs: Programs
    durable: bool = True

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.services / "database"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home.log_file("database")

    def make_cluster(self, passwords: Passwords) -> None:
        """Make the cluster unless it is there. A half-made one (killed meanwhile) has another name and is thrown away.

        Raises:
            RuntimeProblem: when it cannot be made.
        """
        with said_plainly(self.services):
            for leftover in self.services.glob(f"{DRAFT}*"):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            if (self.data / "PG_VERSION").exists():
                self._check_version()
                return
            if self.data.exists() and any(self.data.iterdir()):
                raise RuntimeProblem(
                    f"{self.data} holds something that is not a whole PostgreSQL cluster: move it away to start empty, "
                    "or restore it from a backup."
                )
            draft = self.services / f"{DRAFT}{secrets.token_hex(4)}"
            password_file = self.services / f"{DRAFT}password"
            self._write_for_account(password_file, passwords["superuser"] + "\n")
            try:
                self._initdb(draft, password_file)
            finally:
                password_file.unlink()
            with contextlib.suppress(FileNotFoundError):
                self.data.rmdir()
            # The name says "whole": nothing looks at a cluster that has not got it.
            os.replace(draft, self.data)

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != "18":
            raise RuntimeProblem(
                f"{self.data} was made by PostgreSQL {version}, and this is PostgreSQL 18: "
                "upgrade it with pg_upgrade, or set DATABASE_URL."
            )

    def _write_for_account(self, path: Path, text: str) -> None:
        # The folder is the account's own, and we may be root: nothing that it put there is followed or given away.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if self.account.uid is not None and self.account.gid is not None:
                os.fchown(handle, self.account.uid, self.account.gid)

    def _initdb(self, target: Path, password_file: Path) -> None:
        # The builtin provider sorts by code point, always the same: an index must not depend on the machine's locale.
        command = [
            *[self.programs["initdb"], f"--pgdata={target}", f"--username={SUPERUSER}", f"--pwfile={password_file}"],
            *["--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums", "--no-instructions"],
            *["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            *([] if self.durable else ["--no-sync"]),
        ]
        environment = {"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"}
        child = process.spawn(
            command,
            log=self.log,
            death_signal=signal.SIGKILL,
            environment=environment,
            folder=self.services,
            uid=self.account.uid,
            gid=self.account.gid,
        )
        if child.wait() != 0:
            raise RuntimeProblem(
                f"The embedded database could not be made (initdb {process.ending(child.returncode)}); "
                f"{self.log} says: {last_lines(self.log, 3)}"
            )

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it takes connections; what a kill -9 left behind is cleared first.

        Raises:
            RuntimeProblem: when it does not come up.
        """
        self._clear_leftovers()
        deadline = time.monotonic() + START_SECONDS
        while True:
            child = self._launch()
            try:
                if self._wait_until_ready(child, deadline):
                    return child
            except BaseException:
                self.stop(child)
                raise
            # Backends of a killed server take a moment to notice; their shared memory bars a new one until then.
            if "shared memory block" not in last_lines(self.log, 4) or time.monotonic() > deadline:
                raise RuntimeProblem(
                    f"The embedded database does not start; {self.log} says: {last_lines(self.log, 4)}"
                )
            time.sleep(0.2)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = SETTINGS | {"unix_socket_directories": f'"{self.sockets}"'} | ({} if self.durable else THROW_AWAY)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return process.spawn(
            [self.programs["postgres"], "-D", str(self.data), *options],
            log=self.log,
            death_signal=FAST_SHUTDOWN,
            environment={"PATH": os.defpath, "TZ": "UTC", "LC_ALL": "C"},
            folder=self.services,
            uid=self.account.uid,
            gid=self.account.gid,
        )

    def _wait_until_ready(self, child: subprocess.Popen[bytes], deadline: float) -> bool:
        while child.poll() is None:
            lines = self._lock_file_lines()
            if len(lines) > 7 and lines[0].strip() == str(child.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                raise RuntimeProblem(f"The embedded database is not ready after {START_SECONDS:.0f} s; see {self.log}.")
            time.sleep(0.02)
        return False

    def _lock_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _clear_leftovers(self) -> None:
        """Stop a server that outlived its keeper, and drop a lock file that no server stands behind.

        The caller holds the keeper's lock, so no other copy of us is starting this cluster.

        Raises:
            RuntimeProblem: when the old server cannot be stopped.
        """
        lines = self._lock_file_lines()
        if not lines or not lines[0].strip().isdigit() or not psutil.pid_exists(int(lines[0])):
            return
        pid = int(lines[0])
        for number in (FAST_SHUTDOWN, IMMEDIATE_SHUTDOWN, signal.SIGKILL):
            if self._is_our_server(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                process.wait_until_gone(pid, 15)
        if self._is_our_server(pid):
            raise RuntimeProblem(f"An old server (process {pid}) still holds {self.data} and does not stop: end it.")
        # The number is another program's by now (they come round again, above all in containers), or waits to be
        # reaped: PostgreSQL would take either for a running server and refuse to start for good.
        with said_plainly(self.data):
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _is_our_server(self, pid: int) -> bool:
        try:
            found = psutil.Process(pid)
            return found.status() != psutil.STATUS_ZOMBIE and str(self.data) in found.cmdline()
        except psutil.Error:
            return False

    def stop(self, child: subprocess.Popen[bytes]) -> None:
        """Stop the server: fast, and if that takes too long at once, to be recovered from its log at the next start."""
        process.stop(child, (FAST_SHUTDOWN, 30.0), (IMMEDIATE_SHUTDOWN, 10.0))
