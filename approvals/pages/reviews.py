"""Periodic reviews as pages show them: when they are due, by the clock and the policy in force."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from approvals.models import LiveSlot, Promotion
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import Model

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Review:
    """The review of what is live in one slot; `release_id`: the open release in which it takes place."""

    promotion: Promotion
    due_at: datetime
    overdue_at: datetime
    release_id: int | None

    @property
    def due(self) -> bool:
        return self.due_at <= timezone.now()

    @property
    def overdue(self) -> bool:
        return self.overdue_at <= timezone.now()


def of_model(model: Model) -> list[Review]:
    """Every review of what is live of a model, the next first."""
    return _read(list(LiveSlot.objects.filter(model=model).values_list("promotion_id", flat=True)))


def due_for(reader: Principal) -> list[Review]:
    """Reviews that are due in the reader's namespaces, the longest due first; at most fifty."""
    live = LiveSlot.objects.filter(model__namespace__in=readable_namespaces(reader))
    return [one for one in _read(list(live.values_list("promotion_id", flat=True))) if one.due][:SHOWN]


def _read(promotions: list[int]) -> list[Review]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.promotion_id, v.due_at, v.overdue_at, (SELECT max(o.id) FROM approvals_release o"
            " JOIN approvals_promotion p ON p.id = v.promotion_id JOIN approvals_release r ON r.id = p.release_id"
            " WHERE o.model_version_id = r.model_version_id AND o.environment_id = r.environment_id AND o.slot = r.slot"
            " AND NOT EXISTS (SELECT 1 FROM approvals_releaseclosure c WHERE c.release_id = o.id))"
            " FROM muniment.reviews_of(%s) v ORDER BY v.due_at, v.promotion_id",
            [promotions],
        )
        rows = cursor.fetchall()
    found = Promotion.objects.select_related("model", "environment").in_bulk([row[0] for row in rows])
    return [Review(found[pk], due, overdue, release) for pk, due, overdue, release in rows]
