"""`muniment` against the product itself, over sockets, as its one file alone."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from approvals.actions.releases import close_release
from approvals.models import Release, ReleaseClosure
from lineage.models import DatasetVersion, ModelVersion, Run
from tests.approvals.world import PURPOSE, WHY, World, give_terms, sha, signature, world
from tests.cast import KEYS, Cast
from tests.governance.client.conftest import Pipeline
from tests.waiting import PATIENCE

ASK = ("--model", "scoring", "--version", "1", "--environment", "production")
MANIFEST: dict[str, Any] = {
    "dataset": {"name": "loans", "title": "Loans of 2025"},
    "dataset_version": {"dataset": {"name": "loans"}, "label": "2025", "digest": "file:loans.csv", "rows": 1},
    "run": {
        "job_name": "train",
        "run_key": "r-1",
        "state": "complete",
        "inputs": [{"dataset_version": {"dataset": "loans", "digest": "file:loans.csv"}, "role": "training"}],
    },
    "model": {"name": "churn", "intended_purpose": PURPOSE},
    "model_version": {"model": {"name": "churn"}, "digest": f"sha256:{sha('m')}", "source_run": {"run_key": "r-1"}},
    "release": {"environment": "production"},
}


@pytest.fixture
def w(served: str, cast: Cast, pipeline: Pipeline) -> World:
    """A version with everything in order, and a policy that asks one risk manager."""
    pipeline.url = served
    made = world(cast)
    made.policy(signature("risk", "risk_manager"), {"key": "terms", "kind": "terms"})
    return made


def test_a_closed_gate_says_what_is_missing_line_by_line_and_ends_with_1(w: World, pipeline: Pipeline) -> None:
    w.release()
    done = pipeline.run("gate", *ASK)
    assert (done.returncode, done.stderr) == (1, "")
    head, *gaps = done.stdout.splitlines()
    assert head == "CLOSED retail/scoring 1 → production (champion): 1 to do"
    assert gaps == [
        "  risk: 0 of 1 signed as Risk manager. A person with the role Risk manager who had no hand in it signs."
    ]


def test_an_open_gate_ends_with_0_by_number_and_by_digest(w: World, pipeline: Pipeline) -> None:
    w.vote("risk", w.cast.risk)
    assert pipeline.run("gate", *ASK).returncode == 0
    digest = f"sha256:{w.version.digest_value}"
    done = pipeline.run("gate", "--digest", digest, "--environment", "production", "--namespace", "retail", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["allowed"] is True


def test_each_slot_is_asked_for_itself(w: World, pipeline: Pipeline) -> None:
    w.vote("risk", w.cast.risk)
    done = pipeline.run("gate", *ASK, "--slot", "shadow")
    assert (done.returncode, "No release of scoring 1 is open" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("--model", "scoring", "--version", "9", "--environment", "production"), 1, "No such model version"),
        (("--model", "scoring", "--version", "1", "--environment", "moon"), 1, "no environment of that name"),
        ((*ASK, "--slot", "best"), 2, "slot"),
        ((*ASK, "--namespace", "elsewhere"), 1, "No such model version"),
    ],
    ids=["version", "environment", "slot", "namespace"],
)
def test_what_the_product_refuses_is_said_in_its_words(
    w: World, pipeline: Pipeline, arguments: tuple[str, ...], status: int, says: str
) -> None:
    done = pipeline.run("gate", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr


@pytest.mark.parametrize("key", ["mun_pipe_" + "x" * 34, KEYS["outsider_pipeline"]], ids=["wrong", "of another house"])
def test_a_key_that_may_not_is_refused(w: World, pipeline: Pipeline, key: str) -> None:
    w.vote("risk", w.cast.risk)
    pipeline.key = key
    for command in (("gate", *ASK), ("wait", *ASK), ("use", "features", "--purpose", PURPOSE)):
        assert pipeline.run(*command).returncode == 1


def test_waiting_ends_when_the_last_signature_is_there(w: World, pipeline: Pipeline) -> None:
    w.release()
    with pipeline.start("wait", *ASK, "--interval", "0.2", "--timeout", "30") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("CLOSED retail/scoring 1")
        assert "risk: 0 of 1" in process.stderr.readline()
        w.vote("risk", w.cast.risk)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out == "OPEN retail/scoring 1 → production (champion)\n"


def test_waiting_gives_up_in_time_and_at_once_when_the_release_is_over(w: World, pipeline: Pipeline) -> None:
    release = w.release()
    done = pipeline.run("wait", *ASK, "--timeout", "0.6", "--interval", "0.2")
    assert (done.returncode, "still closed after 0.6 s" in done.stderr) == (1, True)
    close_release(actor=w.cast.risk, release=release, kind=ReleaseClosure.Kind.REJECTED, **WHY)
    done = pipeline.run("wait", *ASK, "--timeout", "50")
    assert (done.returncode, f"release {release.pk} is over" in done.stderr) == (1, True)


def test_an_answer_known_already_is_not_sent_again(w: World, api: Any) -> None:
    asked = {"model": "scoring", "version": 1, "environment": "production"}
    w.release()
    first = api("pipeline").get("/api/v1/gate", asked)
    again = api("pipeline").get("/api/v1/gate", asked, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    w.vote("risk", w.cast.risk)
    changed = api("pipeline").get("/api/v1/gate", asked, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (changed.status_code, changed.json()["allowed"]) == (200, True)


def test_a_manifest_is_registered_once_however_often_it_is_sent(w: World, pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("1,1\n", encoding="utf-8")
    (tmp_path / "muniment.json").write_text(json.dumps(MANIFEST), encoding="utf-8")
    first, again = pipeline.run("register", "muniment.json"), pipeline.run("register", "muniment.json")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()] == list(MANIFEST)
    assert all("registered, ledger entry" in line for line in first.stdout.splitlines())
    assert all("was there, ledger entry" in line for line in again.stdout.splitlines())
    assert "(version 1) registered" in first.stdout and "(version 1) was there" in again.stdout
    version = ModelVersion.objects.get(model__name="churn")
    assert DatasetVersion.objects.get(dataset__name="loans").digest_value == sha("1,1\n")
    assert Release.objects.get(model_version=version).environment.name == "production"
    assert version.source_run == Run.objects.get(run_key="r-1")


def test_a_refusal_stops_the_manifest_and_names_record_and_field(w: World, pipeline: Pipeline) -> None:
    body = {**MANIFEST, "dataset_version": {**MANIFEST["dataset_version"], "digest": f"sha256:{sha('d')}"}}
    body["run"] = {**MANIFEST["run"], "inputs": []}
    assert pipeline.run("register", "-", given=json.dumps(body)).returncode == 0
    body["dataset_version"]["rows"] = 2
    done = pipeline.run("register", "-", "--json", given=json.dumps(body))
    assert (done.returncode, done.stdout) == (1, "")
    assert "dataset_version refused (409)" in done.stderr
    assert "rows: Registered otherwise" in done.stderr
    body["dataset_version"]["colour"] = "red"
    done = pipeline.run("register", "-", given=json.dumps(body))
    assert (done.returncode, "colour: There is no such field" in done.stderr) == (2, True)


def test_options_register_the_common_case_with_receipts_as_json(w: World, pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("1,1\n", encoding="utf-8")
    (tmp_path / "model.bin").write_bytes(b"weights")
    options = ["--dataset", "loans", "--label", "2025", "--data", "loans.csv", "--run", "r-1", "--job", "train"]
    options += ["--model", "scoring", "--artifact", "model.bin", "--release-to", "production", "--namespace", "retail"]
    done = pipeline.run("register", *options, "--json")
    assert done.returncode == 0, done.stderr
    made = {one["kind"]: one for one in json.loads(done.stdout)["registered"]}
    assert {kind: one["new"] for kind, one in made.items()} == {
        "dataset": True, "dataset_version": True, "run": True, "model": False, "model_version": True, "release": True,
    }  # fmt: skip
    assert all(one["receipt"]["ledger_entry"] > 0 for one in made.values())
    version = ModelVersion.objects.get(pk=made["model_version"]["id"])
    assert (version.number, version.digest_value) == (2, sha("weights"))
    run = Run.objects.get(run_key="r-1")
    assert [link.dataset_version_id for link in run.inputs.all()] == [made["dataset_version"]["id"]]


def test_two_pipelines_that_register_at_once_make_one_record(w: World, pipeline: Pipeline) -> None:
    manifest = {**MANIFEST, "dataset_version": {**MANIFEST["dataset_version"], "digest": f"sha256:{sha('d')}"}}
    manifest["run"] = {**MANIFEST["run"], "inputs": []}
    results: list[int] = []

    def work() -> None:
        results.append(pipeline.run("register", "-", given=json.dumps(manifest)).returncode)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0, 0, 0]
    assert ModelVersion.objects.filter(model__name="churn").count() == 1
    assert Release.objects.count() == 1


def test_use_is_answered_before_any_training(w: World, pipeline: Pipeline) -> None:
    ask = ("use", "features", "--place", "DE", "--place", "FR")
    done = pipeline.run(*ask, "--purpose", PURPOSE)
    assert (done.returncode, done.stdout) == (0, f"ALLOWED retail/features for {PURPOSE}\n")
    done = pipeline.run(*ask, "--purpose", "dpv:Marketing")
    head, *problems = done.stdout.splitlines()
    assert (done.returncode, head) == (1, "NOT ALLOWED retail/features for dpv:Marketing")
    assert len(problems) == 3
    give_terms(w.cast, w.datasets["features"], storage_duration_days=400, permitted_storage_geographies=["EU"])
    assert pipeline.run(*ask, "--purpose", PURPOSE, "--storage", "DE", "--storage", "EU").returncode == 0
    assert pipeline.run(*ask, "--purpose", PURPOSE, "--storage", "US").returncode == 1
    assert ", until 20" in pipeline.run(*ask, "--purpose", PURPOSE).stdout
    done = pipeline.run(*ask, "--purpose", "dpv:Marketting")
    assert (done.returncode, "Nearest: dpv:Marketing" in done.stderr) == (2, True)
    assert pipeline.run("use", "unheard-of", "--purpose", PURPOSE).returncode == 1
