"""Runs as OpenLineage events [OpenLineage 2-0-2], for another lineage server.

A dataset's name there is ours: its namespace and name. What lies in a namespace that the reader may not read is named
by digest alone, under `muniment:digest`; without a digest it is left out.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from lineage.exports.dataset_facts import flags_of
from lineage.exports.upstream import digest_of, runs_above, standing_links
from lineage.models import (
    DatasetVersion,
    ModelVersion,
    Presence,
    Run,
    RunInput,
    RunOutput,
    RunState,
    SensitivityFlag,
)

PRODUCER = "urn:muniment:export"
_SPEC = "https://openlineage.io/spec"
EVENT_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
HIDDEN_NAMESPACE = "muniment:digest"
MODEL_NAMESPACE = "muniment:model"
"""OpenLineage knows no models: they are datasets in namespaces of their own, `muniment:model:<namespace>`."""

_FACETS: dict[str, str] = {
    "version": "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
    "schema": "1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
    "documentation": "1-1-0/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet",
    "dataSource": "1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet.json#/$defs/OwnershipDatasetFacet",
    "tags": "1-0-0/TagsDatasetFacet.json#/$defs/TagsDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
    "sourceCodeLocation": "1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet",
    "jobType": "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
}
Flags = Mapping[int, Iterable[SensitivityFlag]]
"""The newest answers by dataset version."""
_ENDS = {RunState.COMPLETE: "COMPLETE", RunState.FAILED: "FAIL", RunState.ABORTED: "ABORT"}


def events_above(version: ModelVersion, readable: Collection[int]) -> list[dict[str, Any]]:
    """The events of every readable run upstream. Raises errors.Invalid as `upstream.runs_above`."""
    return events(runs_above(version, readable), readable)


def events(runs: Iterable[Run], readable: Collection[int]) -> list[dict[str, Any]]:
    """A start and, where it has ended, an end per run, ordered by moment.

    Args:
        readable: ids of namespaces whose records are named.
    """
    wanted = list(runs)
    ids = [run.pk for run in wanted]
    read = list(_links(RunInput, ids))
    wrote = list(_links(RunOutput, ids))
    made = ModelVersion.objects.filter(source_run__in=ids).select_related("model__namespace").order_by("pk")
    models: dict[int, list[ModelVersion]] = {}
    for version in made:
        models.setdefault(version.source_run_id or 0, []).append(version)
    flags = flags_of({one.dataset_version_id for one in [*read, *wrote] if one.dataset_version_id})
    found = []
    for run in wanted:
        inputs = _datasets((one for one in read if one.run_id == run.pk), readable, flags, output=False)
        outputs = _datasets((one for one in wrote if one.run_id == run.pk), readable, flags, output=True)
        outputs += [
            told for version in models.get(run.pk, ()) if (told := _model(version, readable)) and told not in outputs
        ]
        found += _of_run(run, inputs, outputs)
    return sorted(found, key=lambda one: (one["eventTime"], one["run"]["runId"], one["eventType"] != "START"))


def run_id(run: Run) -> str:
    """OpenLineage wants a UUID: the run's key where it is one, else one worked out from its address on record."""
    try:
        return str(uuid.UUID(run.run_key))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:muniment:run:{run.namespace.name}/{run.run_key}"))


def _links(of: Any, runs: list[int]) -> Any:
    related = (
        "dataset_version__dataset__namespace",
        "dataset_version__dataset__owner",
        "model_version__model__namespace",
    )
    return standing_links(of).filter(run__in=runs).select_related(*related).order_by("pk")


