"""A worker reads a real MLflow server: runs, their data, and the bytes of artifacts, hashed as anyone can hash them."""

import hashlib
import http.server
import json
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.utils import timezone

from governance import errors
from governance.jobs import runner
from governance.jobs.models import Job
from governance.outbox import Message, drain
from lineage import actions, queries, tasks
from lineage.models import DatasetVersion, ModelVersion, ModelVersionCompletion, Run, TrackingServer
from lineage.tracking import mlflow as calls
from lineage.tracking.connection import Connection
from lineage.tracking.hashing import digest_of_tree, names_of_artifact
from lineage.tracking.reading import ask_for_reading
from tests import databases
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts
from tests.mlflow_server import Server
from tests.waiting import PATIENCE

Door = Callable[[str], Any]
SHELL = r"find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum"


def by_hand(folder: Path) -> str:
    """The digest as the document tells people to work it out."""
    return subprocess.run(SHELL, shell=True, cwd=folder, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.fixture
def own(settings: Any, mlflow: Server) -> Server:
    """The operator lists the server as the house's own: it lies on loopback."""
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [mlflow.uri], True
    return mlflow


def name_it(cast: Cast, uri: str) -> TrackingServer:
    """The administrator names the server of `retail`."""
    return actions.name_tracking_server(actor=cast.admin, reason=WHY, namespace=cast.retail, uri=uri)


def work() -> list[Job]:
    """Deliver what is due and work on every job; the jobs."""
    drain()
    Job.objects.filter(ended_at=None).update(available_at=timezone.now())
    for job in runner.due().order_by("pk"):
        runner.run(job.pk)
    return list(Job.objects.order_by("pk"))


def test_a_version_is_filled_from_its_tracking_server(
    own: Server, own_database: str, cast: Cast, api: Door, signed_in: Door
) -> None:
    facts = Facts(cast)
    before = facts.model_version(digest=None, artifact_uri=f"runs:/{own.run}/extra")
    elsewhere = facts.model_version(digest=None, artifact_uri="s3://bucket/elsewhere")
    name_it(cast, own.uri + "/")
    told_by_client = actions.Told(source=f"models:/{own.model}", run_id=own.run, model_id=own.model)
    logged = actions.register_from_mlflow(
        actor=cast.pipeline, reason=WHY, model=facts.model(), told=told_by_client
    ).record
    stored = facts.model_version(
        digest=None, artifact_uri=f"mlflow-artifacts:/0/{own.run}/artifacts/extra/deeper/more.txt"
    )
    jobs = work()
    assert [(job.key, job.state) for job in jobs] == [
        (f"model_version:{one.pk}", "done") for one in (logged, stored, before)
    ] or {job.state for job in jobs} == {"done"}, [(job.key, job.state, job.message, job.fault) for job in jobs]
    for one in (before, logged, stored, elsewhere):
        one.refresh_from_db()
    assert logged.digest_value == by_hand(own.model_folder())
    assert before.digest_value == by_hand(own.run_folder() / "extra")
    assert stored.digest_value == hashlib.sha256(b"there").hexdigest(), "a file is its bytes"
    assert (elsewhere.digest_value, logged.code_commit) == ("", "abc123")

    said = ModelVersionCompletion.objects.filter(model_version=logged)
    assert {(one.how, one.tracking_server.uri) for one in said} == {("tracking", own.uri)}  # type: ignore[union-attr]
    assert [(one.metrics, one.parameters) for one in said if one.metrics] == [({"auc": 0.91}, {"depth": "3"})]
    assert all(own.model in one.came_from for one in said if one.digest_value)
    data = DatasetVersion.objects.get()
    assert (data.dataset.name, data.location) == ("loans", "https://bank.example/loans.csv")
    assert [one.pk for one in queries.training_versions(logged)] == [data.pk]
    run = Run.objects.get(run_key=own.run)
    assert (run.state, run.started_at is None) == ("complete", False)
    assert queries.contributors(logged) != [] and cast.system.pk not in {
        c.person_id for c in queries.contributors(logged)
    }

    told = api("pipeline").get(f"/api/v1/model-versions/{logged.pk}/tracking").json()
    assert (told["server"], told["state"], told["result"]["digest"]) == (
        own.uri,
        "done",
        f"sha256:{logged.digest_value}",
    )
    page = signed_in("owner").get(f"/model-versions/{logged.pk}").content.decode()
    assert "read from the tracking server" in page and "Read, and hashed." in page
    assert signed_in("owner").get(f"/model-versions/{elsewhere.pk}").content.decode().count("not on record") >= 2

    # Again: nothing new is said. Other bytes: a contradiction, and the digest on record stays.
    records = ModelVersionCompletion.objects.count()
    answer = api("pipeline").post(
        f"/api/v1/model-versions/{logged.pk}/read-tracking", {"reason": "Once more"}, format="json"
    )
    assert answer.status_code == 202
    work()
    assert ModelVersionCompletion.objects.count() == records
    spoilt = own.model_folder() / "python_env.yaml"
    kept = spoilt.read_bytes()
    try:
        spoilt.write_bytes(kept + b"# other\n")
        signed_in("owner").post(f"/model-versions/{logged.pk}/read-tracking")
        [job] = [one for one in work() if one.result.get("contradicts")]
    finally:
        spoilt.write_bytes(kept)
    assert "Other bytes" in job.message
    other = ModelVersionCompletion.objects.get(contradicts=["digest"])
    assert other.digest_value not in ("", logged.digest_value)
    assert ModelVersion.objects.get(pk=logged.pk).digest_value == logged.digest_value
    assert "contradicts the record" in signed_in("owner").get(f"/model-versions/{logged.pk}").content.decode()


def test_what_the_server_does_not_have_and_a_server_that_is_away_are_said(
    own: Server, own_database: str, cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(cast)
    name_it(cast, own.uri)
    gone = facts.model_version(digest=None, artifact_uri=f"runs:/{'0' * 32}/model")
    empty = facts.model_version(digest=None, artifact_uri=f"runs:/{own.run}/nothing")
    big = facts.model_version(digest=None, artifact_uri=f"models:/{own.model}")
    monkeypatch.setattr(calls, "MAX_FILES", 2)
    found = {job.params["model_version"]: job for job in work()}
    assert [found[one.pk].state for one in (gone, empty, big)] == ["failed"] * 3
    assert "no such run" in found[gone.pk].message
    assert "is not on the server" in found[empty.pk].message
    assert "more than 2 files" in found[big.pk].message
    assert ModelVersionCompletion.objects.filter(model_version__in=[empty, big]).count() == 2, (
        "the run is read all the same"
    )

    away = facts.model_version(digest=None, artifact_uri=f"runs:/{own.run}/extra", code_commit="c0ffee")
    settings.MLFLOW_SERVERS = ["http://127.0.0.1:9"]
    name_it(cast, "http://127.0.0.1:9")
    drain()
    [job] = [one for one in Job.objects.filter(ended_at=None) if one.params["model_version"] == away.pk]
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts, "does not answer" in job.message) == ("queued", 0, True), "tried again later"
    settings.MLFLOW_PRIVATE = False
    Job.objects.filter(pk=job.pk).update(available_at=timezone.now())
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, "not reached from here" in job.message) == ("failed", True)
    name_it(cast, "")
    with pytest.raises(errors.Conflict, match="No tracking server"):
        ask_for_reading(asked_by=cast.owner, reason=WHY, model_version=away)


