"""The portfolio: what is live, planned and at risk, per namespace, in a fixed number of queries."""

import datetime
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.findings import raise_finding
from approvals.actions.promotions import promote
from approvals.models import Finding
from governance.unit_of_work import recorded_action
from lineage.models import Model
from tests.approvals.world import WHY, World
from tests.permission_table import found
from tests.waiting import sleep_until, soon

Api = Callable[[str], Any]


def part(api: Api, **query: str) -> dict[str, Any]:
    (one,) = api("pipeline").get("/api/v1/portfolio", query).json()["results"]
    return dict(one)


def test_what_is_live_planned_and_at_risk_is_counted(w: World, api: Api) -> None:
    began = time.monotonic()
    w.policy({"key": "artifact", "kind": "artifact"})
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    w.release(w.retrain(2))
    found.intake(w)
    due = soon(began)
    raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Late", severity=Finding.Severity.HIGH,
        blocks=False, owner=w.cast.owner, due=due, **WHY,
    )  # fmt: skip
    counted = part(api)
    assert counted["live"] == {"high": 1, "medium": 0, "low": 0}
    assert (counted["models"], counted["proposed"], counted["releases"], counted["as_found"]) == (1, 1, 1, 0)
    sleep_until(due)
    assert (part(api)["findings"], part(api)["at_risk"]) == (1, 1)


def test_what_is_past_its_date_as_found_is_at_risk(w: World, api: Api, monkeypatch: Any) -> None:
    found.entry_as_found(w)
    assert (part(api)["as_found"], part(api)["found_late"], part(api)["found_soon"]) == (1, 0, 0)
    later = timezone.now() + datetime.timedelta(days=40)
    monkeypatch.setattr(timezone, "now", lambda: later)
    from approvals.portfolio import portfolio

    (soon,) = portfolio(w.cast.pipeline).parts
    assert (soon.found_late, soon.found_soon, soon.at_risk) == (0, 1, 0)
    monkeypatch.setattr(timezone, "now", lambda: later + datetime.timedelta(days=30))
    (late,) = portfolio(w.cast.pipeline).parts
    assert (late.found_late, late.at_risk) == (1, 1)


def test_the_page_says_it_in_words_beside_the_bars(w: World, signed_in: Api) -> None:
    found.entry_as_found(w)
    found.intake(w)
    text = signed_in("viewer").get("/portfolio").content.decode()
    assert "piece--found" in text
    assert "proposed" in text
    assert "Proposed" in text
    other = signed_in("outsider").get("/portfolio").content.decode()
    assert "proposed</a>" not in other
    assert "Elsewhere" in other


def test_more_models_take_no_more_queries(w: World, signed_in: Api) -> None:
    browser = signed_in("viewer")
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/portfolio").status_code == 200
        counts.append(len(asked))
        with recorded_action(actor=w.cast.pipeline, **WHY):
            Model.objects.bulk_create(Model(namespace=w.cast.retail, name=f"{number}-{n}") for n in range(50))
        found.intake(w)
    assert counts[1] == counts[0] <= 13


def test_another_namespace_is_answered_as_unknown(w: World, api: Api) -> None:
    assert api("pipeline").get("/api/v1/portfolio", {"namespace": "elsewhere"}).status_code == 404
