"""The relay in this process: delivery, order, failures, dead letters, several relays at once."""

import threading
from collections import defaultdict
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from governance.outbox import Message, drain, enqueue, handlers, handles
from governance.outbox.relay import LONGEST_WAIT, backoff, due
from governance.unit_of_work import recorded_action
from tests.cast import Cast


@pytest.fixture(autouse=True)
def own_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics registered by a test are forgotten after it."""
    monkeypatch.setattr(handlers, "_registry", dict(handlers._registry))


def put(cast: Cast, *subjects: str, topic: str = "test.topic") -> list[Message]:
    with recorded_action(actor=cast.owner, reason="Test"):
        return [enqueue(topic, {"n": number}, subject=subject) for number, subject in enumerate(subjects)]


def make_due() -> None:
    Message.objects.update(available_at=F("created_at"))


def fail(message: Message) -> None:
    raise ConnectionError("mail server says no\x00")


def test_delivered_once(cast: Cast) -> None:
    seen: list[int] = []
    handles("test.topic")(lambda message: seen.append(message.pk))
    [message] = put(cast, "a")
    assert drain().delivered == 1
    assert drain().delivered == 0
    message.refresh_from_db()
    assert (seen, message.state, message.attempts) == ([message.pk], "delivered", 1)


def test_not_before_its_moment(cast: Cast) -> None:
    handles("test.topic")(lambda message: None)
    put(cast, "a")
    Message.objects.update(available_at=F("created_at") + timedelta(hours=1))
    assert drain().delivered == 0
    make_due()
    assert drain().delivered == 1


def test_a_failure_is_kept_and_tried_again_later(cast: Cast) -> None:
    handles("test.topic")(fail)
    [message] = put(cast, "a")
    tally = drain()
    message.refresh_from_db()
    assert (tally.failed, message.state, message.attempts) == (1, "pending", 1)
    assert message.last_error == "ConnectionError: mail server says no"
    assert message.available_at > message.created_at + timedelta(seconds=0.9)
    assert drain().failed == 0, "not due yet"


def test_after_the_last_try_it_is_put_aside(cast: Cast, settings: Settings) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 3
    handles("test.topic")(fail)
    [message] = put(cast, "a")
    for _ in range(5):
        make_due()
        drain()
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("dead", 3)
    assert "mail server says no" in message.last_error


def test_a_message_that_kills_its_workers_is_put_aside(cast: Cast, settings: Settings) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 3
    ran: list[int] = []
    handles("test.topic")(lambda message: ran.append(message.pk))
    [message] = put(cast, "a")
    Message.objects.update(attempts=3)  # as three claims leave it whose workers never came back
    assert drain().dead == 1
    message.refresh_from_db()
    assert (ran, message.state, message.last_error) == ([], "dead", "Every worker that tried it died.")


def test_what_a_failed_handler_wrote_is_gone(cast: Cast) -> None:
    @handles("test.topic")
    def half(message: Message) -> None:
        Message.objects.filter(pk=message.pk).update(payload={"half": True})
        raise ValueError("stopped halfway")

    [message] = put(cast, "a")
    drain()
    message.refresh_from_db()
    assert message.payload == {"n": 0}


def test_an_unknown_topic_waits_for_newer_code(cast: Cast) -> None:
    [message] = put(cast, "a", topic="test.from-the-future")
    assert drain().failed == 1
    message.refresh_from_db()
    assert message.state == "pending"
    assert "no handler for topic 'test.from-the-future'" in message.last_error


def test_a_failure_holds_up_its_own_subject_only_and_not_for_ever(cast: Cast, settings: Settings) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 2
    seen: list[int] = []

    @handles("test.topic")
    def handle(message: Message) -> None:
        if message.payload["n"] == 0:
            fail(message)
        seen.append(message.payload["n"])

    put(cast, "a", "a", "b")
    drain()
    assert seen == [2], "the second of 'a' waits for the first"
    make_due()
    drain()
    assert seen == [2, 1], "the first is dead, the second goes on"


def test_two_handlers_for_a_topic_are_refused() -> None:
    handles("test.topic")(fail)
    with pytest.raises(ValueError, match="handled by"):
        handles("test.topic")(lambda message: None)


def test_several_relays_at_once_deliver_each_once_and_in_order(own_database: str, cast: Cast) -> None:
    """Four relays, 90 messages, 6 subjects, every seventh try fails."""
    seen: dict[str, list[int]] = defaultdict(list)
    tries: dict[int, int] = defaultdict(int)

    @handles("test.topic")
    def handle(message: Message) -> None:
        tries[message.pk] += 1
        if message.payload["n"] % 7 == 0 and tries[message.pk] == 1:
            fail(message)
        seen[message.subject].append(message.payload["n"])

    put(cast, *(f"s{number % 6}" for number in range(90)))

    def relay() -> None:
        try:
            drain()
        finally:
            connection.close()

    for _ in range(20):
        threads = [threading.Thread(target=relay) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not Message.objects.filter(delivered_at=None).exists():
            break
        Message.objects.filter(delivered_at=None).update(available_at=F("created_at"))
    assert {subject: sorted(numbers) for subject, numbers in seen.items()} == seen
    assert sum(map(len, seen.values())) == 90


def test_a_burst_that_no_statistics_know_of_is_looked_up_in_its_index(cast: Cast) -> None:
    """Tables of messages are nearly empty most of the time, and say so: a join of all with all was planned for that."""
    put(cast, *(f"subject {number}" for number in range(50)))
    plan = due().explain()
    assert "SubPlan" in plan
    assert "Join" not in plan
    assert "Index Cond: (subject = " in plan


def test_waits_double_up_to_an_hour() -> None:
    assert all(timedelta(seconds=1) <= backoff(1) <= timedelta(seconds=2) for _ in range(50))
    assert all(timedelta(seconds=16) <= backoff(5) <= timedelta(seconds=32) for _ in range(50))
    assert all(LONGEST_WAIT / 2 <= backoff(99) <= LONGEST_WAIT for _ in range(50))
