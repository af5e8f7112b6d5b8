"""The page of something live, and the same over HTTP."""

import datetime
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.money import set_currency
from approvals.models import Finding, PlanKind, Promotion
from approvals.monitoring.reading import POINTS, monitoring
from approvals.pages.monitoring import DASH, brief, page_for
from tests.approvals.monitoring import scene
from tests.approvals.world import WHY, World

Browser = Callable[[str], Any]


def all_three(w: World) -> Promotion:
    """Something live with windows of each viewpoint, one of them a breach, and a gap."""
    set_currency(actor=w.cast.owner, model=w.model, currency="EUR", **WHY)
    promotion = scene.live(w)
    runs = scene.watch(w, title="Runs <well> & fast", expected_every_minutes=60)
    right = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT)
    earns = scene.watch(w, PlanKind.MONITORING_BUSINESS, {"metric": "net", "comparator": "ge", "threshold": "0"})
    money = {"value": 10, "running": 4, "currency": "EUR"}
    scene.report(
        w, *[scene.values(promotion, runs, "0.07" if n == 3 else "0.01", n) for n in (0, 1, 3, 9)],
        *[scene.predicted(promotion, right, 100, n) for n in range(3)],
        scene.truth(promotion, right, 0, confusion={"tp": 45, "fp": 3, "tn": 45, "fn": 3}),
        *[scene.values(promotion, earns, n=n, kind=scene.Kind.BUSINESS, values=[], money=money) for n in range(2)],
    )  # fmt: skip
    return promotion


def test_the_page_shows_three_viewpoints_limits_breaches_and_gaps(w: World, signed_in: Browser) -> None:
    promotion = all_three(w)
    time.sleep(0.03)  # a page shows what had ended by now
    answer = signed_in("viewer").get(f"/promotions/{promotion.pk}/monitoring")
    assert answer.status_code == 200
    page = answer.content.decode()
    for word in ("Operations", "Science", "Business", "Runs &lt;well&gt; &amp; fast", "limit ≤ 0.05", "panel__breach",
                 "Predictions with a known truth", "Value and cost, summed up", "open since"):  # fmt: skip
        assert word in page, word
    assert page.count("<title id=") == page.count("<desc id=") >= 5
    found = monitoring(promotion, at=timezone.now())
    (line,) = found.plans[0].lines
    assert [point.gap for point in line.points] == [False, False, True, True]
    assert [line.crosses(point) for point in line.points] == [False, False, True, False]
    assert [(c.predictions, c.labelled) for c in found.plans[1].coverage] == [(100, 96), (100, 0), (100, 0)]


def test_it_begins_with_a_sentence_on_how_it_does_whatever_stretch_of_time_is_shown(
    w: World, signed_in: Browser
) -> None:
    promotion, viewer = scene.live(w), signed_in("viewer")
    address = f"/promotions/{promotion.pk}/monitoring?days=1"

    def says(sentence: str) -> bool:
        return sentence in viewer.get(address).content.decode()

    assert says("No plan watches it")
    plan = scene.watch(w)
    assert says("Nothing has been observed yet")
    scene.error_rates(w, promotion, plan, ["0.01"])
    assert says("Within every limit, as last reported")
    scene.error_rates(w, promotion, plan, ["0.5"] + ["0.01"] * 2, 1)
    assert says("Within its limits again; a finding is open")
    scene.error_rates(w, promotion, plan, ["0.5"], 4)
    finding = Finding.objects.get()
    assert says("A limit is crossed") and says(f'href="/findings/{finding.pk}">finding {finding.pk}</a>')


def test_windows_too_close_to_tell_apart_are_drawn_as_wide_as_a_dash(w: World) -> None:
    promotion = scene.live(w)
    scene.error_rates(w, promotion, scene.watch(w), ["0.01", "0.0123456789"])
    page = page_for(promotion, days=0, before=None)
    (panel,) = page.viewpoints[0].parts[0].panels
    (line,) = panel.lines
    places = [float(place.split()[0]) for place in line.removeprefix("M").split("L")]
    assert places == sorted(places) and places[-1] - places[0] >= DASH
    assert page.rows[0].values == [("error_rate", "", "0.012346", "")], "five digits that count; the API has all"


