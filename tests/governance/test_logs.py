"""Logs for machines: what a line belongs to, and nothing secret."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from governance import logs
from governance.outbox import drain, enqueue, handlers, handles
from governance.unit_of_work import recorded_action
from tests.cast import KEYS, PASSWORD, Cast, email


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is logged from here on, as the JSON a production start writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    root, requests = logging.getLogger(), logging.getLogger("muniment.requests")
    former = requests.level
    root.addHandler(handler)
    requests.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    requests.setLevel(former)
    root.removeHandler(handler)


Lines = Callable[[], list[dict[str, Any]]]


def test_a_request_is_one_line_with_its_id_route_status_and_principal(
    cast: Cast, api: Callable[[str], Any], lines: Lines
) -> None:
    answer = api("pipeline").get("/api/v1/models/987654?cursor=sesame")
    [line] = [one for one in lines() if one["logger"] == "muniment.requests"]
    assert line["request_id"] == answer["X-Request-Id"]
    assert line["principal_id"] == cast.pipeline.pk
    assert line["data"] | {"milliseconds": 0} == {
        "method": "GET", "route": "/api/v1/models/<id>", "status": answer.status_code, "milliseconds": 0,
    }  # fmt: skip
    assert "987654" not in str(line["data"]) and "sesame" not in str(line)


def test_what_is_logged_within_an_act_names_the_act_and_who_acts(cast: Cast, lines: Lines) -> None:
    with recorded_action(actor=cast.risk, reason="Test") as running:
        logging.getLogger("anything").warning("half way with 'quotes'\nand a break")
    logging.getLogger("anything").warning("afterwards")
    inside, after = lines()
    assert (inside["action_id"], inside["principal_id"]) == (str(running.id), cast.risk.pk)
    assert inside["message"] == "half way with 'quotes'\nand a break"
    assert "action_id" not in after


def test_a_failing_handler_names_its_message_and_the_act_that_caused_it(
    cast: Cast, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_registry", dict(handlers._registry))

    @handles("test.topic")
    def fail(message: object) -> None:
        raise ConnectionError("no")

    with recorded_action(actor=cast.owner, reason="Test") as running:
        message = enqueue("test.topic", {}, subject="test:1")
    drain()
    [line] = [one for one in lines() if one["logger"] == "governance.outbox.relay"]
    assert (line["message_id"], line["action_id"]) == (message.pk, str(running.id))
    assert line["exception"].endswith("ConnectionError: no")


def test_keys_passwords_and_reset_links_never_stand_in_a_log(
    cast: Cast, client: Any, api: Callable[[str], Any], lines: Lines
) -> None:
    api("pipeline").post("/api/v1/datasets", {"name": "x", "api_key": KEYS["tester"]}, format="json")
    client.get(f"/api/v1/datasets?api_key={KEYS['pipeline']}")
    client.post("/accounts/login/", {"login": email("risk"), "password": PASSWORD + "?"})
    client.get("/accounts/password/reset/key/5-c0ffee-5e55a9e/")
    written = "\n".join(map(str, lines()))
    assert written.count("muniment.requests") == 4
    for secret in (*KEYS.values(), PASSWORD, "c0ffee", email("risk")):
        assert secret not in written


def test_for_people_the_line_ends_with_what_it_belongs_to() -> None:
    record = logging.makeLogRecord({"name": "x", "levelname": "WARNING", "msg": "Hm"})
    formatter = logs.LineFormatter("%(levelname)s %(message)s")
    with logs.belonging(request_id="r1"):
        assert formatter.format(record) == "WARNING Hm [request_id=r1]"
    assert formatter.format(record) == "WARNING Hm"
