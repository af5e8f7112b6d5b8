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
from django.db.models import Exists, OuterRef, Prefetch

from approvals.models import VIEWPOINTS, Finding, FindingEvent, Plan, PlanCriterion, Promotion

POINTS = 180  # of a line: more than a drawing shows apart
NEWEST = 20  # windows listed one by one

#: What was last said of each window by each reporter (its truth, its values), and in which point of the line it falls.
WINDOWS = """
  WITH latest AS MATERIALIZED (
    SELECT DISTINCT ON (w.plan_id, w.window_start, w.recorded_by_id, w.known_until IS NULL)
           w.id, w.plan_id, w.evidence_id, w.window_start, w.window_end, w.verdict
    FROM approvals_monitoringwindow w
    WHERE w.promotion_id = %(promotion)s AND w.evidence_id IS NOT NULL AND w.recorded_at <= %(at)s
      AND w.window_end > %(since)s
    ORDER BY w.plan_id, w.window_start, w.recorded_by_id, w.known_until IS NULL, w.known_until DESC, w.id DESC),
  ranked AS (
    SELECT l.*, dense_rank() OVER (PARTITION BY l.plan_id ORDER BY l.window_start) AS n,
           lag(l.window_end) OVER (PARTITION BY l.plan_id ORDER BY l.window_start, l.id) AS before
    FROM latest l),
  placed AS MATERIALIZED (
    SELECT r.*, (r.n - 1) * %(points)s / greatest(max(r.n) OVER (PARTITION BY r.plan_id), %(points)s) AS point
    FROM ranked r),
  lines AS (
    SELECT p.plan_id, p.point, c.id, min(v.value) AS low, max(v.value) AS high,
           (array_agg(v.value ORDER BY p.window_start DESC))[1] AS last, min(v.ci_low) AS ci_low,
           max(v.ci_high) AS ci_high, max(v.unit) AS unit
    FROM placed p
    JOIN approvals_plancriterion c ON c.plan_id = p.plan_id
    JOIN approvals_evidencevalue v ON v.evidence_id = p.evidence_id AND v.metric = c.metric AND v.slice = c.slice
      AND (c.dataset_role = '' OR v.dataset_role = c.dataset_role)
    GROUP BY p.plan_id, p.point, c.id),
  told AS (
    SELECT l.plan_id, l.point, jsonb_object_agg(l.id, jsonb_build_array(l.low::text, l.high::text, l.last::text,
             l.ci_low::text, l.ci_high::text, l.unit)) AS told
    FROM lines l GROUP BY l.plan_id, l.point)
  SELECT p.plan_id, p.point, min(p.window_start), max(p.window_end), count(DISTINCT p.window_start),
         count(DISTINCT p.window_start) FILTER (WHERE p.verdict = 'bad'),
         coalesce(bool_or(p.window_start - p.before > (p.window_end - p.window_start) / 2), false), max(t.told::text)
  FROM placed p LEFT JOIN told t ON t.plan_id = p.plan_id AND t.point = p.point
  GROUP BY p.plan_id, p.point ORDER BY p.plan_id, p.point
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

#: Windows one by one, the newest first, with what they say.
LISTED = """
  SELECT w.id, w.plan_id, w.kind, w.window_start, w.window_end, w.verdict, w.known_until, w.predictions, w.labelled,
         w.recorded_at, b.display_name, w.evidence_id,
         (SELECT jsonb_agg(jsonb_build_array(v.metric, v.slice, trim_scale(v.value)::text, v.unit) ORDER BY v.id)::text
          FROM approvals_evidencevalue v WHERE v.evidence_id = w.evidence_id)
  FROM approvals_monitoringwindow w JOIN governance_principal b ON b.id = w.recorded_by_id
  WHERE w.promotion_id = %(promotion)s AND w.recorded_at <= %(at)s
    AND (w.window_start, w.id) < (%(before)s, %(before_id)s)
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


@dataclass(slots=True)
class Line:
    """A metric against its limit over time."""

    criterion: PlanCriterion
    points: list[Point] = field(default_factory=list)
    unit: str = ""

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
    """What was observed under one plan."""

    plan: Plan
    lines: list[Line] = field(default_factory=list)
    coverage: list[Covered] = field(default_factory=list)
    windows: int = 0
    bad: int = 0
    first: datetime | None = None
    last: datetime | None = None
    expected_by: datetime | None = None
    findings: list[Finding] = field(default_factory=list)
    spans: list[tuple[datetime, datetime, int, int, bool]] = field(default_factory=list)

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
    found = Plan.objects.filter(model=promotion.model_id, kind__in=VIEWPOINTS, recorded_at__lte=at).select_related(
        "owner"
    )
    criteria = PlanCriterion.objects.order_by("id")
    plans = {
        plan.pk: PlanStanding(plan, [Line(one) for one in plan.criteria.all()])
        for plan in found.prefetch_related(Prefetch("criteria", criteria)).order_by("pk")
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
        for plan, _point, start, end, windows, bad, gap, told in cursor.fetchall():
            standing = plans[plan]
            standing.windows += windows
            standing.bad += bad
            standing.first = standing.first or start
            standing.last = end
            standing.spans.append((start, end, windows, bad, gap))
            values = json.loads(told) if told else {}
            for line in standing.lines:
                if (one := values.get(str(line.criterion.pk))) is not None:
                    low, high, last, ci_low, ci_high = (None if v is None else Decimal(v) for v in one[:5])
                    assert low is not None  # NOT NULL in the database, as the next two
                    assert high is not None
                    assert last is not None
                    line.points.append(Point(start, end, low, high, last, ci_low, ci_high, gap))
                    line.unit = one[5]
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
