"""What was given up is seen, told to administrators, and tried again by a recorded act and by nothing else."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from governance import errors
from governance.outbox import Message, drain, enqueue, handlers, handles, relay
from governance.outbox.actions import replay
from governance.outbox.models import Notice, OutboxReplay
from governance.unit_of_work import receipt, recorded_action
from tests.cast import Cast

Door = Callable[[str], Any]


@pytest.fixture(autouse=True)
def own_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics registered by a test are forgotten after it."""
    monkeypatch.setattr(handlers, "_registry", dict(handlers._registry))


def fail(message: Message) -> None:
    raise ConnectionError("mail server says <no>")


def dead(cast: Cast, settings: Settings, count: int = 1) -> list[Message]:
    """Messages that were tried once too often."""
    settings.OUTBOX_MAX_ATTEMPTS = 1
    handlers._registry.pop("test.topic", None)
    handles("test.topic")(fail)
    with recorded_action(actor=cast.owner, reason="Test"):
        made = [enqueue("test.topic", {"n": number}, subject=f"test:{number}") for number in range(count)]
    drain()
    return list(Message.objects.filter(pk__in=[one.pk for one in made]))


def test_replayed_it_is_delivered_and_the_act_is_on_record(cast: Cast, settings: Settings) -> None:
    [message] = dead(cast, settings)
    assert message.state == "dead"
    [made] = replay(actor=cast.admin, reason="The mail server is back", messages=[message])
    made.refresh_from_db()
    assert (made.topic, made.attempts, made.last_error) == (
        "test.topic",
        1,
        "ConnectionError: mail server says <no>",
    )
    assert receipt(made)["ledger_entry"] > 0
    message.refresh_from_db()
    assert (message.state, message.attempts) == ("pending", 0)
    handlers._registry["test.topic"] = lambda message: None
    assert drain().delivered >= 1
    message.refresh_from_db()
    assert message.state == "delivered"
    assert OutboxReplay.history.get(id=made.pk).history_change_reason == "The mail server is back"


def test_only_an_administrator_of_everything_replays_and_only_what_was_given_up(cast: Cast, settings: Settings) -> None:
    messages = dead(cast, settings, 2)
    for who in (cast.auditor, cast.owner, cast.pipeline):
        with pytest.raises(errors.Forbidden):
            replay(actor=who, reason="Test", messages=messages)
        # The action asks first; the database has the last word.
        with pytest.raises(errors.Forbidden, match="administrator"), recorded_action(actor=who, reason="Test"):
            OutboxReplay.objects.create(message=messages[0])
    with pytest.raises(errors.Invalid):
        replay(actor=cast.admin, reason="Test", messages=[])
    replay(actor=cast.admin, reason="Test", messages=messages[:1])
    with pytest.raises(errors.Conflict, match="not given up"):
        replay(actor=cast.admin, reason="Test", messages=messages)
    messages[1].refresh_from_db()
    assert messages[1].state == "dead", "all of them or none"
    assert OutboxReplay.objects.count() == 1


def test_with_the_apps_login_nothing_comes_back_unrecorded(
    own_database: str, cast: Cast, settings: Settings, raw: Callable[[str], "psycopg.Connection[Any]"]
) -> None:
    [message] = dead(cast, settings)
    app = raw("app")
    with pytest.raises(psycopg.Error, match="recorded replay"):
        app.execute("UPDATE governance_outboxmessage SET dead_at = NULL WHERE id = %s", [message.pk])
    with pytest.raises(psycopg.Error):
        app.execute("INSERT INTO governance_outboxreplay (message_id) VALUES (%s)", [message.pk])
    message.refresh_from_db()
    assert message.state == "dead"


def test_administrators_are_told_once_an_hour_and_topic(cast: Cast, settings: Settings) -> None:
    dead(cast, settings, 5)
    drain()
    told = Notice.objects.filter(kind="outbox-given-up")
    assert set(told.values_list("recipient_id", flat=True)) == {cast.admin.pk, cast.admin2.pk}
    assert told.count() == 2
    assert not Message.objects.filter(topic="notice.mail").exists()


def test_the_page_shows_it_and_tries_the_ticked_ones_again(
    cast: Cast, settings: Settings, signed_in: Door, django_assert_max_num_queries: Any
) -> None:
    messages = dead(cast, settings, 3)
    admin = signed_in("admin")
    with django_assert_max_num_queries(10):
        page = admin.get("/outbox").content.decode()
    assert page.count('type="checkbox"') == 3
    assert "mail server says &lt;no&gt;" in page
    ticked = [messages[0].pk, messages[2].pk]
    refused = admin.post("/outbox/replay", {"message": ticked, "reason": " "})
    assert refused.status_code == 400 and refused.content.decode().count(" checked>") == 2
    assert admin.post("/outbox/replay", {"message": ticked, "reason": "Mended"}).status_code == 302
    assert set(Message.objects.filter(topic="test.topic", dead_at=None).values_list("pk", flat=True)) == set(ticked)
    auditor = signed_in("auditor").get("/outbox").content.decode()
    assert "mail server says" in auditor and "checkbox" not in auditor


def test_over_the_api_it_is_found_by_state_and_replayed(cast: Cast, settings: Settings, signed_in: Door) -> None:
    [message] = dead(cast, settings)
    admin = signed_in("admin")
    [found] = admin.get("/api/v1/outbox?state=dead").json()["results"]
    assert (found["id"], found["state"], found["attempts"]) == (message.pk, "dead", 1)
    answer = admin.post(f"/api/v1/outbox/{message.pk}/replay", {"reason": "Mended"}, content_type="application/json")
    assert answer.status_code == 201
    assert answer.json()["receipt"]["ledger_entry"] and answer.json()["topic"] == "test.topic"
    again = admin.post(f"/api/v1/outbox/{message.pk}/replay", {"reason": "Again"}, content_type="application/json")
    assert again.status_code == 409
    assert admin.get("/api/v1/outbox?state=nonsense").status_code == 400
    assert signed_in("risk").get(f"/api/v1/outbox/{message.pk}").status_code == 403


def test_a_relay_that_does_not_come_is_told(cast: Cast, signed_in: Door, client: Any) -> None:
    with recorded_action(actor=cast.owner, reason="Test"):
        enqueue("test.topic", {}, subject="test:1")
    assert relay.stalled() == 0
    Message.objects.update(available_at=F("created_at") - timezone.timedelta(minutes=6))
    assert relay.stalled() > 300
    ready = client.get("/readyz")
    assert ready.status_code == 200 and ready.json()["checks"]["outbox"] == "failed"
    assert "has waited for" in signed_in("admin").get("/outbox").content.decode()
