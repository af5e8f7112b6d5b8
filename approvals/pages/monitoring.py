"""The page of what is live: three viewpoints over time, drawn as small multiples on one axis of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.models import Plan, PlanKind, Promotion
from approvals.monitoring.overview import STATES, state_of
from approvals.monitoring.reading import Line, Listed, Money, Monitoring, PlanStanding, monitoring

WIDTH, HEIGHT = 640, 150
LEFT, RIGHT, TOP, BOTTOM = 66, 626, 12, 122
DASH = 6
VALUES_SHOWN = 12  # of a window, in the table
#: What `?days=` takes; 0: since it went live.
RANGES = (1, 7, 30, 90, 0)


@dataclass(frozen=True, slots=True)
class Mark:
    """A breach, where it is drawn."""

    x: float
    y: float

    @property
    def path(self) -> str:
        """A triangle that points at the value: told by its shape too."""
        return f"M{self.x:.1f} {self.y - 5:.1f}l5 9h-10z"


@dataclass(slots=True)
class Panel:
    """One drawing: a metric over time. All coordinates are units of its own."""

    name: str
    says: str
    limit: str = ""
    limit_y: float | None = None
    lines: list[str] = field(default_factory=list)
    second: list[str] = field(default_factory=list)
    band: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    top: str = ""
    bottom: str = ""
    last: str = ""
    kind: str = "metric"
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(slots=True)
class Part:
    """A plan as the page shows it."""

    standing: PlanStanding
    panels: list[Panel]

    @property
    def plan(self) -> Plan:
        return self.standing.plan

    @property
    def state(self) -> str:
        """In one word, one of `overview.STATES`."""
        one = self.standing
        return state_of(seen=one.newest is not None, bad=one.newest_bad, silent=one.silent, breached=bool(one.findings))

    @property
    def hours_silent(self) -> int:
        """Whole hours since the last window ended."""
        newest = self.standing.newest
        return int((timezone.now() - newest) / timedelta(hours=1)) if newest else 0


@dataclass(slots=True)
class Viewpoint:
    """Operations, science or business: its plans."""

    kind: str
    title: str
    parts: list[Part]
    money: Panel | None = None
    money_first: datetime | None = None
    money_last: datetime | None = None

    @property
    def state(self) -> str:
        """That of the worst of its plans; "" where it has none."""
        return min((part.state for part in self.parts), key=STATES.index, default="")


@dataclass(frozen=True, slots=True)
class Row:
    """A window in the table."""

    window: Listed
    plan: str
    kind: str
    verdict: str

    @property
    def values(self) -> list[tuple[str, str, str, str]]:
        """(metric, slice, value as a person reads it, unit), the first of them."""
        return [
            (metric, slice, shown(Decimal(value)) if value else _("not measured"), unit)
            for metric, slice, value, unit in self.window.values[:VALUES_SHOWN]
        ]


@dataclass(slots=True)
class Page:
    """Everything the page shows."""

    promotion: Promotion
    found: Monitoring
    viewpoints: list[Viewpoint]
    rows: list[Row]
    first: datetime
    last: datetime
    money: Money | None
    days: int

    @property
    def state(self) -> str:
        """That of the worst viewpoint; "" where no plan watches it."""
        return min((view.state for view in self.viewpoints if view.state), key=STATES.index, default="")

    @property
    def troubled(self) -> list[Part]:
        """The plans to look at, the worst first."""
        found = [part for view in self.viewpoints for part in view.parts if part.state in STATES[:3]]
        return sorted(found, key=lambda part: STATES.index(part.state))

    @property
    def totals(self) -> list[tuple[str, str]]:
        """What the model brought and cost so far: heading, amount."""
        if self.money is None or not self.money.sums:
            return []
        end = self.money.sums[-1]
        said = {_("Value"): end.value, _("Development"): end.development, _("Deployment"): end.deployment,
                _("Running"): end.running, _("Net"): end.net}  # fmt: skip
        return [(name, shown(amount)) for name, amount in said.items()]

    @property
    def older(self) -> str:
        """The query of the page that goes on where the table ends; blank where it is at its end."""
        if self.found.older is None:
            return ""
        start, pk = self.found.older
        return urlencode({"days": self.days, "before": f"{start.isoformat()}_{pk}"})


def page_for(promotion: Promotion, *, days: int, before: tuple[datetime, int] | None) -> Page:
    """The page of a promotion over the last `days`; 0: all of its life."""
    now = timezone.now()
    since = now - timedelta(days=days) if days else None
    found = monitoring(promotion, at=now, since=since, before=before)
    first = max(since or promotion.started_at, promotion.started_at)
    ended = getattr(promotion, "end", None)
    last = max(ended.ended_at if ended else now, first + timedelta(seconds=1))
    titles = {
        PlanKind.MONITORING_OPERATIONS: _("Operations"), PlanKind.MONITORING_SCIENCE: _("Science"),
        PlanKind.MONITORING_BUSINESS: _("Business"),
    }  # fmt: skip
    viewpoints = [
        Viewpoint(
            kind, title, [Part(one, list(_panels(one, first, last))) for one in found.plans if one.plan.kind == kind]
        )
        for kind, title in titles.items()
    ]
    if found.money and found.money.sums:
        business, sums = viewpoints[2], found.money.sums
        business.money, business.money_first, business.money_last = _money(found.money), sums[0].at, sums[-1].at
    names = {one.plan.pk: one.plan.title for one in found.plans}
    kinds = {
        "values": _("values"), "prometheus": _("Prometheus"), "predictions": _("predictions"), "truth": _("truth"),
        "business": _("business"),
    }  # fmt: skip
    verdicts = {"good": _("within limits"), "bad": _("breach"), "reported": _("not judged"), "": ""}
    rows = [Row(w, names.get(w.plan, ""), kinds[w.kind], verdicts.get(w.verdict, "")) for w in found.windows]
    return Page(promotion, found, viewpoints, rows, first, last, found.money, days)


def _panels(one: PlanStanding, first: datetime, last: datetime) -> Iterator[Panel]:
    for line in one.lines:
        if line.points:
            yield _panel(line, first, last)
    if one.coverage:
        yield _coverage(one, first, last)


def _panel(line: Line, first: datetime, last: datetime) -> Panel:
    """A metric: last values as a line, the range of rolled-up windows as a band, the limit dashed, breaches marked."""
    criterion, points = line.criterion, line.points
    limit = criterion.threshold
    lows, highs = [p.low for p in points], [p.high for p in points]
    low, high = min(*lows, limit), max(*highs, limit)
    y = _scale(low, high)
    crossed = [point for point in points if line.crosses(point)]
    name = criterion.metric + (f" ({criterion.slice})" if criterion.slice else "")
    sign = criterion.get_comparator_display()
    panel = Panel(
        name=name, limit=f"{sign} {shown(limit)} {line.unit}".strip(), limit_y=y(limit), top=brief(high),
        bottom=brief(low),
        last=f"{shown(points[-1].last)} {line.unit}".strip(),
        says=_("%(name)s, %(limit)s: last %(last)s, from %(low)s to %(high)s; breaches at %(n)d of %(all)d places.")
        % {"name": name, "limit": f"{sign} {shown(limit)}", "last": shown(points[-1].last), "low": shown(min(lows)),
           "high": shown(max(highs)), "n": len(crossed), "all": len(points)},
    )  # fmt: skip
    for run in _runs(points):
        panel.lines.append(_path([(_x(p.start, p.end, first, last), y(p.last)) for p in run]))
        if any(p.low != p.high for p in run):
            upper = [(_x(p.start, p.end, first, last), y(p.high)) for p in run]
            lower = [(_x(p.start, p.end, first, last), y(p.low)) for p in reversed(run)]
            panel.band.append(_path(upper + lower) + "Z")
    worst = {"ge": "low", "gt": "low", "le": "high", "lt": "high", "eq": "last"}[criterion.comparator]
    panel.marks = [Mark(_x(p.start, p.end, first, last), y(getattr(p, worst))) for p in crossed]
    return panel


def _runs(points: Sequence[Any]) -> Iterator[list[Any]]:
    """The points in stretches without a gap."""
    run: list[Any] = []
    for point in points:
        if point.gap and run:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _coverage(one: PlanStanding, first: datetime, last: datetime) -> Panel:
    """How many predictions have a label: a band from nothing up to the share."""
    y = _scale(Decimal(0), Decimal(1))
    predictions, labelled = sum(c.predictions for c in one.coverage), sum(c.labelled for c in one.coverage)
    share = f"{100 * labelled / predictions:.0f} %" if predictions else "–"
    panel = Panel(
        name=_("Predictions with a known truth"), top="100 %", bottom="0 %", last=share, kind="coverage",
        says=_("%(labelled)d of %(predictions)d predictions have a label.")
        % {"labelled": labelled, "predictions": predictions},
    )  # fmt: skip
    places = [
        (_x(c.start, c.end, first, last), y(Decimal(c.labelled) / c.predictions if c.predictions else Decimal(0)))
        for c in one.coverage
    ]
    panel.band.append(_path([(places[0][0], BOTTOM), *places, (places[-1][0], BOTTOM)]) + "Z")
    panel.lines.append(_path(places))
    return panel


def _money(money: Money) -> Panel:
    """Cumulative value against cumulative cost, on its own axis of time: development comes before anything serves."""
    sums = money.sums
    first, last = sums[0].at, max(sums[-1].at, sums[0].at + timedelta(seconds=1))
    low = min(Decimal(0), *(s.value for s in sums), *(s.cost for s in sums))
    high = max(Decimal(1), *(s.value for s in sums), *(s.cost for s in sums))
    y, end = _scale(low, high), sums[-1]
    said = {"value": shown(end.value), "cost": shown(end.cost), "net": shown(end.net), "currency": money.currency}
    return Panel(
        name=_("Value and cost, summed up"), top=brief(high), bottom=brief(low), kind="money",
        last=f"{shown(end.net)} {money.currency}",
        says=_("Value %(value)s, cost %(cost)s, net %(net)s %(currency)s.") % said,
        lines=[_path(list(_steps([(_x(s.at, s.at, first, last), y(s.value)) for s in sums])))],
        second=[_path(list(_steps([(_x(s.at, s.at, first, last), y(s.cost)) for s in sums])))],
    )  # fmt: skip


def _steps(places: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """A sum stays what it is until the next entry."""
    former: float | None = None
    for x, y in places:
        if former is not None:
            yield x, former
        yield x, y
        former = y


def _scale(low: Decimal, high: Decimal) -> Any:
    spread = float(high - low) or 1.0
    return lambda value: BOTTOM - (BOTTOM - TOP) * (float(value - low) / spread)


def _x(start: datetime, end: datetime, first: datetime, last: datetime) -> float:
    middle = start + (end - start) / 2
    return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, (middle - first) / (last - first)))


def _path(places: Sequence[tuple[float, float]]) -> str:
    """Points joined; those closer than a dash is long end in half a dash on each side, so that they are seen."""
    (first, top), (last, bottom) = places[0], places[-1]
    if last - first < DASH:
        places = [(first - DASH / 2, top), *places, (last + DASH / 2, bottom)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def shown(value: Decimal) -> str:
    """A number as a person reads it: five digits that count, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 100_000:
        return f"{value:,.0f}".replace(",", " ")
    text = f"{float(value):.5g}"
    return text if "e" in text else f"{Decimal(text):,f}".replace(",", " ")


def brief(value: Decimal) -> str:
    """The same in at most six characters, for an axis: large numbers with the prefixes of the SI."""
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**5 and 10**power <= abs(value) < 10**15:
            return f"{float(value) / 10**power:.3g} {prefix}"
    return shown(value) if len(shown(value)) <= 8 else f"{float(value):.2g}"
