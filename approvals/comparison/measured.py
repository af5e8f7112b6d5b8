"""What was measured of the versions under the same plan, side by side, with a drawing of values and intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from approvals.comparison.sides import CANDIDATE, Sides
from approvals.models import Comparator, Evidence, PlanKind
from approvals.pages import evidence
from approvals.pages.evidence import EvidenceItem, plain
from lineage.models import DatasetVersion

MOST_ROWS = 60
WIDTH, PAD, LINE = 220, 8, 16  # units of the drawing's own

Place = tuple[int, str, str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one version, with its interval where one was measured."""

    role: str
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    evidence: int

    @property
    def says(self) -> str:
        """As it was given."""
        return plain(self.value)

    @property
    def interval(self) -> str:
        """From and to; "" where none was measured."""
        return f"{plain(self.low)} – {plain(self.high)}" if self.low is not None and self.high is not None else ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point in the drawing, in units of its viewBox. Texts: SVG takes a point as decimal sign."""

    role: str
    x: str
    y: int
    low: str
    high: str
    title: str


@dataclass(slots=True)
class Row:
    """One metric on one slice under one plan."""

    plan: str
    plan_kind: str
    metric: str
    slice: str
    dataset_role: str
    unit: str
    comparator: str
    threshold: Decimal | None
    points: dict[str, Point]
    against: str = ""
    difference: Decimal | None = None
    better: bool | None = None
    apart: bool | None = None
    dots: list[Dot] = field(default_factory=list)
    bound: str = ""

    @property
    def name(self) -> str:
        """For people."""
        return self.metric.replace("_", " ")

    @property
    def asked(self) -> str:
        """What the plan asked: ≥ 0.9; "" where it bounds nothing."""
        if self.threshold is None:
            return ""
        return f"{Comparator(self.comparator).label} {plain(self.threshold)}"

    @property
    def difference_says(self) -> str:
        """With its sign."""
        if self.difference is None:
            return ""
        return ("+" if self.difference > 0 else "") + plain(self.difference).replace("-", "−")

    @property
    def height(self) -> int:
        return LINE * max(len(self.dots), 1) + 4

    @property
    def width(self) -> int:
        return WIDTH


@dataclass(slots=True)
class Measurements:
    """Rows with a value of the candidate and of another version, drift of its data, and what stands alone."""

    rows: list[Row] = field(default_factory=list)
    drift: list[EvidenceItem] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    @property
    def worse(self) -> int:
        return sum(one.better is False for one in self.rows)

    @property
    def better(self) -> int:
        return sum(one.better is True for one in self.rows)


def read(sides: Sides, data: QuerySet[DatasetVersion, Any]) -> list[EvidenceItem]:
    """The newest evidence under each plan on the versions, and on drift of the data, in one query.

    Args:
        data: ids of the dataset versions whose drift counts, as a query.
    """
    versions = [one.version.pk for one in sides.all]
    of_versions = Evidence.objects.filter(model_version__in=versions).order_by("model_version", "plan", "-pk")
    of_data = Evidence.objects.filter(dataset_version__in=data, plan__kind=PlanKind.DRIFT)
    of_data = of_data.order_by("dataset_version", "plan", "-pk")
    return evidence.read(
        Q(pk__in=of_versions.distinct("model_version", "plan").values("pk"))
        | Q(pk__in=of_data.distinct("dataset_version", "plan").values("pk"))
    )


def measured(sides: Sides, items: Iterable[EvidenceItem]) -> Measurements:
    """Put side by side what was measured under the same plan."""
    found = Measurements()
    roles = {one.version.pk: one.role for one in sides.all}
    values: dict[Place, dict[str, Point]] = {}
    rows: dict[Place, Row] = {}
    for item in items:
        if item.superseded:
            continue
        if item.subject[0] == "dataset_version":
            found.drift.append(item)
        elif (role := roles.get(item.subject[1])) is not None and item.subject[0] == "model_version":
            _read_item(item, role, values, rows)
    for place, row in rows.items():
        row.points = values[place]
    for row in rows.values():
        if CANDIDATE in row.points and len(row.points) > 1:
            _compare(row, sides)
            found.rows.append(row)
        elif said := _alone(row, sides, rows.values()):
            found.alone.append(said)
    # What got worse is read first; then by plan and name.
    found.rows.sort(key=lambda one: (one.better is not False, one.plan_kind, one.plan, one.metric, one.slice))
    if len(found.rows) > MOST_ROWS:
        found.alone.append(
            _("%(count)d more metrics: ask the evidence by API.") % {"count": len(found.rows) - MOST_ROWS}
        )
        del found.rows[MOST_ROWS:]
    return found


def _read_item(item: EvidenceItem, role: str, values: dict[Place, dict[str, Point]], rows: dict[Place, Row]) -> None:
    row: Any = item.evidence
    for one in row.measured:
        place: Place = (row.plan_id, one["metric"], one["slice"], one["role"])
        low, high = (Decimal(one[key]) if one[key] is not None else None for key in ("low", "high"))
        values.setdefault(place, {})[role] = Point(role, Decimal(one["value"]), low, high, item.id)
        bound = next((b for b in row.bounds if (b["metric"], b["slice"]) == place[1:3] and b["role"] in ("", place[3])),
                     None)  # fmt: skip
        rows.setdefault(place, Row(
            item.plan, item.plan_kind, one["metric"], one["slice"], one["role"], one["unit"] or "",
            bound["comparator"] if bound else "", Decimal(bound["threshold"]) if bound else None, {},
        ))  # fmt: skip


def _compare(row: Row, sides: Sides) -> None:
    """The difference to what serves, else to the baseline; whether that is better by the plan's bound; the drawing."""
    mine = row.points[CANDIDATE]
    other = next(row.points[one.role] for one in sides.all[1:] if one.role in row.points)
    row.against = other.role
    row.difference = mine.value - other.value
    if row.comparator in ("ge", "gt", "le", "lt") and row.difference:
        row.better = (row.difference > 0) == (row.comparator in ("ge", "gt"))
    if mine.low is not None and mine.high is not None and other.low is not None and other.high is not None:
        row.apart = mine.low > other.high or mine.high < other.low
    _draw(row, sides)


