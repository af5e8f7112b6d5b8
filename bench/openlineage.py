"""OpenLineage events taken in, singly and in batches, over eight connections; and worked off while workers die.

The product's own web processes (gunicorn, two of four threads) and Celery worker, on a database of their own. Events
are of two kilobytes, each another one, START and COMPLETE of runs that read one dataset and write another. Senders are
processes of their own on the same machine: what they take is taken from the product.
"""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from bench.databases import _urls, fresh
from bench.figures import Figure, Scale, table, within
from bench.people import WHY, person
from governance.runtime.home import PROJECT

CONNECTIONS = 8
BATCH = 100
SINGLES_A_SECOND = 350
BATCHED_A_SECOND = 2_000
SENDER = "bench.openlineage"


def measure(scale: Scale) -> list[Figure]:
    """Rates of intake, what the answers take, and the backlog worked off while its worker is stopped and killed."""
    singles, batched, worked = scale.saves * 30, scale.saves * 100, scale.saves * 4
    with fresh("openlineage") as name:
        key = _key()
        with _web(name) as port:
            _send(port, key, "single", 200)  # warm
            figures = [
                _rate("single events a second", _send(port, key, "single", singles), singles, SINGLES_A_SECOND),
                _rate(
                    "events a second in batches of 100", _send(port, key, "batch", batched), batched, BATCHED_A_SECOND
                ),
            ]
        figures.append(_none_lost("events kept of those answered", 200 + singles + batched))
    with fresh("openlineage_backlog") as name:
        key = _key()
        with _web(name) as port:
            _send(port, key, "batch", worked)
        return [*figures, *_backlog(name, worked)]


def _key() -> str:
    """A key of the pipeline's."""
    from governance.accounts.actions.principals import issue_api_key

    issued = issue_api_key(actor=person("admin"), principal=person("pipeline"), **WHY)
    return str(issued[1] if isinstance(issued, tuple) else issued)


