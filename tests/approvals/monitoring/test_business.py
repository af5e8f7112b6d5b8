"""Value against cost, in one currency."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.money import enter_money, set_currency
from approvals.actions.monitoring import Report
from approvals.models import MoneyEntry, PlanKind, Promotion
from approvals.monitoring.reading import monitoring
from governance import errors
from tests.approvals.monitoring import scene
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.world import WHY, World

KIND = MoneyEntry.Kind


def enter(w: World, kind: MoneyEntry.Kind, amount: str, **more: Any) -> tuple[MoneyEntry, bool]:
    at = scene.an_hour_ago().replace(microsecond=0)
    given = {"currency": "EUR", "period_start": at, "period_end": at, **more}
    return enter_money(actor=w.cast.owner, model=w.model, kind=kind, amount=Decimal(amount), **given, **WHY)


def earned(promotion: Promotion, plan: Any, value: str, running: str, n: int = 0, currency: str = "EUR") -> Report:
    money = {"value": Decimal(value), "running": Decimal(running), "currency": currency}
    return scene.values(promotion, plan, n=n, kind=scene.Kind.BUSINESS, values=[], money=money)


@pytest.fixture
def live(w: World) -> Promotion:
    set_currency(actor=w.cast.owner, model=w.model, currency="EUR", **WHY)
    return scene.live(w)


def test_what_a_window_earned_joins_what_was_spent_before(w: World, live: Promotion) -> None:
    limit = {"metric": "cumulative_net", "comparator": "ge", "threshold": "0"}
    plan = scene.watch(w, PlanKind.MONITORING_BUSINESS, limit)
    enter(w, KIND.DEVELOPMENT, "100")
    enter(w, KIND.DEPLOYMENT, "20")
    made = scene.report(w, *[earned(live, plan, "60", "10", n) for n in range(3)])
    assert [one.window.verdict for one in made] == ["bad", "bad", "good"]
    nets = [one.window.evidence.values.get(metric="cumulative_net").value for one in made if one.window.evidence]
    assert nets == [-70, -20, 30]
    found = monitoring(live, at=timezone.now() + datetime.timedelta(seconds=1)).money
    assert found is not None and found.paid_back == made[2].window.window_end
    end = found.sums[-1]
    assert [end.value, end.cost, end.net] == [180, 150, 30]
    later = scene.report(w, earned(live, plan, "0", "40", 3))[0].window
    assert later.verdict == "bad"
    fallen = monitoring(live, at=timezone.now() + datetime.timedelta(seconds=1)).money
    assert fallen is not None and fallen.paid_back is None, "it fell short again"


def test_a_key_figure_may_stand_beside_the_money_and_not_in_its_stead(w: World, live: Promotion) -> None:
    plan = scene.watch(
        w, PlanKind.MONITORING_BUSINESS, {"metric": "conversion", "comparator": "ge", "threshold": "0.1"}
    )
    report = scene.values(
        live, plan, kind=scene.Kind.BUSINESS, values=[{"metric": "conversion", "value": "0.2"}],
        money={"value": Decimal(1), "currency": "EUR"},
    )  # fmt: skip
    assert scene.report(w, report)[0].window.verdict == "good"
    forged = scene.values(
        live, plan, n=1, kind=scene.Kind.BUSINESS, values=[{"metric": "net", "value": "999"}], money=dict(report.money)
    )
    with pytest.raises(errors.Invalid):
        scene.report(w, forged)


def test_the_currency_is_the_model_s_for_good(w: World, live: Promotion) -> None:
    assert set_currency(actor=w.cast.business, model=w.model, currency="EUR", **WHY)[1] is False
    with pytest.raises(errors.AlreadyDifferent):
        set_currency(actor=w.cast.owner, model=w.model, currency="USD", **WHY)
    with pytest.raises(errors.Invalid) as refusal:
        enter(w, KIND.VALUE, "5", currency="USD")
    assert refusal.value.params["code"] == "other-currency" and "EUR" in str(refusal.value)
    plan = scene.watch(w, PlanKind.MONITORING_BUSINESS)
    with pytest.raises(errors.Invalid):
        scene.report(w, earned(live, plan, "1", "1", currency="KRW"))
    with pytest.raises(errors.Invalid):
        set_currency(actor=w.cast.owner, model=w.model, currency="XXX", **WHY)


def test_no_money_without_a_currency(w: World) -> None:
    with pytest.raises(errors.Conflict) as refusal:
        enter(w, KIND.VALUE, "5")
    assert refusal.value.params["code"] == "no-currency"


def test_the_same_entry_is_found_again_and_a_wrong_one_taken_back(w: World, live: Promotion) -> None:
    march = {"note": "March", "period_end": w.model.recorded_at, "period_start": w.model.recorded_at}
    first, made = enter(w, KIND.VALUE, "5", **march)
    again, repeated = enter(w, KIND.VALUE, "5", **march)
    assert made and not repeated and first == again
    with pytest.raises(errors.Invalid):
        enter(w, KIND.VALUE, "-5")
    assert enter(w, KIND.VALUE, "-5", note="March was counted twice")[1]
    with pytest.raises(errors.Invalid):
        enter(w, KIND.VALUE, "5", period_end=timezone.now() + datetime.timedelta(days=1))


def test_the_database_mixes_no_currencies_and_keeps_no_infinity(w: World, live: Promotion, app: Connection) -> None:
    statement = (
        "INSERT INTO approvals_moneyentry (model_id, kind, amount, currency, period_start, period_end, note)"
        " VALUES (%s, 'value', %s, %s, now(), now(), '')"
    )
    for amount, currency, state in (("1", "USD", "MU009"), ("NaN", "EUR", "23514"), ("-1", "EUR", "23514")):
        with refuses(state), acting(app, w.cast.owner):
            app.execute(statement, [w.model.pk, amount, currency])


def test_over_http(w: World, api: Any, signed_in: Any) -> None:
    owner, json = signed_in("owner"), {"content_type": "application/json"}
    sent = {"model": w.model.pk, "currency": "EUR"}
    assert owner.post("/api/v1/model-currencies", sent, **json).status_code == 201
    assert owner.post("/api/v1/model-currencies", sent, **json).status_code == 200
    assert owner.post("/api/v1/model-currencies", {**sent, "currency": "USD"}, **json).status_code == 409
    at = scene.an_hour_ago().isoformat()
    entry = {"model": w.model.pk, "kind": "development", "amount": "1200.50", "currency": "EUR", "period_start": at,
             "period_end": at}  # fmt: skip
    answer = api("pipeline").post("/api/v1/money-entries", entry, format="json")
    assert answer.status_code == 201 and answer.json()["amount"] == "1200.5", answer.content
    assert api("pipeline").post("/api/v1/money-entries", entry, format="json").status_code == 200
    for wrong in ({"amount": "1e400"}, {"currency": "EURO"}, {"currency": "USD"}, {"window": 1}, {"amount": "-1"}):
        answer = api("pipeline").post("/api/v1/money-entries", {**entry, **wrong}, format="json")
        assert answer.status_code == 400, (wrong, answer.content)
