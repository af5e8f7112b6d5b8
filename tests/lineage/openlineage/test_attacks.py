"""A60: what an event, its sender, or SQL under the app's login must not bring about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.models import F

from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.actions.openlineage import recognised
from lineage.models import (
    DatasetVersion,
    OpenLineageEvent,
    OpenLineageIntake,
    OpenLineageNamespace,
    QualityResult,
    ReportedFact,
    Run,
    RunInput,
    RunOutput,
    SensitivityFlag,
)
from lineage.openlineage.working import work_off
from tests.cast import Cast
from tests.lineage.conftest import Facts
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.conftest import WHY, kept, why, worked

Attack = Callable[[Any], Any]
LAKE = streams.LAKE


def writes(run: str, name: str = "x", kind: str = "COMPLETE", **facets: Any) -> streams.Event:
    """A run that writes to the lake."""
    return streams.event(kind, run, f"job-{run}", "10:00:00", outputs=[streams.dataset(LAKE, name, **facets)])


def reads(run: str, name: str = "x", **facets: Any) -> streams.Event:
    """A run that reads from the lake."""
    return streams.event("COMPLETE", run, f"job-{run}", "10:00:00", inputs=[streams.dataset(LAKE, name, **facets)])


PII = {"tags": {"tags": [{"key": "pii", "value": "pd:EmailAddress"}]}}


def test_another_producers_dataset_is_only_read(cast: Cast, second: Any) -> None:
    worked(cast.pipeline, writes("mine", **PII))
    schema = {"schema": {"fields": [{"name": "forged"}]}}
    [claimed] = worked(second, writes("theirs", **schema, lifecycleStateChange={"lifecycleStateChange": "TRUNCATE"}))
    assert claimed.state == "partly"
    assert "can be read, and nothing else is taken" in why(claimed)[0]
    [read] = worked(second, reads("reader", **schema))
    assert "that it was read is on record" in why(read)[0]
    assert {one.recorded_by for one in RunOutput.objects.filter(link_method="openlineage")} == {cast.pipeline}
    assert RunInput.objects.get(run__run_key=streams.run_id("reader")).dataset_version is not None
    assert not ReportedFact.objects.filter(kind__in=["schema", "lifecycle"]).exists()


def test_a_steward_lets_two_accounts_report_and_takes_one_away(cast: Cast, second: Any) -> None:
    worked(cast.pipeline, writes("mine"))
    [refused] = worked(second, writes("theirs"))
    assign = {"actor": cast.steward, "reason": WHY, "namespace": cast.retail, "source": LAKE, "producer": second}
    actions.assign_openlineage_namespace(**assign)
    actions.replay_events(actor=cast.steward, reason="Assigned to both", events=[refused.event])
    work_off()
    refused.refresh_from_db()
    assert (refused.state, why(refused)) == ("understood", [])
    assert RunOutput.objects.filter(run__run_key=streams.run_id("theirs"), recorded_by=second).exists()
    actions.assign_openlineage_namespace(**assign, active=False)
    [again] = worked(second, writes("theirs-2"))
    assert again.state == "partly"


@pytest.mark.parametrize("name", ["owner", "viewer", "pipeline", "outsider"])
def test_nobody_else_assigns_or_replays(cast: Cast, name: str) -> None:
    actor = getattr(cast, name)
    [done] = worked(cast.pipeline, writes("mine"))
    with pytest.raises(errors.Forbidden):
        actions.assign_openlineage_namespace(
            actor=actor, reason=WHY, namespace=cast.retail, source="s3://other", producer=cast.pipeline
        )
    with pytest.raises(errors.Forbidden):
        actions.replay_events(actor=actor, reason=WHY, events=[done.event])


def test_a_claim_clears_no_flag_and_makes_none_milder(cast: Cast) -> None:
    worked(cast.pipeline, writes("mine", **PII))
    [flag] = SensitivityFlag.objects.all()
    actions.review_flag(
        actor=cast.steward, reason=WHY, dataset_version=flag.dataset_version, category=flag.category, present="yes",
        regulation_sets=["PII"], special_category=True, excluded_from_training=True,
    )  # fmt: skip
    for value in ("false", "unknown", "pd:EmailAddress"):
        worked(cast.pipeline, writes("mine", kind="OTHER", tags={"tags": [{"key": "pii", "value": value}]}))
    newest = SensitivityFlag.objects.filter(category=flag.category).order_by("id").last()
    assert newest is not None
    assert (newest.assessment, newest.special_category, newest.excluded_from_training) == ("reviewed", True, True)


def test_what_a_steward_answered_is_not_asked_again_by_the_same_claim(cast: Cast) -> None:
    worked(cast.pipeline, writes("mine", **PII))
    [flag] = SensitivityFlag.objects.all()
    actions.review_flag(
        actor=cast.steward, reason=WHY, dataset_version=flag.dataset_version, category=flag.category, present="no"
    )
    worked(cast.pipeline, writes("mine", kind="OTHER", **PII))
    assert SensitivityFlag.objects.order_by("id").values_list("present", flat=True).last() == "no"
    worked(cast.pipeline, writes("mine", kind="OTHER", tags={"tags": [{"key": "spi", "value": "pd:EmailAddress"}]}))
    assert SensitivityFlag.objects.order_by("id").values_list("present", flat=True).last() == "yes", "that is new"


def test_an_overwrite_unsettles_what_was_said_of_whatever_lies_there(cast: Cast) -> None:
    worked(cast.pipeline, writes("mine"), reads("reader"))
    whichever = DatasetVersion.objects.get(label="any version")
    review = {"actor": cast.steward, "reason": WHY, "dataset_version": whichever, "category": "dpv:PersonalData"}
    actions.review_flag(**review, present="no")
    change = {
        "eventTime": "2026-11-23T00:00:00Z",
        "dataset": streams.dataset(LAKE, "x", lifecycleStateChange={"lifecycleStateChange": "OVERWRITE"}),
    }
    worked(cast.pipeline, change)
    assert SensitivityFlag.objects.order_by("id").values_list("present", flat=True).last() == "unknown"
    actions.review_flag(**review, present="no")
    worked(cast.pipeline, change)
    assert SensitivityFlag.objects.order_by("id").values_list("present", flat=True).last() == "no", "the same event"


def test_a_run_id_of_another_namespace_neither_leaks_nor_links(cast: Cast) -> None:
    worked(cast.pipeline, writes("shared", name="secret", **PII))
    [foreign] = worked(
        cast.outsider_pipeline,
        reads("shared", name="secret"),
    )
    assert foreign.state == "understood"
    assert why(foreign) == []
    [theirs] = Run.objects.filter(namespace=cast.elsewhere, run_key=streams.run_id("shared"))
    read = RunInput.objects.get(run=theirs).dataset_version
    assert read is not None
    assert read.dataset.namespace == cast.elsewhere, "a dataset of the same name, of their own"
    assert not read.flags.exists()
    assert Run.objects.get(namespace=cast.retail, run_key=streams.run_id("shared")).inputs.count() == 0


def test_a_run_of_another_producer_is_not_touched(cast: Cast, second: Any) -> None:
    worked(cast.pipeline, writes("mine", kind="START"))
    [claimed] = worked(
        second, streams.event("FAIL", "mine", "job-mine", "11:00:00", inputs=[streams.dataset("a", "b")])
    )
    assert (claimed.state, claimed.made) == ("refused", [])
    assert Run.objects.get(run_key=streams.run_id("mine")).state == "running"
    assert Run.objects.get(run_key=streams.run_id("mine")).inputs.count() == 0


def test_what_ended_does_not_end_otherwise(cast: Cast) -> None:
    worked(cast.pipeline, writes("mine"))
    [late] = worked(cast.pipeline, streams.event("FAIL", "mine", "job-mine", "12:00:00"))
    assert "has ended otherwise" in why(late)[0]
    [early] = worked(cast.pipeline, streams.event("START", "mine", "job-mine", "23:00:00"))
    assert "would end before it began" in why(early)[0]
    assert Run.objects.get(run_key=streams.run_id("mine")).started_at is None


def test_loops_hang_nothing(cast: Cast, facts: Facts) -> None:
    """A dataset made from itself, and two made from one another."""
    a, b = (streams.dataset(LAKE, name) for name in "ab")
    worked(
        cast.pipeline,
        streams.event("COMPLETE", "1", "j", "01:00:00", inputs=[a], outputs=[a]),
        streams.event("COMPLETE", "2", "j", "02:00:00", inputs=[a], outputs=[b]),
        streams.event("COMPLETE", "3", "j", "03:00:00", inputs=[b], outputs=[a]),
    )
    version = facts.model_version(source_run=Run.objects.get(run_key=streams.run_id("3")))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM muniment.closure_of_model_version(%s)", [version.pk])
        assert cursor.fetchone()[0] == 11, "three runs, three versions, two that stand for any, what makes them, itself"


def test_names_that_would_be_one_when_joined_stay_two(cast: Cast) -> None:
    pair = [streams.dataset("s3://lake/a", "b"), streams.dataset("s3://lake", "a/b")]
    worked(cast.pipeline, streams.event("COMPLETE", "1", "j", "01:00:00", outputs=pair))
    assert DatasetVersion.objects.values("dataset").distinct().count() == 2


def test_a_dataset_of_the_pipeline_itself_gets_its_openlineage_name_from_a_steward(cast: Cast, facts: Facts) -> None:
    loans = facts.dataset("loans")
    actions.name_openlineage_dataset(actor=cast.steward, reason=WHY, source=LAKE, name="x", dataset=loans)
    worked(cast.pipeline, writes("mine"))
    assert DatasetVersion.objects.get().dataset == loans


def test_a_training_run_that_mlflow_knows_finds_its_data(cast: Cast, facts: Facts) -> None:
    """Whichever comes first: the events, or the run and the model version under MLflow's key."""
    early, late = "0" * 31 + "7", streams.run_id("train").replace("-", "")
    tagged = streams.event(
        "COMPLETE", "tagged", "t", "01:00:00", inputs=[streams.dataset(LAKE, "a")],
        run_facets={"tags": {"tags": [{"key": "mlflow.run_id", "value": early}]}},
    )  # fmt: skip
    facts.run(early)
    worked(cast.pipeline, tagged, reads("train", name="b"))
    version = facts.model_version(source_run=facts.run(late))
    from lineage.openlineage.working import link_latecomers

    assert link_latecomers() == 1
    assert link_latecomers() == 0
    for key, name in ((early, "a"), (late, "b")):
        link = RunInput.objects.get(run__run_key=key)
        assert link.dataset_version is not None
        assert (link.dataset_version.dataset.name, link.role) == (f"s3://lake/{name}", "training")
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.training_of(%s)", [version.pk])
        assert len(cursor.fetchone()[0]) == 1


