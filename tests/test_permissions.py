"""Each address has a row that says who may and who may not; one without a row fails here. The rows are then tried."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.approvals.world import World, world
from tests.cast import KEYS, Cast
from tests.permission_table import AFTER_DAYS, GET, POST, PREFIXES, Row
from tests.permission_table.things import Things

Api = Callable[[str], Any]


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def routes() -> Iterator[tuple[str, frozenset[str]]]:
    """Every address of the product, without its regular expressions, with the methods it answers."""

    def walk(patterns: list[Any], before: str) -> Iterator[tuple[str, frozenset[str]]]:
        for one in patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, here)
            elif isinstance(one, URLPattern):
                yield plain(here), methods(one.callback)

    yield from walk(get_resolver().url_patterns, "")


def plain(route: str) -> str:
    """`api/v1/^runs/(?P<id>[^/]+)/end$` as `api/v1/runs/<id>/end`."""
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route).replace("^", "").replace("$", "").removesuffix("/?")


def methods(view: Any) -> frozenset[str]:
    """GET, POST or both, as far as a view says; a plain function under require_POST answers POST."""
    if actions := getattr(view, "actions", None):
        return frozenset(name.upper() for name in actions) & {"GET", "POST"}
    if cls := getattr(view, "view_class", None) or getattr(view, "cls", None):
        return frozenset(name.upper() for name in ("get", "post") if hasattr(cls, name))
    return frozenset()


def test_every_address_has_a_row() -> None:
    missing = []
    for route, answered in routes():
        if route.startswith(tuple(PREFIXES)):
            continue
        tables = {"GET": GET, "POST": POST}
        if answered:
            missing += [f"{method} {route}" for method in sorted(answered) if route not in tables[method]]
        elif route not in GET and route not in POST:
            missing.append(route)
    assert not missing, f"Give these a row in tests/permission_table: {missing}"


def test_every_row_is_an_address() -> None:
    known = {route for route, _methods in routes()}
    assert not (GET.keys() | POST.keys()) - known
    assert all(any(route.startswith(prefix) for route in known) for prefix in PREFIXES)


def door(who: str, signed_in: Api, api: Api) -> Any:
    """The client of a member of the cast: a key for service accounts, a session for persons, nothing for nobody."""
    if who == "anonymous":
        return Client()
    return api(who) if who in KEYS else signed_in(who)


def sent(client: Any, method: str, route: str, row: Row, things: Things) -> Any:
    """Ask an address as a row says."""
    # The page of a policy is that of its place; the API's policies are its versions.
    collection = "places" if route.startswith("policies/<id>") else route.removeprefix("api/v1/").split("/")[0]
    path = "/" + route.replace("<id>", str(things.id(collection)) if "<id>" in route else "")
    if method == "GET":
        return client.get(path, row.query(things))
    body = row.body(things)
    if not route.startswith("api/"):
        asked = row.query(things)
        return client.post(f"{path}?{urlencode(asked)}" if asked else path, body)
    if route.endswith("profile-file"):
        return client.post(path, body, **({"format": "multipart"} if hasattr(client, "credentials") else {}))
    json = {"format": "json"} if hasattr(client, "credentials") else {"content_type": "application/json"}
    return client.post(path, body, **json)


def cases(table: dict[str, Row]) -> list[Any]:
    """One case per row, named by its address."""
    return [pytest.param(route, row, id=route or "/") for route, row in table.items()]


@pytest.mark.parametrize(("route", "row"), cases(GET))
def test_who_may_read(route: str, row: Row, w: World, signed_in: Api, api: Api) -> None:
    things = Things(w, route)
    if route.endswith("statement"):
        things.id("releases")
    for who in row.may:
        answer = sent(door(who, signed_in, api), "GET", route, row, things)
        assert answer.status_code == 200, f"{who}: {answer.status_code} {answer.content[:300]!r}"
    for who, status in row.may_not.items():
        answer = sent(door(who, signed_in, api), "GET", route, row, things)
        assert answer.status_code == status, f"{who}: {answer.status_code} {answer.content[:300]!r}"


@pytest.mark.parametrize(("route", "row"), cases(POST))
def test_who_may_act(route: str, row: Row, w: World, signed_in: Api, api: Api) -> None:
    things = Things(w, route)
    for who, status in row.may_not.items():
        answer = sent(door(who, signed_in, api), "POST", route, row, things)
        assert answer.status_code == status, f"{who}: {answer.status_code} {answer.content[:400]!r}"
    if row.may is AFTER_DAYS:
        return
    who = row.may[0]
    answer = sent(door(who, signed_in, api), "POST", route, row, things)
    assert answer.status_code < 400, f"{who}: {answer.status_code} {answer.content[:400]!r}"


def test_the_admin_is_for_auditors_and_administrators(cast: Cast, signed_in: Api) -> None:
    lists = [route for route, _methods in routes() if re.fullmatch(r"admin/(governance|lineage|approvals)/\w+/", route)]
    assert lists
    auditor, risk = signed_in("auditor"), signed_in("risk")
    for route in ["admin/", *lists]:
        assert auditor.get("/" + route).status_code == 200, route
        assert risk.get("/" + route).status_code == 302, route
        assert Client().get("/" + route).status_code == 302, route
    for route in lists:
        assert signed_in("admin").get(f"/{route}add/").status_code in (403, 404), route


def test_unknown_and_others_records_answer_alike(w: World, signed_in: Api) -> None:
    things = Things(w, "")
    outsider = signed_in("outsider")
    for route in ("releases/<id>", "datasets/<id>", "models/<id>", "model-versions/<id>"):
        collection = route.split("/")[0]
        other = outsider.get("/" + route.replace("<id>", str(things.id(collection))))
        unknown = outsider.get("/" + route.replace("<id>", "987654321"))
        odd = outsider.get("/" + route.replace("<id>", "x%00"))
        assert {other.status_code, unknown.status_code, odd.status_code} == {404}
        assert _bare(other) == _bare(unknown) == _bare(odd)


def _bare(answer: Any) -> str:
    """The page without what differs by request: its reference and its form's secret."""
    text = answer.content.decode()
    text = re.sub(r"urn:uuid:[0-9a-f-]+", "", text)
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)
