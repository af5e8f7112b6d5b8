"""The reference page's examples, each sent as it stands against a scene and answered as documented."""

import copy
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
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
#: What this scene has not: shown with the rule.
ELSEWHERE = {
    "POST /api/v1/sign-offs/{id}/lift",  # days after the veto: tests/approvals/test_vetoes.py
    "POST /api/v1/imports/mlflow",  # a server that the operator lists: tests/approvals/imports/test_mlflow.py
    "GET /api/v1/log/proof/consistency",  # a log that was sealed: tests/governance/ledger
    "GET /api/v1/log/proof/inclusion",
}
WRITTEN = [one for one in OPERATIONS if one.key in reference.EXAMPLES and one.key not in ELSEWHERE]


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
    assert len(WRITTEN) > 100


def sent(operation: reference.Operation, w: World, signed_in: Api, api: Api) -> Any:
    """Make an example's call as it stands, its ids apart."""
    route = operation.path.removeprefix("/").replace("{id}", "<id>")
    things = Things(w, route)
    example = copy.deepcopy(operation.example)
    collection = route.removeprefix("api/v1/").split("/")[0]
    path = operation.path.replace("{id}", str(things.id(collection))) if "<id>" in route else operation.path
    client = door(example["as"], signed_in, api)
    row, dynamic = (GET if operation.method == "GET" else POST)[route], set(example.get("dynamic", ()))
    if route.endswith("releases/<id>/statement"):
        things.id("releases")
    query = example.get("query", {})
    if filled := dynamic & query.keys():
        told = row.query(things)
        query |= {name: told[name] for name in filled}
    if operation.method == "GET":
        return client.get(path, query)
    path += f"?{urlencode(query)}" if query else ""
    if text := example.get("text"):
        return client.post(path, text["content"], content_type=text["type"])
    if file := example.get("file"):
        part = SimpleUploadedFile(file["name"], file["content"].encode())
        form = {"format": "multipart"} if hasattr(client, "credentials") else {}
        return client.post(path, {"file": part}, **form)
    body = there(example["body"], things)
    if filled := dynamic - query.keys():
        told = row.body(things)
        body |= {name: told[name] for name in filled}
    return client.post(path, json.dumps(body), content_type="application/json")


def test_a_written_example_reads_as_one_command_and_one_program() -> None:
    for one in OPERATIONS:
        words = shlex.split(one.curl)
        assert words[0] == "curl", one.key
        if one.method == "POST" and "body" in one.example:
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


def test_every_call_that_takes_something_has_an_example_of_its_own() -> None:
    takes = [one for one in OPERATIONS if one.method != "GET" or any(each.required for each in one.parameters)]
    assert len(takes) > 100
    assert not [one.key for one in takes if one.key not in reference.EXAMPLES]
