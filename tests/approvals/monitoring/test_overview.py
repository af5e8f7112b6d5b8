"""How all that is live does, a line each, and where a newcomer finds it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from approvals.actions.findings import close_finding
from approvals.models import Finding, LiveSlot, PlanKind, Promotion
from approvals.monitoring.overview import Watched, watched, with_standing
from tests.approvals.monitoring import scene
from tests.approvals.serving.scenes import TWO_DAYS, only_notice
from tests.approvals.world import WHY, World

Browser = Callable[[str], Any]
OPERATIONS, SCIENCE, BUSINESS = "monitoring_operations", "monitoring_science", "monitoring_business"


def stands(promotion: Promotion) -> Watched:
    """How it does."""
    return watched(with_standing(LiveSlot.objects.filter(promotion=promotion)).get())


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content[:500]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_each_viewpoint_is_in_the_state_of_the_worst_of_its_plans(w: World) -> None:
    promotion = scene.live(w)
    assert stands(promotion) == Watched()
    first, second = scene.watch(w, title="First"), scene.watch(w, title="Second")
    scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT)
    assert stands(promotion).states == {OPERATIONS: "none", SCIENCE: "none"}
    scene.error_rates(w, promotion, first, ["0.01"])
    (good,) = scene.error_rates(w, promotion, second, ["0.01"])
    assert stands(promotion).states[OPERATIONS] == "good"
    assert stands(promotion).last == good.window.window_end
    scene.error_rates(w, promotion, second, ["0.5"], 1)
    assert stands(promotion).states[OPERATIONS] == "breach"
    scene.error_rates(w, promotion, second, ["0.01"], 2)
    assert stands(promotion).states[OPERATIONS] == "recovered"
    close_finding(actor=w.cast.risk2, finding=Finding.objects.get(), text="Mended", **WHY)
    assert stands(promotion).states == {OPERATIONS: "good", SCIENCE: "none"}
    assert stands(promotion).viewpoints == [(OPERATIONS, "good"), (SCIENCE, "none"), (BUSINESS, "")]


def test_a_newer_plan_of_the_same_title_takes_the_place_of_the_one_before(w: World) -> None:
    promotion = scene.live(w)
    scene.error_rates(w, promotion, scene.watch(w, title="Runs"), ["0.01"])
    scene.watch(w, PlanKind.MONITORING_OPERATIONS, {**scene.LIMIT, "threshold": "0.04"}, title="Runs")
    assert stands(promotion).states == {OPERATIONS: "none"}


@pytest.mark.parametrize("name", ["viewer", "risk"])
def test_the_page_shows_open_breaches_first_and_leads_to_each(w: World, signed_in: Browser, name: str) -> None:
    promotion = scene.live(w)
    plan = scene.watch(w)
    quiet = signed_in(name).get("/monitoring")
    assert "No breach is open." in text_of(quiet) and "nothing observed" in text_of(quiet)
    scene.error_rates(w, promotion, plan, ["0.5"])
    page = signed_in(name).get("/monitoring")
    assert page.content.decode().count(f'href="/promotions/{promotion.pk}/monitoring"') == 2
    assert text_of(page).index("breach") < text_of(page).index("All that is live")
    assert "no plan" in text_of(page)


def test_the_page_costs_the_same_however_much_is_watched(
    w: World, signed_in: Browser, django_assert_num_queries: Any
) -> None:
    promotion = scene.live(w)
    viewer = signed_in("viewer")
    viewer.get("/monitoring")
    for n in range(3):
        scene.error_rates(w, promotion, scene.watch(w, title=f"Plan {n}"), ["0.5", "0.01"])
        with django_assert_num_queries(5):
            assert viewer.get("/monitoring").status_code == 200


def test_who_may_read_nothing_is_told_so(w: World, signed_in: Browser) -> None:
    scene.live(w)
    assert "Nothing is live" in text_of(signed_in("outsider").get("/monitoring"))


def test_a_newcomer_finds_monitoring_trials_and_envelopes_in_the_navigation_and_on_the_model(
    w: World, signed_in: Browser
) -> None:
    promotion = scene.live(w)
    scene.error_rates(w, promotion, scene.watch(w), ["0.5"])
    page = signed_in("viewer").get(f"/models/{w.model.pk}").content.decode()
    for address in ("/monitoring", "/trials", "/change-plans", f"/promotions/{promotion.pk}/monitoring",
                    f"/trials?model={w.model.pk}", f"/change-plans?model={w.model.pk}"):  # fmt: skip
        assert f'href="{address}"' in page, address
    assert "breach" in page and "no plan" in page


def test_an_open_breach_stands_wherever_it_is_said_to_be_live(w: World, signed_in: Browser) -> None:
    promotion = scene.live(w)
    plan, viewer = scene.watch(w), signed_in("viewer")
    serving = f"/promotions/{promotion.pk}"
    assert "Breach" not in text_of(viewer.get("/"))
    scene.error_rates(w, promotion, plan, ["0.5"])
    finding = Finding.objects.get()
    assert "Breach" in text_of(viewer.get("/"))
    assert f'href="/findings/{finding.pk}"' in viewer.get(serving).content.decode()
    close_finding(actor=w.cast.risk2, finding=finding, text="Mended", **WHY)
    assert "Breach" not in text_of(viewer.get("/"))
    assert f'href="/findings/{finding.pk}"' not in viewer.get(serving).content.decode()


def test_nobody_is_told_that_nothing_changed_where_somebody_answered_for_what_did(w: World, signed_in: Browser) -> None:
    promotion = scene.live(w, evidence_failed=TWO_DAYS)
    serving, risk = f"/promotions/{promotion.pk}", signed_in("risk")
    assert "Nothing that it rests on has changed" in text_of(risk.get(serving))
    scene.error_rates(w, promotion, scene.watch(w), ["0.5"])
    notice = only_notice(promotion)
    risk.post(f"/serving-notices/{notice.pk}/confirm", {"reason": "The version before would do no better"})
    page = text_of(risk.get(serving))
    assert "It may serve" in page and "that was answered: by whom and why stands below" in page
    assert "Nothing that it rests on has changed" not in page
