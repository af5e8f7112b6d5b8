"""MLflow's registry and ours, side by side: the same calls, the same client, the same PostgreSQL, two processes each.

Ours does authentication, permission, rate, history, ledger and actor besides. The client is http.client on kept
connections with TCP_QUICKACK: MLflow's own costs more than either server. Each round lasts about a second of the slower
server, so that the whole takes some eight minutes however slow one of them is; each line is printed as it is known.
"""

import base64
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.databases import connect, fresh, manage
from bench.figures import Figure, Scale, against, within
from bench.people import WHY, person
from bench.registry import FIRST, Copy, insert
from governance.accounts.actions.principals import hash_key
from governance.accounts.models import ApiKey
from governance.runtime.environment import DATABASE_VARIABLES
from governance.runtime.home import PROJECT
from lineage.actions import register_model, register_model_version
from lineage.models import ModelVersion

KEY = "mun_bnch_" + "b" * 34
PREFIX = "/api/2.0/mlflow/"
SMALL, LARGE = 10, 10_000
ROUND = 1.0  # s of the slower server
FEWEST, MOST = 8, 240  # calls of a round
TARGETS = {"create a version": 1.5, "set an alias": 2.0, "set a tag": 2.0, "get a model": 3.0, "get a version": 3.0,
           "get by alias": 3.0}  # fmt: skip


@dataclass
class Server:
    """A registry that answers on a port."""

    name: str
    port: int
    headers: dict[str, str] = field(default_factory=dict)


class Caller:
    """One kept connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method: str, address: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises RuntimeError unless it is 200."""
        path, body, headers = PREFIX + address, None, dict(self.server.headers)
        if method == "GET":
            path += "?" + urlencode(fields)
        else:
            body, headers["Content-Type"] = json.dumps(fields), "application/json"
        self.connection.request(method, path, body, headers)
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.server.name} answers {answer.status} to {method} {address}: {text[:300]!r}")
        found: dict[str, Any] = json.loads(text)
        return found


Work = Callable[[Caller, int], object]


def _calls(model: str, versions: int) -> dict[str, Work]:
    """What is measured, each as a call that differs by its number."""
    name = {"name": model}

    def version(n: int) -> str:
        return str(1 + n * 7919 % versions)

    return {
        "create a version": lambda c, n: c.call("POST", "model-versions/create", {
            **name, "source": f"s3://models/{model}/{os.urandom(8).hex()}", "run_id": os.urandom(16).hex()}),
        "set an alias": lambda c, n: c.call("POST", "registered-models/alias", {
            **name, "alias": f"candidate-{n % 4}", "version": version(n)}),
        "set a tag": lambda c, n: c.call("POST", "model-versions/set-tag", {
            **name, "version": version(n), "key": "checked", "value": os.urandom(4).hex()}),
        "get a model": lambda c, n: c.call("GET", "registered-models/get", name),
        "get a version": lambda c, n: c.call("GET", "model-versions/get", {**name, "version": version(n)}),
        "get by alias": lambda c, n: c.call("GET", "registered-models/alias", {**name, "alias": f"candidate-{n % 4}"}),
    }  # fmt: skip


def measure(scale: Scale) -> list[Figure]:
    """Both servers up at once; each kind of call in turns between them, round by round."""
    rounds = min(scale.rounds, 5)
    with fresh("mlflow"), ExitStack() as stack:
        name = connect_name()
        _prepare(name)
        ours = stack.enter_context(_ours(name))
        theirs = stack.enter_context(_theirs(name))
        for server, model, versions in ((ours, "small", SMALL), (ours, "large", LARGE), (theirs, "small", SMALL)):
            for work in _calls(model, versions).values():
                _warm(server, work)
        alone = _compare(ours, theirs, 1, rounds)
        eight = _compare(ours, theirs, 8, rounds)
        grown = _grown(ours, theirs, rounds)
    figures = [against(f"{kind}, 1 connection, times MLflow", alone[kind][2], TARGETS[kind]) for kind in TARGETS]
    figures += [against(f"{kind}, 8 connections, times MLflow", eight[kind][2], TARGETS[kind]) for kind in TARGETS]
    figures += [
        within(f"{kind} at {LARGE:,} versions over at {SMALL}", grown[kind], 1.2)
        for kind in ("set an alias", "get a model")
    ]
    return figures