def test_what_is_live_leads_there(w: World, signed_in: Browser) -> None:
    promotion = scene.live(w)
    for address in (f"/models/{w.model.pk}", f"/promotions/{promotion.pk}"):
        assert f"/promotions/{promotion.pk}/monitoring" in signed_in("viewer").get(address).content.decode()


def test_without_any_plan_it_says_so(w: World, signed_in: Browser) -> None:
    page = signed_in("viewer").get(f"/promotions/{scene.live(w).pk}/monitoring?days=7&before=nonsense")
    assert page.status_code == 200 and "No window has been reported" in page.content.decode()


def test_queries_do_not_grow_with_windows(w: World, signed_in: Browser, django_assert_max_num_queries: Any) -> None:
    promotion = all_three(w)
    plan = scene.watch(w, title="Many")
    scene.report(w, *[scene.values(promotion, plan, f"0.0{n % 7}", n) for n in range(250)])
    time.sleep(1)
    viewer = signed_in("viewer")
    with django_assert_max_num_queries(14):
        page = viewer.get(f"/promotions/{promotion.pk}/monitoring")
    assert "Older windows" in page.content.decode()
    found = monitoring(promotion, at=timezone.now())
    many = next(one for one in found.plans if one.plan == plan)
    assert many.windows == 250 and len(many.lines[0].points) == POINTS
    assert sum(span[3] for span in many.spans) == many.bad == sum(n % 7 > 5 for n in range(250))
    older = page.content.decode().split("?days=0&amp;before=")[1].split("#")[0].replace("&amp;", "&")
    assert viewer.get(f"/promotions/{promotion.pk}/monitoring?days=0&before={older}").status_code == 200


def test_over_http_as_of_any_moment(w: World, api: Any) -> None:
    promotion = scene.live(w)
    right = scene.watch(w, PlanKind.MONITORING_SCIENCE, *scene.RIGHT)
    scene.report(w, scene.predicted(promotion, right))
    scene.report(w, scene.truth(promotion, right, confusion={"tp": 1, "fp": 9, "tn": 0, "fn": 0}))
    then = timezone.now()
    scene.report(w, scene.truth(promotion, right, later=2, confusion={"tp": 45, "fp": 3, "tn": 45, "fn": 3}))
    address = f"/api/v1/promotions/{promotion.pk}/monitoring"
    time.sleep(0.01)
    now = api("pipeline").get(address).json()["plans"][0]
    before = api("pipeline").get(address, {"as_of": then.isoformat()}).json()["plans"][0]
    assert (now["bad"], before["bad"]) == (0, 1)
    assert (now["coverage"][0]["labelled"], before["coverage"][0]["labelled"]) == (96, 10)
    assert now["findings"] == before["findings"] != [], "recovery closes nothing"
    long_ago = then - datetime.timedelta(days=9)
    assert api("pipeline").get(address, {"as_of": long_ago.isoformat()}).json()["plans"] == []
    assert api("pipeline").get(address, {"as_of": "tomorrow"}).status_code == 400
    assert api("pipeline").get(address, {"passed": "1"}).status_code == 400


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2000000000", "2 G"), ("1529763735.25", "1.53 G"), ("123456", "123 k"), ("99999", "99 999"), ("0.05", "0.05"),
        ("-250000", "-250 k"), ("0", "0"), ("0.123456789", "0.12346"), ("1e29", "1e+29"), ("0.0000001234567", "1.2e-07"),
    ],
)  # fmt: skip
def test_an_axis_says_large_numbers_briefly(value: str, said: str) -> None:
    assert brief(Decimal(value)) == said
