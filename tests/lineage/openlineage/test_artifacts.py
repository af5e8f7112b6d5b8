"""A training run reports its model as a dataset, by place or digest: the version registered for it finds its data."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_version_dataset
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

from lineage import actions
from lineage.models import LinkCorrection, Model, ModelVersion, RunOutput
from lineage.openlineage.artifacts import addresses_of, names_of
from lineage.openlineage.working import link_latecomers, work_off
from tests.approvals.world import database
from tests.cast import KEYS, Cast
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.conftest import WHY, Event, taken_back, worked

DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
NIGHT = "2026-11-22T"


def model_of(cast: Cast, name: str = "churn") -> Model:
    """A model in the namespace of the producer."""
    return actions.register_model(actor=cast.pipeline, reason=WHY, namespace=cast.retail, name=name).record


def version_of(cast: Cast, **more: Any) -> ModelVersion:
    """A version as a pipeline registers it that knows nothing of runs."""
    found = Model.objects.filter(name="churn").first() or model_of(cast)
    return actions.register_model_version(actor=cast.pipeline, reason=WHY, model=found, **more).record


def training(run: str = "train", place: str = "models/churn/1", label: str = "", day: int = 22) -> list[Event]:
    """What a training run sends: it begins, and ends with what it read and wrote."""
    facets = {"version": {"datasetVersion": label}} if label else {}
    read, made = streams.dataset(streams.LAKE, f"features/{run}.csv"), streams.dataset("s3://models", place, **facets)
    sent = [
        streams.event("START", run, "train", "01:00:00", inputs=[read]),
        streams.event("COMPLETE", run, "train", "02:00:00", inputs=[read], outputs=[made]),
    ]
    return [{**one, "eventTime": one["eventTime"].replace("-22T", f"-{day}T")} for one in sent]


def trained_on(version: ModelVersion) -> set[str]:
    """The names of the datasets that the gate takes for its training data."""
    return set(
        database(
            "SELECT coalesce(array_agg(d.name), '{}') FROM lineage_datasetversion v JOIN lineage_dataset d"
            " ON d.id = v.dataset_id WHERE v.id = ANY (muniment.training_of(%s))",
            version.pk,
        )
    )


DATA = "s3://lake/features/train.csv"


def test_the_real_client_reports_a_training_run_and_the_model_finds_its_data(served: str, cast: Cast) -> None:
    """Nothing of ours in the script: the place where the model lies is all that the two reports have in common."""
    sender = OpenLineageClient(
        transport=HttpTransport(
            HttpConfig(url=served, auth=ApiKeyTokenProvider({"api_key": KEYS["pipeline"]}), endpoint="api/v1/lineage")
        )
    )
    run, job = Run(runId=streams.run_id("real")), Job(namespace="python", name="train")
    began = datetime.now(UTC) - timedelta(hours=1)
    read = InputDataset(namespace="s3://lake", name="features/train.csv")
    label = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=DIGEST)
    made = OutputDataset(namespace="s3://models", name="churn/1/model.bin", facets={"version": label})
    for state, at in ((RunState.START, began), (RunState.COMPLETE, began + timedelta(minutes=50))):
        sender.emit(
            RunEvent(eventType=state, eventTime=at.isoformat(), run=run, job=job, producer="https://x.example",
                     inputs=[read], outputs=[made] if state == RunState.COMPLETE else [])
        )  # fmt: skip
    sender.close()
    by_place = version_of(cast, artifact_uri="s3a://models/churn/1/model.bin")
    by_digest = version_of(cast, artifact_uri="s3://elsewhere/copy.bin", digest=DIGEST)
    assert work_off().worked == 2
    assert trained_on(by_place) == trained_on(by_digest) == {DATA}
    links = RunOutput.objects.filter(model_version__isnull=False)
    assert {(one.link_method, one.run.run_key, one.recorded_by) for one in links} == {
        ("openlineage", streams.run_id("real"), cast.pipeline)
    }


def test_whatever_comes_first_the_same_link_is_made(cast: Cast) -> None:
    for order in itertools.permutations(("START", "COMPLETE", "version")):
        with taken_back():
            for what in order:
                if what == "version":
                    version_of(cast, artifact_uri="s3://models/models/churn/1")
                else:
                    worked(cast.pipeline, *[one for one in training() if one["eventType"] == what])
            link_latecomers()
            assert link_latecomers() == 0, "once it is made"
            assert trained_on(ModelVersion.objects.get()) == {DATA}, order
            assert RunOutput.objects.filter(model_version__isnull=False).count() == 1, order


def test_what_it_became_is_told_on_the_events_page(cast: Cast, signed_in: Callable[[str], Any]) -> None:
    version_of(cast, artifact_uri="s3://models/models/churn/1")
    intake = worked(cast.pipeline, *training())[-1]
    assert ["model", RunOutput.objects.get(model_version__isnull=False).pk, "churn 1"] in intake.made
    page = signed_in("viewer").get(f"/openlineage/{intake.event_id}").content.decode()
    assert "Model version that the run wrote" in page


@pytest.mark.parametrize(
    "registered",
    [
        pytest.param({"artifact_uri": "s3://models/models/churn/2"}, id="another place"),
        pytest.param({"artifact_uri": "s3://models/models/churn/1", "digest": OTHER}, id="other bytes at the place"),
        pytest.param({"digest": OTHER}, id="other bytes"),
    ],
)
def test_another_artifact_is_not_linked(cast: Cast, registered: dict[str, Any]) -> None:
    version = version_of(cast, **registered)
    worked(cast.pipeline, *training(label=DIGEST))
    link_latecomers()
    assert trained_on(version) == set()


def test_what_came_out_of_another_run_stays_that_runs(cast: Cast) -> None:
    source = actions.register_run(
        actor=cast.pipeline, reason=WHY, namespace=cast.retail, job_name="j", run_key="k"
    ).record
    version = version_of(cast, artifact_uri="s3://models/models/churn/1", source_run=source)
    worked(cast.pipeline, *training())
    link_latecomers()
    assert not RunOutput.objects.filter(model_version=version).exists()


def test_a_run_that_began_after_the_registration_overwrote_the_place_and_made_another(cast: Cast) -> None:
    version = version_of(cast, artifact_uri="s3://models/models/churn/1")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    late = [{**one, "eventTime": tomorrow.isoformat()} for one in training()]
    worked(cast.pipeline, *late)
    link_latecomers()
    assert trained_on(version) == set()


def test_of_two_runs_that_wrote_to_one_place_either_may_have_been_it(cast: Cast) -> None:
    worked(cast.pipeline, *training("first", day=20), *training("second", day=21))
    version = version_of(cast, artifact_uri="s3://models/models/churn/1/")
    assert link_latecomers() == 2
    assert trained_on(version) == {"s3://lake/features/first.csv", "s3://lake/features/second.csv"}


def test_a_digest_that_comes_later_finds_the_run(cast: Cast) -> None:
    version = version_of(cast, artifact_uri="gs://copies/churn")
    worked(cast.pipeline, *training(label=DIGEST))
    assert link_latecomers() == 0
    actions.complete_model_version(actor=cast.pipeline, reason=WHY, model_version=version, digest=DIGEST, how="tag")
    assert link_latecomers() == 1
    assert trained_on(version) == {DATA}


def test_another_producer_claims_no_model_by_a_place_that_is_not_its_own(cast: Cast, second: Any) -> None:
    worked(cast.pipeline, *training("mine"))
    version = version_of(cast, artifact_uri="s3://models/models/churn/7")
    worked(second, *training("theirs", place="models/churn/7"))
    link_latecomers()
    assert trained_on(version) == set()


def test_a_model_of_another_namespace_is_not_found(cast: Cast) -> None:
    made = actions.register_model(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, name="churn"
    ).record
    version = actions.register_model_version(
        actor=cast.outsider_pipeline, reason=WHY, model=made, artifact_uri="s3://models/models/churn/1", digest=DIGEST
    ).record
    worked(cast.pipeline, *training(label=DIGEST))
    link_latecomers()
    assert trained_on(version) == set()


def test_a_link_that_was_voided_is_not_made_again(cast: Cast) -> None:
    version = version_of(cast, artifact_uri="s3://models/models/churn/1")
    worked(cast.pipeline, *training())
    link = RunOutput.objects.get(model_version=version)
    actions.correct_link(actor=cast.steward, reason="Not its model", link=link, kind=LinkCorrection.Kind.VOID)
    link_latecomers()
    worked(cast.pipeline, *[{**one, "producer": "https://example.org/again"} for one in training()])
    assert trained_on(version) == set()
    assert RunOutput.objects.filter(model_version=version).count() == 1


@pytest.mark.parametrize(
    ("source", "name", "address"),
    [
        ("s3://models", "churn/1", "s3://models/churn/1"),
        ("s3://models", "/churn/1", "s3n://models/churn/1/"),
        ("s3a://models/prod", "churn", "s3://models/prod/churn"),
        ("gs://models", "churn 1", "gs://models/churn 1"),
        ("gs://models", "churn%201", "gs://models/churn 1"),
        ("file", "/srv/models/churn", "file:///srv/models/churn"),
        ("file", "/srv/models/churn", "/srv/models/churn"),
        ("hdfs://nn:8020", "/models/churn", "hdfs://nn:8020/models/churn"),
        ("abfss://c@a.dfs.core.windows.net", "m", "abfss://c@a.dfs.core.windows.net/m"),
        ("models", "s3://models/churn/1", "s3://models/churn/1"),
    ],
)
def test_a_place_is_one_however_it_is_spelt(source: str, name: str, address: str) -> None:
    assert address in addresses_of(source, name)


def test_an_address_leads_back_to_its_names() -> None:
    assert ("s3://models", "churn/1") in names_of("s3a://models/churn/1/")
    assert ("s3://models/prod", "churn") in names_of("s3://models/prod/churn")
    assert ("file", "/srv/churn") in names_of("file:///srv/churn")
    assert names_of("runs:/") == []
