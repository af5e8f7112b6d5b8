"""The lineage of a record as a drawing: nodes with places, edges as curves, and the same for a table."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from lineage import neighbourhood
from lineage.neighbourhood import Around, Key, Named
from lineage.pages import layers

NODES = 500
MARGIN = 14
CHARACTER = {3: 7.5, 2: 7.5, 1: 6.8}  # width of one, in pixels, of the bold type, by lines in a box
PAGES = {"dataset_version": "dataset-version-lineage", "run": "run-lineage", "model_version": "model-version-lineage"}


class Size(NamedTuple):
    """How large things are drawn, in pixels."""

    width: int
    height: int
    gap_x: int
    gap_y: int
    lines: int


#: By the number of nodes: the more there are, the less each says; the table says all of it.
SIZES = ((36, Size(212, 68, 58, 20, 3)), (140, Size(200, 44, 52, 12, 2)), (NODES * 2, Size(184, 25, 64, 7, 1)))


@dataclass(slots=True)
class Node:
    """A record in the drawing; kinds are those of neighbourhood.KINDS, and `promotion`.

    Attributes:
        says: what it is in one sentence, for whoever hears the page. notes: flags, terms, state. tone: ok, warn, stop
            or blank, by the worst of the notes. step: distance from the focus, negative above it.
    """

    key: Key
    name: str
    detail: str
    address: str = ""
    focus: bool = False
    source: bool = False
    notes: list[str] = field(default_factory=list)
    tone: str = ""
    step: int = 0
    more_above: bool = False
    more_below: bool = False
    x: float = 0
    y: float = 0
    width: int = 0
    height: int = 0
    lines: int = 3

    @property
    def kind(self) -> str:
        return self.key[0]

    @property
    def kind_name(self) -> str:
        return {
            "dataset_version": _("dataset"), "run": _("run"), "model_version": _("model"), "promotion": _("live"),
        }[self.kind]  # fmt: skip

    @property
    def says(self) -> str:
        parts = [f"{self.kind_name} {self.name}", self.detail, *self.notes]
        if self.source:
            parts.append(_("a source: nothing on record was made into it"))
        if self.more_above:
            parts.append(_("more lies above it"))
        if self.more_below:
            parts.append(_("more lies below it"))
        return "; ".join(part for part in parts if part)

    @property
    def texts(self) -> list[tuple[str, float, str]]:
        """Lines in the box: class, baseline, text."""
        room = int((self.width - (32 if self.round else 26)) / CHARACTER[self.lines])
        lines = [("name", self.name)]
        if self.lines == 1:
            lines = [("name", f"⚑ {self.name}" if self.tone in ("warn", "stop") else self.name)]
        elif self.lines == 3 or self.kind not in ("run", "promotion"):
            noted = self.notes and self.kind != "run"
            if self.lines == 3 or not noted:
                lines.append(("detail", f"{self.kind_name} · {self.detail}"))
            if noted:
                lines.append(("note", " · ".join(self.notes)))
        first = self.middle - (len(lines) - 1) * 8.5 + 4.5
        return [(kind, first + index * 17, _cut(text, room)) for index, (kind, text) in enumerate(lines)]

    @property
    def text_x(self) -> float:
        return self.x + (17 if self.round else 13)

    @property
    def round(self) -> bool:
        """Whether it happens, rather than is."""
        return self.kind in ("run", "promotion")

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def radius(self) -> float:
        """Of its corners: data is square, what happens is round."""
        return self.height / 2 if self.round else 9 if self.kind == "model_version" else 2


@dataclass(slots=True)
class Curve:
    """An edge: an SVG path and what it is."""

    path: str
    role: str
    back: bool = False


@dataclass(slots=True)
class Drawing:
    """A drawing, in reading order."""

    nodes: list[Node]
    curves: list[Curve]
    width: int
    height: int
    cut: bool
    lines: int

    @property
    def above(self) -> list[Node]:
        """What the focus was made from, nearest first."""
        return sorted((n for n in self.nodes if n.step < 0), key=lambda n: (-n.step, n.kind, n.name))

    @property
    def below(self) -> list[Node]:
        """What was made from it, nearest first."""
        return sorted((n for n in self.nodes if n.step > 0), key=lambda n: (n.step, n.kind, n.name))

    @property
    def sources(self) -> int:
        """How many datasets above have nothing above them on record."""
        return sum(n.source for n in self.nodes if n.step < 0)


def draw(focus: Key, found: Around, readable: Collection[int], live: Mapping[int, Sequence[Any]]) -> Drawing:
    """The drawing of a neighbourhood.

    Args:
        readable: ids of the namespaces the reader may read; what lies elsewhere stands without a name or a way to it.
        live: what serves of each model version: its slots.
    """
    named = neighbourhood.names(found.steps)
    mine = {key for key, one in named.items() if one.namespace in readable}
    said = _facts([key[1] for key in mine if key[0] == "dataset_version"])
    made = {end for _start, end in found.edges}
    nodes = {
        key: _node(key, named[key] if key in mine else None, found, said, made) for key in found.steps if key in named
    }
    nodes[focus].focus = True
    edges = {edge: role for edge, role in found.edges.items() if edge[0] in nodes and edge[1] in nodes}
    for key in [key for key in nodes if key in mine and key[0] == "model_version"]:
        for slot in live.get(key[1], ()):
            seal = _promotion(slot, nodes[key].step)
            nodes[seal.key] = seal
            edges[(key, seal.key)] = "live"
            nodes[key].notes.append(_("live in %(place)s") % {"place": slot.environment})
            nodes[key].tone = "ok"
    return _placed(nodes, edges, found.cut)


def _node(key: Key, named: Named | None, found: Around, said: Mapping[int, Any], made: Collection[Key]) -> Node:
    step = found.steps[key]
    if named is None:
        return Node(key, _("not yours to read"), _("another namespace"), step=step)
    detail = _("version %(number)s") % {"number": named.detail} if key[0] == "model_version" else named.detail
    node = Node(key, named.name, detail, reverse(PAGES[key[0]], args=[key[1]]), step=step)
    node.more_above, node.more_below = (key, -1) in found.more, (key, 1) in found.more
    node.source = key[0] == "dataset_version" and key not in made and not node.more_above
    if key[1] in said and key[0] == "dataset_version":
        node.notes, node.tone = said[key[1]]
    elif named.state not in (None, "complete"):
        node.notes = [{"running": _("running"), "failed": _("failed"), "aborted": _("aborted")}[str(named.state)]]
        node.tone = "" if named.state == "running" else "stop"
    return node


def _promotion(slot: Any, step: int) -> Node:
    address = reverse("release", args=[slot.promotion.release_id])
    return Node(
        ("promotion", slot.promotion_id), str(slot.environment), slot.get_slot_display(), address, step=step + 1
    )


_FACTS = """
SELECT v.id, coalesce(f.yes, 0), coalesce(f.unknown, 0), coalesce(f.open, 0), f.n IS NULL,
       t.licence, s.in_force, s.withdrawn
