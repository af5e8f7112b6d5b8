"""Monitoring: windows reported in a second, and the page of something live with 10,000 of them."""

import datetime
import time
from functools import partial

from django.test import Client
from django.utils import timezone

from approvals.actions.monitoring import Report, report_windows
from approvals.actions.plans import lock_plan
from approvals.actions.promotions import promote
from approvals.gate.gate import ask
from approvals.models import MonitoringWindow, Plan, PlanKind, Promotion
from approvals.monitoring.reading import monitoring
from bench.databases import fresh
from bench.figures import Figure, Scale, quantile, table, timed
from bench.people import WHY, email, person
from bench.records import judged_model, training_sets, whole_release
from governance.accounts.models import User

STEP = datetime.timedelta(microseconds=400)
BATCH = 1_000
METRICS = ("error_rate", "p95_seconds", "memory_bytes")


def measure(scale: Scale) -> list[Figure]:
    """Windows of three values each: one a call, then a thousand a call; then the page, the API and the gate."""
    windows = scale.bulk
    with fresh("monitoring"):
        promotion = promote(actor=person("pipeline"), release=whole_release(judged_model(), training_sets()), **WHY)
        plan = _plan(promotion)
        single = [timed(partial(_report, promotion, plan, n, 1)) for n in range(100)]
        start = time.perf_counter()
        for first in range(100, windows, BATCH):
            _report(promotion, plan, first, min(BATCH, windows - first))
        rate = (windows - 100) / (time.perf_counter() - start)
        assert MonitoringWindow.objects.count() == windows
        page, queries = _page(promotion)
        rolled = [timed(lambda: monitoring(promotion, at=timezone.now())) for _ in range(scale.rounds)]
        gate = [timed(lambda: ask(promotion.release)) for _ in range(scale.rounds)]
    one = f"{1000 * quantile(single, 0.5):.1f}"
    rows = [
        ("windows/s, a thousand a call", f"{rate:.0f}"),
        ("one window a call, median ms", one),
        (f"page with {windows:,} windows, median ms", f"{1000 * quantile(page, 0.5):.0f}"),
        ("rollup alone, median ms", f"{1000 * quantile(rolled, 0.5):.0f}"),
        ("gate of its release, median ms", f"{1000 * quantile(gate, 0.5):.1f}"),
    ]
    table("Monitoring, windows of three values (client and server share the cores)", ("", "measured"), rows)
    return [
        Figure("monitoring windows/s, batches of 1,000", f"{rate:.0f}"),
        Figure(f"page of a model with {windows:,} windows", f"{1000 * quantile(page, 0.5):.0f} ms, {queries} queries"),
    ]


def _plan(promotion: Promotion) -> Plan:
    limits = [{"metric": name, "comparator": "le", "threshold": "0.97"} for name in METRICS]
    return lock_plan(
        actor=person("validator"), subject=promotion.model, kind=PlanKind.MONITORING_OPERATIONS, title="Runs",
        criteria=limits, **WHY,
    )[0]  # fmt: skip


def _report(promotion: Promotion, plan: Plan, first: int, count: int) -> None:
    """Three metrics, a window in fifty a breach."""
    reports = [
        Report(
            promotion=promotion, plan=plan, start=promotion.started_at + n * STEP,
            end=promotion.started_at + (n + 1) * STEP, kind=MonitoringWindow.Kind.VALUES,
            values=[{"metric": name, "value": f"{(n * k) % 50 * 0.02:.2f}"} for k, name in enumerate(METRICS, 1)],
        )
        for n in range(first, first + count)
    ]  # fmt: skip
    report_windows(actor=person("pipeline"), reports=reports, **WHY)


def _page(promotion: Promotion) -> tuple[list[float], int]:
    """Seconds of each of some calls of the page, and its queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = Client(SERVER_NAME="localhost")
    client.force_login(
        User.objects.get(email=email("validator")), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    address = f"/promotions/{promotion.pk}/monitoring"
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [timed(lambda: client.get(address)) for _ in range(7)], len(captured)
