"""Facts over HTTP, as a pipeline and as people use them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lineage import actions
from lineage.models import DatasetVersion, ModelVersion, SensitivityFlag, TermsWithdrawal
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts, digest

Api = Callable[[str], Any]
V1 = "/api/v1"
DATASET = {"name": "loans", "title": "Loans of 2023"}


def post(client: Any, path: str, body: dict[str, Any], expect: int = 201) -> Any:
    """POST JSON and check the status; the answer's body."""
    answer = client.post(f"{V1}/{path}", json.dumps(body), content_type="application/json")
    assert answer.status_code == expect, answer.content
    return answer.json()


def test_a_pipeline_registers_data_terms_flags_a_run_and_a_model_version(api: Api, cast: Cast) -> None:
    pipeline = api("pipeline")
    loans = post(pipeline, "datasets", DATASET)
    assert (loans["namespace"], loans["recorded_by"]) == ("retail", cast.pipeline.pk)
    content = {
        "dataset": loans["id"],
        "label": "2023",
        "digest": digest(1),
        "rows": 569,
        "schema": [{"name": "income", "type": "double"}],
        "source": "Bureau of Loans",
        "date": "2024-02-01",
    }
    version = post(pipeline, "dataset-versions", content)
    assert version["digest"] == {"algorithm": "sha256", "value": digest(1).partition(":")[2]}
    terms = post(
        pipeline,
        "terms",
        {"dataset": loans["id"], "licence": "CC-BY-4.0", "permitted_purposes": ["dpv:ScientificResearch"]},
    )
    assert (terms["number"], terms["withdrawal"]) == (1, None)
    flag = post(
        pipeline,
        "flags",
        {"dataset_version": version["id"], "column": "income", "category": "pd:Income", "present": "yes"},
    )
    assert flag["assessment"] == "declared"
    run = post(
        pipeline,
        "runs",
        {"job_name": "train", "run_key": "r-1", "inputs": [{"dataset_version": version["id"], "role": "training"}]},
    )
    assert run["inputs"][0]["dataset_version"] == version["id"]
    ended = post(pipeline, f"runs/{run['id']}/end", {"state": "complete"}, expect=200)
    assert ended["state"] == "complete"
    model = post(pipeline, "models", {"name": "scoring", "intended_purpose": "dpv:ScientificResearch"})
    assert model["risk_tier"] == "high"
    trained = post(
        pipeline,
        "model-versions",
        {"model": model["id"], "digest": digest(2), "source_run": run["id"], "metrics": {"auc": 0.9627659574468085}},
    )
    assert trained["number"] == 1
    assert ModelVersion.objects.get().metrics == {"auc": 0.9627659574468085}
    for answer in (loans, version, terms, flag, run, ended, model, trained):
        assert answer["receipt"]["id"] == answer["id"]
        assert answer["receipt"]["ledger_entry"] > 0


def test_records_are_named_as_their_producer_names_them(api: Api) -> None:
    pipeline = api("pipeline")
    post(pipeline, "datasets", DATASET)
    by_name = {"namespace": "retail", "name": "loans"}
    version = post(pipeline, "dataset-versions", {"dataset": by_name, "label": "2023", "digest": digest(1)})
    link = {"dataset_version": {"dataset": "loans", "digest": digest(1)}, "role": "training"}
    run = post(pipeline, "runs", {"job_name": "train", "run_key": "r-1", "inputs": [link]})
    assert run["inputs"][0]["dataset_version"] == version["id"]
    post(pipeline, "models", {"name": "scoring"})
    body = {"model": {"name": "scoring"}, "digest": digest(2), "source_run": {"run_key": "r-1"}}
    parent = post(pipeline, "model-versions", body)
    assert parent["source_run"] == run["id"]
    child = {"model": {"name": "scoring"}, "digest": digest(3), "parent_version": {"model": "scoring", "number": 1}}
    assert post(pipeline, "model-versions", child)["parent_version"] == parent["id"]


