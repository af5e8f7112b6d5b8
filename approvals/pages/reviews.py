"""Periodic reviews as pages show them: when they are due, by the clock and the policy in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from approvals.models import Slot
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import Model

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Review:
    """The review of what is live in one slot; `release_id`: the open release in which it takes place."""

    model_id: int
    model: str
    environment: str
    slot: str
    due_at: datetime
    overdue_at: datetime
    release_id: int | None

    @property
    def slot_name(self) -> str:
        return str(Slot(self.slot).label)

    @property
    def due(self) -> bool:
        return self.due_at <= timezone.now()

    @property
    def overdue(self) -> bool:
        return self.overdue_at <= timezone.now()


def of_model(model: Model) -> list[Review]:
    """Every review of what is live of a model, the next first."""
    return _read("l.model_id = %s", [model.pk])


def due_for(reader: Principal) -> list[Review]:
    """Reviews that are due in the reader's namespaces, the longest due first; at most fifty."""
    mine, given = readable_namespaces(reader).values("pk").query.sql_with_params()
    live = f"l.model_id IN (SELECT id FROM lineage_model WHERE namespace_id IN ({mine}))"
    return [one for one in _read(live, given) if one.due][:SHOWN]


def _read(live: str, given: Sequence[Any]) -> list[Review]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.id, coalesce(nullif(m.title, ''), m.name), e.name, p.slot, v.due_at, v.overdue_at,"
            " (SELECT max(o.id) FROM approvals_release o"
            " WHERE o.model_version_id = r.model_version_id AND o.environment_id = r.environment_id AND o.slot = r.slot"
            " AND NOT EXISTS (SELECT 1 FROM approvals_releaseclosure c WHERE c.release_id = o.id))"
            f" FROM muniment.reviews_of(ARRAY(SELECT l.promotion_id FROM approvals_liveslot l WHERE {live})) v"
            " JOIN approvals_promotion p ON p.id = v.promotion_id JOIN approvals_release r ON r.id = p.release_id"
            " JOIN lineage_model m ON m.id = p.model_id JOIN approvals_environment e ON e.id = p.environment_id"
            " ORDER BY v.due_at, v.promotion_id",
            given,
        )
        return [Review(*row) for row in cursor.fetchall()]