def _of_run(run: Run, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    job: dict[str, Any] = {"namespace": run.namespace.name, "name": run.job_name, "facets": {}}
    job["facets"]["jobType"] = _facet("jobType", processingType="BATCH", integration="MUNIMENT", jobType="RUN")
    if run.source_commit:
        # The facet asks for an address; the record knows the commit alone.
        where = {"type": "git", "url": f"urn:muniment:commit:{run.source_commit}", "version": run.source_commit}
        job["facets"]["sourceCodeLocation"] = _facet("sourceCodeLocation", **where)
    base = {"producer": PRODUCER, "schemaURL": EVENT_SCHEMA, "run": {"runId": run_id(run), "facets": {}}, "job": job}
    start = {"eventType": "START", "eventTime": _moment(run.started_at or run.recorded_at), **base}
    end = _ENDS.get(RunState(run.state))
    if end is None:
        return [{**start, "inputs": inputs, "outputs": []}]
    at = _moment(run.ended_at or run.recorded_at)
    return [
        {**start, "inputs": inputs, "outputs": []},
        {"eventType": end, "eventTime": at, **base, "inputs": inputs, "outputs": outputs},
    ]


def _datasets(links: Iterable[Any], readable: Collection[int], flags: Flags, *, output: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for link in links:
        if link.dataset_version is not None:
            told = _dataset(link.dataset_version, readable, flags, output=output)
        else:
            told = _model(link.model_version, readable)
        if told is not None and told not in found:
            found.append(told)
    return found


def _dataset(
    version: DatasetVersion, readable: Collection[int], flags: Flags, *, output: bool
) -> dict[str, Any] | None:
    dataset = version.dataset
    if dataset.namespace_id not in readable:
        return _hidden(digest_of(version))
    facets: dict[str, Any] = {"version": _facet("version", datasetVersion=version.label)}
    if version.schema:
        facets["schema"] = _facet("schema", fields=[_column(one) for one in version.schema])
    if text := dataset.description:
        facets["documentation"] = _facet("documentation", description=text, contentType="text/plain")
    if version.location:
        facets["dataSource"] = _facet("dataSource", name=dataset.name, uri=version.location)
    if dataset.owner is not None:
        facets["ownership"] = _facet("ownership", owners=[{"name": dataset.owner.display_name, "type": "OWNER"}])
    if tags := _tags(version, flags[version.pk]):
        facets["tags"] = _facet("tags", tags=tags)
    told = {"namespace": dataset.namespace.name, "name": dataset.name, "facets": facets}
    if output:
        counts = {"rowCount": version.rows, "size": version.bytes}
        known = {name: value for name, value in counts.items() if value is not None}
        told["outputFacets"] = {"outputStatistics": _facet("outputStatistics", **known)} if known else {}
    else:
        told["inputFacets"] = {}
    return told


def _tags(version: DatasetVersion, flags: Iterable[SensitivityFlag]) -> list[dict[str, str]]:
    """The digest, and what is answered on sensitive data; what is said not to be there is no tag."""
    found = [{"key": "digest", "value": digest_of(version), "source": "MUNIMENT"}] if version.digest_value else []
    for flag in flags:
        if flag.present != Presence.NO:
            tag = {"key": flag.category, "value": flag.present, "source": "MUNIMENT"}
            found.append(tag | ({"field": flag.column} if flag.column else {}))
    return found


def _model(version: ModelVersion, readable: Collection[int]) -> dict[str, Any] | None:
    model = version.model
    if model.namespace_id not in readable:
        return _hidden(digest_of(version))
    facets = {"version": _facet("version", datasetVersion=str(version.number))}
    if digest := digest_of(version):
        facets["tags"] = _facet("tags", tags=[{"key": "digest", "value": digest, "source": "MUNIMENT"}])
    return {"namespace": f"{MODEL_NAMESPACE}:{model.namespace.name}", "name": model.name, "facets": facets}


def _hidden(digest: str) -> dict[str, Any] | None:
    return {"namespace": HIDDEN_NAMESPACE, "name": digest, "facets": {}} if digest else None


def _column(one: dict[str, Any]) -> dict[str, str]:
    return {key: str(one[key]) for key in ("name", "type", "description") if one.get(key)}


def _facet(kind: str, /, **said: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{_FACETS[kind]}", **said}


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