def test_nobody_takes_the_key_of_the_run_that_stands_for_any_version(cast: Cast, second: Any) -> None:
    """It can be guessed. Whoever makes it, and whatever they link to it, the link to "any version" is made."""
    worked(cast.pipeline, writes("mine"))
    loans = DatasetVersion.objects.get().dataset
    key = f"any-version-{loans.pk}"
    for guessed in (key, "model version 1"):
        with pytest.raises(errors.Invalid) as caught:
            actions.register_run(actor=second, reason=WHY, namespace=cast.retail, job_name="j", run_key=guessed)
        assert "for runs of its own" in str(caught.value.errors["run_key"])
        event = writes("x")
        event["run"]["runId"] = guessed
        with pytest.raises(errors.Invalid):
            recognised(event)
    run = "INSERT INTO lineage_run (namespace_id, job_name, run_key, state) VALUES (%s, %s, %s, 'running')"
    job = "any version of a dataset"
    for taken in (key, "any-version-", "any-version-7x", "any-version-07", "model version 999999"):
        assert refused(cast, second, run, cast.retail.pk, job, taken) == "own-run"
    whichever = actions.register_dataset_version(
        actor=cast.pipeline, reason=WHY, dataset=loans, label="any version"
    ).record
    assert refused(cast, second, run, cast.retail.pk, "another job", key) == "own-run"
    with recorded_action(actor=second, reason=WHY), connection.cursor() as cursor:
        cursor.execute(run, [cast.retail.pk, job, key])
    planted = Run.objects.get(run_key=key)
    other = actions.register_dataset(actor=second, reason=WHY, namespace=cast.retail, name="other", title="O").record
    foreign = actions.register_dataset_version(actor=second, reason=WHY, dataset=other, label="1").record
    link = "INSERT INTO lineage_run{} (run_id, role, link_method, dataset_version_id) VALUES (%s, %s, 'declared', %s)"
    for side, role, version in (
        ("input", "source", foreign), ("input", "source", whichever), ("output", "output", foreign),
        ("output", "training", whichever),
    ):  # fmt: skip
        assert refused(cast, second, link.format(side), planted.pk, role, version.pk) == "own-run"
    worked(cast.pipeline, reads("reader"))
    assert RunOutput.objects.get(run=planted).dataset_version == whichever
    assert [one.dataset_version for one in RunInput.objects.filter(run=planted)] == list(
        loans.versions.exclude(pk=whichever.pk)
    )


