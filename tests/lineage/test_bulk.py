"""POST /api/v1/<collection>/bulk: up to 1,000 records of a kind in one act, all of them or none."""

from collections.abc import Callable
from typing import Any

import pytest

from governance.ledger.models import LedgerEntry
from lineage.models import Dataset, DatasetVersion, ModelVersion, SensitivityFlag
from tests.cast import Cast
from tests.governance.api.test_doors import check_problem
from tests.lineage.conftest import Facts, digest

Api = Callable[[str], Any]
V1 = "/api/v1"


def versions(dataset: Any, count: int) -> list[dict[str, Any]]:
    """Bodies of dataset versions."""
    return [{"dataset": dataset, "label": f"v{n}", "digest": digest(n)} for n in range(count)]


def test_records_are_registered_in_one_act_and_found_again(api: Api, facts: Facts) -> None:
    facts.dataset("loans")
    body = {"items": versions({"name": "loans"}, 30), "reason": "The inventory"}
    made = api("pipeline").post(f"{V1}/dataset-versions/bulk", body)
    assert made.status_code == 201, made.content
    answer = made.json()
    assert answer["created"] == 30
    assert len({row["receipt"]["action_id"] for row in answer["results"]}) == 1
    assert answer["receipt"]["action_id"] == answer["results"][0]["receipt"]["action_id"]
    labels = DatasetVersion.objects.in_bulk([row["id"] for row in answer["results"]])
    assert [labels[row["id"]].label for row in answer["results"]] == [f"v{n}" for n in range(30)]
    again = api("pipeline").post(f"{V1}/dataset-versions/bulk", body)
    assert (again.status_code, again.json()["created"], again.json()["receipt"]) == (200, 0, None)
    assert [row["id"] for row in again.json()["results"]] == [row["id"] for row in answer["results"]]
    one_more = api("pipeline").post(f"{V1}/dataset-versions/bulk", body | {"items": versions({"name": "loans"}, 31)})
    assert (one_more.status_code, one_more.json()["created"]) == (201, 1)


def test_model_versions_and_flags_are_registered_alike(api: Api, signed_in: Api, facts: Facts) -> None:
    facts.model("scoring")
    run = facts.run("r-1")
    body = {
        "items": [{"model": {"name": "scoring"}, "digest": digest(n), "source_run": {"run_key": "r-1"}} for n in (1, 2)]
    }
    assert api("pipeline").post(f"{V1}/model-versions/bulk", body).status_code == 201
    assert list(ModelVersion.objects.order_by("number").values_list("number", "source_run")) == [
        (1, run.pk),
        (2, run.pk),
    ]
    version = facts.version()
    flags = [{"dataset_version": version.pk, "category": c, "present": "yes"} for c in ("pd:Income", "pd:Age")]
    assert api("pipeline").post(f"{V1}/flags/bulk", {"items": flags}).status_code == 201
    reviewed = [{**flag, "present": "no", "assessment": "reviewed"} for flag in flags]
    answer = signed_in("steward").post(f"{V1}/flags/bulk", {"items": reviewed}, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert SensitivityFlag.objects.filter(assessment="reviewed").count() == 2


def test_one_refused_item_refuses_all_and_each_is_named_by_its_place(api: Api, facts: Facts) -> None:
    facts.version(facts.dataset("loans"), "v3", digest=digest(3), rows=7)
    items = versions({"name": "loans"}, 6)
    items[3]["rows"] = 8  # on record with other content
    items[5]["date"], items[5]["previous_date"] = "2024-01-01", "2024-02-01"
    size = LedgerEntry.objects.count()
    refused = api("pipeline").post(f"{V1}/dataset-versions/bulk", {"items": items})
    body = check_problem(refused, 409, "already-registered-differently", "items[3].rows", "items[5].previous_date")
    assert len(body["errors"]) == 2
    assert body["params"]["refused"] == 2
    assert (DatasetVersion.objects.count(), LedgerEntry.objects.count()) == (1, size)


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        ([{}] * 1001, "items"),
        ("x", "items"),
        ([{"dataset": 1, "label": "a", "reason": "mine"}], "items[0].reason"),
        ([{"dataset": 1, "label": "a"}, {"dataset": 1, "label": "b", "digest": "md5:1"}], "items[1].digest"),
        ([{"dataset": 1, "label": "a", "id": 7}], "items[0].id"),
    ],
)
def test_a_malformed_body_is_refused_by_name(api: Api, facts: Facts, items: Any, field: str) -> None:
    body = check_problem(api("pipeline").post(f"{V1}/dataset-versions/bulk", {"items": items}), 400, "invalid")
    assert [name for name in body["errors"] if name.startswith(field)], body["errors"]


def test_what_is_referred_to_and_is_not_there_is_named_by_its_place(api: Api, facts: Facts) -> None:
    facts.dataset("loans")
    items = [*versions({"name": "loans"}, 1), *versions({"name": "nothing"}, 1), *versions(10**9, 1)]
    body = check_problem(
        api("pipeline").post(f"{V1}/dataset-versions/bulk", {"items": items}), 404, "not-found",
        "items[1].dataset", "items[2].dataset",
    )  # fmt: skip
    assert "items[0].dataset" not in body["errors"]
    assert not DatasetVersion.objects.exists()


def test_references_of_the_items_are_looked_for_once(
    api: Api, facts: Facts, django_assert_max_num_queries: Any
) -> None:
    facts.dataset("loans")
    api("pipeline").get(f"{V1}/datasets")
    with django_assert_max_num_queries(20 + 7 * 40):  # per item: two savepoints, the look, the row
        made = api("pipeline").post(f"{V1}/dataset-versions/bulk", {"items": versions({"name": "loans"}, 40)})
    assert made.status_code == 201


def test_a71_nothing_is_registered_elsewhere_or_by_those_who_may_not(
    api: Api, signed_in: Api, cast: Cast, facts: Facts
) -> None:
    loans = facts.dataset("loans")
    for who, status in (("outsider", 404), ("viewer", 403)):
        answer = signed_in(who).post(
            f"{V1}/dataset-versions/bulk", {"items": versions(loans.pk, 2)}, content_type="application/json"
        )
        assert answer.status_code == status, answer.content
    assert Dataset.objects.count() == 1
    assert not DatasetVersion.objects.exists()
