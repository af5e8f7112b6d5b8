"""The reference page's examples, each sent as it stands against a scene and answered as documented."""

import copy
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from governance.api import reference
from tests.approvals.world import World, world
from tests.cast import Cast
from tests.fuzzing import NAMED
from tests.permission_table import GET, POST
from tests.permission_table.things import Things
from tests.test_permissions import door

Api = Callable[[str], Any]
OPERATIONS = [one for found in reference.collections().values() for one in found]
#: A veto is lifted days after it was given: shown with the rule (tests/approvals/test_vetoes.py).
NOT_TODAY = {"POST /api/v1/sign-offs/{id}/lift"}
WRITTEN = [one for one in OPERATIONS if one.key in reference.EXAMPLES and one.key not in NOT_TODAY]


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def there(body: Any, things: Things) -> Any:
    """An example's body, its made-up ids replaced by ids of records that are there."""
    if isinstance(body, list):
        return [there(one, things) for one in body]
    if not isinstance(body, dict):
        return body
    found = {}
    for name, value in body.items():
        if name == "principal":
            value = things.principal("pipeline" if "scopes" in body else "viewer")
        elif name in NAMED and isinstance(value, int):
            value = things.id(NAMED[name])
        found[name] = there(value, things)
    return found


def test_every_example_is_of_a_call_there_is() -> None:
    assert not set(reference.EXAMPLES) - {one.key for one in OPERATIONS}


@contextmanager
def taken_back() -> Iterator[None]:
    """A block whose writes are undone at its end; acts inside run as in a test's own transaction."""
    block: Any = transaction.atomic()
    block._from_testcase = True  # as pytest-django's own block: an act asks for an outermost transaction
    with block:
        yield
        transaction.set_rollback(True)


def test_each_example_is_answered_as_documented(w: World, signed_in: Api, api: Api) -> None:
    wrong = {}
    for operation in WRITTEN:
        with taken_back():
            answer = sent(operation, w, signed_in, api)
            expected = operation.example.get("status", 201 if operation.method == "POST" else 200)
            if answer.status_code != expected or str(expected) not in dict(operation.answers):
                wrong[operation.key] = f"{answer.status_code} instead of {expected}: {answer.content[:300]!r}"
    assert not wrong
    assert len(WRITTEN) > 50


def sent(operation: reference.Operation, w: World, signed_in: Api, api: Api) -> Any:
    """Make an example's call as it stands, its ids apart."""
    route = operation.path.removeprefix("/").replace("{id}", "<id>")
    things = Things(w, route)
    example = copy.deepcopy(operation.example)
    collection = route.removeprefix("api/v1/").split("/")[0]
    path = operation.path.replace("{id}", str(things.id(collection))) if "<id>" in route else operation.path
    client = door(example["as"], signed_in, api)
    if operation.method == "GET":
        if route.endswith("statement"):
            things.id("releases")
        return client.get(path, example.get("query", {}))
    body = there(example["body"], things)
    if dynamic := example.get("dynamic"):
        row = POST[route].body(things)
        body |= {name: row[name] for name in dynamic}
    return client.post(path, json.dumps(body), content_type="application/json")


def test_a_written_example_reads_as_one_command_and_one_program() -> None:
    for one in OPERATIONS:
        words = shlex.split(one.curl)
        assert words[0] == "curl", one.key
        if one.method == "POST":
            assert json.loads(words[words.index("-d") + 1]) == one.example.get("body", {}), one.key
        compile(one.python, one.key, "exec")


def test_the_page_is_for_everyone_and_has_a_place_for_each_call(w: World) -> None:
    answer = Client().get("/api/reference")
    page = answer.content.decode()
    assert answer.status_code == 200
    for one in OPERATIONS:
        assert f'id="{one.anchor}"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_calls_without_an_example_of_their_own_get_a_minimal_one() -> None:
    known = {f"{m} /{route.replace('<id>', '{id}')}" for m, table in (("GET", GET), ("POST", POST)) for route in table}
    without = [one for one in OPERATIONS if one.key not in reference.EXAMPLES and one.method == "POST"]
    for one in without:
        assert one.key in known or one.path.startswith("/api/v1/log")
        assert set(one.example.get("body", {})) == {field.name for field in one.fields if field.required}
