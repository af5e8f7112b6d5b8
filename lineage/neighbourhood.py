"""What lies around a record: above, what it was made from; below, what was made from it. Nearest first, and bounded.

Read from the tables by name, so that it answers as of a moment too (governance/history/moments.py). Links that were
voided are not followed, nor is what a run was merely compared with: as the gate follows them (sql/20_closure.sql).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

KINDS = ("dataset_version", "run", "model_version")
Key = tuple[str, int]
"""Kind and id."""

#: Rows that one walk reads at most, some five to a node: whatever the graph, it ends.
ROWS = 6_000
DEPTH = 20

_INPUT = """NOT EXISTS (SELECT 1 FROM lineage_linkcorrection c WHERE c.run_input_id = i.id AND c.kind = 'void'
  AND NOT EXISTS (SELECT 1 FROM lineage_linkcorrection n WHERE n.run_input_id = i.id AND n.id > c.id))"""
_OUTPUT = """NOT EXISTS (SELECT 1 FROM lineage_linkcorrection c WHERE c.run_output_id = o.id AND c.kind = 'void'
  AND NOT EXISTS (SELECT 1 FROM lineage_linkcorrection n WHERE n.run_output_id = o.id AND n.id > c.id))"""

# One step from a record f: up (f.way -1) or down (1). Kinds by their place in KINDS.
_UP = f"""
  SELECT 1, o.run_id, o.role::text FROM lineage_runoutput o
    WHERE f.way < 0 AND f.kind = 0 AND o.dataset_version_id = f.id AND {_OUTPUT}
  UNION ALL SELECT 1, o.run_id, o.role::text FROM lineage_runoutput o
    WHERE f.way < 0 AND f.kind = 2 AND o.model_version_id = f.id AND {_OUTPUT}
  UNION ALL SELECT 1, v.source_run_id, 'output' FROM lineage_modelversion v
    WHERE f.way < 0 AND f.kind = 2 AND v.id = f.id AND v.source_run_id IS NOT NULL
  UNION ALL SELECT 2, v.parent_version_id, 'parent' FROM lineage_modelversion v
    WHERE f.way < 0 AND f.kind = 2 AND v.id = f.id AND v.parent_version_id IS NOT NULL
  UNION ALL SELECT 0, i.dataset_version_id, i.role::text FROM lineage_runinput i
    WHERE f.way < 0 AND f.kind = 1 AND i.run_id = f.id AND i.dataset_version_id IS NOT NULL AND {_INPUT}
  UNION ALL SELECT 2, i.model_version_id, i.role::text FROM lineage_runinput i
    WHERE f.way < 0 AND f.kind = 1 AND i.run_id = f.id AND i.model_version_id IS NOT NULL AND i.role <> 'baseline'
      AND {_INPUT}"""
_DOWN = f"""
  SELECT 1, i.run_id, i.role::text FROM lineage_runinput i
    WHERE f.way > 0 AND f.kind = 0 AND i.dataset_version_id = f.id AND {_INPUT}
  UNION ALL SELECT 1, i.run_id, i.role::text FROM lineage_runinput i
    WHERE f.way > 0 AND f.kind = 2 AND i.model_version_id = f.id AND i.role <> 'baseline' AND {_INPUT}
  UNION ALL SELECT 2, v.id, 'parent' FROM lineage_modelversion v
    WHERE f.way > 0 AND f.kind = 2 AND v.parent_version_id = f.id
  UNION ALL SELECT 2, v.id, 'output' FROM lineage_modelversion v
    WHERE f.way > 0 AND f.kind = 1 AND v.source_run_id = f.id
  UNION ALL SELECT 0, o.dataset_version_id, o.role::text FROM lineage_runoutput o
    WHERE f.way > 0 AND f.kind = 1 AND o.run_id = f.id AND o.dataset_version_id IS NOT NULL AND {_OUTPUT}
  UNION ALL SELECT 2, o.model_version_id, o.role::text FROM lineage_runoutput o
    WHERE f.way > 0 AND f.kind = 1 AND o.run_id = f.id AND o.model_version_id IS NOT NULL AND {_OUTPUT}"""

# PostgreSQL gives out the rows of a recursion step by step, so that the limit stops it. One step further than is shown
# tells where there is more.
_WALK = f"""
SELECT way, depth, from_kind, from_id, kind, id, role FROM (
  WITH RECURSIVE w (way, depth, from_kind, from_id, kind, id, role) AS (
    SELECT s.way, 0, NULL::int, NULL::bigint, %(kind)s::int, %(id)s::bigint, ''
      FROM unnest(%(ways)s::int[]) AS s (way)
    UNION
    SELECT f.way, f.depth + 1, f.kind, f.id, n.kind, n.id, n.role FROM w f CROSS JOIN LATERAL (
      SELECT x.kind, x.id, min(x.role) AS role FROM ({_UP} UNION ALL {_DOWN}) AS x (kind, id, role)
      GROUP BY x.kind, x.id ORDER BY x.id DESC, x.kind LIMIT %(fan)s) n
    WHERE f.depth <= CASE WHEN f.way < 0 THEN %(up)s ELSE %(down)s END
  ) SELECT * FROM w LIMIT %(rows)s
) q"""

# Everything above or below, without distances: UNION on kind and id alone, as the closure does it.
_ALL = """
SELECT kind, id FROM (
  WITH RECURSIVE w (way, kind, id) AS (
    SELECT %(way)s::int, %(kind)s::int, %(id)s::bigint
    UNION
    SELECT f.way, n.kind, n.id FROM w f CROSS JOIN LATERAL (SELECT * FROM ({step}) AS x (kind, id, role)) n
  ) SELECT kind, id FROM w
) q WHERE (kind, id) <> (%(kind)s, %(id)s) AND (kind, id) > (%(after_kind)s, %(after_id)s)
  AND CASE q.kind
    WHEN 0 THEN (SELECT d.namespace_id FROM lineage_datasetversion v JOIN lineage_dataset d ON d.id = v.dataset_id
                 WHERE v.id = q.id)
    WHEN 1 THEN (SELECT r.namespace_id FROM lineage_run r WHERE r.id = q.id)
    ELSE (SELECT m.namespace_id FROM lineage_modelversion v JOIN lineage_model m ON m.id = v.model_id
          WHERE v.id = q.id) END = ANY (%(namespaces)s::bigint[])
