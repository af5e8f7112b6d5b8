"""What the gate of an environment would have refused while it only observed."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from approvals.gate.gate import PASSING
from approvals.models import Environment
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces

MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class ObservedReason:
    """One reason: how many promotions it would have refused, and of which models (at most ten)."""

    key: str
    reason: str
    promotions: int
    models: list[str]


@dataclass(frozen=True, slots=True)
class Observed:
    """The report on the period that runs, or ran last. Counts are of namespaces its reader may read."""

    environment: str
    observing: bool
    since: datetime | None
    until: datetime | None
    promotions: int
    would_have_refused: int
    reasons: list[ObservedReason]


def period(environment: Environment) -> tuple[datetime | None, datetime | None]:
    """When the gate began to observe last, and until when it does or did; (None, None): never."""
    since = until = None
    history = environment.history.order_by("history_date", "history_id")
    for moment, value in history.values_list("history_date", "observe_only_until"):
        if until is not None and moment < until:  # it was observing: lengthened, shortened or ended
            until = min(value, until) if value and value < moment else value or moment
        elif value is not None and value > moment:
            since, until = moment, value
    return since, until


def report(environment: Environment, reader: Principal) -> Observed:
    """The report, in three queries."""
    since, until = period(environment)
    namespaces = list(readable_namespaces(reader).values_list("pk", flat=True))
    window = [environment.pk, since, until, namespaces]
    of = (
        " FROM approvals_gatedecision d JOIN approvals_promotion p ON p.id = d.promotion_id"
        " JOIN lineage_model m ON m.id = p.model_id"
        " WHERE p.environment_id = %s AND d.decided_at >= %s AND d.decided_at < %s AND m.namespace_id = ANY (%s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), count(*) FILTER (WHERE d.would_have_refused) {of}", window)
        promotions, refused = cursor.fetchone()
        cursor.execute(
            "SELECT q ->> 'key', q ->> 'reason', count(*), array_agg(DISTINCT x.name) FROM ("
            f"SELECT d.requirements, m.name {of} AND d.would_have_refused) x, jsonb_array_elements(x.requirements) q"
            " WHERE q ->> 'status' <> ALL (%s) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            [*window, [status.value for status in PASSING]],
        )
        reasons = [ObservedReason(key, why, count, names[:MOST_NAMES]) for key, why, count, names in cursor.fetchall()]
    observing = environment.observe_only_until is not None and environment.observe_only_until > timezone.now()
    return Observed(environment.name, observing, since, until, promotions, refused, reasons)
