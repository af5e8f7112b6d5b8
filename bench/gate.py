"""The gate over a small and a large registry: the same releases, asked in turns."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import set_json_loads

from approvals.actions.promotions import promote
from approvals.models import Release, RequirementKind
from bench.databases import connect, fresh
from bench.figures import Figure, Scale, quantile, table, within
from bench.people import WHY, person
from bench.records import judged_model, training_sets, whole_release
from bench.registry import seed

SMALL = 1_000
CALLS = 30  # per round, database and release


@dataclass
class Registry:
    """One of the two databases, with its connection and what was measured there."""

    size: int
    name: str
    connection: Any
    seconds: dict[str, list[float]] = field(default_factory=dict)
    first: float = 0.0


def measure(scale: Scale) -> list[Figure]:
    """An open release (all satisfied) and a closed one (its evidence fails), of a model that has a live version."""
    with fresh("gate_small") as small:
        data, judged = training_sets(), judged_model()
        live = promote(actor=person("pipeline"), release=whole_release(judged, data), **WHY)
        releases = {"open": whole_release(judged, data), "closed": whole_release(judged, data, accuracy="0.5")}
        _seeded(seed(small, live, present=0, wanted=SMALL), SMALL)
        with fresh("gate_large", source="gate_small") as large:
            _seeded(seed(large, live, present=SMALL, wanted=scale.versions), scale.versions)
            with _registries({small: SMALL, large: scale.versions}) as both:
                for registry in both:
                    _check(registry, releases)
                ratios = [_round(both, releases) for _ in range(scale.rounds + 1)][1:]
                return _say(both, ratios)


def _seeded(done: tuple[int, float], versions: int) -> None:
    rows, seconds = done
    print(
        f"\nseeded to {versions:,} model versions: {rows:,} rows in {seconds:.0f} s, guards off; on again since",
        flush=True,
    )


@contextmanager
def _registries(sizes: dict[str, int]) -> Iterator[list[Registry]]:
    made = [Registry(size, name, connect("app", name)) for name, size in sizes.items()]
    for registry in made:  # the answer is received whole; reading its JSON is Python's time, not the gate's
        set_json_loads(lambda received: received, registry.connection)
    try:
        yield made
    finally:
        for registry in made:
            registry.connection.close()


def _ask(registry: Registry, release: Release) -> tuple[float, list[Any]]:
    start = time.perf_counter()
    rows = registry.connection.execute("SELECT * FROM muniment.gate(%s)", [release.pk]).fetchall()
    return time.perf_counter() - start, rows


def _check(registry: Registry, releases: dict[str, Release]) -> None:
    """All seven kinds are judged, and the answers are what they should be.

    Raises:
        AssertionError: they are not.
    """
    registry.first, rows = _ask(registry, releases["open"])
    statuses = {row[0]: row[2] for row in rows}
    assert set(statuses.values()) == {"SATISFIED"}, statuses
    assert len({row[1] for row in rows}) == len(RequirementKind), rows
    closed = {row[0] for row in _ask(registry, releases["closed"])[1] if row[2] != "SATISFIED"}
    assert closed == {"evidence-performance", "evidence-fairness"}, closed


def _round(both: list[Registry], releases: dict[str, Release]) -> float:
    """Ask in turns; the ratio of the medians, large to small, of the open release in this round."""
    taken: dict[int, list[float]] = {registry.size: [] for registry in both}
    for _ in range(CALLS):
        for state, release in releases.items():
            for registry in both:
                seconds, _rows = _ask(registry, release)
                registry.seconds.setdefault(state, []).append(seconds)
                if state == "open":
                    taken[registry.size].append(seconds)
    small, large = (statistics.median(taken[registry.size]) for registry in both)
    return large / small


def _say(both: list[Registry], ratios: list[float]) -> list[Figure]:
    rows = [
        (f"{registry.size:,}", state, f"{1000 * min(seconds):.2f}", f"{1000 * statistics.median(seconds):.2f}",
         f"{1000 * quantile(seconds, 0.95):.2f}", f"{1000 * quantile(seconds, 0.99):.2f}",
         f"{1000 * registry.first:.1f}" if state == "open" else "")
        for registry in both for state, seconds in registry.seconds.items()
    ]  # fmt: skip
    table(
        "The gate, ms (5 training sets, 50 datasets above, 12 requirements, 6 signatures; warm, one connection)",
        ("model versions", "release", "fastest", "median", "p95", "p99", "first call"), rows,
    )  # fmt: skip
    figures = [
        within(f"the gate over {r.size:,} versions, median, {state}", 1000 * statistics.median(s), 5, " ms")
        for r in both for state, s in r.seconds.items()
    ]  # fmt: skip
    return [*figures, within("the gate, large registry : small", statistics.median(ratios), 1.5)]
