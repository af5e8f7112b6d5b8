"""What belongs to another namespace is unknown (A71): by id, by name, in lists and in bodies."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lineage import actions
from lineage.models import RunInput
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

Api = Callable[[str], Any]
V1 = "/api/v1"


@pytest.fixture
def ids(facts: Facts, cast: Cast) -> dict[str, int]:
    """One record of each collection in `retail`."""
    data = facts.version()
    flag = actions.raise_flag(
        actor=cast.pipeline, reason=WHY, dataset_version=data, category="pd:Age", present="yes"
    ).record
    run = facts.run()
    version = facts.model_version(source_run=run)
    return {
        "datasets": data.dataset_id,
        "dataset-versions": data.pk,
        "terms": facts.terms(data.dataset).pk,
        "flags": flag.pk,
        "runs": run.pk,
        "models": version.model_id,
        "model-versions": version.pk,
    }


COLLECTIONS = ["datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions"]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_record_of_another_namespace_is_told_as_an_unknown_one(
    api: Api, ids: dict[str, int], collection: str
) -> None:
    outsider = api("outsider_pipeline")
    theirs = outsider.get(f"{V1}/{collection}/{ids[collection]}")
    unknown = outsider.get(f"{V1}/{collection}/987654321")
    assert theirs.status_code == unknown.status_code == 404
    hidden = {"instance"}
    assert {k: v for k, v in theirs.json().items() if k not in hidden} == {
        k: v for k, v in unknown.json().items() if k not in hidden
    }
    assert outsider.get(f"{V1}/{collection}").json()["results"] == []
    assert api("pipeline").get(f"{V1}/{collection}/{ids[collection]}").status_code == 200


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("id", ["0", "-1", "1e3", "abc", "9" * 30, "%00", "1%27"])
def test_an_odd_id_is_an_unknown_one(api: Api, ids: dict[str, int], collection: str, id: str) -> None:
    assert api("pipeline").get(f"{V1}/{collection}/{id}").status_code == 404


def test_bodies_reach_no_record_of_another_namespace(api: Api, ids: dict[str, int]) -> None:
    outsider = api("outsider_pipeline")
    version = {"dataset": "loans", "namespace": "retail", "digest": digest((ids["datasets"], "v1"))}
    by_name = {"namespace": "retail", "name": "loans"}
    tries: list[tuple[str, dict[str, Any], str]] = [
        ("datasets", {"name": "x", "namespace": "retail"}, "namespace"),
        ("dataset-versions", {"dataset": ids["datasets"], "label": "x"}, "dataset"),
        ("dataset-versions", {"dataset": by_name, "label": "x"}, "dataset"),
        ("terms", {"dataset": ids["datasets"], "licence": "MIT"}, "dataset"),
        ("flags", {"dataset_version": version, "category": "pd:Age", "present": "yes"}, "dataset_version"),
        ("model-versions", {"model": ids["models"], "digest": digest(1)}, "model"),
        (
            "runs",
            {"job_name": "j", "run_key": "k", "inputs": [{"dataset_version": ids["dataset-versions"]}]},
            "inputs[0].dataset_version",
        ),
        (
            "runs",
            {"job_name": "j", "run_key": "k", "inputs": [{"model_version": ids["model-versions"]}]},
            "inputs[0].model_version",
        ),
    ]
    for collection, body, field in tries:
        answer = outsider.post(f"{V1}/{collection}", json.dumps(body), content_type="application/json")
        assert answer.status_code == 404, (collection, body, answer.content)
        assert list(answer.json()["errors"]) == [field]
    for path in ("terms/{terms}/withdrawal", "flags/{flags}/review", "runs/{runs}/end", "runs/{runs}/inputs"):
        address = f"{V1}/{path.format(**ids)}"
        assert outsider.post(address, json.dumps({"reason": "x"}), content_type="application/json").status_code == 404
    assert not RunInput.objects.exists()


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_nobody_without_a_key_reads_or_writes(api: Api, client: Any, ids: dict[str, int], collection: str) -> None:
    for answer in (
        client.get(f"{V1}/{collection}"),
        client.get(f"{V1}/{collection}/{ids[collection]}"),
        client.post(f"{V1}/{collection}", "{}", content_type="application/json"),
    ):
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_no_collection_deletes_or_replaces(api: Api, ids: dict[str, int], collection: str) -> None:
    for method in ("put", "patch", "delete"):
        assert getattr(api("pipeline"), method)(f"{V1}/{collection}/{ids[collection]}").status_code == 405