def test_a_swapped_file_is_told_though_another_holds_the_approved_list(
    own: Server, own_database: str, cast: Cast
) -> None:
    folder = own.run_folder() / "swapped"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"good")
    (folder / "MLmodel").write_bytes(b"flavor")
    facts = Facts(cast)
    approved = by_hand(folder)
    whole = facts.model_version(digest=f"sha256:{approved}", artifact_uri=f"runs:/{own.run}/swapped")
    one = hashlib.sha256(b"flavor").hexdigest()
    part = facts.model_version(digest=f"sha256:{one}", artifact_uri=f"runs:/{own.run}/swapped")
    listed = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in ("MLmodel", "model.pkl")
    ]
    (folder / "NOTICE").write_text("".join(listed))
    (folder / "model.pkl").write_bytes(b"evil")
    assert hashlib.sha256((folder / "NOTICE").read_bytes()).hexdigest() == approved
    name_it(cast, own.uri)
    for version in (whole, part):
        ask_for_reading(asked_by=cast.owner, reason=WHY, model_version=version)
    jobs = work()
    assert [(job.state, job.result["contradicts"]) for job in jobs] == [("done", True)] * 2, [job.fault for job in jobs]


def post(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the server's own REST API answers."""
    request = urllib.request.Request(
        f"{server.uri}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_nothing_a_runs_author_logs_keeps_the_bytes_from_being_hashed(
    own: Server, own_database: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = json.dumps({"mlflow_colspec": [{"name": "age", "type": "lo\x00ng"}]})
    run = post(own, "runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]["run_id"]
    for first in (0, 51):
        data = [
            {"tags": [{"key": "mlflow.data.context", "value": "training"}],
             "dataset": {"name": f"d{n}", "digest": f"{n}", "source_type": "http", "source": "{}", "schema": schema}}
            for n in range(first, first + 51)
        ]  # fmt: skip
        post(own, "runs/log-inputs", {"run_id": run, "datasets": data})
    folder = own.artifacts / "0" / run / "artifacts" / "model"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(b"model")
    facts = Facts(cast)
    name_it(cast, own.uri)
    version = facts.model_version(digest=None, artifact_uri=f"runs:/{run}/model")
    [job] = work()
    assert (job.state, job.fault) == ("done", "")
    assert "names 2 datasets too many" in job.message
    version.refresh_from_db()
    assert version.digest_value == by_hand(folder)
    assert len(queries.training_versions(version)) == 100
    assert DatasetVersion.objects.first().schema[0]["type"] == "lo ng"  # type: ignore[union-attr]

    # Should the record refuse the run, or fail over it, all the same.
    for address, fault, state, said in (
        (
            f"runs:/{run}/model/",
            errors.Conflict("Not this one."),
            "done",
            "Nothing is on record of its run: Not this one.",
        ),
        (f"runs://{run}/model", ValueError("ours"), "queued", ""),
    ):
        other = facts.model_version(digest=None, artifact_uri=address)
        with monkeypatch.context() as broken:
            broken.setattr("lineage.tracking.reading.record_reading", Mock(side_effect=fault))
            *_before, job = work()
        other.refresh_from_db()
        assert (other.digest_value, job.state) == (version.digest_value, state)
        assert said in job.message


class Telling(http.server.BaseHTTPRequestHandler):
    """A tracking server whose run says what no record can hold."""

    def do_GET(self) -> None:
        """The logged model, or its run."""
        run = (
            '{"run": {"info": {"run_name": "\\u0000\\ud800"}, "inputs": {}, "data": {"metrics": [{"key": "huge", "value": 1'
            + "0" * 400
            + '}, {"key": "a\\u0000\\ud800", "value": 0.5}, {"key": "inf", "value": 1e999}]}}}'
        )
        model = '{"model": {"info": {"source_run_id": "r\\u0000"}}}'
        body = (run if "runs/get" in self.path else model).encode()
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def telling(settings: Any) -> Iterator[Connection]:
    """A connection to it."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Telling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}"
    settings.MLFLOW_SERVERS, settings.MLFLOW_PRIVATE = [uri], True
    yield Connection(uri, namespace="retail", max_bytes=10**6, seconds=30)
    server.shutdown()
    server.server_close()


def test_what_no_record_can_hold_is_left_out_or_cleaned(telling: Connection) -> None:
    told = calls.told_of(telling, source="runs:/r1/model", run_id="")
    assert (told.metrics, told.run_name) == ({"a?": 0.5}, "?")
    logged = calls.told_of(telling, source="models:/m-1", run_id="")
    assert (logged.run_id, logged.place) == ("", calls.Place("logged", "m-1", ""))


def test_a_model_whose_run_is_gone_is_hashed_all_the_same(telling: Connection) -> None:
    told = calls.told_of(telling, source="models:/m-1", run_id="gone")
    assert (told.run_id, told.place) == ("", calls.Place("logged", "m-1", ""))
    with pytest.raises(errors.Missing):
        calls.told_of(telling, source="runs:/gone/model", run_id="")


@pytest.mark.parametrize("source", ["runs:/r1/a/../../../etc", "mlflow-artifacts:/../other", "runs:/r1/./a"])
def test_an_address_that_leads_out_of_its_place_is_not_followed(telling: Connection, source: str) -> None:
    with pytest.raises(errors.Invalid, match="leads out of its own place"):
        calls.told_of(telling, source=source, run_id="")


def test_a_worker_that_dies_between_run_and_hash_is_followed_by_another(
    own: Server, own_database: str, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lineage.tracking import reading

    facts = Facts(cast)
    name_it(cast, own.uri)
    version = facts.model_version(digest=None, artifact_uri=f"models:/{own.model}")
    drain()
    [job] = Job.objects.all()

    def dies(*_args: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as broken, pytest.raises(SystemExit):
        broken.setattr(reading, "_hashed", dies)
        runner.run(job.pk)
    Job.objects.update(heartbeat_at=timezone.now() - runner.SILENCE * 2)
    assert runner.run(job.pk)
    job.refresh_from_db()
    version.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2)
    assert version.digest_value == by_hand(own.model_folder())
    assert ModelVersionCompletion.objects.filter(model_version=version).count() == 2


@pytest.mark.parametrize("path", ["", "a\nb", "a\\b", "a\rb", "a\x00b"])
def test_a_path_that_the_list_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(errors.Invalid):
        digest_of_tree("sha256", {path: "00"})


def test_no_file_stands_for_an_artifact_that_has_more() -> None:
    def sha(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    approved = {"MLmodel": sha(b"flavor"), "model.pkl": sha(b"good")}
    on_record = digest_of_tree("sha256", approved)
    listing = "".join(f"{approved[path]}  {path}\n" for path in sorted(approved)).encode()
    assert sha(listing) == on_record, "a file that holds the list has the folder's digest"
    swapped = {**approved, "model.pkl": sha(b"evil"), "NOTICE": sha(listing)}
    assert names_of_artifact("sha256", swapped) == [(digest_of_tree("sha256", swapped), "")]
    alone = {"model.pkl": sha(b"good")}
    assert names_of_artifact("sha256", alone) == [
        (digest_of_tree("sha256", alone), ""), (sha(b"good"), "model.pkl"),
    ]  # fmt: skip
    beside = {**alone, "hook.py": sha(b"evil")}
    assert names_of_artifact("sha256", beside) == [(digest_of_tree("sha256", beside), "")]
    assert names_of_artifact("sha256", {"": sha(b"good")}) == [(sha(b"good"), "")]


def test_the_client_works_the_same_digest_out(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name, content in (("b", b"1"), ("a b", b"2"), ("ä/z", b"3"), ("A/é", b"")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    ours = digest_of_tree(
        "sha256",
        {
            str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in folder.rglob("*")
            if p.is_file()
        },
    )
    assert ours == by_hand(folder)
    client = [str(databases.ROOT / ".venv/bin/python"), "-I", str(databases.ROOT / "governance/client/muniment.py")]
    for given, expected in ((folder, ours), (folder / "b", hashlib.sha256(b"1").hexdigest())):
        done = subprocess.run([*client, "digest", str(given)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, f"sha256:{expected}"), done.stderr
    assert subprocess.run([*client, "digest", str(folder / "none")], capture_output=True, check=False).returncode == 2


def test_nothing_is_asked_for_where_no_server_is_named(facts: Facts) -> None:
    facts.model_version(digest=None, artifact_uri=f"runs:/{'1' * 32}/model")
    assert not Message.objects.filter(topic="model_version.registered").exists()


def test_naming_a_server_reads_the_newest_it_may_know_and_no_others_use_them_up(
    facts: Facts, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose run is none of MLflow's, or that has its digest, takes no place among those that are read."""
    monkeypatch.setattr(tasks, "READ_AT_ONCE", 2)
    wanted = [facts.model_version(digest=None, artifact_uri=f"runs:/{n}/model").pk for n in range(3)]
    for number in range(4):
        facts.model_version(digest=None, artifact_uri=f"s3://b/{number}", source_run=facts.run(f"airflow-{number}"))
        facts.model_version(artifact_uri=f"runs:/done-{number}/model")
    actions.name_tracking_server(actor=cast.admin, reason=WHY, namespace=cast.retail, uri="https://mlflow.bank.example")
    drain()
    asked = Job.objects.values_list("params__model_version", flat=True)
    assert sorted(asked) == wanted[1:], "the newest two of those that lead there"