def test_a_run_of_that_key_without_its_output_is_mended(cast: Cast, second: Any) -> None:
    """Every version is linked to it already; what lacks is the link that lets them count."""
    worked(cast.pipeline, writes("mine"))
    [version] = DatasetVersion.objects.all()
    whichever = actions.register_dataset_version(
        actor=cast.pipeline, reason=WHY, dataset=version.dataset, label="any version"
    ).record
    with recorded_action(actor=second, reason=WHY):
        run = Run.objects.create(
            namespace=cast.retail, job_name="any version of a dataset", run_key=f"any-version-{version.dataset_id}"
        )
        RunInput.objects.create(run=run, role="source", link_method="declared", dataset_version=version)
    worked(cast.pipeline, reads("reader"))
    assert RunOutput.objects.get(run=run).dataset_version == whichever


def test_who_read_a_dataset_first_does_not_come_into_it_by_another_name(cast: Cast, second: Any) -> None:
    """It made the record of what another producer writes later; that one has it."""
    theirs, mine = streams.dataset(LAKE, "new"), streams.dataset("b://mine", "x")
    worked(second, streams.event("COMPLETE", "early", "j", "01:00:00", inputs=[theirs]))
    dataset = DatasetVersion.objects.get().dataset
    worked(cast.pipeline, writes("mine", name="new"))
    worked(second, streams.event("COMPLETE", "own", "j", "02:00:00", outputs=[mine]))
    by = {"actor": second, "reason": WHY, "name": "y", "dataset": dataset}
    with pytest.raises(errors.SeparationOfDuties, match="has an OpenLineage name already"):
        actions.name_openlineage_dataset(**by, source="b://mine")
    name = "INSERT INTO lineage_openlineagedataset (namespace_id, source, name, dataset_id) VALUES (%s, %s, %s, %s)"
    assert refused(cast, second, name, cast.retail.pk, "b://mine", "y", dataset.pk) == "named-dataset"
    own = DatasetVersion.objects.get(output_of__run__run_key=streams.run_id("own")).dataset
    assert refused(cast, second, name, cast.retail.pk, "c://unclaimed", "y", own.pk) == "named-dataset"
    actions.name_openlineage_dataset(**{**by, "dataset": own}, source="b://mine")
    actions.name_openlineage_dataset(**{**by, "actor": cast.steward}, source="b://mine-too")


