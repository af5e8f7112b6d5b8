"""Whether what is live may keep serving: read from notices and facts, never from whether a scheduler has run."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from approvals.gate.gate import RequirementStatus, from_rows
from approvals.models import Promotion, ServingNotice
from approvals.responses import Fallback


@dataclass(frozen=True, slots=True)
class Standing:
    """A notice that stands on something live. `overdue`: its time is over, nobody confirmed, and its cause stands."""

    notice: ServingNotice
    overdue: bool

    @property
    def confirm(self) -> str | None:
        """The role whose persons may still keep it serving."""
        open_ = self.notice.due_at is not None and not self.overdue
        role: str | None = self.notice.response["confirm"]
        return role if open_ else None

    @property
    def due_at(self) -> datetime | None:
        return self.notice.due_at


@dataclass(slots=True)
class Serving:
    """How one live promotion stands."""

    notices: list[Standing] = field(default_factory=list)
    gaps: list[RequirementStatus] = field(default_factory=list)
    fallback: Promotion | None = None
    overdue_findings: list[int] = field(default_factory=list)
    trial_ends_at: datetime | None = None
    review_overdue: bool = False
    review_stops_at: datetime | None = None
    at: datetime = field(default_factory=timezone.now)

    @property
    def may_serve(self) -> bool:
        """False once a notice, a trial or the time for a review is over, or a finding overdue that then suspends.

        Whether or not anything has run.
        """
        over = [moment for moment in (self.trial_ends_at, self.review_stops_at) if moment and moment <= self.at]
        return not (over or self.overdue_findings or any(standing.overdue for standing in self.notices))

    @property
    def until(self) -> datetime | None:
        """When it may serve no longer unless someone confirms; None: no such moment is on record."""
        moments = [s.due_at for s in self.notices] + [self.trial_ends_at]
        if self.review_overdue:
            moments.append(self.review_stops_at)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def flagged(self) -> bool:
        return bool(self.notices or self.gaps or self.review_overdue)


def standing_notices(promotions: Iterable[int]) -> QuerySet[ServingNotice]:
    """Notices without an end, oldest first. Whether the promotion is live is the caller's to know."""
    return ServingNotice.objects.filter(promotion__in=list(promotions), end__isnull=True).order_by("id")


#: Of each live promotion: what it does not meet any more, overdue findings, its clocks, what would serve in its stead.
_STANDING = """
SELECT l.id, g.gaps, coalesce(f.overdue, '{}'), c.trial_ends_at, c.review_overdue, c.review_stops_at,
       CASE WHEN l.id = ANY (%(falling)s::bigint[]) THEN muniment.last_good(l.id) END
FROM unnest(%(live)s::bigint[]) AS l (id)
LEFT JOIN muniment.serving_gaps(%(live)s, %(at)s) g ON g.promotion = l.id
LEFT JOIN muniment.serving_clocks(%(live)s, %(now)s) c ON c.promotion_id = l.id
LEFT JOIN (
  SELECT p.id, array_agg(o.finding_id) AS overdue FROM public.approvals_promotion p
  JOIN public.approvals_release r ON r.id = p.release_id
  JOIN muniment.overdue_findings(ARRAY(
    SELECT DISTINCT r.model_version_id FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id WHERE p.id = ANY (%(live)s)), %(now)s) o
    ON o.model_version_id = r.model_version_id
  WHERE p.id = ANY (%(live)s) GROUP BY p.id) f ON f.id = l.id
"""


def how_they_stand(
    promotions: Collection[int], *, at: datetime | None = None, notices: Sequence[ServingNotice] | None = None
) -> dict[int, Serving]:
    """How each of some live promotions stands; a fixed number of queries, however many there are.

    Args:
        promotions: ids of promotions that are live.
        at: moment by which notices and facts are judged to have run out; None: now.
        notices: all of theirs without an end, oldest first, where they are read already.
    """
    now = at or timezone.now()
    found: dict[int, Serving] = defaultdict(Serving)
    notices = list(standing_notices(promotions)) if notices is None else notices
    late = [n.pk for n in notices if n.due_at is not None and n.due_at <= now]
    falling = {n.promotion_id for n in notices if n.due_at and n.response["fallback"] == Fallback.LAST_GOOD}
    gone, gaps, fallbacks = set(late), {}, {}
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, {"live": list(promotions), "falling": list(falling), "at": at, "now": now})
        for pk, rows, overdue, trial_ends_at, review_overdue, review_stops_at, good in cursor.fetchall():
            one = found[pk]
            gaps[pk] = json.loads(rows) if isinstance(rows, str) else rows or []
            one.overdue_findings = overdue
            one.at, one.trial_ends_at = now, trial_ends_at
            one.review_overdue, one.review_stops_at = bool(review_overdue), review_stops_at
            if good is not None:
                fallbacks[pk] = good
        if late:
            cursor.execute("SELECT n FROM unnest(%s) n WHERE muniment.cause_stands(n, %s)", [late, at])
            gone -= {row[0] for row in cursor.fetchall()}
    for pk in promotions:
        found[pk].gaps = from_rows(gaps.get(pk, [])).requirements
    for notice in notices:
        found[notice.promotion_id].notices.append(Standing(notice, notice.pk in late and notice.pk not in gone))
    if fallbacks:
        shown = Promotion.objects.select_related("release__model_version").in_bulk(list(fallbacks.values()))
        for pk, good in fallbacks.items():
            found[pk].fallback = shown[good]
    return dict(found)


def last_good(promotion: Promotion) -> Promotion | None:
    """The earlier promotion of its slot that would serve instead, were it to stop now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.last_good(%s)", [promotion.pk])
        found = cursor.fetchone()[0]
    return Promotion.objects.select_related("release__model_version").get(pk=found) if found else None
