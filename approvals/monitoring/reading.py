"""How a promotion is doing, from the three viewpoints: rolled up by the database, however many windows there are.

All of these records are final from birth, so as of a moment means: what was recorded by then.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery

from approvals.models import (
    VIEWPOINTS,
    Finding,
    FindingEvent,
    MonitoringWindow,
    Plan,
    PlanCriterion,
    Promotion,
)

POINTS = 180  # of a line: more than a drawing shows apart
NEWEST = 20  # windows listed one by one

#: What was last said of each window by each reporter (its truth, its values), by the point of the line it falls in:
#: a row for each point, then one for each metric seen in it. Windows are numbered in one sort, and the numbers do for
#: counting them and for finding the newest that says a metric. Limits are matched by whoever asks: joined here as well,
#: a planner that did not know how few there are compared every window with every value, for a minute and a half.
WINDOWS = """
  WITH latest AS (
    SELECT DISTINCT ON (w.plan_id, w.window_start, w.recorded_by_id, w.known_until IS NULL)
           w.plan_id, w.evidence_id, w.window_start, w.window_end, w.verdict = 'bad' AS bad
    FROM approvals_monitoringwindow w
    WHERE w.promotion_id = %(promotion)s AND w.evidence_id IS NOT NULL AND w.recorded_at <= %(at)s
      AND w.window_end > %(since)s
    ORDER BY w.plan_id, w.window_start, w.recorded_by_id, w.known_until IS NULL, w.known_until DESC, w.id DESC),
  ranked AS (
    SELECT l.*, dense_rank() OVER up AS n, lag(l.window_end) OVER up AS before
    FROM latest l WINDOW up AS (PARTITION BY l.plan_id ORDER BY l.window_start)),
  placed AS MATERIALIZED (
    SELECT r.plan_id, r.evidence_id, r.window_start, r.window_end, r.bad, r.n,
           (r.n - 1) * %(points)s / greatest(max(r.n) OVER (PARTITION BY r.plan_id), %(points)s) AS point,
           r.window_start - r.before > (r.window_end - r.window_start) / 2 AS gap
    FROM ranked r)
  SELECT p.plan_id, p.point, NULL AS metric, NULL AS slice, NULL AS dataset_role,
         min(p.window_start), max(p.window_end), max(p.n) - min(p.n) + 1, count(DISTINCT p.n) FILTER (WHERE p.bad),
         coalesce(bool_or(p.gap), false),
         NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL
  FROM placed p GROUP BY p.plan_id, p.point
  UNION ALL
  SELECT p.plan_id, p.point, v.metric, v.slice, v.dataset_role, NULL, NULL, NULL, NULL, NULL,
         min(v.value), max(v.value), (max(ARRAY[p.n, v.value]))[2], min(v.ci_low), max(v.ci_high), max(v.unit)
  FROM placed p JOIN approvals_evidencevalue v ON v.evidence_id = p.evidence_id
  GROUP BY p.plan_id, p.point, v.metric, v.slice, v.dataset_role
  ORDER BY 1, 2, 3 NULLS FIRST, 4, 5
"""

#: Predictions counted, and for how many the truth is known by now: those without any truth count as unlabelled.
COVERAGE = """
  WITH counted AS (
    SELECT w.plan_id, w.window_start, w.window_end, w.predictions, coalesce(t.labelled, 0) AS labelled,
           row_number() OVER (PARTITION BY w.plan_id ORDER BY w.window_start) AS n,
           count(*) OVER (PARTITION BY w.plan_id) AS windows
    FROM approvals_monitoringwindow w
    LEFT JOIN LATERAL (
      SELECT x.labelled FROM approvals_monitoringwindow x
      WHERE x.promotion_id = w.promotion_id AND x.plan_id = w.plan_id AND x.window_start = w.window_start
        AND x.kind = 'truth' AND x.recorded_at <= %(at)s ORDER BY x.known_until DESC, x.id DESC LIMIT 1) t ON true
    WHERE w.promotion_id = %(promotion)s AND w.kind = 'predictions' AND w.recorded_at <= %(at)s
      AND w.window_end > %(since)s)
  SELECT plan_id, min(window_start), max(window_end), sum(predictions), sum(labelled) FROM counted
  GROUP BY plan_id, (n - 1) * %(points)s / greatest(windows, %(points)s) ORDER BY plan_id, 2
