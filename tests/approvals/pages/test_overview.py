"""The overview and the review queue: what awaits whom, what is live, what happened."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.promotions import promote
from tests.approvals.pages.test_release_page import ARTIFACT, RISK, VETO, text_of
from tests.approvals.world import WHY, World

Browser = Callable[[str], Any]


def test_what_awaits_me_comes_first(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    release = w.release()
    page = signed_in("risk").get("/")
    assert [(one.release.pk, one.mine) for one in page.context["mine"]] == [(release.pk, ["risk"])]
    assert "1 release awaits your signature." in text_of(page)
    w.vote("risk", w.cast.risk, release=release)
    assert "Nothing awaits your signature." in text_of(signed_in("risk").get("/"))
    assert signed_in("risk2").get("/").context["mine"] == [], "enough have signed"
    assert signed_in("viewer").get("/").context["mine"] == []


def test_the_queue_shows_mine_then_others(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    release, second = w.release(), w.release(w.retrain(1))
    w.vote("risk", w.cast.risk, release=second)
    page = signed_in("risk").get("/reviews")
    assert [one.release.pk for one in page.context["mine"]] == [release.pk]
    assert [one.release.pk for one in page.context["others"]] == [second.pk]
    assert "Awaits: Compliance" in text_of(page)


def test_the_queue_goes_on_behind_what_is_shown(w: World, signed_in: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.pages.queue.SHOWN", 1)
    w.policy(ARTIFACT, RISK, VETO)
    first, second = w.release(), w.release(w.retrain(1))
    browser = signed_in("risk")
    page = browser.get("/reviews")
    assert [one.release.pk for one in page.context["mine"]] == [first.pk]
    assert f"/reviews?after={first.pk}" in page.content.decode()
    page = browser.get(f"/reviews?after={first.pk}")
    assert [one.release.pk for one in page.context["mine"]] == [second.pk]
    assert "?after=" not in page.content.decode()
    assert browser.get("/reviews?after=x").status_code == 404


def test_own_work_is_not_in_ones_queue(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, {"key": "validator", "kind": "signoff", "params": {"role": "validator", "count": 1},
                        "binds": ["subject"]})  # fmt: skip
    w.evidence(w.plan(), by=w.cast.tester)
    w.release()
    page = signed_in("validator").get("/reviews")
    assert page.context["mine"] == []
    assert "Your own work: others sign it." in text_of(page)


def test_live_and_latest_are_shown_to_who_may_read_them(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT)
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    mine = text_of(signed_in("viewer").get("/"))
    assert "scoring" in mine
    assert "promoted it into production" in mine
    theirs = text_of(signed_in("outsider").get("/"))
    assert "scoring" not in theirs
    assert "Nothing is live in the namespaces you may read." in theirs


def test_queries_do_not_grow_with_what_is_shown(w: World, signed_in: Browser, django_assert_num_queries: Any) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    for number in range(4):
        w.release(w.retrain(number))
    browser = signed_in("risk")
    with django_assert_num_queries(12):
        assert browser.get("/").status_code == 200
    with django_assert_num_queries(5):
        assert browser.get("/reviews").status_code == 200


def test_no_page_asks_fifteen_times(w: World, signed_in: Browser) -> None:
    w.policy(ARTIFACT, RISK, VETO)
    release = w.release(w.retrain(1))
    w.vote("risk", w.cast.risk, release=release)
    version = f"/model-versions/{release.model_version_id}"
    addresses = (
        "/", "/reviews", "/portfolio", "/policies", "/imports", "/intakes", "/findings", "/audit", "/audit/access",
        "/search?q=scoring", "/live", f"/models/{w.model.pk}", f"/models/{w.model.pk}/as-it-was", version,
        f"{version}/as-it-was", f"/releases/{release.pk}", f"/datasets/{w.datasets['features'].pk}",
    )  # fmt: skip
    browser = signed_in("auditor")
    asked = {}
    for address in addresses:
        with CaptureQueriesContext(connection) as found:
            assert browser.get(address).status_code == 200, address
        asked[address] = len(found)
    assert {address: count for address, count in asked.items() if count >= 15} == {}