def test_the_same_again_answers_200_and_different_content_409_with_the_fields(api: Api) -> None:
    pipeline = api("pipeline")
    loans = post(pipeline, "datasets", DATASET)
    assert post(pipeline, "datasets", DATASET, expect=200)["id"] == loans["id"]
    body = {"dataset": loans["id"], "label": "2023", "digest": digest(1), "rows": 569}
    version = post(pipeline, "dataset-versions", body)
    same = body | {"digest": {"algorithm": "SHA-256", "value": digest(1).partition(":")[2].upper()}}
    assert post(pipeline, "dataset-versions", same, expect=200)["receipt"] == version["receipt"]
    refused = post(pipeline, "dataset-versions", body | {"rows": 570}, expect=409)
    assert refused["type"] == "urn:muniment:problem:already-registered-differently"
    assert list(refused["errors"]) == ["rows"]
    assert DatasetVersion.objects.count() == 1


def test_a_steward_withdraws_terms_in_a_session_and_a_pipeline_cannot(
    api: Api, signed_in: Callable[[str], Any], facts: Facts
) -> None:
    terms = facts.terms(facts.dataset())
    post(api("pipeline"), f"terms/{terms.pk}/withdrawal", {"reason": "We want to"}, expect=403)
    refused = post(signed_in("steward"), f"terms/{terms.pk}/withdrawal", {}, expect=400)
    assert list(refused["errors"]) == ["reason"]
    withdrawal = post(signed_in("steward"), f"terms/{terms.pk}/withdrawal", {"reason": "The bureau objected"})
    assert withdrawal["terms"] == terms.pk
    assert api("pipeline").get(f"{V1}/terms/{terms.pk}").json()["withdrawal"]["reason"] == "The bureau objected"
    again = post(signed_in("steward"), f"terms/{terms.pk}/withdrawal", {"reason": "Again"}, expect=409)
    assert again["params"]["code"] == "terms-withdrawn"
    assert TermsWithdrawal.objects.count() == 1


def test_a_steward_reviews_a_flag_and_what_is_left_out_stays(
    api: Api, signed_in: Callable[[str], Any], facts: Facts
) -> None:
    body = {
        "dataset_version": facts.version().pk,
        "category": "pd:MedicalHealth",
        "present": "unknown",
        "regulation_sets": ["PHI"],
        "data_subjects": ["dpv:Patient"],
    }
    flag = post(api("pipeline"), "flags", body)
    post(api("pipeline"), f"flags/{flag['id']}/review", {"present": "no"}, expect=403)
    reviewed = post(signed_in("steward"), f"flags/{flag['id']}/review", {"present": "yes", "treatment": "anonymised"})
    assert reviewed["supersedes"] == flag["id"]
    assert {key: reviewed[key] for key in ("assessment", "regulation_sets", "data_subjects", "treatment")} == {
        "assessment": "reviewed",
        "regulation_sets": ["PHI"],
        "data_subjects": ["dpv:Patient"],
        "treatment": "anonymised",
    }
    refused = post(api("pipeline"), "flags", body | {"present": "no"}, expect=403)
    assert refused["type"] == "urn:muniment:problem:separation-of-duties"
    assert SensitivityFlag.objects.count() == 2


def test_a_steward_answers_where_no_flag_was_raised(signed_in: Callable[[str], Any], facts: Facts) -> None:
    body = {"dataset_version": facts.version().pk, "category": "dpv:PersonalData", "present": "no"}
    assert post(signed_in("steward"), "flags", body | {"assessment": "reviewed"})["assessment"] == "reviewed"


def test_links_are_added_to_a_run_once(api: Api, facts: Facts) -> None:
    pipeline, run, data, out = api("pipeline"), facts.run(), facts.version(), facts.version(label="out")
    first = post(pipeline, f"runs/{run.pk}/inputs", {"dataset_version": data.pk})
    assert first["role"] == "training"
    assert post(pipeline, f"runs/{run.pk}/inputs", {"dataset_version": data.pk}, expect=200)["id"] == first["id"]
    assert post(pipeline, f"runs/{run.pk}/outputs", {"dataset_version": out.pk})["role"] == "output"
    shown = pipeline.get(f"{V1}/runs/{run.pk}").json()
    assert [len(shown["inputs"]), len(shown["outputs"])] == [1, 1]