"""

#: Money of a model, summed up in time. Paid back: since when value has covered cost without falling short again.
MONEY = """
  WITH entries AS (
    SELECT e.period_end, sum(e.amount) FILTER (WHERE e.kind = 'value') AS value,
           sum(e.amount) FILTER (WHERE e.kind = 'development') AS development,
           sum(e.amount) FILTER (WHERE e.kind = 'deployment') AS deployment,
           sum(e.amount) FILTER (WHERE e.kind = 'running') AS running
    FROM approvals_moneyentry e WHERE e.model_id = %(model)s AND e.recorded_at <= %(at)s GROUP BY e.period_end),
  summed AS (
    SELECT e.period_end, sum(coalesce(e.value, 0)) OVER up AS value,
           sum(coalesce(e.development, 0)) OVER up AS development,
           sum(coalesce(e.deployment, 0)) OVER up AS deployment, sum(coalesce(e.running, 0)) OVER up AS running,
           row_number() OVER up AS n, count(*) OVER () AS total
    FROM entries e WINDOW up AS (ORDER BY e.period_end)),
  short AS (SELECT max(s.n) AS n FROM summed s WHERE s.value < s.development + s.deployment + s.running)
  SELECT s.period_end, s.value, s.development, s.deployment, s.running, s.n = coalesce((SELECT n FROM short), 0) + 1
  FROM summed s
  WHERE s.n = s.total OR s.n = coalesce((SELECT n FROM short), 0) + 1
     OR (s.n - 1) * %(points)s / greatest(s.total, %(points)s) <> (s.n - 2) * %(points)s / greatest(s.total, %(points)s)
     OR s.n = 1
  ORDER BY s.period_end
"""

#: Windows one by one, the newest first, with what they say; so many of each plan by its index, then so many of all.
LISTED = """
  SELECT w.id, w.plan_id, w.kind, w.window_start, w.window_end, w.verdict, w.known_until, w.predictions, w.labelled,
         w.recorded_at, b.display_name, w.evidence_id,
         (SELECT jsonb_agg(jsonb_build_array(v.metric, v.slice, trim_scale(v.value)::text, v.unit) ORDER BY v.id)::text
          FROM approvals_evidencevalue v WHERE v.evidence_id = w.evidence_id)
  FROM approvals_plan l
  CROSS JOIN LATERAL (
    SELECT x.* FROM approvals_monitoringwindow x
    WHERE x.promotion_id = %(promotion)s AND x.plan_id = l.id AND x.recorded_at <= %(at)s
      AND (x.window_start, x.id) < (%(before)s, %(before_id)s)
    ORDER BY x.window_start DESC, x.id DESC LIMIT %(limit)s) w
  JOIN governance_principal b ON b.id = w.recorded_by_id
  WHERE l.model_id = %(model)s
  ORDER BY w.window_start DESC, w.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Point:
    """One or more windows that a line draws as one: the range of a metric in them, and the last value."""

    start: datetime
    end: datetime
    low: Decimal
    high: Decimal
    last: Decimal
    ci_low: Decimal | None
    ci_high: Decimal | None
    gap: bool


#: From, until, windows, bad ones, and whether it follows a gap.
Span = tuple[datetime, datetime, int, int, bool]


