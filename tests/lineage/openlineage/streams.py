"""Events as dbt, Airflow and Spark send them, and what they leave on record in words that do not depend on order."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from lineage.models import (
    ColumnLineage,
    DataProfile,
    Dataset,
    DatasetVersion,
    OpenLineageDataset,
    OpenLineageNamespace,
    QualityResult,
    ReportedFact,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
)

Event = dict[str, Any]
SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> Event:
    """One of the sample events."""
    found: Event = json.loads((SAMPLES / f"openlineage_{name}.json").read_text("utf-8"))
    return found


def run_id(name: str) -> str:
    """A UUID that stands for a name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def facet(**content: Any) -> dict[str, Any]:
    """A facet with what every facet bears."""
    return {"_producer": "https://example.org/p", "_schemaURL": "https://example.org/s.json", **content}


def dataset(source: str, name: str, **facets: Any) -> dict[str, Any]:
    """A dataset with its facets."""
    return {"namespace": source, "name": name, "facets": {key: facet(**value) for key, value in facets.items()}}


def event(
    kind: str, run: str, job: str, at: str, *, source: str = "airflow://prod", run_facets: Any = None,
    job_facets: Any = None, inputs: Any = (), outputs: Any = (),
) -> Event:  # fmt: skip
    """A run event."""
    return {
        "eventType": kind,
        "eventTime": f"2026-11-22T{at}Z",
        "producer": "https://example.org/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run), "facets": {key: facet(**one) for key, one in (run_facets or {}).items()}},
        "job": {
            "namespace": source,
            "name": job,
            "facets": {key: facet(**one) for key, one in (job_facets or {}).items()},
        },
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


WAREHOUSE = "postgres://warehouse:5432"
LAKE = "s3://lake"


def airflow() -> list[Event]:
    """A task that loads a table, within a run of its DAG."""
    parent = {"run": {"runId": run_id("dag")}, "job": {"namespace": "airflow://prod", "name": "nightly"}}
    code = {"sourceCodeLocation": {"type": "git", "url": "https://git.example/x", "version": "0a1b2c3"}}
    raw = dataset(LAKE, "raw/loans.csv", documentation={"description": "Loans as they came in"})
    table = dataset(
        WAREHOUSE, "bank.raw.loans",
        schema={"fields": [{"name": "id", "type": "INT"}, {"name": "email", "type": "TEXT"}]},
        tags={"tags": [{"key": "PII", "value": "true", "source": "AIRFLOW", "field": "email"}]},
        ownership={"owners": [{"name": "team:data", "type": "STEWARD"}]},
    )  # fmt: skip
    return [
        event("START", "dag", "nightly", "01:00:00"),
        event(
            "START", "load", "nightly.load", "01:00:01", run_facets={"parent": parent}, job_facets=code, inputs=[raw]
        ),
        event("RUNNING", "load", "nightly.load", "01:00:30", outputs=[dataset(WAREHOUSE, "bank.raw.loans")]),
        event("COMPLETE", "load", "nightly.load", "01:01:00", job_facets=code, inputs=[raw], outputs=[table]),
        event("COMPLETE", "dag", "nightly", "01:10:00"),
    ]


def dbt() -> list[Event]:
    """A model of dbt: what it reads without versions, `meta` as tags of the run, tests of its own."""
    read = dataset(WAREHOUSE, "bank.raw.loans")
    meta = {"tags": {"tags": [{"key": "contains_pii", "value": "pd:EmailAddress", "source": "DBT_META"}]}}
    lineage = {
        "fields": {
            "email_hash": {
                "inputFields": [
                    {
                        "namespace": WAREHOUSE, "name": "bank.raw.loans", "field": "email",
                        "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": True}],
                    }
                ]
            }
        }
    }  # fmt: skip
    made = dataset(
        WAREHOUSE, "bank.marts.loans",
        schema={"fields": [{"name": "id", "type": "integer"}, {"name": "email_hash", "type": "text"}]},
        columnLineage=lineage,
        dataQualityAssertions={"assertions": [{"assertion": "unique", "success": True, "column": "id"}]},
    )  # fmt: skip
    made["outputFacets"] = {"outputStatistics": facet(rowCount=120_345, size=88_123_456)}
    tests = {"test": {"tests": [{"name": "not_null_id", "status": "pass"}, {"name": "no_gaps", "status": "fail"}]}}
    return [
        event("START", "dbt", "bank.marts.loans", "02:00:00", source="dbt", run_facets=meta),
        event("COMPLETE", "dbt", "bank.marts.loans", "02:02:00", source="dbt", inputs=[read], outputs=[made]),
        event(
            "COMPLETE", "dbt-test", "bank.marts.loans.test", "02:03:00", source="dbt", run_facets=tests, inputs=[made]
        ),
    ]