ORDER BY kind, id LIMIT %(limit)s"""

_NAMES = """
SELECT f.kind, f.id, coalesce(d.name, r.job_name, m.name), coalesce(dv.label, r.run_key, mv.number::text),
  coalesce(d.namespace_id, r.namespace_id, m.namespace_id), coalesce(d.id, mv.model_id), r.state
FROM unnest(%(kinds)s::int[], %(ids)s::bigint[]) AS f (kind, id)
LEFT JOIN lineage_datasetversion dv ON f.kind = 0 AND dv.id = f.id
LEFT JOIN lineage_dataset d ON d.id = dv.dataset_id
LEFT JOIN lineage_run r ON f.kind = 1 AND r.id = f.id
LEFT JOIN lineage_modelversion mv ON f.kind = 2 AND mv.id = f.id
LEFT JOIN lineage_model m ON m.id = mv.model_id"""


@dataclass(slots=True)
class Around:
    """What was found around a record.

    Attributes:
        steps: each record with its distance from the start; negative above, 0 the start itself. In the order found.
        edges: (what was read or made, what was made of it) -> role, as data flows.
        more: records with neighbours that are not here, above (-1) or below (1).
        cut: whether the walk stopped at its limit, so that more may be missing than `more` says.
    """

    steps: dict[Key, int]
    edges: dict[tuple[Key, Key], str] = field(default_factory=dict)
    more: set[tuple[Key, int]] = field(default_factory=set)
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """What a record is called; `page`: id of its dataset or model, None for a run."""

    name: str
    detail: str
    namespace: int
    page: int | None
    state: str | None


def around(start: Key, *, up: int = 3, down: int = 3, limit: int = 500, fan: int = 24) -> Around:
    """The neighbourhood of a record, nearest first.

    Args:
        up, down: steps to go, 0 to 20; a run between two datasets is a step too. limit: records at most. fan:
            neighbours of one record in one direction at most, the newest ones.

    Returns:
        One query, whatever the size of the graph.
    """
    ways = [way for way, steps in ((-1, up), (1, down)) if steps > 0]
    found = Around({start: 0})
    if not ways:
        ways = [-1, 1]  # for what there is more of
    asked: dict[str, Any] = {
        "kind": KINDS.index(start[0]), "id": start[1], "ways": ways, "up": up, "down": down,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_WALK, {**asked, "fan": fan + 1, "rows": ROWS})
        rows = cursor.fetchall()
    found.cut = len(rows) >= ROWS
    fans: dict[tuple[Key, int], int] = {}
    for way, depth, from_kind, from_id, kind, id_, role in rows:
        if depth == 0:
            continue
        here, there = (KINDS[from_kind], from_id), (KINDS[kind], id_)
        if here not in found.steps:
            continue
        fans[(here, way)] = seen = fans.get((here, way), 0) + (0 if _edge(here, there, way) in found.edges else 1)
        too_far = depth > (up if way < 0 else down)
        if there not in found.steps and (too_far or seen > fan or len(found.steps) >= limit):
            found.more.add((here, way))
            found.cut = found.cut or (not too_far and len(found.steps) >= limit)
            continue
        found.steps.setdefault(there, depth * way)
        found.edges.setdefault(_edge(here, there, way), role)
    return found


def _edge(here: Key, there: Key, way: int) -> tuple[Key, Key]:
    return (there, here) if way < 0 else (here, there)


def everything(
    start: Key, way: int, readable: Collection[int], *, after: Key | None = None, limit: int = 100
) -> list[Key]:
    """All records above (-1) or below (1) one, by kind and id: a page of `limit` after `after`.

    Args:
        readable: ids of the namespaces whose records are listed; the way leads through others too.
    """
    asked: dict[str, Any] = {
        "namespaces": list(readable),
        "way": way,
        "kind": KINDS.index(start[0]),
        "id": start[1],
        "limit": limit,
    }
    asked |= {"after_kind": KINDS.index(after[0]) if after else -1, "after_id": after[1] if after else 0}
    with connection.cursor() as cursor:
        cursor.execute(_ALL.format(step=_UP if way < 0 else _DOWN), asked)
        return [(KINDS[kind], id_) for kind, id_ in cursor.fetchall()]


def names(keys: Collection[Key]) -> Mapping[Key, Named]:
    """What records are called. One query."""
    given: Sequence[Key] = list(keys)
    with connection.cursor() as cursor:
        cursor.execute(
            _NAMES, {"kinds": [KINDS.index(kind) for kind, _id in given], "ids": [id_ for _kind, id_ in given]}
        )
        return {(KINDS[kind], id_): Named(*rest) for kind, id_, *rest in cursor.fetchall() if rest[0] is not None}