@dataclass(slots=True)
class Line:
    """A metric against its limit over time."""

    criterion: PlanCriterion
    points: list[Point] = field(default_factory=list)
    unit: str = ""

    def is_of(self, metric: str, slice: str, dataset_role: str) -> bool:
        """Whether its limit is on these values."""
        one = self.criterion
        return (one.metric, one.slice) == (metric, slice) and one.dataset_role in ("", dataset_role)

    def add(
        self, span: Span, low: Decimal, high: Decimal, last: Decimal, ci_low: Decimal | None,
        ci_high: Decimal | None, unit: str,
    ) -> None:  # fmt: skip
        """What was seen in a stretch of time. Another dataset role in the same stretch widens the range."""
        start, end, _windows, _bad, gap = span
        self.unit = unit
        if self.points and self.points[-1].start == start:
            former = self.points.pop()
            low, high = min(low, former.low), max(high, former.high)
            ci_low = min((one for one in (ci_low, former.ci_low) if one is not None), default=None)
            ci_high = max((one for one in (ci_high, former.ci_high) if one is not None), default=None)
        self.points.append(Point(start, end, low, high, last, ci_low, ci_high, gap))

    def crosses(self, point: Point) -> bool:
        """Whether a window of this point does not meet the limit: the extreme that comes closest decides."""
        limit: Decimal = self.criterion.threshold
        crossed: dict[str, bool] = {
            "ge": point.low < limit, "gt": point.low <= limit, "le": point.high > limit, "lt": point.high >= limit,
            "eq": point.low != limit or point.high != limit,
        }  # fmt: skip
        return crossed[self.criterion.comparator]


@dataclass(frozen=True, slots=True)
class Covered:
    """Predictions of a stretch of time, and how many of them have a label."""

    start: datetime
    end: datetime
    predictions: int
    labelled: int


@dataclass(slots=True)
class PlanStanding:
    """What was observed under one plan in the time asked for; `newest`: the end of the newest judged window ever."""

    plan: Plan
    lines: list[Line] = field(default_factory=list)
    coverage: list[Covered] = field(default_factory=list)
    windows: int = 0
    bad: int = 0
    first: datetime | None = None
    last: datetime | None = None
    expected_by: datetime | None = None
    newest: datetime | None = None
    newest_bad: bool = False
    findings: list[Finding] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Whether a window should have come by now."""
        return self.expected_by is not None


@dataclass(frozen=True, slots=True)
class Sum:
    """Money on record up to a moment, in the model's currency."""

    at: datetime
    value: Decimal
    development: Decimal
    deployment: Decimal
    running: Decimal

    @property
    def cost(self) -> Decimal:
        return self.development + self.deployment + self.running

    @property
    def net(self) -> Decimal:
        return self.value - self.cost


@dataclass(slots=True)
class Money:
    """A model's value against its cost over time."""

    currency: str
    sums: list[Sum] = field(default_factory=list)
    paid_back: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A window as a list shows it."""

    id: int
    plan: int
    kind: str
    start: datetime
    end: datetime
    verdict: str
    known_until: datetime | None
    predictions: int | None
    labelled: int | None
    recorded_at: datetime
    recorded_by: str
    evidence: int | None
    values: list[tuple[str, str, str, str]]


@dataclass(slots=True)
class Monitoring:
    """How a promotion is doing."""

    promotion: Promotion
    at: datetime
    plans: list[PlanStanding]
    money: Money | None
    windows: list[Listed]
    older: tuple[datetime, int] | None


def monitoring(
    promotion: Promotion, *, at: datetime, since: datetime | None = None, before: tuple[datetime, int] | None = None
) -> Monitoring:
    """What was observed of a promotion; a fixed number of queries, however many windows there are.

    Args:
        at: what was recorded by then. since: windows that ended after it; None: all.
        before: of the list, where to go on.
    """
    given = {"promotion": promotion.pk, "model": promotion.model_id, "at": at, "points": POINTS,
             "since": since or promotion.started_at}  # fmt: skip
    plans = _plans(promotion, at)
    _observed(plans, given)
    shown = [one for one in plans.values() if one.windows or one.coverage or not _superseded(one, plans)]
    shown.sort(key=lambda one: (VIEWPOINTS.index(one.plan.kind), one.plan.pk))
    windows = _listed(given, before)
    older = (windows[-1].start, windows[-1].id) if len(windows) == NEWEST else None
    return Monitoring(promotion, at, shown, _money(given), windows, older)


def _superseded(one: PlanStanding, plans: dict[int, PlanStanding]) -> bool:
    mine = one.plan
    return any(o.plan.kind == mine.kind and o.plan.title == mine.title and pk > mine.pk for pk, o in plans.items())


def _plans(promotion: Promotion, at: datetime) -> dict[int, PlanStanding]:
    """The model's monitoring plans with their limits and the breaches that are open."""
    windows = MonitoringWindow.objects.filter(plan=OuterRef("pk"), promotion=promotion, recorded_at__lte=at)
    newest = windows.exclude(verdict="").order_by("-window_end", "-id")
    found: QuerySet[Any] = (
        Plan.objects.filter(model=promotion.model_id, kind__in=VIEWPOINTS, recorded_at__lte=at)
        .select_related("owner")
        .prefetch_related(Prefetch("criteria", PlanCriterion.objects.order_by("id")))
        .annotate(newest=Subquery(newest.values("window_end")[:1]), verdict=Subquery(newest.values("verdict")[:1]))
    )
    plans = {
        plan.pk: PlanStanding(
            plan, [Line(one) for one in plan.criteria.all()], newest=plan.newest, newest_bad=plan.verdict == "bad"
        )
        for plan in found.order_by("pk")
    }
    for finding in open_breaches([promotion.pk], at):
        if finding.plan_id in plans:
            plans[finding.plan_id].findings.append(finding)
    return plans