def _compare(ours: Server, theirs: Server, connections: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """By kind of call: calls/s of ours and of theirs, and the median of the rounds' ratios."""
    found: dict[str, tuple[float, float, float]] = {}
    _title(
        f"{connections} connection(s), a model of {SMALL} versions; load {os.getloadavg()[0]:.1f}",
        "call", "ours/s", "MLflow/s", "times",
    )  # fmt: skip
    for kind, work in _calls("small", SMALL).items():
        count = min(_round(server, work, connections) for server in (ours, theirs))
        pairs = []
        for number in range(rounds):
            order = (ours, theirs) if number % 2 else (theirs, ours)
            seconds = {server.name: _seconds(server, work, count, connections) for server in order}
            pairs.append((seconds[ours.name], seconds[theirs.name]))
        o, t, r = found[kind] = (
            count / statistics.median(o for o, _t in pairs),
            count / statistics.median(t for _o, t in pairs),
            statistics.median(t / o for o, t in pairs),
        )
        _row(kind, f"{o:.0f}", f"{t:.0f}", f"{r:.2f}")
    return found


def _round(server: Server, work: Work, connections: int) -> int:
    """How many calls a server carries out in about `ROUND` seconds."""
    return round(min(max(ROUND * FEWEST / _seconds(server, work, FEWEST, connections), FEWEST), MOST))


def _title(title: str, *header: str) -> None:
    print(f"\n{title}\n")
    _row(*header)
    _row(*("---" for _column in header))


def _row(*cells: str) -> None:
    """A line of a table, at once: a run that is cut short has said what it knew."""
    print("| " + " | ".join(cells) + " |", flush=True)


def _warm(server: Server, work: Work) -> None:
    """As after a while: every process has its connections, and each of those its plans."""
    with contextlib.suppress(RuntimeError):  # MLflow answers 400 to one of two that set a tag at once
        _seconds(server, work, 64, 8)
    _seconds(server, work, 8, 1)


def _grown(ours: Server, theirs: Server, rounds: int) -> dict[str, float]:
    """By kind of call: how much longer ours takes at 10,000 versions than at 10; MLflow's beside it."""
    found: dict[str, float] = {}
    _title(f"Time at {LARGE:,} versions over time at {SMALL}", "call", "ours", "MLflow")
    for kind in ("set an alias", "set a tag", "get a model", "get a version", "get by alias"):
        ratios = []
        for server in (ours, theirs):
            works = {"small": _calls("small", SMALL)[kind], "large": _calls("large", LARGE)[kind]}
            count = min(_round(server, work, 1) for work in works.values())
            each = []
            for number in range(rounds if count > FEWEST else 1):
                order = ("small", "large") if number % 2 else ("large", "small")
                taken = {model: _seconds(server, works[model], count, 1) for model in order}
                each.append(taken["large"] / taken["small"])
            ratios.append(statistics.median(each))
        found[kind] = ratios[0]
        _row(kind, *(f"{ratio:.2f}" for ratio in ratios))
    return found


def _seconds(server: Server, work: Work, count: int, connections: int) -> float:
    """How long so many calls take over so many connections."""
    callers = [Caller(server) for _ in range(connections)]
    waiting = list(range(count))
    together = threading.Barrier(connections + 1)

    def run(caller: Caller) -> None:
        together.wait()
        while True:
            try:
                number = waiting.pop()
            except IndexError:
                return
            work(caller, number)

    with ThreadPoolExecutor(connections) as pool:
        jobs = [pool.submit(run, caller) for caller in callers]
        together.wait()
        start = time.perf_counter()
        for job in jobs:
            job.result()
        taken = time.perf_counter() - start
    for caller in callers:
        caller.connection.close()
    return taken


# --- The two servers -----------------------------------------------------------------------------------------------


def connect_name() -> str:
    """The database that Django uses now."""
    from django.db import connection

    return str(connection.settings_dict["NAME"])


def _prepare(name: str) -> None:
    """Ours: a key, a model of ten versions and one of ten thousand."""
    pipeline = person("pipeline")
    ApiKey.objects.create(principal=pipeline, prefix=KEY[:12], hash=hash_key(KEY))
    assert pipeline.home_namespace is not None
    for model_name in ("small", "large"):
        model = register_model(actor=pipeline, namespace=pipeline.home_namespace, name=model_name, **WHY).record
        for number in range(SMALL):
            register_model_version(actor=pipeline, model=model, artifact_uri=f"s3://first/{number}", **WHY)
    last = ModelVersion.objects.latest("pk")
    with connect("superuser", name) as superuser:
        superuser.execute("ALTER TABLE public.lineage_modelversion DISABLE TRIGGER ALL")
        named = {"id": f"{FIRST} + u", "number": f"u + {SMALL + 1}", "artifact_uri": "'s3://seeded/' || u"}
        insert(superuser, Copy("lineage_modelversion", "version", f"id = {last.pk}", named), 0, LARGE - SMALL)
        superuser.execute("ALTER TABLE public.lineage_modelversion ENABLE TRIGGER ALL")
        superuser.execute("VACUUM (ANALYZE)")
    manage(name, "install_guards", login="owner")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[None]:
    """A server, until the block ends; its own group, so that its workers end with it."""
    process = subprocess.Popen(command, env=dict(environment), cwd=PROJECT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    try:
        for _attempt in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}.")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # MLflow leaves workers of its own behind


@contextmanager
def _ours(name: str) -> Iterator[Server]:
    """The product's web as `make run` starts it, with two processes and no limit of calls."""
    port = _free_port()
    urls = {variable: make_conninfo(os.environ[variable], dbname=name) for variable in DATABASE_VARIABLES.values()}
    command = [sys.executable, "-m", "gunicorn", "governance.wsgi:application", "--bind", f"127.0.0.1:{port}",
               "--workers", "2", "--threads", "4", "--worker-class", "governance.runtime.worker.StayingWorker",
               "--keep-alive", "75"]  # fmt: skip
    environment = {
        **os.environ,
        **urls,
        "MUNIMENT_LOGIN": "app",
        "MUNIMENT_POOL": "1",
        "MUNIMENT_RATE_LIMIT": "10000000",
    }
    basic = base64.b64encode(f"{person('pipeline').name}:{KEY}".encode()).decode()
    with _running(command, environment, port):
        yield Server("ours", port, {"Authorization": f"Basic {basic}"})


@contextmanager
def _theirs(name: str) -> Iterator[Server]:
    """`mlflow server` with two workers on a database of its own in the same PostgreSQL."""
    port, database = _free_port(), f"{name}_peer"
    with connect("superuser", "postgres") as superuser:
        superuser.execute(f'CREATE DATABASE "{database}"')
    parts = conninfo_to_dict(make_conninfo(os.environ[DATABASE_VARIABLES["superuser"]], dbname=database))
    user, password = quote(str(parts["user"])), quote(str(parts["password"]), safe="")
    query = urlencode([(key, str(value)) for key, value in parts.items() if key in ("host", "port")])
    uri = f"postgresql+psycopg://{user}:{password}@/{database}?{query}"
    folder = PROJECT / ".venv-mlflow3/bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "MUNIMENT"))}
    environment |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    command = [str(folder / "mlflow"), "server", "--workers", "2", "--port", str(port), "--host", "127.0.0.1",
               "--backend-store-uri", uri, "--default-artifact-root", "s3://nowhere/"]  # fmt: skip
    with _running(command, environment, port):
        server = Server("MLflow", port)
        caller = _first_answer(server)
        for model in ("small", "large"):
            caller.call("POST", "registered-models/create", {"name": model})
            for number in range(SMALL):
                caller.call("POST", "model-versions/create", {"name": model, "source": f"s3://first/{number}"})
        with connect("superuser", database) as superuser:
            columns = [
                str(row[0])
                for row in superuser.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = 'model_versions'"
                ).fetchall()
            ]
            chosen = ", ".join(f"n + {SMALL}" if one == "version" else f'm."{one}"' for one in columns)
            superuser.execute(
                f"INSERT INTO model_versions ({', '.join(columns)}) SELECT {chosen} FROM"
                f" (SELECT * FROM model_versions WHERE name = 'large' AND version = 1) m,"
                f" generate_series(1, {LARGE - SMALL}) n"
            )  # fmt: skip
            superuser.execute("VACUUM (ANALYZE)")
        yield server


def _first_answer(server: Server) -> Caller:
    for _attempt in range(150):
        try:
            caller = Caller(server)
            caller.call("GET", "registered-models/search", {"max_results": 1})
        except OSError:
            time.sleep(0.4)
        else:
            return caller
    raise RuntimeError(f"{server.name} does not answer.")
