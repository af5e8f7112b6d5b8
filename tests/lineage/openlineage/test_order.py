"""Events come late, early, twice and out of order: the same records stand at the end."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage.models import OpenLineageEvent, OpenLineageIntake
from tests.cast import Cast
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.conftest import taken_back, why, worked

EVENTS = streams.everything()
EXAMPLES = 100 if os.environ.get("MUNIMENT_SOAK") else 4


def outcome(cast: Cast, events: list[streams.Event]) -> dict[str, list[Any]]:
    """What stands on record after these events, and nothing of them remains."""
    with taken_back():
        intakes = worked(cast.pipeline, *events)
        assert {intake.state for intake in intakes} <= {"understood"}, [why(intake) for intake in intakes]
        return streams.left_on_record(cast.retail)


@pytest.fixture
def in_order(cast: Cast) -> dict[str, list[Any]]:
    """What stands on record after the events came in their order."""
    return outcome(cast, EVENTS)


def test_a_stream_in_order_leaves_whole_records(in_order: dict[str, list[Any]]) -> None:
    states = {job: state for _key, job, state, *_rest in in_order["runs"]}
    assert states == {
        "nightly": "complete", "nightly.load": "complete", "bank.marts.loans": "complete",
        "bank.marts.loans.test": "complete", "cut_features": "failed", "any version of a dataset": "running",
    }  # fmt: skip
    marts = "postgres://warehouse:5432/bank.marts.loans"
    run = f"run {streams.run_id('dbt')}"
    assert [row for row in in_order["flags"] if row[0][0] == marts] == [
        ((marts, run), "", "pd:EmailAddress", "yes", ("PII",))
    ], "dbt's meta comes with the start, what it speaks of with the end"
    [column] = in_order["columns"]
    assert column[2:] == ("email", (marts, run), "email_hash", True)
    profile = next(row for row in in_order["profiles"] if row[0] == streams.run_id("spark"))
    assert profile[2:4] == (1000, 64_000)
    assert json.loads(profile[4]) == [
        {"name": "age", "nulls": 3, "distinct": 71, "min": 18, "max": 99.5, "sum": 45_000,
         "quantiles": {"0.25": 31.5, "0.5": 44}}
    ]  # fmt: skip
    assert {(row[2], row[4]) for row in in_order["results"] if row[1] is None} == {
        ("not_null_id", True),
        ("no_gaps", False),
    }
    assert {row[3] for row in in_order["facts"]} == {
        "job", "parent", "tags", "same-run", "schema", "documentation", "ownership", "data-source", "lifecycle"
    }  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(len(EVENTS))), again=st.lists(st.integers(0, len(EVENTS) - 1), max_size=5))
def test_every_order_with_repeats_leaves_the_same_records(
    cast: Cast, in_order: dict[str, list[Any]], order: list[int], again: list[int]
) -> None:
    shuffled = [EVENTS[place] for place in order]
    for place in again:
        shuffled.insert(random.Random(place).randrange(len(shuffled)), EVENTS[place])
    found = outcome(cast, shuffled)
    for name, rows in in_order.items():
        assert found[name] == rows, name


def test_an_event_that_is_sent_again_is_kept_once(cast: Cast) -> None:
    worked(cast.pipeline, *EVENTS)
    before = streams.left_on_record(cast.retail)
    worked(cast.pipeline, *EVENTS, *EVENTS)
    assert OpenLineageEvent.objects.count() == OpenLineageIntake.objects.count() == len(EVENTS)
    assert streams.left_on_record(cast.retail) == before
    assert connection.needs_rollback is False