@contextlib.contextmanager
def _web(name: str) -> Iterator[int]:
    """The product's web processes on a database; the port they answer on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "governance.wsgi:application", "--bind", f"127.0.0.1:{port}",
               "--worker-class", "governance.runtime.worker.StayingWorker", "--workers", "2", "--threads", "4",
               "--keep-alive", "75", "--no-control-socket", "--log-level", "warning"]  # fmt: skip
    with _process(command, name, {"MUNIMENT_POOL": "1", "MUNIMENT_PORT": str(port)}):
        deadline = time.monotonic() + 60
        while True:
            try:
                probe = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                probe.request("GET", "/livez", headers={"Host": f"localhost:{port}"})
                if probe.getresponse().status == 200:
                    break
            except OSError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("the web processes do not answer")
            time.sleep(0.2)
        yield port


@contextlib.contextmanager
def _process(command: list[str], name: str, more: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    variables = {**os.environ, **_urls(name), "MUNIMENT_LOGIN": "app", **more}
    running = subprocess.Popen(command, cwd=PROJECT, env=variables, start_new_session=True)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def _send(port: int, key: str, how: str, count: int) -> tuple[float, list[float]]:
    """Seconds in all, and of each answer, with CONNECTIONS connections in two processes."""
    command = [sys.executable, "-m", SENDER, str(port), key, how, str(count // 2), str(CONNECTIONS // 2)]
    senders = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) for _number in range(2)]
    told = [json.loads(one.communicate()[0]) for one in senders]
    if any(one.returncode for one in senders):
        raise RuntimeError("a sender got another answer than it should")
    took = max(one["ended"] for one in told) - min(one["began"] for one in told)
    return took, [seconds for one in told for seconds in one["seconds"]]


def _rate(what: str, sent: tuple[float, list[float]], count: int, target: int) -> Figure:
    seconds, each = sent
    each.sort()
    rate = count / seconds
    table(
        what.capitalize(), ("events", "seconds", "a second", "median answer", "99 of 100 within"),
        [(f"{count:,}", f"{seconds:.1f}", f"{rate:,.0f}", f"{each[len(each) // 2] * 1000:.0f} ms",
          f"{each[int(len(each) * 0.99)] * 1000:.0f} ms")],
    )  # fmt: skip
    return Figure(what, f"{rate:,.0f}", f"≥ {target:,}", rate >= target)


def _none_lost(what: str, sent: int) -> Figure:
    from lineage.models import OpenLineageEvent, OpenLineageIntake

    kept, texts = OpenLineageEvent.objects.count(), OpenLineageIntake.objects.count()
    return Figure(what, f"{kept:,} rows, {texts:,} texts", f"{sent:,}", kept == texts == sent)


def _backlog(name: str, sent: int) -> list[Figure]:
    """Work a backlog off; halfway the worker is killed, later stopped, and started again each time."""
    from lineage.models import OpenLineageIntake, Run

    waiting = OpenLineageIntake.objects.filter(state="waiting")
    home = Path(os.environ["MUNIMENT_HOME"])
    command = [sys.executable, "-m", "celery", "--app", "governance.celery:app", "worker", "--queues", "default",
               "--concurrency", "2", "-B", "-s", str(home / "bench-schedule"), "--loglevel", "error",
               "--without-gossip", "--without-mingle"]  # fmt: skip
    began, worked, rows = time.perf_counter(), 0.0, []
    for until, how in ((sent * 2 // 3, "killed"), (sent // 3, "stopped"), (0, "")):
        with _process(command, name, {}) as worker:
            start, before, first = time.perf_counter(), waiting.count(), 0.0
            while (left := waiting.count()) > until:
                first = first or (time.perf_counter() if left < before else 0.0)
                if time.perf_counter() - start > 600:
                    raise RuntimeError(f"{left} events still wait after ten minutes")
                time.sleep(0.1)
            busy = time.perf_counter() - (first or start)
            worked += busy
            rows.append((how or "left to the end", f"{before - left:,}", f"{(before - left) / busy:,.0f}"))
            if how == "killed":
                os.killpg(worker.pid, signal.SIGKILL)
        if how == "killed":
            # What it had taken is due again at once, rather than after its wait: the rate is measured, not the wait.
            waiting.update(due_at=Now())
    table("The backlog, worked off", ("the worker was", "events", "a second"), rows)
    states = set(OpenLineageIntake.objects.values_list("state", flat=True))
    runs = Run.objects.filter(job_name="bench.load")
    ended = runs.filter(state="complete", started_at__isnull=False).count()
    return [
        _none_lost("events kept, the worker killed and stopped", sent),
        Figure("their runs, each begun and complete", f"{ended:,}", f"{sent // 2:,}", ended == sent // 2),
        Figure("states they are in", ", ".join(sorted(states)), "understood", states == {"understood"}),
        Figure("backlog worked off, events a second", f"{sent / worked:,.0f}"),
        within("seconds for all of it, restarts included", time.perf_counter() - began, 3600, " s"),
    ]


def events(number: int, worker: str) -> list[dict[str, Any]]:
    """START and COMPLETE of a run of its own, about two kilobytes each."""
    run = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{worker}/{number}"))
    facet = {"_producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
             "_schemaURL": "https://openlineage.io/spec/facets/1-0-0/X.json"}  # fmt: skip
    fields = [{"name": f"column_{n}", "type": "VARCHAR"} for n in range(12)]
    both: dict[str, Any] = {
        "producer": "https://airflow.example/dags/bench",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": {"processing_engine": {**facet, "name": "airflow", "version": "2.9"}}},
        "job": {
            "namespace": "airflow://bench", "name": "bench.load",
            "facets": {"sourceCodeLocation": {**facet, "type": "git", "url": "https://git.example", "version": "0a1b"}},
        },
        "inputs": [{"namespace": "postgres://bench:5432", "name": f"public.t{number % 50}", "facets": {}}],
    }  # fmt: skip
    out = {
        "namespace": "s3://bench", "name": f"table-{number % 50}",
        "facets": {
            "version": {**facet, "datasetVersion": run},
            "schema": {**facet, "fields": fields},
            "documentation": {**facet, "description": "A table that is written by the measurement, " * 4},
        },
        "outputFacets": {"outputStatistics": {**facet, "rowCount": number, "size": number * 100}},
    }  # fmt: skip
    at = f"2026-11-22T17:{number // 60 % 60:02d}:{number % 60:02d}"
    return [
        {**both, "eventType": "START", "eventTime": f"{at}.000Z", "outputs": []},
        {**both, "eventType": "COMPLETE", "eventTime": f"{at}.900Z", "outputs": [out]},
    ]


def send(port: int, key: str, how: str, count: int, connections: int) -> None:
    """Send `count` events over some connections and print when it began and ended and what each answer took."""
    worker = f"{os.getpid()}"
    stream = [json.dumps(one).encode() for n in range(count // 2 + 1) for one in events(n, worker)][:count]
    size = BATCH if how == "batch" else 1
    bodies = [stream[place : place + size] for place in range(0, len(stream), size)]
    path, wanted = ("/api/v1/lineage/batch", 200) if how == "batch" else ("/api/v1/lineage", 201)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Host": f"localhost:{port}"}
    seconds: list[float] = []
    faults: list[str] = []

    def go(own: list[list[bytes]]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for body in own:
            start = time.perf_counter()
            line.request("POST", path, b"[" + b",".join(body) + b"]" if how == "batch" else body[0], headers)
            answer = line.getresponse()
            text = answer.read()
            seconds.append(time.perf_counter() - start)
            if answer.status != wanted:
                faults.append(f"{answer.status} {text[:200]!r}")

    threads = [threading.Thread(target=go, args=(bodies[n::connections],)) for n in range(connections)]
    began = time.time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"began": began, "ended": time.time(), "seconds": seconds}))
    if faults:
        print(faults[:3], file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    send(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
