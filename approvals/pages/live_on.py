"""What was live at a moment: one line per model, environment and slot, drawn over a span of time, and a table."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Prefetch, Q
from django.http import Http404
from django.utils import timezone

from approvals.api.live_at import artifact, signers
from approvals.models import GateDecision, Promotion, SignOff
from governance.accounts.models import Namespace, Principal
from governance.api.views import readable

SPANS = (1, 7, 30, 90, 365)  # days before and after that the drawing may show
MOST = 500  # promotions in a span
WIDTH, LEFT, ROW, TOP = 1100, 270, 30, 34


@dataclass(frozen=True, slots=True)
class Bar:
    """A promotion in the drawing."""

    promotion: Promotion
    x: float
    width: float
    y: int
    live: bool
    fits: bool

    @property
    def text_x(self) -> float:
        return self.x + 6

    @property
    def text_y(self) -> int:
        return self.y + 15

    @property
    def version(self) -> int:
        return int(self.promotion.release.model_version.number)


@dataclass(frozen=True, slots=True)
class Line:
    """A slot: its name and its bars."""

    name: str
    place: str
    y: int
    bars: list[Bar]

    @property
    def text_y(self) -> int:
        return self.y + 13

    @property
    def place_y(self) -> int:
        return self.y + 24


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A row of the table: what was live, and who had signed."""

    promotion: Promotion
    signers: list[SignOff]
    digest: str


@dataclass(frozen=True, slots=True)
class LiveOn:
    """The page."""

    rows: list[LiveRow]
    lines: list[Line]
    ticks: list[tuple[float, datetime]]
    moment_x: float
    start: datetime
    end: datetime
    more: bool

    @property
    def width(self) -> int:
        return WIDTH

    @property
    def height(self) -> int:
        return TOP + ROW * len(self.lines) + 6


def read_days(text: str) -> int:
    """The span asked for, 30 when none is. Raises Http404 for one that is not offered."""
    if not text:
        return 30
    if text not in {str(days) for days in SPANS}:
        raise Http404
    return int(text)


def page_for(reader: Principal, moment: datetime, span: timedelta, namespace: Namespace | None) -> LiveOn:
    """The page, in a fixed number of queries."""
    start, end = moment - span, min(moment + span, timezone.now())
    found = readable(Promotion, reader).filter(started_at__lte=end)
    found = found.filter(Q(end__isnull=True) | Q(end__ended_at__gt=start))
    if namespace is not None:
        found = found.filter(model__namespace=namespace)
    votes = SignOff.objects.select_related("requirement").order_by("id")
    decisions = GateDecision.objects.order_by("id")
    promotions = list(
        found.select_related("release__model_version", "model__namespace", "environment", "end")
        .prefetch_related(Prefetch("release__sign_offs", votes), Prefetch("release__decisions", decisions))
        .order_by("model__name", "model_id", "environment__order", "slot", "started_at", "id")[: MOST + 1]
    )
    shown = promotions[:MOST]
    rows = [LiveRow(p, signers(p, moment), artifact(p)) for p in shown if _live(p, moment)]
    return LiveOn(
        rows, _lines(shown, moment, start, end), _ticks(start, end), _x(moment, start, end), start, end,
        len(promotions) > MOST,
    )  # fmt: skip


def _live(promotion: Promotion, moment: datetime) -> bool:
    end = getattr(promotion, "end", None)
    return promotion.started_at <= moment and (end is None or end.ended_at > moment)


def _lines(promotions: list[Promotion], moment: datetime, start: datetime, end: datetime) -> list[Line]:
    found = []
    slots = itertools.groupby(promotions, key=lambda p: (p.model_id, p.environment_id, p.slot))
    for n, (_slot, group) in enumerate(slots):
        members, y = list(group), TOP + n * ROW
        first = members[0]
        place = f"{first.environment} · {first.get_slot_display()}"
        name = first.model.name if len(first.model.name) <= 34 else first.model.name[:33] + "…"
        found.append(Line(name, place, y, [_bar(p, moment, start, end, y) for p in members]))
    return found


def _bar(promotion: Promotion, moment: datetime, start: datetime, end: datetime, y: int) -> Bar:
    over = getattr(promotion, "end", None)
    x = _x(max(promotion.started_at, start), start, end)
    width = max(_x(min(over.ended_at, end) if over else end, start, end) - x, 3.0)
    return Bar(promotion, x, round(width, 1), y + 4, _live(promotion, moment), width > 26)


def _x(moment: datetime, start: datetime, end: datetime) -> float:
    whole = max((end - start).total_seconds(), 1.0)
    return round(LEFT + (WIDTH - LEFT - 24) * (moment - start).total_seconds() / whole, 1)


def _ticks(start: datetime, end: datetime) -> list[tuple[float, datetime]]:
    """Days to write under the drawing: four, at midnight UTC."""
    step = max((end - start) / 5, timedelta(days=1))
    days = (start + step * n for n in range(1, 5))
    midnights = (day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) for day in days)
    return [(_x(day, start, end), day) for day in midnights if start < day < end]
