"""The door itself: who is let in, what is answered to what is no call, and that nothing is seen across namespaces."""

from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import ApiKey
from lineage.models import ModelTag
from tests.approvals.mlflow.asking import DONE, FORBIDDEN, MISSING, PREFIX, REFUSED, Caller, code
from tests.approvals.world import FACTS, World
from tests.cast import KEYS


def test_basic_and_bearer_are_read_alike_and_nothing_else_is(w: World) -> None:
    bearer = Client(headers={"Authorization": f"Bearer {KEYS['pipeline']}"})
    assert bearer.get(PREFIX + "registered-models/get?name=scoring").status_code == 200
    assert code(Caller().get("registered-models/get", name="scoring")) == DONE
    for headers in (
        {},
        {"Authorization": "Bearer nobody"},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic !"},
    ):
        answer = Client(headers=headers).get(PREFIX + "registered-models/get?name=scoring")
        assert code(answer) == (401, "UNAUTHENTICATED")
    inside = Client().get(PREFIX + f"registered-models/get?name=scoring&token={KEYS['pipeline']}")
    assert code(inside) == REFUSED


def test_a_key_cut_to_facts_promotes_nothing(w: World) -> None:
    w.policy(*FACTS)
    ApiKey.objects.filter(principal=w.cast.pipeline).update(scopes=["models:write", "model-versions:read"])
    ask = Caller()
    assert code(ask.post("registered-models/alias", name="scoring", alias="canary", version="1")) == DONE
    answer = ask.post("registered-models/alias", name="scoring", alias="champion", version="1")
    assert code(answer) == FORBIDDEN
    assert "releases:write" in answer.json()["message"]
    assert code(ask.post("model-versions/set-tag", name="scoring", version="1", key="a", value="b")) == FORBIDDEN


def test_a_workspace_is_a_namespace_in_which_the_account_has_a_role(w: World) -> None:
    assert code(Caller(**{"X-MLFLOW-WORKSPACE": "retail"}).get("registered-models/get", name="scoring")) == DONE
    for name in ("elsewhere", "nowhere", ""):
        refused = Caller(**{"X-MLFLOW-WORKSPACE": name}).get("registered-models/get", name="scoring")
        assert code(refused) == MISSING
        assert "namespace" in refused.json()["message"]
    assert Client().get("/api/3.0/mlflow/server-info").json()["workspaces_enabled"] is True


def test_a_reader_writes_nothing(w: World) -> None:
    ask = Caller("tester")
    assert code(ask.get("registered-models/get", name="scoring")) == DONE
    for method, address, fields in WRITES:
        assert code(ask.send(method, address, name="scoring", **fields)) == FORBIDDEN, address


WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "registered-models/create", {}),
    ("PATCH", "registered-models/update", {"description": "x"}),
    ("POST", "registered-models/rename", {"new_name": "x"}),
    ("DELETE", "registered-models/delete", {}),
    ("POST", "registered-models/set-tag", {"key": "a", "value": "b"}),
    ("DELETE", "registered-models/delete-tag", {"key": "a"}),
    ("POST", "registered-models/alias", {"alias": "canary", "version": "1"}),
    ("POST", "registered-models/alias", {"alias": "champion", "version": "1"}),
    ("DELETE", "registered-models/alias", {"alias": "canary"}),
    ("POST", "model-versions/create", {"source": "s3://a"}),
    ("PATCH", "model-versions/update", {"version": "1", "description": "x"}),
    ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Production"}),
    ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Archived"}),
    ("DELETE", "model-versions/delete", {"version": "1"}),
    ("POST", "model-versions/set-tag", {"version": "1", "key": "a", "value": "b"}),
    ("DELETE", "model-versions/delete-tag", {"version": "1", "key": "a"}),
]


@pytest.mark.parametrize(
    ("method", "address"), [("GET", "runs/get"), ("POST", "experiments/create"), ("PUT", "registered-models/get")]
)
def test_what_is_no_call_of_the_registry_is_said_so(db: None, method: str, address: str) -> None:
    answer = Client().generic(method, PREFIX + address)
    assert code(answer) == (404, "ENDPOINT_NOT_FOUND")


def test_too_many_calls_are_refused_in_a_form_that_is_not_tried_again(w: World, settings: Any) -> None:
    settings.RATE_LIMIT = 2
    ask = Caller()
    answers = [code(ask.get("registered-models/get", name="scoring")) for _ in range(3)]
    assert answers == [DONE, DONE, FORBIDDEN]


def test_tags_of_a_model_and_what_the_native_api_shows(w: World, api: Any) -> None:
    ask = Caller()
    ask.post("registered-models/set-tag", name="scoring", key="team", value="risk")
    ask.post("registered-models/alias", name="scoring", alias="canary", version="1")
    ask.post(
        "model-versions/create",
        name="scoring",
        source="s3://a",
        run_id="r",
        model_id="m-1",
        tags=[{"key": "k", "value": "v"}],
    )
    shown = api("pipeline").get(f"/api/v1/models/{w.model.pk}").json()
    assert (shown["tags"], shown["aliases"]) == ({"team": "risk"}, {"canary": 1})
    newest = api("pipeline").get("/api/v1/model-versions").json()["results"][0]
    assert newest["mlflow"] == {"source": "s3://a", "run_id": "r", "run_link": "", "model_id": "m-1"}
    assert newest["tags"] == {"k": "v"}
    tag = ModelTag.objects.get()
    entry = ModelTag.history.get(id=tag.pk)
    assert (entry.history_user_id, entry.history_change_reason) == (
        w.cast.pipeline.pk, "MLflow: POST registered-models/set-tag",
    )  # fmt: skip
    before = entry.history_date.isoformat()
    api("pipeline").post(f"/api/v1/models/{w.model.pk}/tags", {"tags": {"team": None}})
    api("pipeline").post(f"/api/v1/models/{w.model.pk}/aliases", {"alias": "canary", "number": None})
    assert ask.get("registered-models/get", name="scoring").json()["registered_model"]["aliases"] == []
    then = api("pipeline").get(f"/api/v1/models/{w.model.pk}", {"as_of": before.replace("+00:00", "Z")}).json()
    assert then["tags"] == {"team": "risk"}
