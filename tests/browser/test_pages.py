"""What only a browser can tell: signing from the keyboard without scripts, phones, other hosts, and names for everything."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from approvals.models import Promotion, SignOff
from tests.approvals.world import World, signature
from tests.cast import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("own_database")]
Come = Callable[..., Page]
ARTIFACT = {"key": "artifact", "kind": "artifact", "title": "Artifact identified"}
RISK = {**signature("risk", "risk_manager"), "title": "Risk manager"}

#: Elements without a name for those who cannot see them, inputs without a label, images without a text.
UNNAMED = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, img, svg[role=img]')]
  .filter(e => e.offsetParent !== null || e.tagName === 'IMG')
  .filter(e => !((e.textContent || '').trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
    || e.getAttribute('title') || e.getAttribute('alt') !== null && e.tagName === 'IMG' || (e.labels && e.labels.length)
    || e.querySelector('[aria-label], title, img[alt]')))
  .map(e => e.outerHTML.slice(0, 120))"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll('button, .button, input:not([type=hidden]), select')]
  .filter(e => e.offsetParent !== null && !['checkbox', 'radio'].includes(e.type))
  .map(e => [e.getBoundingClientRect().height, e.outerHTML.slice(0, 100)]).filter(([h]) => h < 24)"""


def addresses(w: World) -> list[str]:
    """The pages people work on."""
    release = w.release()
    return [
        "/", "/reviews", "/models", f"/models/{w.model.pk}", "/datasets", f"/datasets/{w.datasets['source'].pk}",
        "/policies", "/findings", f"/releases/{release.pk}",
    ]  # fmt: skip


def test_a_risk_manager_signs_from_the_keyboard_without_scripts_and_the_version_goes_live(
    w: World, person: Come
) -> None:
    w.policy(ARTIFACT, RISK)
    release = w.release()
    page = person("risk", scripts=False)
    page.goto(f"/releases/{release.pk}")
    assert page.get_by_role("heading", level=1).count() == 1
    page.locator("summary", has_text="Approve…").first.focus()
    page.keyboard.press("Enter")
    page.locator("input[type=password]:visible").first.fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert SignOff.objects.get(release=release).recorded_by == w.cast.risk
    page.goto(f"/releases/{release.pk}")
    assert page.get_by_text("The gate is open").first.is_visible()
    page.locator("form.promote textarea, form.promote input[type=text]").first.fill("Everything asked for is on record")
    with page.expect_navigation():
        page.locator("form.promote button").click()
    assert Promotion.objects.filter(release=release).exists()


def test_every_page_names_its_parts_and_asks_no_other_host_for_anything(
    w: World, person: Come, outside: list[str]
) -> None:
    w.policy(ARTIFACT, RISK)
    page = person("risk")
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    for address in addresses(w):
        answer = page.goto(address)
        assert answer is not None and answer.status == 200, address
        assert page.locator("html").get_attribute("lang"), address
        assert page.get_by_role("heading", level=1).count() == 1, address
        assert page.evaluate(UNNAMED) == [], address
    assert (errors, outside) == ([], [])


def test_every_page_fits_a_phone_and_can_be_hit_with_a_finger(w: World, person: Come) -> None:
    w.policy(ARTIFACT, RISK)
    page = person("risk", phone=True)
    for address in addresses(w):
        page.goto(address)
        assert page.evaluate(WIDER) <= 0, f"{address} is wider than the phone"
        assert page.evaluate(SMALL) == [], address


def test_print_leaves_the_furniture_out_and_keeps_digests_whole(w: World, person: Come) -> None:
    w.policy(ARTIFACT, RISK)
    page = person("auditor")
    page.goto(f"/releases/{w.release().pk}")
    page.emulate_media(media="print")
    assert not page.locator("nav").first.is_visible()
    assert w.version.digest_value in page.locator("main").inner_text()
