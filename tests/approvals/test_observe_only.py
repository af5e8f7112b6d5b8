"""A gate that only observes: two policy owners let it, one ends it, and it reports what it would have refused."""

from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.actions.promotions import ask_for_promotion
from approvals.models import Environment, ObserveOnlyChange
from approvals.observed import report
from governance import errors
from governance.unit_of_work import recorded_action
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.voting import in_days, insert
from tests.approvals.world import WHY, World, refused, signature

Browser = Callable[[str], Any]
RISK = signature("risk", "risk_manager")


def ask_to_observe(w: World, days: float | None = 30, by: str = "policy") -> ObserveOnlyChange:
    until = None if days is None else in_days(days)
    return set_observe_only(actor=getattr(w.cast, by), environment=w.production, until=until, **WHY)


def confirm(w: World, change: ObserveOnlyChange, by: str = "policy2") -> None:
    confirm_observe_only(actor=getattr(w.cast, by), change=change, **WHY)


def test_longer_takes_two_policy_owners_and_shorter_one(w: World) -> None:
    change = ask_to_observe(w)
    assert w.production.observe_only_until is None
    refused(lambda: confirm(w, change, "policy"), errors.SeparationOfDuties, "second-policy-owner")
    with pytest.raises(errors.Forbidden):
        confirm(w, change, "risk")
    confirm(w, change)
    assert w.production.observe_only_until == change.until
    refused(lambda: confirm(w, change), errors.Conflict, "nothing-to-confirm")
    longer = ask_to_observe(w, 60)
    assert w.production.observe_only_until == change.until
    shorter = ask_to_observe(w, 10, by="policy2")
    assert w.production.observe_only_until == shorter.until
    refused(lambda: confirm(w, longer), errors.Conflict, "change-overtaken")
    refused(lambda: confirm(w, shorter, "policy"), errors.Conflict, "nothing-to-confirm")
    ask_to_observe(w, None)
    assert w.production.observe_only_until is None


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_it_observes_until_a_moment_within_a_year(w: World, app: Connection, days: float) -> None:
    refused(lambda: ask_to_observe(w, days), errors.Invalid, "observe-until")
    with refuses("MU009", "observe-until"), acting(app, w.cast.policy):
        insert(app, "approvals_observeonlychange", environment_id=w.production.pk, until=in_days(days))


def test_past_the_action_the_database_asks_for_two_as_well(w: World, app: Connection) -> None:
    production = w.production.pk
    for actor in (w.cast.risk, w.cast.admin, w.cast.pipeline):
        with refuses("MU006", "not-a-policy-owner"), acting(app, actor):
            insert(app, "approvals_observeonlychange", environment_id=production, until=in_days(1))
    with acting(app, w.cast.policy):
        change = insert(app, "approvals_observeonlychange", environment_id=production, until=in_days(1))
    with refuses("MU006", "second-policy-owner"), acting(app, w.cast.policy):
        insert(app, "approvals_observeonlyconfirmation", change_id=change)
    with refuses("MU006", "not-a-policy-owner"), acting(app, w.cast.risk):
        insert(app, "approvals_observeonlyconfirmation", change_id=change)
    with refuses("MU009", "no-such-change"), acting(app, w.cast.policy2):
        insert(app, "approvals_observeonlyconfirmation", change_id=10**9)
    assert w.production.observe_only_until is None
    with pytest.raises(errors.SeparationOfDuties), recorded_action(actor=w.cast.policy, **WHY):
        Environment.objects.create(name="open", order=77, live_traffic=True, observe_only_until=in_days(1))


def test_the_report_counts_what_it_would_have_refused_per_requirement_and_reason(w: World, signed_in: Browser) -> None:
    w.policy({"key": "artifact", "kind": "artifact"}, RISK, {"key": "findings", "kind": "findings"})
    never = report(w.production, w.cast.viewer)
    assert (never.observing, never.since, never.would_have_refused) == (False, None, 0)
    confirm(w, ask_to_observe(w))
    for number in (1, 2):
        release = w.release(w.retrain(number))
        if number == 2:
            w.vote("risk", w.cast.risk, release=release)
        ask_for_promotion(actor=w.cast.owner, release=release, **WHY)
    found = report(w.production, w.cast.viewer)
    assert (found.observing, found.promotions, found.would_have_refused) == (True, 2, 1)
    assert [(r.key, r.reason, r.promotions, r.models) for r in found.reasons] == [
        ("risk", "approvals-missing", 1, ["scoring"])
    ]
    assert report(w.production, w.cast.outsider).promotions == 0
    said = signed_in("viewer").get(f"/api/v1/environments/{w.production.pk}/observed").json()
    assert said["reasons"][0]["promotions"] == 1
    ask_to_observe(w, None)
    after = report(w.production, w.cast.viewer)
    assert (after.observing, after.would_have_refused) == (False, 1)


def test_the_pages_say_plainly_that_it_does_not_enforce(w: World, signed_in: Browser) -> None:
    w.policy(RISK)
    release = w.release()
    browser = signed_in("policy")
    page = browser.get(f"/environments/{w.production.pk}")
    assert "The gate enforces" in page.content.decode()
    late = browser.post(f"/environments/{w.production.pk}/observe", {"until": "2020-01-01", "reason": "Start"})
    assert late.status_code == 400
    until = in_days(20).date().isoformat()
    assert (
        browser.post(f"/environments/{w.production.pk}/observe", {"until": until, "reason": "Start"}).status_code == 302
    )
    asked = ObserveOnlyChange.objects.get()
    waiting = browser.get(f"/environments/{w.production.pk}").content.decode()
    assert "awaits another policy owner" in waiting
    own = browser.post(f"/observe-only-changes/{asked.pk}/confirm", {"reason": "Agreed"})
    assert own.status_code == 403
    second = signed_in("policy2").post(f"/observe-only-changes/{asked.pk}/confirm", {"reason": "Agreed"})
    assert second.status_code == 302
    assert "The gate does not enforce" in browser.get(f"/environments/{w.production.pk}").content.decode()
    assert "The gate does not enforce" in browser.get(f"/releases/{release.pk}").content.decode()
    assert "The gate does not enforce" in browser.get("/").content.decode()
    ended = browser.post(f"/environments/{w.production.pk}/observe", {"until": "", "reason": "Done"})
    assert ended.status_code == 302
    assert "The gate enforces" in browser.get(f"/environments/{w.production.pk}").content.decode()
