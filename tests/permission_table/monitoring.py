"""Monitoring: windows, money, and the page of what is live."""

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from approvals.actions.money import enter_money, set_currency
from approvals.models import ModelCurrency, MoneyEntry, MonitoringWindow, Promotion
from tests.approvals.monitoring import scene
from tests.approvals.world import World
from tests.permission_table.row import AFTER_DAYS, HIDDEN, NOBODY, PAGE_HIDDEN, PAGE_READERS, READERS, WHY, Row

if TYPE_CHECKING:
    from tests.permission_table.things import Things

COLLECTIONS = ("monitoring-windows", "model-currencies", "money-entries")


def window(w: World) -> MonitoringWindow:
    """A window of something live."""
    promotion = scene.live(w)
    return scene.report(w, scene.values(promotion, scene.watch(w)))[0].window


def currency(w: World) -> ModelCurrency:
    """The model's currency."""
    return set_currency(actor=w.cast.owner, model=w.model, currency="EUR", **WHY)[0]


def money(w: World) -> MoneyEntry:
    """What developing it cost."""
    currency(w)
    at = timezone.now() - datetime.timedelta(hours=1)
    return enter_money(
        actor=w.cast.owner, model=w.model, kind=MoneyEntry.Kind.DEVELOPMENT, amount=Decimal(1200), currency="EUR", period_start=at, period_end=at, **WHY,
    )[0]  # fmt: skip


def _model(things: "Things") -> int:
    w: World = things.w
    return w.model.pk


def _windows(things: "Things") -> dict[str, Any]:
    promotion: Promotion = Promotion.objects.get(pk=things.id("promotions"))
    plan = scene.watch(things.w)
    return {"windows": [scene.body(scene.values(promotion, plan))]}


def _scraped(things: "Things") -> dict[str, Any]:
    """What stands in the address of a window that Prometheus text is of."""
    one = _windows(things)["windows"][0]
    return {name: one[name] for name in ("plan", "promotion", "window_start", "window_end")}


def _entry(things: "Things") -> dict[str, Any]:
    things.id("model-currencies")
    at = (timezone.now() - datetime.timedelta(hours=1)).isoformat()
    return {"model": things.w.model.pk, "kind": "running", "amount": "12", "currency": "EUR", "period_start": at,
            "period_end": at}  # fmt: skip


GET: dict[str, Row] = {
    **{f"api/v1/{name}": Row((*READERS, "outsider"), NOBODY) for name in COLLECTIONS},
    **{f"api/v1/{name}/<id>": Row(READERS, HIDDEN) for name in COLLECTIONS},
    "api/v1/promotions/<id>/monitoring": Row(READERS, HIDDEN),
    "promotions/<id>/monitoring": Row(PAGE_READERS, PAGE_HIDDEN),
}

POST: dict[str, Row] = {
    "api/v1/monitoring": Row(
        ("pipeline", "owner", "business"), {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}, _windows
    ),
    # The body is no JSON: tests/approvals/monitoring/test_prometheus.py sends what it takes.
    "api/v1/monitoring/prometheus": Row(
        AFTER_DAYS, {"anonymous": 401, "outsider": 400, "pipeline": 400}, query=_scraped
    ),
    "api/v1/model-currencies": Row(
        ("owner", "business"),
        {"anonymous": 401, "outsider": 404, "viewer": 403, "pipeline": 403},
        lambda things: {"model": _model(things), "currency": "EUR"},
    ),
    "api/v1/money-entries": Row(
        ("pipeline", "owner", "business"), {"anonymous": 401, "outsider": 404, "viewer": 403, "risk": 403}, _entry
    ),
}
