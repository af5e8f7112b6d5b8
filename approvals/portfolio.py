"""The portfolio: what is live, what is planned, what is at risk, per namespace. A fixed number of queries."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from approvals.models import AsFound, Release, ReleaseClosure, ServingNotice
from approvals.onboarding import as_found
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import Intake, RiskTier

SOON = timedelta(days=30)
SHOWN = 25
"""Of each kind of risk and plan, the first to come; the rest is counted."""


@dataclass(slots=True)
class Part:
    """One namespace of the portfolio, in numbers."""

    namespace: Namespace
    models: int = 0
    live: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RiskTier.values, 0))
    as_found: int = 0
    proposed: int = 0
    releases: int = 0
    notices: int = 0
    found_late: int = 0
    found_soon: int = 0
    findings: int = 0
    reviews: int = 0
    breaches: int = 0
    silences: int = 0

    @property
    def governed(self) -> int:
        """Live through the gate."""
        return sum(self.live.values())

    @property
    def at_risk(self) -> int:
        """How much needs somebody now."""
        return self.notices + self.found_late + self.findings + self.reviews + self.breaches + self.silences


@dataclass(slots=True)
class Portfolio:
    """All parts, and what comes first of each kind."""

    parts: list[Part]
    proposals: list[Intake]
    releases: list[Release]
    notices: list[ServingNotice]
    found: list[AsFound]
    overdue: list[dict[str, Any]]
    reviews: list[dict[str, Any]]
    watched: list[dict[str, Any]]

    @property
    def totals(self) -> dict[str, int]:
        """Over all namespaces."""
        return {
            name: sum(getattr(part, name) for part in self.parts)
            for name in ("models", "governed", "as_found", "proposed", "releases", "at_risk", "notices", "found_late",
                         "found_soon", "findings", "reviews", "breaches", "silences")
        }  # fmt: skip


def portfolio(reader: Principal, *, namespace: Namespace | None = None) -> Portfolio:
    """What a principal may read of the portfolio, or of one namespace of it."""
    namespaces = list(readable_namespaces(reader).order_by("name"))
    if namespace is not None:
        namespaces = [one for one in namespaces if one == namespace]
    ids = [one.pk for one in namespaces]
    parts = {one.pk: Part(one) for one in namespaces}
    now = timezone.now()
    for row in _rows(_COUNTS, {"namespaces": ids, "now": now, "soon": now + SOON}):
        part = parts[row.pop("namespace")]
        part.live.update(json.loads(row.pop("live") or "{}"))
        for name, count in row.items():
            setattr(part, name, count)
    proposals = Intake.objects.filter(namespace__in=ids, decision__isnull=True)
    # Asked as EXISTS: of an outer join that finds nothing PostgreSQL expects no row, and sorts them all.
    closed = ReleaseClosure.objects.filter(release=OuterRef("pk"))
    releases = Release.objects.filter(~Exists(closed), model_version__model__namespace__in=ids)
    notices = ServingNotice.objects.filter(
        end__isnull=True, promotion__live_slot__isnull=False, promotion__model__namespace__in=ids
    )
    found = as_found(reader).filter(model__namespace__in=ids)
    overdue = _overdue_findings(ids)
    reviews = _overdue_reviews(ids)
    for name, late in (("findings", overdue), ("reviews", reviews)):
        for one in late:
            part = parts[one["namespace"]]
            setattr(part, name, getattr(part, name) + 1)
    watched = _watched(ids)
    for one in watched:
        part = parts[one["namespace"]]
        setattr(part, one["what"], getattr(part, one["what"]) + 1)
    return Portfolio(
        parts=list(parts.values()),
        proposals=list(proposals.select_related("namespace", "recorded_by").order_by("id")[:SHOWN]),
        releases=list(
            releases.select_related("model_version__model__namespace", "environment").order_by("id")[:SHOWN]
        ),
        notices=list(
            notices.select_related("promotion__model__namespace", "promotion__environment")
            .order_by("due_at", "id")[:SHOWN]
        ),
        found=list(found.filter(govern_by__lte=now + SOON).order_by("govern_by", "id")[:SHOWN]),
        overdue=overdue[:SHOWN],
        reviews=reviews[:SHOWN],
        watched=watched[:SHOWN],
    )  # fmt: skip


#: Everything of a namespace that is a number, in one query.
_COUNTS = """
WITH n AS (SELECT unnest(%(namespaces)s::bigint[]) AS id)
SELECT n.id AS namespace,
  (SELECT count(*) FROM lineage_model m WHERE m.namespace_id = n.id) AS models,
  (SELECT jsonb_object_agg(t.risk_tier, t.count) FROM (
     SELECT m.risk_tier, count(*) FROM approvals_liveslot l JOIN lineage_model m ON m.id = l.model_id
     WHERE m.namespace_id = n.id GROUP BY 1) t) AS live,
  (SELECT count(*) FROM lineage_intake i WHERE i.namespace_id = n.id
     AND NOT EXISTS (SELECT 1 FROM lineage_intakedecision d WHERE d.intake_id = i.id)) AS proposed,
  coalesce(r.releases, 0) AS releases, coalesce(s.notices, 0) AS notices,
  coalesce(f.as_found, 0) AS as_found, coalesce(f.late, 0) AS found_late, coalesce(f.soon, 0) AS found_soon
