"""Runs move forward, and what they read and wrote is what things were made from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance import errors
from lineage import actions
from lineage.actions import Link
from lineage.models import Run, RunInput, RunOutput
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
END = START + timedelta(hours=2)


def test_a_run_is_registered_with_its_links_in_one_act(facts: Facts) -> None:
    data, derived = facts.version(), facts.version(label="v2")
    run = facts.run(inputs=[Link(data, "training")], outputs=[Link(derived, "output")])
    assert RunInput.objects.get().dataset_version == data
    assert RunOutput.objects.get().run == run


def test_the_same_run_again_is_the_same_even_after_it_ended(facts: Facts, cast: Cast) -> None:
    link = Link(facts.version(), "training")
    run = facts.run(inputs=[link], started_at=START)
    actions.end_run(actor=cast.pipeline, reason=WHY, run=run, state="complete", ended_at=END)
    assert facts.run(inputs=[link], started_at=START) == run
    assert RunInput.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("job_name", {"job_name": "other"}),
        ("source_commit", {"source_commit": "beef"}),
        ("started_at", {"started_at": END}),
        ("state", {"state": "failed", "ended_at": None}),
    ],
)
def test_a_run_told_differently_is_refused_by_field(facts: Facts, field: str, content: dict[str, Any]) -> None:
    facts.run(source_commit="cafe", started_at=START, state="complete", ended_at=END)
    told = {"source_commit": "cafe", "started_at": START, "state": "complete", "ended_at": END, **content}
    told["ended_at"] = told["ended_at"] or END
    with pytest.raises(errors.AlreadyDifferent) as caught:
        facts.run(**told)
    assert list(caught.value.errors) == [field]


def test_a_link_that_a_registered_run_lacks_is_refused_and_takes_an_act_of_its_own(facts: Facts, cast: Cast) -> None:
    run, data = facts.run(), facts.version()
    with pytest.raises(errors.AlreadyDifferent) as caught:
        facts.run(inputs=[Link(data, "training")])
    assert list(caught.value.errors) == ["inputs"]
    first = actions.link_run_input(actor=cast.pipeline, reason=WHY, run=run, item=data)
    again = actions.link_run_input(actor=cast.pipeline, reason=WHY, run=run, item=data)
    assert (first.created, again.created, again.record) == (True, False, first.record)


def test_a_run_ends_once(facts: Facts, cast: Cast) -> None:
    run = facts.run(started_at=START)
    assert actions.end_run(actor=cast.pipeline, reason=WHY, run=run, state="complete", ended_at=END).created
    assert not actions.end_run(actor=cast.pipeline, reason=WHY, run=run, state="complete").created
    with pytest.raises(errors.Conflict):
        actions.end_run(actor=cast.pipeline, reason=WHY, run=run, state="failed")
    assert Run.objects.get().state == "complete"


@pytest.mark.parametrize(
    "content",
    [
        {"state": "complete"},
        {"state": "running", "ended_at": END},
        {"state": "complete", "started_at": END, "ended_at": START},
    ],
)
def test_a_run_has_an_end_exactly_when_it_runs_no_more_and_not_before_its_begin(
    facts: Facts, content: dict[str, Any]
) -> None:
    with pytest.raises(errors.Invalid) as caught:
        facts.run(**content)
    assert list(caught.value.errors) == ["ended_at"]
    assert not Run.objects.exists()


def test_a_run_reads_across_namespaces_only_what_its_actor_may_read(facts: Facts, cast: Cast) -> None:
    theirs = actions.register_dataset(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, name="secret"
    ).record
    version = actions.register_dataset_version(
        actor=cast.outsider_pipeline, reason=WHY, dataset=theirs, label="v1"
    ).record
    with pytest.raises(errors.Missing):
        facts.run(inputs=[Link(version, "training")])
    assert not Run.objects.exists()


def test_a_run_writes_only_into_its_own_namespace(facts: Facts, cast: Cast) -> None:
    theirs = actions.register_dataset(
        actor=cast.outsider_pipeline, reason=WHY, namespace=cast.elsewhere, name="secret"
    ).record
    version = actions.register_dataset_version(
        actor=cast.outsider_pipeline, reason=WHY, dataset=theirs, label="v1"
    ).record
    with pytest.raises(errors.Invalid):
        facts.run(outputs=[Link(version, "output")])


def test_an_input_is_no_output_and_an_output_no_baseline(facts: Facts) -> None:
    data = facts.version()
    with pytest.raises(errors.Invalid):
        facts.run(inputs=[Link(data, "output")])
    with pytest.raises(errors.Invalid):
        facts.run(outputs=[Link(data, "baseline")])
