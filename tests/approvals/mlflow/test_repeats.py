"""What is sent again: bytes that changed at the same address are a version of their own, and nothing told is dropped."""

import base64
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.outbox import Message
from lineage import actions
from lineage.models import ModelVersion, ModelVersionCompletion
from tests.approvals.mlflow.asking import CLOSED, DONE, MISSING, REFUSED, Caller, code
from tests.approvals.world import World

WHY = {"reason": "A retrain"}
CREATE = "model-versions/create"
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def told(digest: str = "", **more: str) -> list[dict[str, str]]:
    """Tags as a client sends them."""
    tags = ({"muniment.digest": digest} if digest else {}) | {f"muniment.{key}": value for key, value in more.items()}
    return [{"key": key, "value": value} for key, value in tags.items()]


def create(digest: str = "", source: str = "s3://b/m", name: str = "scoring", **more: str) -> tuple[int, str]:
    """The number and the digest on record of the version that answers a create."""
    answer = Caller().post(CREATE, name=name, source=source, tags=told(digest, **more))
    assert code(answer) == DONE, answer.content
    number = int(answer.json()["model_version"]["version"])
    kept = ModelVersion.objects.get(model__name=name, number=number)
    return number, f"{kept.digest_algorithm}:{kept.digest_value}"


def test_a_retrain_at_the_same_address_is_a_version_of_its_own(w: World) -> None:
    first = create(ONE)
    second = create(TWO)
    assert (second[0], first[1], second[1]) == (first[0] + 1, ONE, TWO)
    assert (create(TWO), create(ONE), create()) == (second, first, first), "each sent again is itself"
    assert ModelVersion.objects.filter(artifact_uri="s3://b/m").count() == 2


def test_what_a_repetition_tells_for_the_first_time_is_kept(w: World) -> None:
    number, digest = create()
    assert digest == ":"
    assert create(ONE, code_commit="abc123") == (number, ONE)
    version = ModelVersion.objects.get(number=number)
    assert (version.code_commit, sorted(version.filled_later)) == ("abc123", ["code_commit", "digest"])
    before = ModelVersionCompletion.objects.count()
    assert create(ONE, code_commit="abc123") == (number, ONE)
    assert ModelVersionCompletion.objects.count() == before
    other = Caller().post(CREATE, name="scoring", source="s3://b/m", tags=told(ONE, code_commit="def456"))
    assert code(other) == CLOSED, "the same bytes of another commit"


def test_a_copy_said_to_be_other_bytes_is_refused_the_second_time_too(w: World) -> None:
    ask = Caller()
    assert code(ask.post("registered-models/create", name="copied")) == DONE
    again = [ask.post(CREATE, name="copied", source="models:/scoring/1", tags=told(tag)) for tag in ("", TWO, TWO)]
    assert [code(one) for one in again] == [DONE, CLOSED, CLOSED]


def test_a_repetition_has_the_tracking_server_read_again(w: World) -> None:
    source = f"runs:/{'1' * 32}/model"
    asked_for = Message.objects.filter(topic="model_version.registered")
    create(source=source)
    assert not asked_for.exists()
    actions.name_tracking_server(actor=w.cast.admin, namespace=w.cast.retail, uri="http://mlflow:5000", **WHY)
    numbers = {create(source=source)[0] for _ in range(2)}
    assert len(numbers) == 1
    assert asked_for.count() == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9" * 5_000, REFUSED), ("9" * 500, MISSING), ("9" * 19, MISSING), ("\u0661", REFUSED), ("[" * 90_000, REFUSED),
        ('["\\u0000@x"]', REFUSED), ('["\\ud800@x"]', REFUSED), ('["' + "n" * 601 + '@x"]', REFUSED),
        ("[" + "9" * 5_000 + "]", REFUSED), (",".join(f"d@{number}" for number in range(101)), REFUSED),
    ],
)  # fmt: skip
def test_training_data_that_cannot_be_read_is_refused_and_nothing_is_kept(
    w: World, value: str, expected: tuple[int, str]
) -> None:
    fields = {"name": "scoring", "version": "1", "key": "muniment.training_data", "value": value}
    answer = Caller().post("model-versions/set-tag", fields)
    assert code(answer) == expected, answer.content
    assert not w.version.tags.exists()


def test_a_name_given_a_thousand_times_is_looked_for_once(w: World) -> None:
    fields: dict[str, Any] = {"name": "scoring", "version": "1", "key": "muniment.training_data"}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = Caller().post("model-versions/set-tag", fields | {"value": ",".join(["nothing@here"] * 1_000)})
    assert code(answer) == MISSING
    assert len(queries) < 40


def test_a_page_token_with_half_a_character_is_refused(w: World) -> None:
    ask = Caller()
    ask.post("registered-models/create", name="second")
    token = ask.get("registered-models/search", max_results=1).json()["next_page_token"]
    question, *last = json.loads(base64.urlsafe_b64decode(token))
    for text in ("\ud800", "\x00", "a\x1bb"):
        forged = base64.urlsafe_b64encode(json.dumps([question, *([text] * len(last))]).encode()).decode()
        assert code(ask.get("registered-models/search", max_results=1, page_token=forged)) == REFUSED


def test_the_latest_of_more_than_a_hundred_is_the_newest_that_is_not_put_away(w: World) -> None:
    ask = Caller()
    for number in range(1, 121):
        assert code(ask.post(CREATE, name="scoring", source=f"s3://b/{number}")) == DONE
    newest = [ModelVersion.objects.get(artifact_uri=f"s3://b/{number}") for number in range(15, 121)]
    for version in newest:
        actions.archive_model_version(actor=w.cast.owner, model_version=version, archived=True, **WHY)
    expected = ModelVersion.objects.get(artifact_uri="s3://b/14")
    with CaptureQueriesContext(connection) as few:
        (latest,) = ask.post("registered-models/get-latest-versions", name="scoring").json()["model_versions"]
    assert (latest["version"], latest["source"], latest["current_stage"]) == (str(expected.number), "s3://b/14", "None")
    (same,) = ask.get("registered-models/get", name="scoring").json()["registered_model"]["latest_versions"]
    assert same == latest
    actions.archive_model_version(actor=w.cast.owner, model_version=newest[-1], archived=False, **WHY)
    with CaptureQueriesContext(connection) as one:
        (latest,) = ask.post("registered-models/get-latest-versions", name="scoring").json()["model_versions"]
    assert latest["source"] == "s3://b/120"
    assert len(few) == len(one) < 10