FROM lineage_datasetversion v
LEFT JOIN (
  SELECT a.dataset_version_id AS id, count(*) AS n, count(*) FILTER (WHERE a.present = 'yes') AS yes,
         count(*) FILTER (WHERE a.present = 'unknown') AS unknown,
         count(*) FILTER (WHERE a.assessment <> 'reviewed') AS open
  FROM muniment.flags_standing(%(versions)s::bigint[]) a GROUP BY a.dataset_version_id) f ON f.id = v.id
LEFT JOIN muniment.terms_standing(
  ARRAY(SELECT x.dataset_id FROM lineage_datasetversion x WHERE x.id = ANY (%(versions)s::bigint[])), %(at)s) s
  ON s.dataset_id = v.dataset_id
LEFT JOIN lineage_collectionterms t ON t.id = s.terms_id
WHERE v.id = ANY (%(versions)s::bigint[])"""


def _facts(versions: list[int]) -> dict[int, tuple[list[str], str]]:
    """Flags and terms of dataset versions in a few words, with their tone."""
    if not versions:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, {"versions": versions, "at": timezone.now()})
        rows = cursor.fetchall()
    found: dict[int, tuple[list[str], str]] = {}
    for id_, yes, unknown, open_, silent, licence, in_force, withdrawn in rows:
        tone, notes = "", []
        if silent or unknown:
            notes.append(_("⚑ not known"))
            tone = "stop"
        elif yes:
            notes.append(ngettext("⚑ %(n)d flag", "⚑ %(n)d flags", yes) % {"n": yes})
            tone = "warn"
        if open_ and not tone:
            notes.append(_("⚑ not reviewed"))
            tone = "warn"
        if in_force:
            notes.append(licence)
        else:
            notes.append(_("terms withdrawn") if withdrawn else _("no terms"))
            tone = "stop"
        found[id_] = (notes, tone)
    return found


def _placed(nodes: dict[Key, Node], edges: Mapping[tuple[Key, Key], str], cut: bool) -> Drawing:
    size = next(size for most, size in SIZES if len(nodes) <= most)
    place = layers.columns(list(nodes), edges)
    rows = layers.rows(place, edges)
    for node in nodes.values():
        node.lines, node.width = size.lines, size.width - (30 if node.round and size.lines > 1 else 0)
        node.height = {3: 44, 2: 28, 1: 22}[size.lines] if node.round else size.height
    tops = layers.heights(rows, edges, lambda key: nodes[key].height, size.gap_y)
    for key, node in nodes.items():
        node.x = MARGIN + place[key] * (size.width + size.gap_x) + (size.width - node.width) / 2
        node.y = round(MARGIN + tops[key], 1)
    curves = [
        _curve(nodes[start], nodes[end], role, place[start] >= place[end], size) for (start, end), role in edges.items()
    ]
    return Drawing(
        sorted(nodes.values(), key=lambda n: (place[n.key], n.y)),
        curves,
        width=2 * MARGIN + len(rows) * size.width + max(0, len(rows) - 1) * size.gap_x,
        height=round(2 * MARGIN + max((n.y + n.height for n in nodes.values()), default=0) - MARGIN),
        cut=cut,
        lines=size.lines,
    )


def _curve(start: Node, end: Node, role: str, back: bool, size: Size) -> Curve:
    x1, y1, x2, y2 = start.right, start.middle, end.x - 5, end.middle
    if back:  # a loop leads around below both
        low = max(start.y + start.height, end.y + end.height) + size.gap_y * 0.6
        path = f"M{x1:.0f} {y1:.0f}C{x1 + 40:.0f} {low:.0f} {x2 - 40:.0f} {low:.0f} {x2:.0f} {y2:.0f}"
    else:
        bend = max(size.gap_x / 2, (x2 - x1) / 2)
        path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return Curve(path, role, back)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def said_way(way: Sequence[Any]) -> list[str]:
    """A flag's way in words: dataset.column, with what is claimed of masking between them."""
    told = []
    for before, step in pairwise([None, *way]):
        name = f"{step.version.dataset.name} {step.version.label}" + (f".{step.column}" if step.column else "")
        told.append(_("%(name)s (masked, its producer says)") % {"name": name} if before and step.masking else name)
    return told