def open_breaches(promotions: Sequence[int], at: datetime) -> list[Finding]:
    """Breaches of monitoring plans that were open at a moment, oldest first."""
    events = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"], recorded_at__lte=at)
    newer = events.filter(id__gt=OuterRef("id"), finding=OuterRef("finding"))
    closed = events.filter(kind="closed").exclude(Exists(newer))
    found = Finding.objects.filter(
        promotion__in=list(promotions), kind=Finding.Kind.MONITORING_BREACH, recorded_at__lte=at
    )
    return list(found.exclude(Exists(closed)).order_by("pk"))


def _observed(plans: dict[int, PlanStanding], given: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(WINDOWS, given)
        for plan, _point, metric, slice_, role, start, end, windows, bad, gap, *seen in cursor.fetchall():
            standing = plans[plan]
            if metric is None:
                standing.windows += windows
                standing.bad += bad
                standing.first = standing.first or start
                standing.last = end
                standing.spans.append((start, end, windows, bad, gap))
                continue
            for line in standing.lines:
                if line.is_of(metric, slice_, role):
                    line.add(standing.spans[-1], *seen)
        cursor.execute(COVERAGE, given)
        for plan, start, end, predictions, labelled in cursor.fetchall():
            plans[plan].coverage.append(Covered(start, end, int(predictions), int(labelled)))
        cursor.execute("SELECT plan_id, expected_by FROM muniment.monitoring_silence(%s, %s)",
                       [[given["promotion"]], given["at"]])  # fmt: skip
        for plan, expected_by in cursor.fetchall():
            if plan in plans:
                plans[plan].expected_by = expected_by


def _money(given: dict[str, Any]) -> Money | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency FROM approvals_modelcurrency WHERE model_id = %(model)s AND recorded_at <= %(at)s", given
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute(MONEY, given)
        found = Money(row[0])
        for *amounts, turned in cursor.fetchall():
            found.sums.append(Sum(*amounts))
            if turned:
                found.paid_back = amounts[0]
    return found


def _listed(given: dict[str, Any], before: tuple[datetime, int] | None) -> list[Listed]:
    start, pk = before or (given["at"], 2**63 - 1)
    with connection.cursor() as cursor:
        cursor.execute(LISTED, {**given, "before": start, "before_id": pk, "limit": NEWEST})
        return [Listed(*(*row, [tuple(v) for v in json.loads(told or "[]")])) for *row, told in cursor.fetchall()]


def silent(promotions: Sequence[int], at: datetime) -> dict[int, list[tuple[int, datetime]]]:
    """Of live promotions the plans under which a window should have come by now, and since when: one query."""
    found: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT promotion_id, plan_id, expected_by FROM muniment.monitoring_silence(%s, %s) ORDER BY 1, 2",
            [list(promotions), at],
        )
        for promotion, plan, expected_by in cursor.fetchall():
            found[promotion].append((plan, expected_by))
    return found