# --- accounts that lost their right, faults of ours ------------------------------------------------------------------


def test_an_account_that_may_no_more_leaves_its_event_refused(cast: Cast) -> None:
    from governance.accounts.actions.principals import deactivate_principal

    [event] = kept(cast.pipeline, writes("mine"))
    deactivate_principal(actor=cast.admin, reason=WHY, principal=cast.pipeline)
    work_off()
    intake = OpenLineageIntake.objects.get(pk=event.id)
    assert intake.state in ("refused", "failed")
    assert not Run.objects.filter(run_key=streams.run_id("mine")).exists()


def test_a_fault_of_ours_is_tried_again_and_at_last_kept(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage.openlineage import working

    [event] = kept(cast.pipeline, writes("mine"))
    rows = OpenLineageIntake.objects.filter(pk=event.id)

    def broken(**_given: Any) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as faulty:
        faulty.setattr(working, "apply_event", broken)
        for tried in range(1, working.MAX_ATTEMPTS + 1):
            assert work_off().failed == 1
            assert work_off().worked == 0, "it waits before the next try"
            assert rows.get().attempts == tried
            rows.update(due_at=F("due_at") - working.LONGEST_WAIT)
    intake = rows.get()
    assert (intake.state, "on fire" in intake.fault) == ("failed", True)
    assert "on fire" not in str(intake.notes), "only administrators are told"
    actions.replay_events(actor=cast.steward, reason="The disk is new", events=[intake.event])
    assert work_off().worked == 1
    assert rows.get().state == "understood"


def test_an_event_whose_workers_die_is_given_up(cast: Cast) -> None:
    from lineage.openlineage import working

    [event] = kept(cast.pipeline, writes("mine"))
    OpenLineageIntake.objects.filter(pk=event.id).update(attempts=working.MAX_ATTEMPTS)
    work_off()
    assert OpenLineageIntake.objects.get(pk=event.id).fault == "Every worker that tried it died."


def test_a_flood_in_one_namespace_keeps_no_other_waiting(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage.openlineage import working

    monkeypatch.setattr(working, "AT_ONCE", 2)
    flood = kept(cast.pipeline, *(writes(f"flood-{number}") for number in range(8)))
    [one] = kept(cast.outsider_pipeline, writes("one"))
    order: list[int] = []
    apply_event = working.apply_event

    def watched(**given: Any) -> Any:
        order.append(given["event"].pk)
        return apply_event(**given)

    monkeypatch.setattr(working, "apply_event", watched)
    assert work_off().worked == 9
    assert order.index(one.id) <= 2, "after one batch of the flood at most"
    assert [pk for pk in order if pk != one.id] == [event.id for event in flood]


# --- SQL under the app's login ---------------------------------------------------------------------------------------


def refused(cast: Cast, who: Any, sql: str, *values: Any) -> str:
    """The code with which the database refuses a statement of a stamped transaction."""
    with (
        pytest.raises((errors.Refused, DatabaseError)) as caught,
        recorded_action(actor=who, reason="An attack in SQL"),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)
    found: Any = caught.value
    return str(found.params.get("code")) if isinstance(found, errors.Refused) else str(found)


def test_sql_does_not_bend_what_was_claimed(cast: Cast, second: Any) -> None:
    [mine] = worked(cast.pipeline, writes("mine"))
    version = DatasetVersion.objects.get()
    columns = "namespace_id, source, producer_id, active"
    claim = f"INSERT INTO lineage_openlineagenamespace ({columns}) VALUES (%s, %s, %s, %s)"
    assert refused(cast, second, claim, cast.retail.pk, LAKE, second.pk, True) == "another-producers-namespace"
    assert (
        refused(cast, second, claim, cast.retail.pk, "s3://new", cast.pipeline.pk, True)
        == "another-producers-namespace"
    )
    assert (
        refused(cast, cast.steward, claim, cast.retail.pk, LAKE, cast.outsider_pipeline.pk, True)
        == "producer-elsewhere"
    )
    take = "UPDATE lineage_openlineagenamespace SET active = false"
    assert refused(cast, second, take) == "another-producers-namespace"
    name = "INSERT INTO lineage_openlineagedataset (namespace_id, source, name, dataset_id) VALUES (%s, %s, %s, %s)"
    assert (
        refused(cast, second, name, cast.retail.pk, "s3://new", "y", version.dataset_id) == "another-accounts-dataset"
    )
    assert refused(cast, second, name, cast.elsewhere.pk, "s3://new", "y", version.dataset_id) == "dataset-elsewhere"
    run = actions.register_run(actor=second, reason=WHY, namespace=cast.retail, job_name="j", run_key="theirs").record
    output = "INSERT INTO lineage_runoutput (run_id, role, link_method, dataset_version_id) VALUES (%s, 'output', 'openlineage', %s)"
    assert refused(cast, second, output, run.pk, version.pk) == "another-producers-dataset"
    result = (
        "INSERT INTO lineage_qualityresult (namespace_id, dataset_version_id, event_id, said_at, content_digest, assertion,"
        ' "column", success, severity, expected, actual, description)'
        " VALUES (%s, %s, %s, now(), 'd', 'x', '', true, '', '', '', '')"
    )
    assert refused(cast, second, result, cast.retail.pk, version.pk, None) == "another-producers-dataset"
    assert refused(cast, cast.pipeline, result, cast.elsewhere.pk, version.pk, None) == "report-elsewhere"
    assert refused(cast, second, result, cast.retail.pk, None, mine.event_id) in ("report-elsewhere",)
    assert not QualityResult.objects.exists()
    assert OpenLineageNamespace.objects.get().active


def test_sql_does_not_bend_an_event_or_its_text(cast: Cast, second: Any) -> None:
    [mine] = worked(cast.pipeline, writes("mine"))
    event = (
        "INSERT INTO lineage_openlineageevent (namespace_id, kind, event_type, event_time, run_key, subject, sender,"
        " claim_digest, body_digest, body_bytes) VALUES (%s, 'run', '', now(), '', 'x', '', 'c', repeat('0', 64), 1)"
    )
    assert refused(cast, cast.steward, event, cast.retail.pk) == "event-by-producer"
    assert refused(cast, cast.outsider_pipeline, event, cast.retail.pk) == "event-by-producer"
    assert refused(cast, cast.pipeline, "UPDATE lineage_openlineageevent SET id = id") == "born-final"
    assert refused(cast, cast.pipeline, "UPDATE lineage_openlineageintake SET body = '{}'") == "event-text"
    assert (
        refused(cast, cast.pipeline, "UPDATE lineage_openlineageintake SET state = 'waiting'") == "replay-not-recorded"
    )
    replay = "INSERT INTO lineage_openlineagereplay (event_id, state) VALUES (%s, '')"
    assert refused(cast, cast.pipeline, replay, mine.event_id) == "replay-by-steward"
    assert "permission denied" in refused(cast, cast.pipeline, "DELETE FROM lineage_openlineageintake")
    with recorded_action(actor=cast.pipeline, reason=WHY):
        other = OpenLineageEvent.objects.create(
            namespace=cast.retail, kind="job", event_time=mine.event.event_time, subject="x", claim_digest="y",
            body_digest="0" * 64, body_bytes=2,
        )  # fmt: skip
    intake = "INSERT INTO lineage_openlineageintake (event_id, namespace_id, body, state, attempts, made, notes, fault)"
    assert (
        refused(
            cast,
            cast.pipeline,
            f"{intake} VALUES (%s, %s, '{{}}', 'waiting', 0, '[]', '[]', '')",
            other.pk,
            cast.retail.pk,
        )
        == "event-text"
    )


def test_the_same_event_of_two_producers_is_two_claims(cast: Cast, second: Any) -> None:
    event = reads("reader")
    assert recognised(event).claim_digest == recognised(dict(reversed(event.items()))).claim_digest
    [first], [again], [other] = kept(cast.pipeline, event), kept(cast.pipeline, event), kept(second, event)
    assert (first.new, again.new, other.new) == (True, False, True)
    assert first.id == again.id != other.id
