"""Fields that only the server sets cannot be sent, in any body of the API (attack A73)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework import serializers

from governance.api.serializers import StrictMixin
from governance.api.views import RecordViewSet
from governance.ledger.models import LedgerEntry
from tests.approvals.world import World, world
from tests.cast import Cast
from tests.governance.api.test_listing import every_collection
from tests.permission_table import POST
from tests.permission_table.things import Things
from tests.test_permissions import door, sent

Api = Callable[[str], Any]


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


def bodies(view: type[RecordViewSet]) -> Iterator[type[serializers.BaseSerializer[Any]]]:
    """Every body a collection reads."""
    if view.create_serializer_class is not None:
        yield view.create_serializer_class
    for name in dir(view):
        schema = getattr(getattr(view, name, None), "act_schema", None)
        if schema is not None and schema.body is not None:
            yield schema.body


def nested(serializer: Any, path: str) -> Iterator[tuple[str, Any]]:
    """A serializer and those within it."""
    yield path, serializer
    for name, field in getattr(serializer, "fields", {}).items():
        inner = getattr(field, "child", field)
        if isinstance(inner, serializers.BaseSerializer):
            yield from nested(inner, f"{path}.{name}")


def test_a73_every_body_and_every_part_of_one_is_read_strictly() -> None:
    seen = 0
    for view in every_collection():
        for body in bodies(view):
            for path, one in nested(body(), f"{view.collection} {body.__name__}"):
                assert isinstance(one, StrictMixin), path
                seen += 1
    assert seen > 40


def test_a73_what_the_server_sets_is_refused_by_name_everywhere(w: World, signed_in: Api, api: Api) -> None:
    wishes = {"recorded_by": 1, "id": 1, "is_active_everywhere": True}
    tried = 0
    for route, row in POST.items():
        if not route.startswith("api/v1/") or not row.may or route.startswith("api/v1/lineage"):
            continue
        things = Things(w, route)
        collection = route.removeprefix("api/v1/").split("/")[0]
        if "<id>" in route and collection not in ("datasets", "models", "runs", "terms", "flags"):
            continue  # the others' records take a scene each; their bodies are held strict above
        own = row.body(things)
        row = type(row)(row.may, row.may_not, lambda _things, own=own: {**own, **wishes})
        size = LedgerEntry.objects.count()
        answer = sent(door(row.may[0], signed_in, api), "POST", route, row, things)
        assert answer.status_code == 400, f"{route}: {answer.status_code} {answer.content[:200]!r}"
        assert set(wishes) <= set(answer.json()["errors"]), route
        assert LedgerEntry.objects.count() == size, route
        tried += 1
    assert tried > 15
