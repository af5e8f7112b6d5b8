"""Acts that go out in one message: stamped and carried out together, or not at all (governance/unit_of_work.py)."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import Error, connection
from django.test.utils import CaptureQueriesContext

from governance import errors
from governance.unit_of_work import RunningAction, carry_out, riding
from lineage import actions
from lineage.models import ModelAlias, ModelVersionTag
from tests.approvals.raw import refuses
from tests.approvals.world import World, world
from tests.cast import Cast

Raw = Callable[[str], "psycopg.Connection[Any]"]
WHY = {"reason": "A candidate"}
BEGIN = "SELECT muniment.begin_act({actor}, 'Raw SQL', '{action}', 'test', 'test', ARRAY['{role}'], {namespace})"
TAG = (
    "INSERT INTO lineage_modelversiontag (model_version_id, key, value, removed) VALUES ({version}, '{key}', '', false)"
)


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version, in a database of the test's own where it takes one."""
    return world(cast)


def begin(w: World, who: str, role: str = "pipeline") -> str:
    """The stamp of an act, in SQL."""
    actor = getattr(w.cast, who).pk
    return BEGIN.format(actor=actor, action=uuid.uuid4(), role=role, namespace=w.cast.retail.pk)


def test_stamp_and_statement_are_one_message_and_one_transaction(own_database: str, w: World) -> None:
    assert w.version.model.namespace == w.cast.retail
    with CaptureQueriesContext(connection) as queries:
        made = actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias="canary", **WHY)
    assert (len(queries), made.created) == (1, True)
    entry = ModelAlias.history.get(id=made.record.pk)
    assert (entry.history_user_id, entry.history_change_reason) == (w.cast.pipeline.pk, "A candidate")


def test_what_the_database_refuses_leaves_nothing(own_database: str, w: World) -> None:
    with pytest.raises(errors.Invalid):
        actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias="v12", **WHY)
    assert not ModelAlias.objects.exists()
    with pytest.raises(errors.Invalid):
        actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias="canary", reason=" ")


def test_without_the_role_nothing_is_written_and_the_sentence_names_it(own_database: str, w: World) -> None:
    with pytest.raises(errors.Forbidden, match="Pipeline, Model owner") as refusal:
        actions.set_alias(actor=w.cast.tester, model_version=w.version, alias="canary", **WHY)
    assert refusal.value.params["roles"] == ["pipeline", "model_owner"]
    assert not ModelAlias.objects.exists()


def test_a_message_of_ones_own_takes_the_role_too_and_its_stamp_ends_with_it(w: World, raw: Raw) -> None:
    app = raw("app")
    with refuses("MU001", "no-role"):
        app.execute(f"{begin(w, 'tester')}; {TAG.format(version=w.version.pk, key='a')}")
    app.execute(f"{begin(w, 'pipeline')}; {TAG.format(version=w.version.pk, key='b')}")
    with refuses("MU001", "no-actor"):
        app.execute(TAG.format(version=w.version.pk, key="c"))
    assert [tag.key for tag in ModelVersionTag.objects.all()] == ["b"]


def test_outside_an_act_nothing_is_carried_out(own_database: str, w: World) -> None:
    with pytest.raises(errors.Forbidden):
        carry_out("SELECT 1", [], namespace=None)


def test_who_writes_by_more_than_the_one_statement_is_refused(
    own_database: str, w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tag(_version: Any, *_rest: Any, **_more: Any) -> None:
        ModelVersionTag.objects.create(model_version=w.version, key="a", value="")

    monkeypatch.setattr("lineage.actions.registry.known_as", tag)
    with pytest.raises((errors.Forbidden, Error)):
        actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias="canary", **WHY)
    assert not ModelVersionTag.objects.exists()


def test_what_rides_along_stands_if_and_only_if_the_act_does(own_database: str, w: World) -> None:
    seen: list[str] = []

    def note(running: RunningAction) -> None:
        seen.append(running.name)
        raise errors.Conflict("Not so.")

    with riding() as riders, pytest.raises(errors.Conflict):
        riders.notes.append(note)
        actions.set_alias(actor=w.cast.pipeline, model_version=w.version, alias="canary", **WHY)
    assert seen == ["lineage.set_alias"]
    assert not ModelAlias.objects.exists()
