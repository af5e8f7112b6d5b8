"""Putting messages into the outbox."""

import pytest
from django.db import connection, transaction

from governance import errors
from governance.outbox import Message, enqueue
from governance.outbox.messages import keep
from governance.unit_of_work import recorded_action
from tests.cast import Cast


def enqueue_and_fail() -> None:
    enqueue("test.happened", {}, subject="release:1")
    raise ZeroDivisionError


def test_a_message_belongs_to_the_act_that_caused_it(cast: Cast) -> None:
    with recorded_action(actor=cast.owner, reason="Test") as running:
        message = enqueue("test.happened", {"release": 1}, subject="release:1")
    message.refresh_from_db()
    assert (message.action_id, message.payload, message.state) == (running.id, {"release": 1}, "pending")
    assert message.created_at == message.available_at


def test_outside_an_act_it_is_refused(cast: Cast) -> None:
    with pytest.raises(errors.Forbidden):
        enqueue("test.happened", {}, subject="release:1")
    assert not Message.objects.exists()


def test_outside_a_transaction_it_is_refused(own_database: str) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        keep("test.happened", {}, subject="release:1", action_id=None)


def test_an_act_that_fails_leaves_no_message(own_database: str, cast: Cast) -> None:
    with pytest.raises(ZeroDivisionError), recorded_action(actor=cast.owner, reason="Test"):
        enqueue_and_fail()
    assert not Message.objects.exists()


def test_a_repeat_key_keeps_one_message(cast: Cast) -> None:
    kept = []
    for number in range(2):
        with recorded_action(actor=cast.system, reason="Scan"):
            kept.append(enqueue("test.expired", {"n": number}, subject="grant:1", dedup_key="grant-expired:1"))
    assert kept[0].pk == kept[1].pk
    assert Message.objects.get().payload == {"n": 0}


def test_one_hint_per_transaction(cast: Cast) -> None:
    before = len(connection.run_on_commit)
    with recorded_action(actor=cast.owner, reason="Test"):
        for number in range(5):
            enqueue("test.happened", {}, subject=f"release:{number}")
        assert len(connection.run_on_commit) == before + 1


def test_a_rolled_back_savepoint_takes_its_hint_along_but_not_the_next_one(cast: Cast) -> None:
    with recorded_action(actor=cast.owner, reason="Test"):
        before = len(connection.run_on_commit)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            enqueue_and_fail()
        enqueue("test.happened", {}, subject="release:2")
        assert len(connection.run_on_commit) == before + 1
