"""A real Chromium on the real product: people of the cast, signed in by the form, on desk and phone, with scripts or not."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.approvals.world import World, world
from tests.cast import PASSWORD, Cast, email

#: Django refuses its connection to a thread with an event loop; Playwright's is there all the while, and idle.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
#: 320 wide is also a desk at 400 % (WCAG 1.4.10).
PHONE = {"width": 320, "height": 740}
DESK = {"width": 1280, "height": 900}


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all; a context of its own for each person."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "No Chromium: install it (Debian: apt-get install chromium)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def outside() -> list[str]:
    """Addresses of other hosts that a page asked for: it must stay empty."""
    return []


@pytest.fixture
def person(served: str, chromium: Browser, outside: list[str]) -> Iterator[Callable[..., Page]]:
    """person("risk") is their page, signed in; `scripts=False` and `phone=True` where it matters."""
    contexts: list[BrowserContext] = []

    def come(name: str, *, scripts: bool = True, phone: bool = False, **more: Any) -> Page:
        context = chromium.new_context(
            base_url=served, java_script_enabled=scripts, viewport=PHONE if phone else DESK, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "request",
            lambda request: None if request.url.startswith((served, "data:")) else outside.append(request.url),
        )
        page.goto("/")
        page.get_by_label("E-mail", exact=False).fill(email(name))
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "login" not in url)
        return page

    yield come
    for context in contexts:
        context.close()
