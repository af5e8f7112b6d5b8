"""POST /api/v1/manifests: everything a training run leaves on record, in one call, all of it or nothing."""

import copy
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from approvals.models import Evidence
from governance.ledger.models import LedgerEntry
from lineage.models import CollectionTerms, Dataset, DatasetVersion, Model, ModelVersion, Run, RunOutput
from tests.approvals.world import PURPOSE, World
from tests.governance.api.test_doors import check_problem
from tests.lineage.conftest import digest

Api = Callable[[str], Any]
MANIFESTS = "/api/v1/manifests"
KINDS = (Dataset, CollectionTerms, DatasetVersion, Model, Run, RunOutput, ModelVersion, Evidence)


def manifest(w: World, plan: int | None = None) -> dict[str, Any]:
    """A run that read `train`, made from a dataset that is there already, and wrote a version of a new model."""
    source = w.versions["source"]
    whole: dict[str, Any] = {
        "reason": "Nightly training",
        "datasets": [{"ref": "loans", "name": "loans-2024", "title": "Loans of 2024"}],
        "terms": [{"dataset": "#loans", "licence": "CC-BY-4.0", "permitted_purposes": [PURPOSE]}],
        "dataset_versions": [
            {"ref": "train", "dataset": "#loans", "label": "train", "digest": digest("train"), "rows": 569}
        ],
        "flags": [{"dataset_version": "#train", "category": "pd:Income", "present": "yes"}],
        "models": [{"ref": "churn", "name": "churn", "intended_purpose": PURPOSE}],
        "runs": [
            {
                "ref": "prepare", "job_name": "prepare", "run_key": "p-1",
                "inputs": [{"dataset_version": source.pk, "role": "source"}],
                "outputs": [{"dataset_version": "#train"}],
            },
            {
                "ref": "run", "job_name": "train", "run_key": "t-1", "source_commit": "0a1b2c3",
                "inputs": [{"dataset_version": "#train"}],
                "outputs": [{"model_version": "#v"}],
            },
        ],
        "model_versions": [
            {"ref": "v", "model": "#churn", "digest": digest("weights"), "source_run": "#run", "metrics": {"auc": 0.97}}
        ],
    }  # fmt: skip
    if plan is not None:
        whole["evidence"] = [
            {
                "plan": plan, "dataset_version": "#train", "subject_digest": digest("train"),
                "run_started_at": timezone.now().isoformat(),
                "values": [{"metric": "missing", "value": "0.01"}],
            }
        ]  # fmt: skip
    return whole


def counts() -> dict[str, int]:
    """How many records of each kind there are, and how long the ledger is."""
    return {kind.__name__: kind.objects.count() for kind in KINDS} | {"ledger": LedgerEntry.objects.count()}


def test_all_parts_are_registered_in_one_act_with_their_links(w: World, api: Api) -> None:
    before = counts()
    made = api("pipeline").post(MANIFESTS, manifest(w))
    assert made.status_code == 201, made.content
    answer = made.json()
    assert [(row["part"], row["created"]) for row in answer["records"]] == [
        (part, True)
        for part in (
            *("datasets[0]", "terms[0]", "dataset_versions[0]", "flags[0]", "runs[0]", "runs[1]", "models[0]"),
            "model_versions[0]",
        )
    ]
    assert answer["created"] == 8
    assert {row["receipt"]["action_id"] for row in answer["records"]} == {answer["receipt"]["action_id"]}
    assert counts()["Run"] == before["Run"] + 2
    ids = {row["ref"]: row for row in answer["records"] if row["ref"]}
    trained = api("pipeline").get(f"/api/v1/{ids['v']['collection']}/{ids['v']['id']}").json()
    assert (trained["model"], trained["source_run"]) == (ids["churn"]["id"], ids["run"]["id"])
    run = api("pipeline").get(f"/api/v1/runs/{ids['run']['id']}").json()
    assert [link["dataset_version"] for link in run["inputs"]] == [ids["train"]["id"]]
    assert [link["model_version"] for link in run["outputs"]] == [ids["v"]["id"]]


