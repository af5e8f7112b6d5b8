"""A site in production settings on real services: PostgreSQL 15 or later, Redis, RabbitMQ, on their standard ports.

Everything is the test's own and gone at its end: roles and database, Redis' database 15, a virtual host of RabbitMQ. A
service that is missing fails the test by its name.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kombu import Connection
from psycopg import sql

from tests import databases
from tests.docs.documents import blocks
from tests.governance.outbox.conftest import wait_until
from tests.waiting import COMMAND_SECONDS, PATIENCE

SERVER = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS_DATABASE = 15
#: What the product leaves in a Redis of its own: queues, and what is handed out and not acknowledged.
OUR_KEYS = ("_kombu.", "unacked", "default", "jobs", "sealer", "celery")
LOGINS = ("owner", "app", "sealer", "auditor")
WHERE = {"PostgreSQL": 5432, "Redis": 6379, "RabbitMQ": 5672}
MARK = f"muniment_services_{os.getpid()}"


@pytest.fixture(scope="session", autouse=True)
def services_are_there() -> None:
    """Each of them takes connections, or the test says which does not."""
    missing = []
    for name, port in WHERE.items():
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
        except OSError:
            missing.append(f"{name} on 127.0.0.1:{port}")
    if missing:
        pytest.fail(f"Not reachable: {', '.join(missing)}. make test-services needs all three.", pytrace=False)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Redis' last database; refused when somebody else has something there."""
    url = f"redis://127.0.0.1:6379/{REDIS_DATABASE}"
    with Connection(url) as connection:
        client: Any = connection.default_channel.client  # type: ignore[attr-defined]  # of the Redis transport
        foreign = [key for key in client.keys("*") if not key.decode().startswith(OUR_KEYS)]
        if foreign:
            pytest.fail(f"Redis' database {REDIS_DATABASE} holds {foreign[0]!r}: it is somebody else's.", pytrace=False)
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def rabbit_url() -> Iterator[str]:
    """A virtual host of the test's own; where rabbitmqctl cannot make one, the default one without our queues in it."""
    made = shutil.which("rabbitmqctl") is not None and rabbitmqctl("add_vhost", MARK)
    if made:
        rabbitmqctl("set_permissions", "-p", MARK, "guest", ".*", ".*", ".*")
        yield f"amqp://guest:guest@127.0.0.1:5672/{MARK}"
        rabbitmqctl("delete_vhost", MARK)
        return
    url = "amqp://guest:guest@127.0.0.1:5672//"
    drop_queues(url)
    yield url
    drop_queues(url)


def rabbitmqctl(*arguments: str) -> bool:
    """Whether the command went through."""
    done = subprocess.run(["rabbitmqctl", "--quiet", *arguments], capture_output=True, timeout=PATIENCE, check=False)
    return done.returncode == 0


def drop_queues(url: str) -> None:
    """Remove the product's queues; they hold hints, nothing else."""
    with Connection(url) as connection:
        for name in ("default", "jobs", "sealer"):
            with contextlib.suppress(Exception):
                connection.channel().queue_delete(name)