def test_a_model_owner_changes_what_a_model_is_for(api: Api, signed_in: Callable[[str], Any], facts: Facts) -> None:
    model = facts.model()
    answers = {
        "legal_or_similar_effect": False,
        "safety_component": False,
        "special_category_data": False,
        "personal_data": True,
        "no_human_review": False,
    }
    body = {
        "intended_purpose": "dpv:FraudPreventionAndDetection",
        "risk_answers": answers,
        "reason": "Committee of May",
    }
    post(api("pipeline"), f"models/{model.pk}/change", body, expect=403)
    changed = post(signed_in("owner"), f"models/{model.pk}/change", body, expect=200)
    assert (changed["risk_tier"], changed["intended_purpose"]) == ("medium", "dpv:FraudPreventionAndDetection")
    assert model.history.latest().history_change_reason == "Committee of May"


def test_a_steward_is_named_for_a_dataset_and_taken_away(
    signed_in: Callable[[str], Any], facts: Facts, cast: Cast
) -> None:
    loans = facts.dataset()
    named = post(signed_in("steward"), f"datasets/{loans.pk}/change", {"steward": cast.steward.pk}, expect=200)
    assert named["steward"] == cast.steward.pk
    assert post(signed_in("steward"), f"datasets/{loans.pk}/change", {"steward": None}, expect=200)["steward"] is None


@pytest.fixture
def many(facts: Facts) -> Facts:
    """Facts to filter."""
    one, two = facts.dataset("one"), facts.dataset("two")
    for place in range(3):
        facts.version(one, f"v{place}", digest=digest(place))
    facts.version(two, "other")
    facts.terms(one)
    facts.run("r-1", source_commit="cafe")
    facts.model("m1")
    facts.model_version(facts.model("m2"), digest=digest("artifact"))
    data = DatasetVersion.objects.filter(dataset=two).get()
    actions.raise_flag(actor=facts.cast.pipeline, reason=WHY, dataset_version=data, category="pd:Age", present="yes")
    return facts


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("datasets", 2),
        ("datasets?name=one", 1),
        ("datasets?namespace=retail", 2),
        ("datasets?namespace=elsewhere", 0),
        ("dataset-versions?dataset_name=one", 3),
        (f"dataset-versions?digest={digest(1)}", 1),
        (f"dataset-versions?digest={digest(1).partition(':')[2]}", 1),
        ("dataset-versions?dataset_name=none", 0),
        ("terms?dataset_name=one", 1),
        ("flags?present=yes", 1),
        ("flags?present=no", 0),
        ("runs?run_key=r-1", 1),
        ("runs?state=complete", 0),
        ("models?name=m1", 1),
        ("model-versions?model_name=m2", 1),
        (f"model-versions?digest={digest('artifact')}", 1),
        ("model-versions?number=2", 0),
    ],
)
def test_lists_are_filtered(api: Api, many: Facts, path: str, count: int) -> None:
    assert len(api("pipeline").get(f"{V1}/{path}").json()["results"]) == count


def test_lists_go_on_page_by_page(api: Api, many: Facts) -> None:
    pipeline, address, seen = api("pipeline"), f"{V1}/dataset-versions?limit=2&dataset_name=one", []
    while address:
        page = pipeline.get(address).json()
        seen += [record["label"] for record in page["results"]]
        address = page["next"]
    assert seen == ["v2", "v1", "v0"]


@pytest.mark.parametrize(
    "collection", ["datasets", "dataset-versions", "terms", "flags", "runs", "models", "model-versions"]
)
def test_a_list_takes_the_same_number_of_queries_at_any_length(
    api: Api, many: Facts, collection: str, django_assert_max_num_queries: Any
) -> None:
    pipeline = api("pipeline")
    pipeline.get(f"{V1}/{collection}")
    with django_assert_max_num_queries(10):
        assert pipeline.get(f"{V1}/{collection}").status_code == 200
