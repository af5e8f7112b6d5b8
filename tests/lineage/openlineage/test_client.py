"""The unmodified openlineage-python client, plain and gzip, against the product over real sockets; and curl's way."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    Dataset,
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.facet_v2 import documentation_dataset, schema_dataset, tags_dataset
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport

from lineage.models import OpenLineageEvent, OpenLineageIntake, SensitivityFlag
from lineage.openlineage.working import work_off
from tests.cast import KEYS, Cast
from tests.lineage.openlineage import streams

Key = Callable[[str], dict[str, str]]


def client(served: str, compression: HttpCompression | None) -> OpenLineageClient:
    """As the library's own documentation makes one."""
    config = HttpConfig(
        url=served, auth=ApiKeyTokenProvider({"api_key": KEYS["pipeline"]}), compression=compression,
        endpoint="api/v1/lineage" if compression is None else "api/v1/lineage/",
    )  # fmt: skip
    return OpenLineageClient(transport=HttpTransport(config))


@pytest.mark.parametrize("compression", [None, HttpCompression.GZIP], ids=["plain", "gzip"])
def test_the_client_reports_runs_datasets_and_jobs(
    served: str, cast: Cast, compression: HttpCompression | None
) -> None:
    sender = client(served, compression)
    now = datetime.now(UTC).isoformat()
    run, job = Run(runId=streams.run_id("client")), Job(namespace="python", name="train")
    made = OutputDataset(
        namespace="file", name="/data/features.parquet",
        facets={
            "schema": schema_dataset.SchemaDatasetFacet(fields=[schema_dataset.SchemaDatasetFacetFields(name="age", type="int")]),
            "tags": tags_dataset.TagsDatasetFacet(tags=[tags_dataset.TagsDatasetFacetFields(key="pii", value="pd:Age", field="age")]),
        },
    )  # fmt: skip
    read = InputDataset(namespace="postgres://crm:5432", name="public.people")
    for state in (RunState.START, RunState.COMPLETE):
        sender.emit(RunEvent(eventType=state, eventTime=now, run=run, job=job, producer="https://x.example", inputs=[read], outputs=[made]))  # fmt: skip
    described = documentation_dataset.DocumentationDatasetFacet(description="People")
    sender.emit(
        DatasetEvent(
            eventTime=now, producer="https://x.example",
            dataset=Dataset(namespace="file", name="/data/features.parquet", facets={"documentation": described}),
        )
    )  # fmt: skip
    sender.emit(JobEvent(eventTime=now, producer="https://x.example", job=job))
    sender.close()
    assert OpenLineageEvent.objects.count() == 4
    assert work_off().worked == 4
    assert set(OpenLineageIntake.objects.values_list("state", flat=True)) == {"understood"}
    assert SensitivityFlag.objects.get().category == "pd:Age"


def test_both_addresses_answer_with_and_without_a_slash_and_never_redirect(served: str, key: Key) -> None:
    event = streams.airflow()[0]
    for path in ("lineage", "lineage/"):
        answer = requests.post(f"{served}/api/v1/{path}", json=event, headers=key("pipeline"), allow_redirects=False)
        assert answer.status_code == 201
    assert (answer.json()["repeated"], OpenLineageEvent.objects.count()) == (True, 1)
    assert answer.json()["receipt"]["id"] == answer.json()["id"]
    for path in ("lineage/batch", "lineage/batch/"):
        answer = requests.post(f"{served}/api/v1/{path}", json=[event], headers=key("pipeline"), allow_redirects=False)
        assert answer.json() == {
            "status": "success",
            "summary": {"received": 1, "successful": 1, "failed": 0},
            "failed_events": [],
        }
        assert answer.status_code == 200
    assert OpenLineageEvent.objects.count() == 1, "single or in a batch, it is the same event"


def test_of_a_batch_the_good_ones_are_kept_and_the_others_named(served: str, key: Key) -> None:
    batch = [*streams.dbt(), {"eventTime": "yesterday"}, 7, streams.dbt()[0]]
    answer = requests.post(f"{served}/api/v1/lineage/batch", json=batch, headers=key("pipeline")).json()
    assert (answer["status"], answer["summary"]) == ("partial_success", {"received": 6, "successful": 4, "failed": 2})
    assert [(one["index"], one["retriable"]) for one in answer["failed_events"]] == [(3, False), (4, False)]
    assert "eventTime" in answer["failed_events"][0]["reason"]
    assert OpenLineageEvent.objects.count() == 3
    answer = requests.post(f"{served}/api/v1/lineage/batch", json=[7], headers=key("pipeline")).json()
    assert answer["status"] == "failure"


def test_of_a_bomb_and_of_too_many_nothing_is_kept(served: str, key: Key) -> None:
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = squeezed.compress(b" " * 1_000_000)
    bomb = zeros + b"".join(squeezed.compress(b" " * 1_000_000) for _megabyte in range(60)) + squeezed.flush()
    headers = {**key("pipeline"), "Content-Encoding": "gzip", "Content-Type": "application/json"}
    for path, limit in (("lineage", 4), ("lineage/batch", 16)):
        answer = requests.post(f"{served}/api/v1/{path}", data=bomb, headers=headers)
        assert answer.status_code == 413
        assert str(limit * 2**20) in answer.json()["detail"]
    body = gzip.compress(json.dumps([{}] * 1_001).encode())
    answer = requests.post(f"{served}/api/v1/lineage/batch", data=body, headers=headers)
    assert answer.status_code == 400
    assert "1 to 1000" in answer.json()["detail"]
    assert not OpenLineageEvent.objects.exists()


EVENT = json.dumps(streams.airflow()[0]).encode()
REFUSED: list[tuple[bytes, dict[str, str], int]] = [
    (b"", {}, 400),
    (b"[]", {}, 400),
    (b"{", {}, 400),
    (b"{}", {"Content-Type": "text/plain"}, 415),
    (b"{}", {"Content-Encoding": "br"}, 415),
    (b"{}", {"Content-Encoding": "gzip"}, 400),
    (EVENT, {"Authorization": "Bearer wrong"}, 401),
    (EVENT, {"Authorization": f"Bearer {KEYS['tester']}"}, 403),
]


def test_what_cannot_be_kept_is_refused_as_a_problem(served: str, key: Key) -> None:
    for body, headers, status in REFUSED:
        sent = {**key("pipeline"), "Content-Type": "application/json", **headers}
        answer = requests.post(f"{served}/api/v1/lineage", data=body, headers=sent)
        assert answer.status_code == status, (body, headers, answer.text)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.json()["detail"]
    assert not OpenLineageEvent.objects.exists()


def test_calls_are_not_counted_here(served: str, key: Key, settings: Any) -> None:
    """A client that is told to wait loses the event."""
    settings.RATE_LIMIT = 2
    for number in range(4):
        event = streams.event("RUNNING", f"r{number}", "j", "01:00:00")
        assert requests.post(f"{served}/api/v1/lineage", json=event, headers=key("pipeline")).status_code == 201
