"""Something live, plans to watch it by, and windows of it."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from approvals.actions.monitoring import Report, Reported, report_windows
from approvals.actions.plans import lock_plan
from approvals.models import MonitoringWindow, Plan, PlanKind, Promotion
from governance.accounts.models import Principal
from tests.approvals.serving import scenes
from tests.approvals.world import WHY, World

Kind = MonitoringWindow.Kind
STEP = datetime.timedelta(milliseconds=2)
LIMIT = {"metric": "error_rate", "comparator": "le", "threshold": "0.05"}
RIGHT = [
    {"metric": "accuracy", "comparator": "ge", "threshold": "0.9"},
    {"metric": "coverage", "comparator": "ge", "threshold": "0.5"},
]


def watch(w: World, kind: PlanKind = PlanKind.MONITORING_OPERATIONS, *criteria: dict[str, str], **more: Any) -> Plan:
    """A locked plan of a viewpoint: errors of at most 5 %, unless said otherwise."""
    given = {"title": f"Watch {kind.label}", "criteria": list(criteria) or [LIMIT], **more}
    return lock_plan(actor=w.cast.validator, subject=w.model, kind=kind, **given, **WHY)[0]


def live(w: World, **responses: Any) -> Promotion:
    """The world's version, live under a policy of facts and these responses."""
    scenes.policy(w, responses)
    return scenes.go_live(w)


def span(promotion: Promotion, n: int = 0) -> tuple[datetime.datetime, datetime.datetime]:
    """The n-th window of a promotion that has just begun: of two milliseconds, which the database lets lie ahead of it."""
    start = promotion.started_at + n * STEP
    return start, start + STEP


def values(promotion: Promotion, plan: Plan, value: str = "0.01", n: int = 0, **more: Any) -> Report:
    """A report of one error rate."""
    start, end = span(promotion, n)
    given = {"kind": Kind.VALUES, "values": [{"metric": "error_rate", "value": value}], **more}
    return Report(promotion=promotion, plan=plan, start=start, end=end, **given)


def report(w: World, *reports: Report, by: Principal | None = None) -> list[Reported]:
    """Hand them in."""
    return report_windows(actor=by or w.cast.pipeline, reports=reports, **WHY)


def error_rates(w: World, promotion: Promotion, plan: Plan, rates: Sequence[str], first: int = 0) -> list[Reported]:
    """Windows one after the other, each with its own error rate, in calls of their own."""
    return [report(w, values(promotion, plan, rate, first + n))[0] for n, rate in enumerate(rates)]


def predicted(promotion: Promotion, plan: Plan, count: int = 100, n: int = 0) -> Report:
    """So many predictions."""
    start, end = span(promotion, n)
    return Report(promotion=promotion, plan=plan, start=start, end=end, kind=Kind.PREDICTIONS, predictions=count)


def truth(promotion: Promotion, plan: Plan, n: int = 0, *, later: int = 1, **counts: Any) -> Report:
    """Truth of a window, known so many milliseconds after its end."""
    start, end = span(promotion, n)
    until = end + datetime.timedelta(milliseconds=later)
    return Report(
        promotion=promotion, plan=plan, start=start, end=end, kind=Kind.TRUTH, known_until=until, truth=counts
    )


def body(one: Report) -> dict[str, Any]:
    """A report as it travels."""
    sent: dict[str, Any] = {
        "promotion": one.promotion.pk, "plan": one.plan.pk, "window_start": one.start.isoformat(),
        "window_end": one.end.isoformat(),
    }  # fmt: skip
    if one.kind == Kind.PREDICTIONS:
        return sent | {"predictions": one.predictions}
    if one.kind == Kind.TRUTH:
        assert one.known_until is not None
        return sent | {"truth": {"known_until": one.known_until.isoformat(), **one.truth}}
    return sent | {"values": list(one.values)} | ({"money": one.money} if one.money else {})


def an_hour_ago() -> datetime.datetime:
    """Before anything of the test's own began."""
    return timezone.now() - datetime.timedelta(hours=1)
