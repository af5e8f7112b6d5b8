"""Promotions: what one costs, alone and with eight at once. Each is of a model of its own, trained on shared data."""

import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connection

from approvals.actions.promotions import promote
from approvals.models import GateDecision, Release
from bench.databases import fresh
from bench.figures import Figure, Scale, quantile, table
from bench.people import WHY, person
from bench.records import judged_model, training_sets, whole_release


@dataclass
class Run:
    """What one number of connections did."""

    connections: int
    seconds: float = 0.0
    each: list[float] = field(default_factory=list)


def measure(scale: Scale) -> list[Figure]:
    """Whole releases are made first, untimed; then they are promoted through the product's action."""
    with fresh("promotions"):
        data = training_sets()
        start = time.perf_counter()
        releases = [whole_release(judged_model(), data) for _ in range(2 * scale.promotions + 8)]
        made = (time.perf_counter() - start) / len(releases)
        print(f"\n{len(releases)} whole releases made through the actions, {1000 * made:.0f} ms each (six signatures)")
        _promote(releases[:8], 1)  # warms what is common
        rest = releases[8:]
        runs = [_promote(rest[: scale.promotions], 1), _promote(rest[scale.promotions :], 8)]
        assert GateDecision.objects.filter(would_have_refused=False).count() == len(releases), "not all went live"
    rows = [(r.connections, f"{len(r.each) / r.seconds:.0f}", f"{1000 * statistics.median(r.each):.1f}",
             f"{1000 * quantile(r.each, 0.95):.1f}") for r in runs]  # fmt: skip
    table(
        f"Promotions, {scale.promotions} of each (5 training sets, 50 above; client and server share the cores)",
        ("connections", "promotions/s", "median ms", "p95 ms"), rows,
    )  # fmt: skip
    return [Figure("promotions/s with 1 / 8 connections", " / ".join(row[1] for row in rows))]


def _promote(releases: list[Release], connections: int) -> Run:
    run = Run(connections)
    actor, waiting, together = person("pipeline"), list(releases), threading.Barrier(connections)

    def work() -> None:
        connection.ensure_connection()
        together.wait()
        while True:
            try:
                release = waiting.pop()
            except IndexError:
                break
            start = time.perf_counter()
            promote(actor=actor, release=release, **WHY)
            run.each.append(time.perf_counter() - start)
        if connections > 1:
            connection.close()

    start = time.perf_counter()
    if connections == 1:
        work()
    else:
        with ThreadPoolExecutor(connections) as pool:
            for done in [pool.submit(work) for _ in range(connections)]:
                done.result()
    run.seconds = time.perf_counter() - start
    return run
