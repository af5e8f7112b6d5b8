"""What a dataset was made from and what was made from it, as nodes and edges with places for a drawing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _

from lineage.models import Dataset

#: More than this is no drawing any more; the table says how many are left out.
NODES_SHOWN = 40
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 188, 54, 42, 18, 8
FULL_WIDTH = 1124  # what a desktop page holds
NAME_LENGTH = 25  # characters that fit into a box

Key = tuple[str, int]


@dataclass(slots=True)
class Node:
    """A dataset version, run or model version; x and y are set by `place`, in the drawing's units."""

    kind: str
    id: int
    name: str
    detail: str
    address: str = ""
    focus: bool = False
    x: int = 0
    y: int = 0

    @property
    def key(self) -> Key:
        return self.kind, self.id

    @property
    def short_name(self) -> str:
        return _cut(self.name, NAME_LENGTH)

    @property
    def short_detail(self) -> str:
        return _cut(self.detail, NAME_LENGTH - len(self.kind_name) - 1)

    @property
    def text_x(self) -> int:
        return self.x + 10

    @property
    def name_y(self) -> int:
        return self.y + 23

    @property
    def detail_y(self) -> int:
        return self.y + 41

    @property
    def kind_name(self) -> str:
        return {"dataset_version": _("dataset"), "run": _("run"), "model_version": _("model")}[self.kind]


@dataclass(slots=True)
class Graph:
    """Nodes in reading order (left to right), edges as SVG paths, and how much was left out."""

    nodes: list[Node]
    edges: list[tuple[Key, Key]]
    left_out: int = 0
    width: int = 0
    height: int = 0
    paths: list[str] = field(default_factory=list)

    @property
    def sources(self) -> list[Node]:
        """Datasets upstream that nothing else was made into: where it all began."""
        made = {end for _start, end in self.edges}
        return [n for n in self.upstream if n.kind == "dataset_version" and n.key not in made]

    @property
    def upstream(self) -> list[Node]:
        """What the focus was made from."""
        before = _reached([n.key for n in self.nodes if n.focus], {}, self.edges, backwards=True)
        return [n for n in self.nodes if n.key in before and not n.focus]

    @property
    def downstream(self) -> list[Node]:
        """What was made from the focus."""
        after = _reached([n.key for n in self.nodes if n.focus], {}, self.edges, backwards=False)
        return [n for n in self.nodes if n.key in after and not n.focus]


# Both directions as the gate walks them (lineage/sql/20_closure.sql), with UNION on id alone: a cycle ends.
_AROUND = """
WITH RECURSIVE focus (kind, id) AS (
  SELECT 'dataset_version', v.id FROM lineage_datasetversion v WHERE v.dataset_id = %(dataset)s
), up (kind, id) AS (
  SELECT kind, id FROM focus
  UNION
  SELECT n.kind, n.id FROM up CROSS JOIN LATERAL (
    SELECT 'run', o.run_id FROM lineage_runoutput o WHERE up.kind = 'dataset_version' AND o.dataset_version_id = up.id
    UNION ALL SELECT 'dataset_version', i.dataset_version_id FROM lineage_runinput i
      WHERE up.kind = 'run' AND i.run_id = up.id AND i.dataset_version_id IS NOT NULL
    UNION ALL SELECT 'model_version', i.model_version_id FROM lineage_runinput i
      WHERE up.kind = 'run' AND i.run_id = up.id AND i.model_version_id IS NOT NULL
  ) AS n (kind, id)
), down (kind, id) AS (
  SELECT kind, id FROM focus
  UNION
  SELECT n.kind, n.id FROM down CROSS JOIN LATERAL (
    SELECT 'run', i.run_id FROM lineage_runinput i
      WHERE down.kind = 'dataset_version' AND i.dataset_version_id = down.id
    UNION ALL SELECT 'run', i.run_id FROM lineage_runinput i
      WHERE down.kind = 'model_version' AND i.model_version_id = down.id AND i.role <> 'baseline'
    UNION ALL SELECT 'model_version', v.id FROM lineage_modelversion v
      WHERE (down.kind = 'run' AND v.source_run_id = down.id)
         OR (down.kind = 'model_version' AND v.parent_version_id = down.id)
    UNION ALL SELECT 'dataset_version', o.dataset_version_id FROM lineage_runoutput o
      WHERE down.kind = 'run' AND o.run_id = down.id AND o.dataset_version_id IS NOT NULL
    UNION ALL SELECT 'model_version', o.model_version_id FROM lineage_runoutput o
      WHERE down.kind = 'run' AND o.run_id = down.id AND o.model_version_id IS NOT NULL
  ) AS n (kind, id)
), found (kind, id) AS (
  SELECT kind, id FROM (SELECT * FROM up LIMIT %(limit)s) u
  UNION SELECT kind, id FROM (SELECT * FROM down LIMIT %(limit)s) d
)
SELECT f.kind, f.id,
  coalesce(d.name, r.job_name, m.name),
  coalesce(dv.label, r.run_key, 'version ' || mv.number),
  coalesce(d.namespace_id, r.namespace_id, m.namespace_id) = ANY (%(namespaces)s),
  coalesce(d.id, mv.id),
  EXISTS (SELECT 1 FROM focus x WHERE (x.kind, x.id) = (f.kind, f.id))
FROM found f
LEFT JOIN lineage_datasetversion dv ON f.kind = 'dataset_version' AND dv.id = f.id
LEFT JOIN lineage_dataset d ON d.id = dv.dataset_id
LEFT JOIN lineage_run r ON f.kind = 'run' AND r.id = f.id
LEFT JOIN lineage_modelversion mv ON f.kind = 'model_version' AND mv.id = f.id
LEFT JOIN lineage_model m ON m.id = mv.model_id
ORDER BY 7 DESC, f.kind, f.id
"""

