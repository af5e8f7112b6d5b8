"""Periodic review: due so many days after going live, opened anew, votes not carried over, overdue by the clock alone."""

import datetime
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from approvals.actions.findings import close_finding, raise_finding
from approvals.actions.policies import write_policy_version
from approvals.actions.promotions import promote
from approvals.models import Finding, LiveSlot, PolicyVersion, Promotion, Release, ServingNotice
from approvals.upkeep import open_reviews, report_overdue_reviews
from governance import errors
from governance.outbox import Message
from governance.unit_of_work import recorded_action
from lineage.models import RiskTier
from tests.approvals.raw import acting, refuses
from tests.approvals.voting import insert, let_time_pass
from tests.approvals.world import WHY, World, publish, refused, signature

Raw = Callable[[str], "psycopg.Connection[Any]"]
Browser = Callable[[str], Any]
RISK = signature("risk", "risk_manager")


def policy(
    w: World, days: int | None, grace: int | None = None, responses: dict[str, Any] | None = None
) -> PolicyVersion:
    """The model's policy: one risk manager signs, and reviews after so many days."""
    asked = {"key": "risk", "kind": "signoff", "params": {"role": "risk_manager"}, "binds": ["subject"]}
    version = write_policy_version(
        actor=w.cast.policy, environment=w.production, risk_tier=RiskTier.HIGH,
        requirements=[asked], review_days=days, review_grace_days=grace, responses=responses, **WHY,
    )  # fmt: skip
    publish(w.cast, version)
    return version


def serving(api: Any) -> dict[str, Any]:
    found: dict[str, Any] = api("pipeline").get("/api/v1/live", {"model": "scoring"}).json()["results"][0]
    return {name: found[name] for name in ("may_serve", "review_overdue")}


def live(w: World) -> Promotion:
    release = w.release()
    w.vote("risk", w.cast.risk, release=release)
    return promote(actor=w.cast.owner, release=release, **WHY)


def reviews(*promotions: Promotion) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT promotion_id, due_at, overdue_at FROM muniment.reviews_of(%s)", [[p.pk for p in promotions]]
        )
        return list(cursor.fetchall())


def test_a_review_is_due_so_many_days_after_going_live_and_overdue_after_its_grace(w: World) -> None:
    policy(w, 90, 14)
    promotion = live(w)
    due = promotion.started_at + datetime.timedelta(days=90)
    assert reviews(promotion) == [(promotion.pk, due, due + datetime.timedelta(days=14))]
    policy(w, 30)
    due = promotion.started_at + datetime.timedelta(days=30)
    assert reviews(promotion) == [(promotion.pk, due, due)]
    policy(w, None)
    assert reviews(promotion) == []


def test_a_review_that_is_due_opens_a_release_once_and_asks_for_new_votes(w: World, raw: Raw) -> None:
    policy(w, 90)
    promotion = live(w)
    assert open_reviews() == 0
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 91)
    assert (open_reviews(), open_reviews()) == (1, 0)
    release = Release.objects.get(review_of=promotion)
    assert (release.model_version, release.slot, release.recorded_by) == (w.version, "champion", w.cast.system)
    assert Message.objects.filter(topic="release.opened", payload={"release": release.pk}).exists()
    assert w.ask(release)["risk"].params["have"] == 0
    w.vote("risk", w.cast.risk2, release=release)
    again = promote(actor=w.cast.owner, release=release, **WHY)
    promotion.refresh_from_db()
    assert promotion.end.kind == "superseded"
    assert LiveSlot.objects.get().promotion == again
    assert open_reviews() == 0
    assert reviews(again)[0][1] > again.started_at


def test_a_release_that_is_open_there_already_is_the_review(w: World, raw: Raw) -> None:
    policy(w, 90)
    promotion = live(w)
    w.release()
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 91)
    assert open_reviews() == 0


