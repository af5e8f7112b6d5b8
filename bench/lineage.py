"""What was made from a record, in a graph of a million edges, beside a bare recursive query."""

from django.db import connection

from approvals.actions.promotions import promote
from bench.databases import connect, fresh, manage
from bench.figures import Figure, Scale, by_round, table, within
from bench.people import WHY, person
from bench.records import judged_model, training_sets, whole_release
from bench.registry import FIRST, Copy, insert

EDGES = 1_000_000
DEPTH = 100  # generations

# The same tables, nothing asked but what is linked to what.
_BARE = """
WITH RECURSIVE d (key) AS (
  SELECT %s::bigint * 4
  UNION
  SELECT n.key FROM d CROSS JOIN LATERAL (
    SELECT i.run_id * 4 + 1 FROM lineage_runinput i WHERE d.key & 3 = 0 AND i.dataset_version_id = d.key >> 2
    UNION ALL
    SELECT o.dataset_version_id * 4 FROM lineage_runoutput o
      WHERE d.key & 3 = 1 AND o.run_id = d.key >> 2 AND o.dataset_version_id IS NOT NULL
  ) AS n (key)
) SELECT count(*) FROM d"""
_OURS = "SELECT count(*) FROM muniment.below(ARRAY[%s::bigint], '{}')"


def measure(scale: Scale) -> list[Figure]:
    """Small and large closures."""
    found = []
    with fresh("lineage") as name:
        edges = EDGES if scale.versions > 100_000 else EDGES // 20
        wide, last = seed(name, edges)
        for what, start, rounds in (
            ("small", FIRST + last - 3 * wide, scale.rounds),
            ("large", FIRST, max(3, scale.rounds // 2)),
        ):
            found.append(_beside(what, start, rounds, edges))
    return found


def seed(name: str, edges: int) -> tuple[int, int]:
    """Generations of datasets, each made by a run from one above, every second one from two: how wide, how many."""
    promotion = promote(actor=person("pipeline"), release=whole_release(judged_model(), data := training_sets()), **WHY)
    run, version = promotion.release.model_version.source_run_id, data[0].pk
    nodes = int(edges / 2.5)
    wide = nodes // DEPTH
    at = f"{FIRST} + u"
    above = f"{FIRST} + u - {wide}"
    copies = [
        (Copy("lineage_dataset", "x", f"id = {data[0].dataset_id}", {"id": at, "name": "'seeded'"}), 1),
        (Copy("lineage_datasetversion", "x", f"id = {version}",
              {"id": at, "dataset_id": str(FIRST), "label": "'seeded-' || u"}), nodes),
        (Copy("lineage_run", "x", f"id = {run}", {"id": at, "run_key": "'seeded-' || u"}), nodes),
        (Copy("lineage_runinput", "x", "role = 'source'",
              {"id": at, "run_id": at, "dataset_version_id": f"CASE WHEN u < {wide} THEN {FIRST} ELSE {above} END"}),
         nodes),
        (Copy("lineage_runinput", "x", "role = 'source'",
              {"id": f"{FIRST} + {nodes} + u", "run_id": f"{FIRST} + {wide} + (u + 1) * 2",
               "dataset_version_id": f"{FIRST} + greatest(0, u * 2 + 1 - (u * 7) % {wide})"}),
         (nodes - wide) // 2 - 2),
        (Copy("lineage_runoutput", "x", "dataset_version_id IS NOT NULL",
              {"id": at, "run_id": at, "dataset_version_id": at}), nodes),
    ]  # fmt: skip
    with connect("superuser", name) as superuser:
        tables = sorted({copy.table for copy, _count in copies})
        for one in tables:
            superuser.execute(f"ALTER TABLE public.{one} DISABLE TRIGGER ALL")
        for copy, count in copies:
            insert(superuser, copy, 0, count)
        for one in tables:
            superuser.execute(f"ALTER TABLE public.{one} ENABLE TRIGGER ALL")
        superuser.execute("VACUUM (ANALYZE)")
    manage(name, "install_guards", login="owner")
    return wide, nodes


def _beside(what: str, start: int, rounds: int, edges: int) -> Figure:
    counted: dict[str, int] = {}

    def asked(kind: str, query: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(query, [start])
            counted[kind] = cursor.fetchone()[0]

    times = by_round({"bare": lambda: asked("bare", _BARE), "ours": lambda: asked("ours", _OURS)}, rounds)
    assert counted["bare"] == counted["ours"], counted
    bare, ours = (sorted(times[kind])[len(times[kind]) // 2] for kind in ("bare", "ours"))
    ratio = sorted(o / b for o, b in zip(times["ours"], times["bare"], strict=True))[len(times["ours"]) // 2]
    table(
        f"What was made from a dataset version, {edges:,} edges, {DEPTH} generations",
        ("closure", "records", "bare ms", "muniment.below ms", "ratio, median by round"),
        [(what, f"{counted['ours']:,}", f"{1000 * bare:.1f}", f"{1000 * ours:.1f}", f"{ratio:.2f}")],
    )
    return within(f"descendants of a {what} closure beside a bare recursive query", ratio, 2, "")
