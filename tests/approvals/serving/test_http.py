"""`/live`, serving notices, rollback, reinstatement and recall over HTTP."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.promotions import promote
from approvals.exports.evidence_pack import records_of
from approvals.models import ServingNotice, Slot
from governance.outbox import drain
from governance.outbox.models import Notice
from governance.outbox.notices import wording
from governance.unit_of_work import recorded_action
from lineage.actions import recall
from tests.approvals.serving.scenes import (
    KEEP,
    LAST_GOOD,
    STOP,
    TWO_DAYS,
    before_and_live,
    go_live,
    on_own_data,
    only_notice,
    policy,
    withdraw,
)
from tests.approvals.world import WHY, World

Api = Any
LIVE = "/api/v1/live?model=scoring&environment=production"


def test_live_says_whether_it_may_serve_why_and_until_when(w: World, api: Api) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    before, promotion = before_and_live(w)
    row = api("pipeline").get(LIVE).json()["results"][0]
    assert (row["may_serve"], row["serve_until"], row["notices"], row["fallback"]) == (True, None, [], None)
    assert row["kind"] == "release"
    withdraw(w)
    row = api("pipeline").get(LIVE).json()["results"][0]
    notice = row["notices"][0]
    assert (row["may_serve"], row["serve_until"]) == (True, notice["due_at"])
    assert (notice["cause"], notice["confirm"], notice["overdue"]) == ("terms_withdrawn", "risk_manager", False)
    assert row["fallback"] == {"promotion": before.pk, "version": before.release.model_version.number}
    assert [gap["reason"] for gap in row["attention"]] == ["terms-withdrawn"]
    past = (
        api("pipeline").get(f"{LIVE}&at={promotion.started_at.isoformat().replace('+00:00', 'Z')}").json()["results"][0]
    )
    assert (past["may_serve"], past["notices"]) == (None, [])


def test_live_costs_as_many_queries_for_many_as_for_few(w: World, api: Api) -> None:
    policy(w, {"finding_raised": KEEP})
    api("pipeline").get(LIVE)  # the key's last use is kept once in a while
    counts = []
    for number, slot in enumerate((Slot.CHAMPION, Slot.SHADOW), start=2):
        promote(actor=w.cast.pipeline, release=w.release(w.retrain(number), slot=slot), **WHY)
        with CaptureQueriesContext(connection) as queries:
            assert api("pipeline").get(LIVE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


def test_notices_are_listed_with_their_chain_and_confirmed_in_a_session_only(
    w: World, api: Api, signed_in: Api
) -> None:
    policy(w, {"terms_withdrawn": TWO_DAYS})
    promotion = go_live(w)
    withdraw(w)
    listed = api("pipeline").get(f"/api/v1/serving-notices?promotion={promotion.pk}&standing=true").json()["results"]
    assert [node["kind"] for node in listed[0]["chain"]][:2] == ["terms_withdrawal", "dataset_version"]
    address = f"/api/v1/serving-notices/{listed[0]['id']}/confirm"
    assert api("pipeline").post(address, WHY, format="json").status_code == 403
    without = signed_in("risk").post(address, {}, content_type="application/json")
    assert (without.status_code, list(without.json()["errors"])) == (400, ["reason"])
    done = signed_in("risk").post(address, WHY, content_type="application/json")
    assert (done.status_code, done.json()["kind"]) == (201, "confirmed")
    assert api("pipeline").get("/api/v1/serving-notices?standing=true").json()["results"] == []


def test_a_rollback_over_http(w: World, api: Api) -> None:
    policy(w, {})
    before, promotion = before_and_live(w)
    address = f"/api/v1/promotions/{promotion.pk}/rollback"
    for to, status in ((promotion.pk, 409), (987654321, 404), ("x", 400)):
        answer = api("pipeline").post(address, {**WHY, "to": to}, format="json")
        assert answer.status_code == status, answer.content
    made = api("pipeline").post(address, {**WHY, "to": before.pk}, format="json")
    assert (made.status_code, made.json()["kind"], made.json()["repeats"]) == (201, "rollback", before.pk)


def test_a_recall_over_http_is_read_everywhere(w: World, api: Api, signed_in: Api) -> None:
    policy(w, {})
    go_live(w)
    body = {"digest": f"sha256:{w.version.digest_value}", "reason": "Backdoor"}
    assert api("pipeline").post("/api/v1/recalls", body, format="json").status_code == 403
    made = signed_in("risk").post("/api/v1/recalls", body, content_type="application/json")
    assert (made.status_code, made.json()["digest"]["value"]) == (201, w.version.digest_value)
    again = signed_in("risk").post("/api/v1/recalls", body, content_type="application/json")
    assert (again.status_code, again.json()["params"]["code"]) == (409, "digest-recalled")
    assert api("pipeline").get(LIVE).json()["results"] == []
    found = api("outsider_pipeline").get(f"/api/v1/recalls?digest={w.version.digest_value}").json()["results"]
    assert [one["reason"] for one in found] == ["Backdoor"]


def told(name: str) -> list[str]:
    """The titles in somebody's inbox, newest first."""
    return [wording(n).title for n in Notice.objects.filter(recipient__name=f"{name}@bank.example")]


@pytest.mark.parametrize(("response", "title"), [
    (KEEP, "terms withdrawn under scoring 1, live in production"), (TWO_DAYS, "stops in production at"),
    (STOP, "was suspended in production: terms withdrawn"), (LAST_GOOD, "fell back to version 2 in production"),
])  # fmt: skip
def test_people_are_told_with_the_way_it_came(w: World, response: dict[str, Any], title: str) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        w.model.owner = w.cast.owner
        w.model.save()
    policy(w, {"terms_withdrawn": response})
    before_and_live(w)
    withdraw(w)
    drain()
    assert any(title in one for one in told("owner")), told("owner")
    body = wording(Notice.objects.filter(recipient=w.cast.owner, kind__startswith="serving-").first()).body  # type: ignore[arg-type]  # there is one
    assert "source" in body
    assert "production" in body
    assert bool([one for one in told("risk2") if "unless someone confirms" in one]) is (response is TWO_DAYS)


def test_whose_version_was_recalled_is_told(w: World) -> None:
    with recorded_action(actor=w.cast.owner, **WHY):
        w.model.owner = w.cast.owner
        w.model.save()
    policy(w, {})
    go_live(w)
    recall(actor=w.cast.risk, digest=f"sha256:{w.version.digest_value}", reason="Backdoor")
    drain()
    assert "scoring 1 is no longer live in production" in told("owner")


def test_a_notice_is_kept_in_the_evidence_pack(w: World) -> None:
    policy(w, {"terms_withdrawn": STOP})
    promotion = go_live(w, on_own_data(w, "spare"))
    packed = {model: list(ids) for model, ids in records_of(promotion.release)}
    assert packed[ServingNotice] == []
    data = w.versions["source"]
    assert data is not None
    other = go_live(w)
    withdraw(w)
    assert {m: list(i) for m, i in records_of(other.release)}[ServingNotice] == [only_notice(other).pk]
