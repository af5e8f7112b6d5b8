"""The real client against the product over real sockets, with a real worker that is stopped, killed and started."""

from __future__ import annotations

from pathlib import Path

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport

from lineage.models import OpenLineageEvent, OpenLineageIntake, RunOutput
from lineage.models import Run as RecordedRun
from tests.cast import KEYS, Cast
from tests.governance.outbox.conftest import Worker, broker, lose_everything, wait_until, worker
from tests.lineage.openlineage import streams

__all__ = ["broker", "worker"]  # fixtures of the outbox: a worker of the test's own, on a broker of its own
RUNS = 40


@pytest.fixture
def client(served: str) -> OpenLineageClient:
    """The client, as its documentation makes one."""
    config = HttpConfig(
        url=served, auth=ApiKeyTokenProvider({"api_key": KEYS["pipeline"]}), compression=HttpCompression.GZIP
    )
    return OpenLineageClient(transport=HttpTransport(config))


def report(client: OpenLineageClient, first: int, last: int) -> None:
    """Runs that begin, write and end."""
    for number in range(first, last):
        made = OutputDataset(namespace=streams.LAKE, name=f"table-{number % 5}")
        for state, second in ((RunState.START, 0), (RunState.COMPLETE, 30)):
            client.emit(
                RunEvent(
                    eventType=state, eventTime=f"2026-11-22T01:{number:02d}:{second:02d}Z", producer="https://x.example",
                    run=Run(runId=streams.run_id(f"worker-{number}")), job=Job(namespace="python", name="write"),
                    inputs=[], outputs=[made],
                )
            )  # fmt: skip


def states() -> object:
    return list(OpenLineageIntake.objects.values_list("state", "attempts", "fault"))


def left() -> int:
    return OpenLineageIntake.objects.filter(state="waiting").count()


def test_none_is_lost_while_the_worker_is_stopped_killed_and_started(
    cast: Cast, client: OpenLineageClient, worker: Worker, tmp_path: Path
) -> None:
    report(client, 0, RUNS // 2)
    assert left() == RUNS, "kept without any worker"
    lose_everything()
    worker.start()
    wait_until(lambda: left() < RUNS - 4, states)
    worker.kill()
    report(client, RUNS // 2, RUNS)
    assert left() > 0
    worker.start()
    wait_until(lambda: left() == 0, states)
    assert OpenLineageEvent.objects.count() == OpenLineageIntake.objects.count() == 2 * RUNS
    assert set(OpenLineageIntake.objects.values_list("state", flat=True)) == {"understood"}
    ended = RecordedRun.objects.filter(job_name="write", state="complete", started_at__isnull=False)
    assert ended.count() == RunOutput.objects.filter(run__job_name="write").count() == RUNS
