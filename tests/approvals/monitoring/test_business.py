"""Value against cost, in one currency."""

import datetime
from dataclasses import replace
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
from tests.approvals.voting import insert
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


def test_money_of_a_moment_is_counted_once_whoever_reports_it(w: World, live: Promotion) -> None:
    plan = scene.watch(w, PlanKind.MONITORING_BUSINESS, {"metric": "net", "comparator": "ge", "threshold": "0"})
    other = scene.watch(w, PlanKind.MONITORING_BUSINESS, title="What it saves elsewhere")
    scene.report(w, earned(live, plan, "60", "10"))
    for again in (earned(live, plan, "60", "10"), replace(earned(live, plan, "7", "1"), end=scene.span(live, 5)[1])):
        with pytest.raises(errors.Conflict) as refusal:
            scene.report(w, again, by=w.cast.owner)
        assert refusal.value.errors.keys() == {"windows[0]"}
        assert "value of this window, or of a part of it, is counted already" in str(refusal.value.errors)
    key_figure = scene.values(live, plan, kind=scene.Kind.BUSINESS, values=[{"metric": "conversion", "value": "0.2"}])
    scene.report(w, key_figure, by=w.cast.owner)
    with pytest.raises(errors.Conflict, match="counted already"):  # two plans that watch the same earnings
        scene.report(w, earned(live, other, "60", "10"))
    scene.report(w, earned(live, other, "60", "10", 1), by=w.cast.owner)
    assert sum(one.amount for one in MoneyEntry.objects.filter(kind="value")) == 120


def test_money_that_was_wrong_is_taken_back_and_entered_right(w: World, live: Promotion) -> None:
    plan = scene.watch(w, PlanKind.MONITORING_BUSINESS, {"metric": "net", "comparator": "ge", "threshold": "0"})
    scene.report(w, earned(live, plan, "600", "10"))
    enter(w, KIND.VALUE, "-600", note="A nought too many")
    enter(w, KIND.VALUE, "60", note="As it was")
    assert sum(one.amount for one in MoneyEntry.objects.filter(kind="value")) == 60


def test_the_database_counts_the_money_of_a_window_once_and_for_its_own_time(
    w: World, live: Promotion, app: Connection
) -> None:
    plan = scene.watch(w, PlanKind.MONITORING_BUSINESS, {"metric": "net", "comparator": "ge", "threshold": "0"})
    other = scene.watch(w, PlanKind.MONITORING_BUSINESS, title="The same, seen from elsewhere")
    scene.report(w, earned(live, plan, "60", "10"))
    statement = (
        "INSERT INTO approvals_moneyentry (model_id, window_id, kind, amount, currency, period_start, period_end, note)"
        " SELECT %s, w.id, 'value', 60, 'EUR', w.window_start, w.window_end + %s, '' FROM approvals_monitoringwindow w"
        " WHERE w.promotion_id = %s ORDER BY w.id DESC LIMIT 1"
    )
    for under in (plan, other):
        with refuses("MU008", "money-counted"), acting(app, w.cast.owner):
            business_window(app, live, under)
            app.execute(statement, [w.model.pk, datetime.timedelta(), live.pk])
    with refuses("MU009", "other-window"), acting(app, w.cast.owner):
        business_window(app, live, plan)
        app.execute(statement, [w.model.pk, datetime.timedelta(seconds=1), live.pk])


def business_window(app: Connection, live: Promotion, plan: Any) -> None:
    """Another account's window of the time that is reported already, by raw SQL."""
    start, end = scene.span(live)
    evidence: int = insert(
        app, "approvals_evidence", namespace_id=plan.namespace_id, plan_id=plan.pk, promotion_id=live.pk,
        subject_digest="", run_started_at=start, window_start=start, window_end=end, tool="", independence="", claim="",
        attachments="[]",
    )  # fmt: skip
    insert(
        app, "approvals_monitoringwindow", promotion_id=live.pk, plan_id=plan.pk, evidence_id=evidence, kind="business",
        window_start=start, window_end=end, counts="{}", content_digest="0" * 64,
    )  # fmt: skip


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