def test_a_review_is_of_what_is_live_there(w: World, raw: Raw) -> None:
    policy(w, 90)
    promotion = live(w)
    other = w.retrain(2)
    for version, slot in ((other, "champion"), (w.version, "shadow")):
        with refuses("MU009", "nothing-to-review"), acting(raw("app"), w.cast.pipeline) as app:
            insert(app, "approvals_release", model_version_id=version.pk, environment_id=w.production.pk, slot=slot,
                   purpose="", review_of_id=promotion.pk)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "grace"), [(0, None), (-1, None), (3651, None), (90, -1), (90, 366), (None, 5), (True, None), ("90", None)]
)
def test_a_period_that_is_none_is_refused(w: World, days: Any, grace: Any) -> None:
    with pytest.raises(errors.Invalid):
        policy(w, days, grace)
    if isinstance(days, int | None) and days is not True:
        place = w.policy(RISK).policy
        with pytest.raises(errors.Invalid), recorded_action(actor=w.cast.policy, **WHY):
            PolicyVersion.objects.create(policy=place, review_days=days, review_grace_days=grace)


def test_model_page_and_overview_say_what_is_due(w: World, raw: Raw, signed_in: Browser) -> None:
    policy(w, 90, 14)
    promotion = live(w)
    page = signed_in("viewer").get(f"/models/{w.model.pk}").content.decode()
    assert "Review due" in page
    assert "Reviews due" not in signed_in("viewer").get("/").content.decode()
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 91)
    assert "Reviews due" in signed_in("viewer").get("/").content.decode()
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 20)
    assert "Review overdue" in signed_in("viewer").get(f"/models/{w.model.pk}").content.decode()


STOP = {"review_overdue": {"notice_hours": 48, "confirm": "risk_manager", "fallback": "stop"}}


def test_an_overdue_review_reads_as_such_at_once_and_stops_when_the_policy_says_so(
    w: World, raw: Raw, api: Any
) -> None:
    policy(w, 90, 14, STOP)
    promotion = live(w)
    assert serving(api) == {"may_serve": True, "review_overdue": False}
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 105)
    assert serving(api) == {"may_serve": True, "review_overdue": True}  # nothing has run
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 48)
    assert serving(api) == {"may_serve": False, "review_overdue": True}
    policy(w, 90, 14)
    assert serving(api) == {"may_serve": True, "review_overdue": True}  # this one says: keep serving, flagged


def test_an_overdue_review_is_said_once_answered_by_the_policy_and_closed_by_the_review_alone(
    w: World, raw: Raw
) -> None:
    policy(w, 90, 14, STOP)
    promotion = live(w)
    assert report_overdue_reviews() == 0
    let_time_pass(raw("superuser"), "approvals_promotion", "started_at", promotion.pk, 24 * 105)
    assert (report_overdue_reviews(), report_overdue_reviews()) == (1, 0)
    finding = Finding.objects.get(kind="review_due")
    notice = ServingNotice.objects.get()
    assert (notice.promotion, notice.cause, notice.cause_id) == (promotion, "review_overdue", finding.pk)
    refused(
        lambda: close_finding(actor=w.cast.risk, finding=finding, text="Never mind", **WHY),
        errors.Conflict, "review-outstanding",
    )  # fmt: skip
    open_reviews()
    release = Release.objects.get(review_of=promotion)
    w.vote("risk", w.cast.risk2, release=release)
    promote(actor=w.cast.owner, release=release, **WHY)
    close_finding(actor=w.cast.risk, finding=finding, text="Reviewed", **WHY)


def test_nobody_says_a_review_is_overdue_that_is_not(w: World) -> None:
    policy(w, 90, 14, STOP)
    promotion = live(w)
    for subject in (promotion, w.model):
        with pytest.raises(errors.Conflict):
            raise_finding(
                actor=w.cast.auditor, subject=subject, kind=Finding.Kind.REVIEW_DUE, text="Late", blocks=True,
                severity=Finding.Severity.HIGH, **WHY,
            )  # fmt: skip
    assert not ServingNotice.objects.exists()
