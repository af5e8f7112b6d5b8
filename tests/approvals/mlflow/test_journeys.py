"""How often a call goes to the database: its time hangs on that. And that a call in few journeys is answered as in many."""

import os
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.accounts.actions.principals import deactivate_principal, hash_key
from governance.accounts.models import ApiKey
from governance.api.models import RateCount
from tests.approvals.mlflow.asking import DONE, PREFIX, REFUSED, Caller, code
from tests.approvals.world import World
from tests.cast import KEYS

CREATE = "model-versions/create"


@pytest.fixture
def limited(settings: Any) -> None:
    """Calls are counted, as they are in use."""
    settings.RATE_LIMIT = 6000


def journeys(ask: Caller, method: str, address: str, **fields: Any) -> int:
    """How many a call takes; those of before are done."""
    with CaptureQueriesContext(connection) as queries:
        answer = ask.get(address, **fields) if method == "GET" else ask.send(method, address, **fields)
    assert code(answer) == DONE, answer.content
    return len(queries)


def test_a_read_is_one_journey_and_a_write_two(own_database: str, w: World, limited: None) -> None:
    ask = Caller()
    ask.post(
        "registered-models/alias", name="scoring", alias="canary", version="1"
    )  # notes once a minute that the key is used
    named = {"name": "scoring"}
    assert journeys(ask, "GET", "registered-models/get", **named) == 1
    assert journeys(ask, "GET", "model-versions/get", version="1", **named) == 1
    assert journeys(ask, "GET", "registered-models/alias", alias="canary", **named) == 1
    assert journeys(ask, "POST", "registered-models/alias", alias="shadow", version="1", **named) == 2
    assert journeys(ask, "POST", "model-versions/set-tag", version="1", key="a", value="b", **named) == 2
    assert journeys(ask, "POST", CREATE, source="s3://a", run_id="r-1", **named) == 2
    assert RateCount.objects.get().calls == 7


def test_a_create_is_answered_with_what_a_get_answers(w: World) -> None:
    ask = Caller()
    for fields in (
        {"source": "s3://a"},
        {"source": "s3://b/“ö”", "run_id": "r-1", "run_link": "https://x/r-1", "model_id": "m-1"},
        {"source": "s3://c", "run_id": "r-2", "tags": [{"key": "k", "value": "v"}], "description": "A model"},
    ):
        made = ask.post(CREATE, {"name": "scoring", **fields}).json()["model_version"]
        read = ask.get("model-versions/get", name="scoring", version=made["version"]).json()["model_version"]
        assert made == read


def test_a_long_body_is_read_once_it_is_known_who_sends_it(w: World) -> None:
    value = "v" * 90_000
    ask = Caller()
    assert code(ask.post("model-versions/set-tag", name="scoring", version="1", key="long", value=value)) == DONE
    assert w.version.tags.get().value == value
    nobody = Client(headers={"Authorization": "Bearer mun_nobody"})
    for body in ("{", '{"name": 1}', "[" * 70_000, os.urandom(10)):
        refused = nobody.generic("POST", PREFIX + CREATE, body, content_type="application/json")
        assert code(refused) == (401, "UNAUTHENTICATED"), "who is unknown learns nothing of the body's faults"
    assert code(ask.post(CREATE, "{")) == REFUSED


@pytest.mark.parametrize("how", ["revoked", "expired", "wrong", "closed", "left"])
def test_a_key_that_opens_nothing_is_answered_nothing(w: World, limited: None, how: str) -> None:
    key, shown = ApiKey.objects.get(principal=w.cast.pipeline), KEYS["pipeline"]
    past = timezone.now() - timedelta(seconds=1)
    if how in ("revoked", "expired"):
        ApiKey.objects.filter(pk=key.pk).update(**{"revoked_at" if how == "revoked" else "expires_at": past})
    elif how in ("closed", "left"):
        who = w.cast.pipeline if how == "closed" else w.cast.engineer
        deactivate_principal(actor=w.cast.admin, reason="Left", principal=who)
    else:
        shown = shown[:-1] + ("a" if shown[-1] != "a" else "b")
    basic = b64encode(f"pipeline:{shown}".encode()).decode()
    answer = Client(headers={"Authorization": f"Basic {basic}"}).get(PREFIX + "registered-models/get?name=scoring")
    assert code(answer) == (401, "UNAUTHENTICATED")
    assert RateCount.objects.exists() == (how != "wrong"), "a guesser uses nobody's calls up"
    with connection.cursor() as cursor:
        cursor.execute("SELECT namespace FROM muniment.caller(%s, %s, NULL)", [key.prefix, hash_key(shown)])
        assert cursor.fetchone() == (None,), "the database reads nothing for such a key either"
