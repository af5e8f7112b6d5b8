"""Runs as OpenLineage events, rebuilt with the classes of the real client: an unknown or missing part fails there."""

import datetime
import importlib
import json
import pkgutil
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openlineage.client import event_v2, generated
from openlineage.client.generated import ownership_dataset, schema_dataset, tags_dataset

from lineage import actions
from lineage.exports.openlineage import run_id
from lineage.models import ModelVersion, RunState
from tests.approvals.world import World, flag, world
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

Api = Callable[[str], Any]
START = datetime.datetime(2026, 1, 2, 9, tzinfo=datetime.UTC)


@pytest.fixture
def w(cast: Cast) -> World:
    """`features`, made from `raw`, made from `source`."""
    return world(cast)


def known_facets() -> Iterator[tuple[str, type[Any]]]:
    """Every facet of the client by the address of its schema."""
    for found in pkgutil.iter_modules(generated.__path__):
        module = importlib.import_module(f"openlineage.client.generated.{found.name}")
        for one in vars(module).values():
            if isinstance(one, type) and one.__module__ == module.__name__ and hasattr(one, "_get_schema"):
                yield one._get_schema(), one


FACETS = dict(known_facets())
INNER = {
    "tags": tags_dataset.TagsDatasetFacetFields,
    "fields": schema_dataset.SchemaDatasetFacetFields,
    "owners": ownership_dataset.Owner,
}


def facet(given: dict[str, Any]) -> Any:
    """The client's own object; what it does not know raises."""
    said = dict(given)
    assert said.pop("_producer")
    for name in INNER.keys() & said.keys():
        said[name] = [INNER[name](**one) for one in said[name]]
    return FACETS[said.pop("_schemaURL")](**said)


def part(kind: type[Any], given: dict[str, Any]) -> Any:
    """A job, a run or a dataset with its facets."""
    said = dict(given)
    for name in ("facets", "inputFacets", "outputFacets"):
        if name in said:
            said[name] = {key: facet(one) for key, one in said[name].items()}
    return kind(**said)


def accepted(event: dict[str, Any]) -> Any:
    """The client's event."""
    said = dict(event)
    assert said.pop("schemaURL") == event_v2.RunEvent._get_schema()
    said["eventType"] = event_v2.RunState(said["eventType"])
    return event_v2.RunEvent(
        **{
            **said,
            "run": part(event_v2.Run, said["run"]),
            "job": part(event_v2.Job, said["job"]),
            "inputs": [part(event_v2.InputDataset, one) for one in said["inputs"]],
            "outputs": [part(event_v2.OutputDataset, one) for one in said["outputs"]],
        }
    )


def asked(api: Api, address: str) -> list[Any]:
    """The events of an address, each accepted by the client's classes."""
    answer = api("pipeline").get(f"/api/v1/{address}/openlineage")
    assert answer.status_code == 200, answer.content
    return [accepted(one) for one in json.loads(answer.content)]


def test_a_run_tells_its_start_and_end_with_what_it_read_and_wrote(facts: Facts, cast: Cast, api: Api) -> None:
    dataset = facts.dataset("loans", description="All loans", owner=cast.owner)
    read = facts.source(dataset, location="s3://bank/loans.csv", schema=[{"name": "income", "type": "int"}])
    flag(cast, read, column="income", category="pd:Income", present="yes")
    wrote = facts.version(facts.dataset("clean"), rows=5, bytes=70)
    run = actions.register_run(
        actor=cast.pipeline, reason=WHY, namespace=cast.retail, job_name="clean", run_key=str(uuid.UUID(int=7)),
        state=RunState.FAILED, started_at=START, ended_at=START + datetime.timedelta(minutes=5), source_commit="abc123",
        inputs=[actions.Link(read, "source")], outputs=[actions.Link(wrote, "output")],
    ).record  # fmt: skip
    start, end = asked(api, f"runs/{run.pk}")
    assert (start.eventTime, end.eventTime) == ("2026-01-02T09:00:00Z", "2026-01-02T09:05:00Z")
    assert [start.eventType.name, end.eventType.name] == ["START", "FAIL"]
    assert start.run.runId == end.run.runId == str(uuid.UUID(int=7))
    assert end.job.facets["sourceCodeLocation"].version == "abc123"
    [source] = end.inputs
    assert (source.namespace, source.name, source.facets["version"].datasetVersion) == ("retail", "loans", "source")
    assert {(one.key, one.field) for one in source.facets["tags"].tags} == {("digest", None), ("pd:Income", "income")}
    assert source.facets["dataSource"].uri == "s3://bank/loans.csv"
    [out] = end.outputs
    assert (out.name, out.outputFacets["outputStatistics"].rowCount) == ("clean", 5)


def test_a_model_version_tells_every_run_it_came_from_and_is_an_output_itself(w: World, api: Api) -> None:
    told = asked(api, f"model-versions/{w.version.pk}")
    assert {one.job.name for one in told} == {"derive", "train"}
    assert len({one.run.runId for one in told}) == 3
    assert [one.eventTime for one in told] == sorted(one.eventTime for one in told)
    with_end = w.runs["model"]
    actions.end_run(actor=w.cast.pipeline, reason=WHY, run=with_end, state=RunState.COMPLETE)
    end = next(one for one in asked(api, f"model-versions/{w.version.pk}") if one.eventType.name == "COMPLETE")
    assert [(one.namespace, one.name) for one in end.outputs] == [("muniment:model:retail", "scoring")]
    assert ModelVersion.objects.count() == 1


def test_a_key_that_is_no_uuid_gives_one_that_stays(w: World) -> None:
    first = run_id(w.runs["raw"])
    assert first == run_id(w.runs["raw"]) != run_id(w.runs["features"])
    assert uuid.UUID(first).version == 5