def test_sent_again_it_is_found_again(w: World, api: Api) -> None:
    first = api("pipeline").post(MANIFESTS, manifest(w)).json()
    before = counts()
    again = api("pipeline").post(MANIFESTS, manifest(w))
    assert (again.status_code, again.json()["created"], again.json()["receipt"]) == (200, 0, None)
    assert [row["id"] for row in again.json()["records"]] == [row["id"] for row in first["records"]]
    assert counts() == before


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(w: World, api: Api) -> None:
    before = counts()
    body = manifest(w)
    dry = api("pipeline").post(MANIFESTS, body | {"dry_run": True})
    assert dry.status_code == 200, dry.content
    assert (dry.json()["dry_run"], dry.json()["created"], dry.json()["receipt"]) == (True, 8, None)
    assert all((row["id"], row["receipt"]) == (None, None) for row in dry.json()["records"])
    assert counts() == before
    made = api("pipeline").post(MANIFESTS, body).json()
    assert [row["created"] for row in made["records"]] == [row["created"] for row in dry.json()["records"]]
    over = api("pipeline").post(MANIFESTS, body | {"dry_run": True}).json()
    assert [row["id"] for row in over["records"]] == [row["id"] for row in made["records"]]
    # A refusal is the same as it would be.
    body["model_versions"][0]["metrics"] = {"auc": 0.5}
    for dry_run in (True, False):
        refused = api("pipeline").post(MANIFESTS, body | {"dry_run": dry_run})
        check_problem(refused, 409, "already-registered-differently", "model_versions[0].metrics")


def test_evidence_comes_with_it_under_a_plan_locked_before(w: World, api: Api) -> None:
    from approvals.models import PlanKind

    criteria = [{"metric": "missing", "comparator": "le", "threshold": "0.05"}]
    dataset = api("pipeline").post("/api/v1/datasets", {"name": "loans-2024", "title": "Loans of 2024"}).json()
    subject = Dataset.objects.get(pk=dataset["id"])
    plan = w.plan(PlanKind.DATA_QUALITY, subject=subject, criteria=criteria)
    made = api("pipeline").post(MANIFESTS, manifest(w, plan.pk))
    assert made.status_code == 201, made.content
    evidence = api("pipeline").get(f"/api/v1/evidence/{made.json()['records'][-1]['id']}").json()
    assert evidence["verdict"] == "good"


SPOILS: dict[str, tuple[Callable[[dict[str, Any]], Any], int, str]] = {
    "a part that is refused": (lambda m: m["dataset_versions"][0].update(rows=-1), 400, "dataset_versions[0].rows"),
    "a term that is none": (
        lambda m: m["models"][0].update(intended_purpose="no term at all"), 400, "models[0].intended_purpose",
    ),
    "a local name that is none": (lambda m: m["terms"][0].update(dataset="#lones"), 400, "terms[0]"),
    "a local name of another kind": (lambda m: m["terms"][0].update(dataset="#run"), 400, "terms[0]"),
    "a malformed local name": (lambda m: m["terms"][0].update(dataset="loans"), 400, "terms[0].dataset"),
    "two of a name": (lambda m: m["models"][0].update(ref="loans"), 400, "models[0].ref"),
    "a record that is not there": (
        lambda m: m["runs"][0]["inputs"][0].update(dataset_version=10**9), 404, "runs[0].inputs[0].dataset_version",
    ),
    "an unknown part": (lambda m: m.update(pipelines=[]), 400, "pipelines"),
    "a field of the server's": (lambda m: m["datasets"][0].update(recorded_by=1), 400, "datasets[0].recorded_by"),
    "a namespace of its own": (lambda m: m["datasets"][0].update(namespace="elsewhere"), 400, "datasets[0].namespace"),
    "what the database alone knows": (
        lambda m: m["runs"][1].update(state="complete"), 400, "runs[1].ended_at",
    ),
    "parts in a circle": (
        lambda m: m["model_versions"].append({"ref": "w", "model": "#churn", "digest": digest("w"), "parent_version": "#w"}),
        400, "model_versions[1]",
    ),
}  # fmt: skip


def test_one_refused_part_refuses_all_and_is_named(w: World, api: Api) -> None:
    before = counts()
    for name, (spoil, status, field) in SPOILS.items():
        body = copy.deepcopy(manifest(w))
        spoil(body)
        refused = api("pipeline").post(MANIFESTS, body)
        assert refused.status_code == status, f"{name}: {refused.content!r}"
        assert field in refused.json()["errors"], f"{name}: {refused.json()}"
        assert counts() == before, name


def test_a_manifest_has_parts(w: World, api: Api) -> None:
    check_problem(api("pipeline").post(MANIFESTS, {}), 400, "invalid")


def test_a71_who_may_not_register_there_registers_nothing(w: World, api: Api, signed_in: Api) -> None:
    body = manifest(w) | {"namespace": "retail"}
    before = counts()
    for who, status in (("viewer", 403), ("outsider", 404), ("risk", 403)):
        for dry_run in (True, False):
            answer = signed_in(who).post(MANIFESTS, body | {"dry_run": dry_run}, content_type="application/json")
            assert answer.status_code == status, answer.content
    assert counts() == before


def test_a72_a_manifest_under_a_key_is_answered_again(w: World, api: Api) -> None:
    key = {"Idempotency-Key": "nightly-1"}
    first = api("pipeline").post(MANIFESTS, manifest(w), headers=key)
    again = api("pipeline").post(MANIFESTS, manifest(w), headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