def _draw(row: Row, sides: Sides) -> None:
    points = [(one, row.points[one.role]) for one in sides.all if one.role in row.points]
    places = [place for _side, p in points for place in (p.value, p.low, p.high) if place is not None]
    if row.threshold is not None:
        places.append(row.threshold)
    first, last = min(places), max(places)
    room = (last - first) * Decimal("0.1") or abs(first) * Decimal("0.1") or Decimal(1)
    start, span = first - room, last - first + 2 * room

    def at(place: Decimal) -> str:
        return f"{PAD + float((place - start) / span) * (WIDTH - 2 * PAD):.1f}"

    row.dots = [
        Dot(side.role, at(p.value), 2 + LINE // 2 + n * LINE, at(p.value if p.low is None else p.low),
            at(p.value if p.high is None else p.high), f"{side.title}: {p.says} {p.interval}".strip())
        for n, (side, p) in enumerate(points)
    ]  # fmt: skip
    row.bound = at(row.threshold) if row.threshold is not None else ""


def _alone(row: Row, sides: Sides, rows: Iterable[Row]) -> str:
    """Why a metric is not compared; "" where that is told with the candidate's own row."""
    name = row.name + (f" ({row.slice})" if row.slice else "")
    titles = {one.role: one.title for one in sides.all}
    here = next(iter(row.points))
    same = {
        role
        for one in rows
        if one is not row and (one.metric, one.slice) == (row.metric, row.slice) and one.plan != row.plan
        for role in one.points
    } - row.points.keys()
    if CANDIDATE in same:
        return ""
    if same:
        there = ", ".join(titles[one] for one in titles if one in same)
        return _("%(metric)s: %(here)s was measured under the plan “%(plan)s”, %(there)s under another.") % {
            "metric": name, "here": titles[here], "plan": row.plan, "there": there,
        }  # fmt: skip
    return _("%(metric)s under “%(plan)s”: measured for %(here)s alone.") % {
        "metric": name, "plan": row.plan, "here": titles[here],
    }  # fmt: skip
