"""Another namespace's models exist for nobody here: not in an answer, a search, a refusal or a number (attack A71)."""

import pytest

from governance.accounts.actions.principals import create_service_account, hash_key
from governance.accounts.models import ApiKey
from tests.approvals.mlflow.asking import MISSING, Caller, code
from tests.approvals.mlflow.test_door import WRITES
from tests.approvals.world import World

READS = [
    ("registered-models/get", {}),
    ("registered-models/get-latest-versions", {}),
    ("registered-models/alias", {"alias": "champion"}),
    ("model-versions/get", {"version": "1"}),
    ("model-versions/get-download-uri", {"version": "1"}),
]


def test_every_call_answers_as_if_there_were_no_such_model(w: World) -> None:
    outsider = Caller("outsider_pipeline")
    for address, fields in READS:
        there, nowhere = (outsider.get(address, name=name, **fields) for name in ("scoring", "nothing"))
        assert code(there) == MISSING
        assert there.content.replace(b"scoring", b"nothing") == nowhere.content
    for method, address, fields in WRITES[1:]:
        there, nowhere = (outsider.send(method, address, name=name, **fields) for name in ("scoring", "nothing"))
        assert code(there) == MISSING, address
        assert there.content.replace(b"scoring", b"nothing") == nowhere.content


@pytest.mark.parametrize("filter", ["", "name = 'scoring'", "name LIKE '%'", "name != 'x'"])
def test_no_search_finds_them(w: World, filter: str) -> None:
    outsider = Caller("outsider_pipeline")
    assert outsider.get("registered-models/search", filter=filter).json() == {"registered_models": []}
    assert outsider.get("model-versions/search", filter=filter).json() == {"model_versions": []}


def test_a_copy_of_theirs_and_a_page_of_theirs_are_refused(w: World) -> None:
    outsider = Caller("outsider_pipeline")
    outsider.post("registered-models/create", name="mine")
    assert code(outsider.post("model-versions/create", name="mine", source="models:/scoring/1")) == MISSING
    inside = Caller()
    inside.post("registered-models/create", name="second")
    token = inside.get("registered-models/search", max_results=1).json()["next_page_token"]
    assert outsider.get("registered-models/search", max_results=1, page_token=token).status_code == 400


def test_a_home_without_a_role_is_read_no_more_than_any_other_namespace(w: World) -> None:
    cast = w.cast
    roleless = create_service_account(
        actor=cast.admin, reason="No role yet", name="roleless", display_name="roleless (service)",
        responsible=cast.engineer, home_namespace=cast.retail,
    )  # fmt: skip
    key = "mun_roleless_" + "r" * 40
    ApiKey.objects.create(principal=roleless, prefix=key[:12], hash=hash_key(key))
    for workspace in ({}, {"X-MLFLOW-WORKSPACE": "retail"}):
        ask = Caller(Authorization=f"Bearer {key}", **workspace)
        answers = [ask.get(address, name="scoring", **fields) for address, fields in READS]
        answers += [ask.get(f"{kind}/search") for kind in ("registered-models", "model-versions")]
        answers += [ask.send(method, address, name="scoring", **fields) for method, address, fields in WRITES]
        assert {code(answer) for answer in answers} == {MISSING}
        assert len({answer.content for answer in answers}) == 1