@dataclass
class Site:
    """One installation: its environment, and its processes while they run."""

    home: Path
    variables: dict[str, str]
    port: int
    database: str = MARK
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, login: str = "app", expect: int = 0) -> str:
        """Run a management command as a login; what it said. Fails the test at another exit status."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=databases.ROOT,
            env={**self.variables, "MUNIMENT_LOGIN": login}, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == expect, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, query: str) -> Any:
        """The first field of a query's first row, as a superuser."""
        with psycopg.connect(SERVER, dbname=self.database, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            return row[0] if row else None

    def start(self, broker: str) -> None:
        """Web, two kinds of workers, sealer and beat, in production settings, as docs/operations.md starts them."""
        environment = {**self.variables, "CELERY_BROKER_URL": broker, "MUNIMENT_ENV": "production"}
        celery = [sys.executable, "-m", "celery", "--app", "governance.celery:app"]
        lean = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        web = [sys.executable, "-m", "gunicorn", "governance.wsgi:application", "--bind", f"127.0.0.1:{self.port}",
               "--worker-class", "governance.runtime.worker.StayingWorker", "--workers", "1", "--threads", "4"]  # fmt: skip
        for name, command, login in (
            ("web", web, "app"),
            ("worker", [*celery, "worker", "--queues", "default", "-n", "default@%h", "-c", "1", *lean], "app"),
            ("jobs", [*celery, "worker", "--queues", "jobs", "-n", "jobs@%h", "-c", "1", *lean], "app"),
            ("sealer", [*celery, "worker", "--queues", "sealer", "-n", "sealer@%h", "-c", "1", *lean], "sealer"),
            ("beat", [*celery, "beat", "--schedule", str(self.home / "beat"), "--pidfile", ""], "app"),
        ):
            with (self.home / f"{name}.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    command, cwd=databases.ROOT, stdout=log, stderr=log, start_new_session=True,
                    env={**environment, "MUNIMENT_LOGIN": login, **({"MUNIMENT_POOL": "1"} if name == "web" else {})},
                )  # fmt: skip
        wait_until(self.answers, self.logs)

    def answers(self) -> bool:
        """Whether the web takes connections, while nothing has ended."""
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} has ended: {self.logs()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """All of them, at once."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
        self.processes.clear()

    def logs(self) -> str:
        """The last lines of everything."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.home.glob("*.log")))


def run_all(connection: "psycopg.Connection[Any]", script: str) -> None:
    """Each statement of a block of the document."""
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Logins and database made by the document's own SQL, migrated, with the cast and a version that may be released."""
    home = tmp_path_factory.mktemp("site")
    logins, closing = (block.replace("muniment", MARK) for block in blocks("docs/operations.md", "sql"))
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "CELERY_"))}
    variables |= {
        **{
            "DATABASE_URL" if login == "app" else f"DATABASE_{login.upper()}_URL":
            f"postgresql://{MARK}_{login}:change-me-{number}@127.0.0.1:5432/{MARK}"
            for number, login in enumerate(LOGINS, start=1)
        },
        "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",  # nothing that is prepared needs a broker
        "DJANGO_SECRET_KEY": "of this test" * 5,
        "MUNIMENT_HOME": str(home),
        "MUNIMENT_ENV": "embedded",
    }  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        site = Site(home, variables, free.getsockname()[1])
    variables |= {"MUNIMENT_URL": site.url, "MUNIMENT_PORT": str(site.port)}
    with psycopg.connect(SERVER, autocommit=True) as server:
        try:
            run_all(server, logins)
            with psycopg.connect(SERVER, dbname=MARK, autocommit=True) as inside:
                run_all(inside, closing)
            began = time.monotonic()
            site.manage("migrate", "-v0", login="owner")
            site.manage("grant_delay", "0", login="owner")  # the cast is there at once; production gets its delay below
            for module in ("tests.cast", "tests.services.prepare"):
                subprocess.run(
                    [sys.executable, "-m", module],
                    cwd=databases.ROOT,
                    env=variables,
                    check=True,
                    timeout=COMMAND_SECONDS,
                )
            site.manage("grant_delay", "24", login="owner")
            print(f"site on PostgreSQL {server.info.server_version} in {time.monotonic() - began:.0f} s")
            yield site
        finally:
            site.stop()
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(MARK)))
            for login in LOGINS:
                server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{MARK}_{login}")))


@pytest.fixture
def own_site(prepared: Site, tmp_path: Path) -> Iterator[Callable[[], Site]]:
    """Copies of the prepared site with a database and a home of their own; its processes must not run meanwhile."""
    made: list[str] = []

    def copy() -> Site:
        name = f"{MARK}_{uuid.uuid4().hex[:6]}"
        home = tmp_path / name
        home.mkdir()
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    *map(sql.Identifier, (name, MARK, f"{MARK}_owner"))
                )
            )
            made.append(name)
            run_all(
                server,
                f"REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
                f"GRANT CONNECT ON DATABASE {name} TO {MARK}_app, {MARK}_sealer, {MARK}_auditor",
            )
        variables = {
            key: value.removesuffix(MARK) + name if key.startswith("DATABASE_") else value
            for key, value in prepared.variables.items()
        }
        return Site(home, {**variables, "MUNIMENT_HOME": str(home)}, prepared.port, name)

    yield copy
    with psycopg.connect(SERVER, autocommit=True) as server:
        for name in made:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