_EDGES = """
SELECT 'dataset_version', dataset_version_id, 'run', run_id FROM lineage_runinput
  WHERE run_id = ANY (%(runs)s) AND dataset_version_id = ANY (%(data)s)
UNION SELECT 'model_version', model_version_id, 'run', run_id FROM lineage_runinput
  WHERE run_id = ANY (%(runs)s) AND model_version_id = ANY (%(models)s)
UNION SELECT 'run', run_id, 'dataset_version', dataset_version_id FROM lineage_runoutput
  WHERE run_id = ANY (%(runs)s) AND dataset_version_id = ANY (%(data)s)
UNION SELECT 'run', run_id, 'model_version', model_version_id FROM lineage_runoutput
  WHERE run_id = ANY (%(runs)s) AND model_version_id = ANY (%(models)s)
UNION SELECT 'run', source_run_id, 'model_version', id FROM lineage_modelversion
  WHERE source_run_id = ANY (%(runs)s) AND id = ANY (%(models)s)
UNION SELECT 'model_version', parent_version_id, 'model_version', id FROM lineage_modelversion
  WHERE parent_version_id = ANY (%(models)s) AND id = ANY (%(models)s)
ORDER BY 1, 2, 3, 4
"""


def around(dataset: Dataset, readable: Collection[int]) -> Graph:
    """What lies above and below a dataset, placed for drawing.

    Args:
        readable: ids of the namespaces the reader may read; what lies elsewhere stands without a name.
    """
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, {"dataset": dataset.pk, "namespaces": list(readable), "limit": 1000})
        rows = cursor.fetchall()
        nodes = [_node(*row) for row in rows[:NODES_SHOWN]]
        ids = {kind: [n.id for n in nodes if n.kind == kind] for kind in ("run", "dataset_version", "model_version")}
        cursor.execute(_EDGES, {"runs": ids["run"], "data": ids["dataset_version"], "models": ids["model_version"]})
        edges = [((a, b), (c, d)) for a, b, c, d in cursor.fetchall()]
    return place(Graph(nodes, edges, left_out=max(0, len(rows) - NODES_SHOWN)))


def _node(kind: str, id: int, name: str, detail: str, may_read: bool, page: int | None, focus: bool) -> Node:
    if not may_read:
        return Node(kind, id, _("not yours to read"), _("another namespace"))
    address = ""
    if kind == "dataset_version" and page:
        address = reverse("dataset", args=[page])
    elif kind == "model_version" and page:
        address = reverse("model-version", args=[page])
    return Node(kind, id, name, detail, address, focus)


def place(graph: Graph) -> Graph:
    """Columns by the longest way from a source, rows in order; edges as curves. A cycle stays within its columns."""
    column = {node.key: 0 for node in graph.nodes}
    for _round in graph.nodes:
        moved = False
        for start, end in graph.edges:
            if column[end] <= column[start] < len(graph.nodes):
                column[end] = column[start] + 1
                moved = True
        if not moved:
            break
    columns: dict[int, list[Node]] = {}
    for node in graph.nodes:
        columns.setdefault(column[node.key], []).append(node)
    tallest = max((len(c) for c in columns.values()), default=0)
    for index, number in enumerate(sorted(columns)):
        offset = (tallest - len(columns[number])) * (HEIGHT + GAP_Y) // 2
        for row, node in enumerate(columns[number]):
            node.x = MARGIN + index * (WIDTH + GAP_X)
            node.y = MARGIN + offset + row * (HEIGHT + GAP_Y)
    graph.nodes.sort(key=lambda n: (n.x, n.y))
    # Drawn to the page's width: a small graph must not be blown up to fill it.
    graph.width = max(FULL_WIDTH, 2 * MARGIN + len(columns) * WIDTH + max(0, len(columns) - 1) * GAP_X)
    graph.height = 2 * MARGIN + tallest * HEIGHT + max(0, tallest - 1) * GAP_Y
    at = {node.key: node for node in graph.nodes}
    graph.paths = [_curve(at[start], at[end]) for start, end in graph.edges]
    return graph


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _curve(start: Node, end: Node) -> str:
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, end.x - 5, end.y + HEIGHT // 2
    return f"M{x1} {y1}C{x1 + GAP_X // 2} {y1} {x2 - GAP_X // 2} {y2} {x2} {y2}"


def _reached(
    start: Iterable[Key], seen: dict[Key, None], edges: list[tuple[Key, Key]], *, backwards: bool
) -> dict[Key, None]:
    waiting = list(start)
    while waiting:
        here = waiting.pop()
        for one, other in edges:
            origin, target = (other, one) if backwards else (one, other)
            if origin == here and target not in seen:
                seen[target] = None
                waiting.append(target)
    return seen
