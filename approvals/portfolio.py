"""The portfolio: what is live, what is planned, what is at risk, per namespace. A fixed number of queries."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from approvals.models import AsFound, LiveSlot, Release, ServingNotice
from approvals.onboarding import as_found
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import Intake, Model, RiskTier

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

    @property
    def governed(self) -> int:
        """Live through the gate."""
        return sum(self.live.values())

    @property
    def at_risk(self) -> int:
        """How much needs somebody now."""
        return self.notices + self.found_late + self.findings + self.reviews


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

    @property
    def totals(self) -> dict[str, int]:
        """Over all namespaces."""
        return {
            name: sum(getattr(part, name) for part in self.parts)
            for name in ("models", "governed", "as_found", "proposed", "releases", "at_risk", "notices", "found_late",
                         "found_soon", "findings", "reviews")
        }  # fmt: skip


def portfolio(reader: Principal, *, namespace: Namespace | None = None) -> Portfolio:
    """What a principal may read of the portfolio, or of one namespace of it."""
    namespaces = list(readable_namespaces(reader).order_by("name"))
    if namespace is not None:
        namespaces = [one for one in namespaces if one == namespace]
    ids = [one.pk for one in namespaces]
    parts = {one.pk: Part(one) for one in namespaces}
    _count(parts, "models", Model.objects.filter(namespace__in=ids), "namespace")
    live = LiveSlot.objects.filter(model__namespace__in=ids)
    for row in live.values("model__namespace", "model__risk_tier").annotate(n=Count("pk")):
        parts[row["model__namespace"]].live[row["model__risk_tier"]] = row["n"]
    proposals = Intake.objects.filter(namespace__in=ids, decision__isnull=True)
    _count(parts, "proposed", proposals, "namespace")
    releases = Release.objects.filter(closure__isnull=True, model_version__model__namespace__in=ids)
    _count(parts, "releases", releases, "model_version__model__namespace")
    notices = ServingNotice.objects.filter(
        end__isnull=True, promotion__live_slot__isnull=False, promotion__model__namespace__in=ids
    )
    _count(parts, "notices", notices, "promotion__model__namespace")
    now = timezone.now()
    found = as_found(reader).filter(model__namespace__in=ids)
    for name, rows in (
        ("as_found", found), ("found_late", found.filter(govern_by__lte=now)),
        ("found_soon", found.filter(govern_by__gt=now, govern_by__lte=now + SOON)),
    ):  # fmt: skip
        _count(parts, name, rows, "model__namespace")
    overdue = _overdue_findings(ids)
    reviews = _overdue_reviews(ids)
    for name, late in (("findings", overdue), ("reviews", reviews)):
        for one in late:
            part = parts[one["namespace"]]
            setattr(part, name, getattr(part, name) + 1)
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
    )  # fmt: skip


def _count(parts: dict[int, Part], name: str, rows: QuerySet[Any], path: str) -> None:
    for row in rows.order_by().values(path).annotate(n=Count("pk")):
        setattr(parts[row[path]], name, row["n"])


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


def _rows(sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
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
