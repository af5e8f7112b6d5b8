"""What comes in, becomes records, and is told: through the API, worked off as the worker does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lineage.models import OpenLineageIntake
from lineage.openlineage.working import work_off
from tests.cast import Cast
from tests.lineage.openlineage import streams

Api = Callable[[str], Any]


def send(api: Api, event: Any, who: str = "pipeline", expect: int = 201) -> dict[str, Any]:
    """An event sent, and the answer."""
    answer = api(who).post("/api/v1/lineage", event, format="json")
    assert answer.status_code == expect, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_the_samples_become_what_the_contract_says(api: Api, cast: Cast, own_database: str) -> None:
    for name in ("run_start", "run_complete", "dataset_event"):
        send(api, streams.sample(name))
    assert work_off().worked == 3
    assert {intake.state for intake in OpenLineageIntake.objects.all()} == {"understood"}
    found = streams.left_on_record(cast.retail)
    churn, made_by = "s3://lake/features/churn", "395eaa3b-ac7e-442a-987f-5d05071c0818"
    version = (churn, "sha256:4b8e")
    assert found["versions"] == [("postgres://crm:5432/crm.public.customers", "any version", ""), (*version, "")]
    [run] = found["runs"]
    assert run[1:4] == ("churn.build_features", "complete", "9f1c")
    assert found["flags"] == [(version, "email_hash", "pd:EmailAddress", "yes", ("PII",))]
    assert found["profiles"] == [(made_by, version, 120_345, 88_123_456, "[]")]
    assert [row[2:] for row in found["results"]] == [("not_null", "age", True), ("psi_vs_previous<0.2", "age", True)]
    assert [(row[2], row[4], row[5]) for row in found["columns"]] == [("email", "email_hash", True)]
    assert {row[3] for row in found["facts"]} == {
        "job", "schema", "tags", "documentation", "ownership", "lifecycle"
    }  # fmt: skip