def spark() -> list[Event]:
    """A training set cut from versions that are named, with metrics and facets of Spark's own."""
    read = dataset(WAREHOUSE, "bank.marts.loans", version={"datasetVersion": "snapshot-7"})
    metrics = {
        "rowCount": 1000, "bytes": 64_000,
        "columnMetrics": {
            "age": {"nullCount": 3, "distinctCount": 71, "min": 18, "max": 99.5, "sum": 45_000,
                    "quantiles": {"0.5": 44, "0.25": 31.5}},
        },
    }  # fmt: skip
    made = dataset(
        LAKE, "features/loans", version={"datasetVersion": "sha256:" + "ab" * 32}, dataQualityMetrics=metrics,
        dataSource={"name": "lake", "uri": "s3://lake"}, lifecycleStateChange={"lifecycleStateChange": "OVERWRITE"},
    )  # fmt: skip
    own = {"spark_version": {"spark-version": "3.5.0"}, "mlflow": {"runId": "0" * 31 + "7"}}
    return [
        event("START", "spark", "cut_features", "03:00:00", source="spark://prod", run_facets=own, inputs=[read]),
        event("RUNNING", "spark", "cut_features", "03:00:10", source="spark://prod"),
        event("COMPLETE", "spark", "cut_features", "03:05:00", source="spark://prod", inputs=[read], outputs=[made]),
        event("FAIL", "spark-2", "cut_features", "03:06:00", source="spark://prod", inputs=[read]),
    ]


def everything() -> list[Event]:
    """All three, in the order of their times."""
    return [*airflow(), *dbt(), *spark()]


def _version(one: DatasetVersion | None) -> tuple[str, str] | None:
    return (one.dataset.name, one.label) if one else None


def _run(run: Run | None) -> str | None:
    """A run's key; that of "any version" bears an id, so its dataset's name stands for it."""
    if run is None or not run.run_key.startswith("any-version-"):
        return run.run_key if run else None
    return "any version of " + Dataset.objects.get(pk=int(run.run_key.rpartition("-")[2])).name


def left_on_record(namespace: Any) -> dict[str, list[Any]]:
    """Everything that came of events in a namespace, without ids, moments of recording, and who said it first."""
    versions = DatasetVersion.objects.filter(dataset__namespace=namespace).select_related("dataset")
    runs = Run.objects.filter(namespace=namespace)
    latest: dict[Any, SensitivityFlag] = {}
    for one in SensitivityFlag.objects.filter(dataset_version__in=versions).order_by("id"):
        latest[(one.dataset_version_id, one.column, one.category)] = one
    found: dict[str, list[Any]] = {
        "datasets": [one.name for one in Dataset.objects.filter(namespace=namespace)],
        "names": list(OpenLineageDataset.objects.filter(namespace=namespace).values_list("source", "name", "dataset__name")),
        "producers": list(
            OpenLineageNamespace.objects.filter(namespace=namespace).values_list("source", "producer__name")
        ),
        "versions": [(*(_version(one) or ()), one.digest_value) for one in versions],
        "runs": [(_run(one), one.job_name, one.state, one.source_commit, str(one.started_at), str(one.ended_at)) for one in runs],
        "inputs": [(_run(one.run), one.role, _version(one.dataset_version)) for one in _links(RunInput, runs)],
        "outputs": [(_run(one.run), one.role, _version(one.dataset_version)) for one in _links(RunOutput, runs)],
        "columns": [
            (_run(one.run), _version(one.source), one.source_column, _version(one.target), one.target_column, one.masking)
            for one in ColumnLineage.objects.filter(run__in=runs).select_related("run", "source__dataset", "target__dataset")
        ],
        "flags": [
            (_version(one.dataset_version), one.column, one.category, one.present, tuple(one.regulation_sets))
            for one in latest.values()
        ],
        "facts": [
            (_run(one.run), one.dataset and one.dataset.name, _version(one.dataset_version), one.kind, json.dumps(one.content))
            for one in ReportedFact.objects.filter(namespace=namespace).select_related("run", "dataset", "dataset_version__dataset")
        ],
        "profiles": [
            (_run(one.run), _version(one.dataset_version), one.rows, one.bytes, json.dumps(one.columns))
            for one in DataProfile.objects.filter(namespace=namespace).select_related("run", "dataset_version__dataset")
        ],
        "results": [
            (_run(one.run), _version(one.dataset_version), one.assertion, one.column, one.success)
            for one in QualityResult.objects.filter(namespace=namespace).select_related("run", "dataset_version__dataset")
        ],
    }  # fmt: skip
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def _links(kind: Any, runs: Any) -> Any:
    return kind.objects.filter(run__in=runs).select_related("run", "dataset_version__dataset")
