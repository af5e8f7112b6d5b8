"""Champion, challenger, shadow: a challenger is on trial, with a plan, beside a champion, and until a day."""

import datetime
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from approvals.actions.promotions import end_promotion, promote
from approvals.models import LiveSlot, PlanKind, Promotion, PromotionEnd, Release, Slot
from approvals.serving import how_they_stand
from approvals.upkeep import end_trials
from governance import errors
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.raw import promote as insert_promotion
from tests.approvals.voting import in_days, insert, let_time_pass
from tests.approvals.world import WHY, World, database, refused

Raw = Callable[[str], "psycopg.Connection[Any]"]
Browser = Callable[[str], Any]
OPEN = {"key": "artifact", "kind": "artifact"}


def champion(w: World) -> Promotion:
    w.policy(OPEN)
    return promote(actor=w.cast.owner, release=w.release(), **WHY)


def test_a_challenger_needs_a_plan_of_its_model_and_an_end_within_a_year(w: World, app: Connection) -> None:
    good = w.plan(PlanKind.AB_TEST)
    for plan, end, code in (
        (None, None, "trial-missing"),
        (good, None, "trial-missing"),
        (None, in_days(1), "trial-missing"),
        (w.plan(PlanKind.FAIRNESS), in_days(1), "trial-plan"),
        (w.plan(PlanKind.DATA_QUALITY, subject=w.datasets["raw"]), in_days(1), "trial-plan"),
        (good, in_days(-1), "trial-end"),
        (good, in_days(367), "trial-end"),
    ):
        refused(
            lambda p=plan, e=end: w.release(slot=Slot.CHALLENGER, trial_plan=p, trial_ends_at=e), errors.Invalid, code
        )
        with refuses("MU009", code), acting(app, w.cast.pipeline):
            insert(
                app, "approvals_release", model_version_id=w.version.pk, environment_id=w.production.pk, slot="challenger",
                purpose="", trial_plan_id=plan and plan.pk, trial_ends_at=end,
            )  # fmt: skip
    for slot in (Slot.CHAMPION, Slot.SHADOW):
        refused(lambda s=slot: w.release(slot=s, trial_plan=good, trial_ends_at=in_days(1)), errors.Invalid, "no-trial")
    assert w.release(slot=Slot.CHALLENGER, trial_plan=good, trial_ends_at=in_days(300)).trial_plan == good


def test_asking_again_finds_the_challenger_and_another_trial_is_told(w: World) -> None:
    release = w.release(slot=Slot.CHALLENGER)
    assert w.release(slot=Slot.CHALLENGER) == release
    with pytest.raises(errors.AlreadyDifferent):
        w.release(slot=Slot.CHALLENGER, trial_ends_at=in_days(3))


def test_a_challenger_goes_live_beside_a_champion_only(w: World, app: Connection) -> None:
    w.policy(OPEN)
    release = w.release(w.retrain(2), slot=Slot.CHALLENGER)
    refused(lambda: promote(actor=w.cast.owner, release=release, **WHY), errors.Conflict, "no-champion")
    with refuses("MU008", "no-champion"), acting(app, w.cast.owner):
        insert_promotion(app, release)
    live = promote(actor=w.cast.owner, release=w.release(), **WHY)
    promote(actor=w.cast.owner, release=release, **WHY)
    assert set(LiveSlot.objects.values_list("slot", flat=True)) == {"champion", "challenger"}
    shadow = promote(actor=w.cast.owner, release=w.release(slot=Slot.SHADOW), **WHY)
    end_promotion(actor=w.cast.risk, promotion=live, kind=PromotionEnd.Kind.RETIRED, **WHY)
    assert shadow.slot == "shadow"


def test_after_its_end_a_challenger_may_not_serve_and_is_retired(w: World, raw: Raw) -> None:
    champion(w)
    release = w.release(w.retrain(2), slot=Slot.CHALLENGER)
    promotion = promote(actor=w.cast.owner, release=release, **WHY)
    assert end_trials() == 0
    end = release.trial_ends_at
    assert end is not None
    for moment, over in ((end - datetime.timedelta(seconds=1), False), (end, True)):
        assert database("SELECT muniment.trial_over(%s, %s)", release.pk, moment) is over
    let_time_pass(raw("superuser"), "approvals_release", "trial_ends_at", release.pk, 24 * 31)
    (stands,) = how_they_stand([promotion.pk]).values()
    assert not stands.may_serve
    assert (end_trials(), end_trials()) == (1, 0)
    ended = PromotionEnd.objects.get(promotion=promotion)
    assert (ended.kind, ended.reason, ended.recorded_by) == ("retired", "The trial is over.", w.cast.system)
    assert list(LiveSlot.objects.values_list("slot", flat=True)) == ["champion"]


def test_a_trial_that_is_over_before_it_began_does_not_begin(w: World, raw: Raw) -> None:
    champion(w)
    release = w.release(w.retrain(2), slot=Slot.CHALLENGER)
    let_time_pass(raw("superuser"), "approvals_release", "trial_ends_at", release.pk, 24 * 31)
    refused(lambda: promote(actor=w.cast.owner, release=release, **WHY), errors.Conflict, "trial-over")
    assert Promotion.objects.filter(slot="challenger").count() == 0


def test_over_the_api_and_on_the_pages(w: World, api: Any, signed_in: Browser) -> None:
    body = {"model_version": w.version.pk, "environment": "production", "slot": "challenger"}
    missing = api("pipeline").post("/api/v1/releases", body, format="json")
    assert (missing.status_code, "trial plan" in missing.json()["detail"]) == (400, True)
    plan = w.plan(PlanKind.AB_TEST, title="Beside the champion on a tenth of the cases")
    unknown = api("pipeline").post("/api/v1/releases", {**body, "trial_plan": 10**9}, format="json")
    assert (unknown.status_code, list(unknown.json()["errors"])) == (404, ["trial_plan"])
    end = in_days(30).isoformat()
    made = api("pipeline").post(
        "/api/v1/releases", {**body, "trial_plan": plan.pk, "trial_ends_at": end}, format="json"
    )
    assert made.status_code == 201, made.content
    assert made.json()["trial_plan"] == plan.pk
    release = Release.objects.get(pk=made.json()["id"])
    page = signed_in("risk").get(f"/releases/{release.pk}").content.decode()
    assert "Beside the champion on a tenth of the cases" in page
    assert "Serves until" in page