FROM n
LEFT JOIN (
  SELECT m.namespace_id, count(*) AS releases FROM approvals_release x
  JOIN lineage_modelversion v ON v.id = x.model_version_id JOIN lineage_model m ON m.id = v.model_id
  WHERE NOT EXISTS (SELECT 1 FROM approvals_releaseclosure c WHERE c.release_id = x.id) GROUP BY 1
) r ON r.namespace_id = n.id
LEFT JOIN (
  SELECT m.namespace_id, count(*) AS notices FROM approvals_liveslot l JOIN lineage_model m ON m.id = l.model_id
  JOIN approvals_servingnotice s ON s.promotion_id = l.promotion_id
  WHERE NOT EXISTS (SELECT 1 FROM approvals_servingnoticeend e WHERE e.notice_id = s.id) GROUP BY 1
) s ON s.namespace_id = n.id
LEFT JOIN (
  SELECT m.namespace_id, count(*) AS as_found, count(*) FILTER (WHERE f.govern_by <= %(now)s) AS late,
    count(*) FILTER (WHERE f.govern_by > %(now)s AND f.govern_by <= %(soon)s) AS soon
  FROM approvals_asfound f JOIN lineage_model m ON m.id = f.model_id
  WHERE NOT EXISTS (SELECT 1 FROM approvals_asfoundend e WHERE e.as_found_id = f.id) GROUP BY 1
) f ON f.namespace_id = n.id
"""


def _overdue_findings(namespaces: Collection[int]) -> list[dict[str, Any]]:
    """Open findings past their day, the oldest first."""
    return _rows(
        "SELECT f.id, f.severity, left(f.text, 120) AS text, f.due, f.namespace_id AS namespace"
        " FROM approvals_finding f"
        " WHERE f.namespace_id = ANY (%s) AND f.due <= clock_timestamp()"
        " AND coalesce((SELECT e.kind FROM approvals_findingevent e WHERE e.finding_id = f.id"
        "   AND e.kind IN ('closed', 'reopened') ORDER BY e.id DESC LIMIT 1), '') <> 'closed' ORDER BY f.due, f.id",
        [list(namespaces)],
    )


def _overdue_reviews(namespaces: Collection[int]) -> list[dict[str, Any]]:
    """Live promotions whose review is overdue."""
    return _rows(
        "SELECT p.id AS promotion, m.id AS model, coalesce(nullif(m.title, ''), m.name) AS name,"
        "   m.namespace_id AS namespace, c.review_stops_at AS stops_at"
        " FROM muniment.serving_clocks(ARRAY(SELECT l.promotion_id FROM approvals_liveslot l"
        "   JOIN lineage_model x ON x.id = l.model_id WHERE x.namespace_id = ANY (%s)), clock_timestamp()) c"
        " JOIN approvals_promotion p ON p.id = c.promotion_id JOIN lineage_model m ON m.id = p.model_id"
        " WHERE c.review_overdue ORDER BY p.id",
        [list(namespaces)],
    )


def _watched(namespaces: Collection[int]) -> list[dict[str, Any]]:
    """What is live and breaks the limits of a monitoring plan, or sends no windows; the oldest first."""
    return _rows(
        "WITH live AS MATERIALIZED (SELECT l.promotion_id AS id FROM approvals_liveslot l"
        "   JOIN lineage_model m ON m.id = l.model_id WHERE m.namespace_id = ANY (%s)),"
        " found AS (SELECT f.promotion_id, f.plan_id, 'breaches' AS what, f.recorded_at AS since FROM live"
        "   JOIN approvals_finding f ON f.promotion_id = live.id"
        "   WHERE f.kind = 'monitoring_breach' AND muniment.finding_open(f.id)"
        "   UNION ALL SELECT s.promotion_id, s.plan_id, 'silences', s.expected_by"
        "   FROM muniment.monitoring_silence(ARRAY(SELECT id FROM live), clock_timestamp()) s)"
        " SELECT x.promotion_id AS promotion, x.what, x.since, coalesce(l.title, '') AS plan,"
        "   coalesce(nullif(m.title, ''), m.name) AS name, m.namespace_id AS namespace"
        " FROM found x JOIN approvals_promotion p ON p.id = x.promotion_id JOIN lineage_model m ON m.id = p.model_id"
        " LEFT JOIN approvals_plan l ON l.id = x.plan_id ORDER BY x.since, x.promotion_id, x.plan_id",
        [list(namespaces)],
    )


def _rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def strip(part: Part, width: float) -> list[dict[str, Any]]:
    """A namespace's live models as the pieces of a bar of some width: by tier, and as found at the end."""
    counts = [("high", part.live["high"]), ("medium", part.live["medium"]), ("low", part.live["low"]),
              ("found", part.as_found)]  # fmt: skip
    whole = sum(count for _kind, count in counts)
    pieces, x = [], 0.0
    for kind, count in counts:
        if count:
            wide = width * count / whole
            pieces.append({"kind": kind, "count": count, "x": f"{x:.1f}", "width": f"{max(wide - 1.5, 1):.1f}"})
            x += wide
    return pieces
