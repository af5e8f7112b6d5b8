"""Attacks that come before what they are about, hand things over, or move the clock (contracts/attacks.md).

Foreign keys are looked at when the transaction ends, so that a row may be written before the one it refers to: a rule
that looks its parent up and finds nothing must refuse. Ids are easily guessed: the next is one more.
"""

import datetime
import itertools
from collections.abc import Callable

import pytest
from psycopg.types.json import Jsonb

from approvals.models import PlanKind
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.models import DatasetVersion, ModelVersion, Run, RunInput, RunOutput
from tests.approvals.raw import Connection, acting, promote, refuses, vote
from tests.approvals.test_attacks import OPEN, also, asked, grant_of
from tests.approvals.world import WHY, World, dataset, signature, train

_counter = itertools.count()


class TakenBack(Exception):
    """Undoes what was written to learn an id."""


def next_id(app: Connection, actor: Principal, write: Callable[[], int]) -> int:
    """The id that a table gives next: one more than that of a row written and taken back."""
    found = 0
    try:
        with acting(app, actor):
            found = write()
            raise TakenBack
    except TakenBack:
        return found + 1


def first(app: Connection, query: str, *values: object) -> int:
    row = app.execute(query, values).fetchone()  # type: ignore[arg-type]  # the queries are the test's own
    assert row is not None
    return int(row[0])


# A20: an end before its beginning


def test_A20_a_promotion_is_not_ended_before_it_begins(w: World, app: Connection) -> None:
    """Else it would stay live for good: its one end is spent, so that nothing suspends, recalls or follows it."""
    release, _ = asked(w, OPEN)
    guess = next_id(app, w.cast.pipeline, lambda: promote(app, release))
    with refuses("MU009", "no-such-promotion"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_promotionend (promotion_id, kind, reason) VALUES (%s, 'retired', 'x')", [guess]
        )
    with refuses("MU009", "no-such-promotion"), acting(app, w.cast.pipeline):  # the end is written first here as well
        app.execute(
            "WITH made AS (INSERT INTO approvals_promotion (release_id, model_id, environment_id, slot)"
            " VALUES (%s, %s, %s, 'champion'))"
            " INSERT INTO approvals_promotionend (promotion_id, kind, reason) VALUES (%s, 'retired', 'x')",
            [release.pk, w.model.pk, release.environment_id, guess],
        )


def test_a_release_is_not_closed_before_it_is_opened(w: World, app: Connection) -> None:
    last = w.release()
    with refuses("MU009", "no-such-release"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_releaseclosure (release_id, kind, reason) VALUES (%s, 'withdrawn', 'x')",
            [last.pk + 1],
        )


def finding(app: Connection, w: World) -> int:
    return first(
        app,
        "INSERT INTO approvals_finding (namespace_id, kind, model_id, text, severity, when_overdue, blocks)"
        " VALUES (%s, 'audit', %s, 'Bad', 'high', 'nothing', true) RETURNING id",
        w.cast.retail.pk,
        w.model.pk,
    )


def test_a_finding_is_not_closed_before_it_is_raised(w: World, app: Connection) -> None:
    guess = next_id(app, w.cast.auditor, lambda: finding(app, w))
    with refuses("MU009", "no-such-finding"), acting(app, w.cast.auditor):
        app.execute("INSERT INTO approvals_findingevent (finding_id, kind, text) VALUES (%s, 'closed', 'x')", [guess])


# A41, A42: completed after the fact, in one transaction


def test_A41_a_policy_takes_no_requirement_once_it_is_published(w: World, app: Connection) -> None:
    """Not in the transaction that wrote it either: what was published would not be what is in force."""
    with refuses("MU003", "policy-version-final"), app.transaction():
        version = w.policy(OPEN)
        with acting(app, w.cast.policy):
            app.execute(
                "INSERT INTO approvals_requirement (policy_version_id, position, key, kind, title, params, binds)"
                " VALUES (%s, 9, 'more', 'artifact', '', '{}', '{}')",
                [version.pk],
            )


def test_A42_a_plan_takes_no_criterion_once_something_was_measured_under_it(w: World, app: Connection) -> None:
    """Plan, run, and then bounds that fit what was measured, before anyone sees any of it."""
    plan = w.plan(criteria=[], checklist=["Reviewed"])
    w.evidence(plan, "0.5")
    with refuses("MU003", "plan-locked"), acting(app, w.cast.validator):
        app.execute(
            "INSERT INTO approvals_plancriterion (plan_id, metric, comparator, threshold, slice, dataset_role)"
            " VALUES (%s, 'accuracy', 'ge', 0.5, '', '')",
            [plan.pk],
        )


# A30, A43: evidence handed over


def test_A30_handing_over_the_account_that_reported_evidence_does_not_launder_it(w: World, app: Connection) -> None:
    release, requirement = asked(w, signature("validator", "validator"))
    w.evidence(w.plan())  # by the tester, for whom the validator answers
    with recorded_action(actor=w.cast.admin, **WHY):
        w.cast.tester.responsible = w.cast.viewer
        w.cast.tester.save()
    with refuses("MU006", "own-work"), acting(app, w.cast.validator):
        vote(app, release, requirement, grant_of(w.cast.validator, "validator"))


def test_A30_a_makers_account_handed_over_is_not_independent(w: World) -> None:
    """The engineer's tester measures the engineer's model; then somebody else answers for the tester."""
    w.policy({"key": "measured", "kind": "evidence", "params": {"plan_kind": "performance", "independent": True}})
    for person in (w.cast.engineer, w.cast.validator):
        with recorded_action(actor=w.cast.admin, **WHY):
            w.cast.tester.responsible = person
            w.cast.tester.save()
        if person == w.cast.engineer:
            w.evidence(w.plan())
    assert w.ask()["measured"].reason == "evidence-not-independent"


def test_A44_a_failure_is_not_overruled_by_an_account_handed_to_its_reporter(w: World) -> None:
    w.policy({"key": "measured", "kind": "evidence", "params": {"plan_kind": "performance"}})
    plan = w.plan()
    w.evidence(plan, "0.1")  # by the tester, for whom the validator answers
    also(w, w.cast.pipeline, Role.VALIDATOR, w.cast.retail)
    w.evidence(plan, "0.95", by=w.cast.pipeline)  # by the maker
    assert w.ask()["measured"].reason == "evidence-failed"
    with recorded_action(actor=w.cast.admin, **WHY):
        w.cast.pipeline.responsible = w.cast.validator
        w.cast.pipeline.save()
    assert w.ask()["measured"].reason == "evidence-failed"


# A99: a clock moved by the session


@pytest.mark.parametrize("zone", ["AAA-167BBB+167,M3.1.0,M11.1.0", "AAA+167BBB-167,M3.1.0,M11.1.0", "Asia/Tokyo"])
def test_A11_a_time_zone_of_ones_own_keeps_no_evidence_fresh(w: World, app: Connection, zone: str) -> None:
    """A zone whose clocks go back by a fortnight makes 90 days of it last 104."""
    release, _ = asked(
        w,
        {"key": "measured", "kind": "evidence", "params": {"plan_kind": "performance", "max_age_days": 90}},
    )
    item = w.evidence(w.plan())
    days = [item.run_started_at + datetime.timedelta(days=90, seconds=n) for n in (-1, 1)]
    app.execute("SELECT set_config('TimeZone', %s, true)", [zone])
    answers = [
        app.execute("SELECT reason FROM muniment.gate(%s, NULL, %s)", [release.pk, moment]).fetchone()
        for moment in days
    ]
    assert answers == [("evidence-met",), ("evidence-stale",)]


# Origins that are nobody's


def loop(w: World, above: DatasetVersion | ModelVersion, below: DatasetVersion, role: str = "source") -> None:
    """A run that made one out of the other."""
    with recorded_action(actor=w.cast.pipeline, **WHY):
        run = Run.objects.create(namespace=w.cast.retail, job_name="loop", run_key=f"loop-{next(_counter)}")
        read = {"model_version": above} if isinstance(above, ModelVersion) else {"dataset_version": above}
        RunInput.objects.create(run=run, role=role, **read)
        RunOutput.objects.create(run=run, dataset_version=below, role="output")


def test_provenance_that_goes_round_in_a_loop_is_none(w: World) -> None:
    """Two versions each made from the other owe nothing to anybody, and say nothing of where they come from."""
    w.policy({"key": "provenance", "kind": "provenance"})
    blank = {"source": "", "origin": "", "origin_geography": "", "generation_method": "", "date": None}
    made = {name: dataset(w.cast, name, **blank)[1] for name in ("egg", "hen")}
    loop(w, made["egg"], made["hen"])
    loop(w, made["hen"], made["egg"])
    version = train(w.cast, w.model, made["hen"], "on-hen")
    answer = w.ask(w.release(version))["provenance"]
    assert (answer.status, answer.reason) == ("UNSATISFIED", "provenance-incomplete")
    # A loop with a way in from somewhere is a stream that feeds on itself: it has an origin.
    loop(w, w.versions["source"], made["egg"])
    assert w.ask(w.release(version))["provenance"].status == "SATISFIED"


def test_a_model_and_the_data_it_made_for_itself_have_no_origin(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"})
    _, dreamt = dataset(w.cast, "dreamt", source="", origin="")
    version = train(w.cast, w.model, dreamt, "on-dreamt")
    loop(w, version, dreamt)
    assert w.ask(w.release(version))["provenance"].reason == "provenance-incomplete"


def test_a_model_compared_with_is_no_origin_of_data(w: World) -> None:
    w.policy({"key": "provenance", "kind": "provenance"})
    _, blank = dataset(w.cast, "blank", source="", origin="")
    loop(w, w.version, blank, role="baseline")
    version = train(w.cast, w.model, blank, "on-blank")
    assert w.ask(w.release(version))["provenance"].reason == "provenance-incomplete"


# Rows that would make the gate stumble


def test_attachments_that_are_no_list_are_refused(w: World, app: Connection) -> None:
    """The gate would stumble over them for good, since evidence is never removed."""
    plan = w.plan()
    for attachments in (5, {"type": "attestation"}, ["attestation"], [None]):
        with refuses("MU009", "attachments"), acting(app, w.cast.tester):
            app.execute(
                "INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest,"
                " run_started_at, independence, claim, tool, attachments)"
                " VALUES (%s, %s, %s, '', clock_timestamp(), '', '', '', %s)",
                [w.cast.retail.pk, plan.pk, w.version.pk, Jsonb(attachments)],
            )


def test_evidence_on_data_without_a_digest_counts_for_nothing(w: World, app: Connection) -> None:
    w.policy({"key": "quality", "kind": "evidence", "params": {"plan_kind": "data_quality", "subject": "data"}})
    made, unknown = dataset(w.cast, "unknown", digest_algorithm="", digest_value="")
    version = train(w.cast, w.model, unknown, "on-unknown")
    plan = w.plan(PlanKind.DATA_QUALITY, subject=made)
    with acting(app, w.cast.tester):
        item = first(
            app,
            "INSERT INTO approvals_evidence (namespace_id, plan_id, dataset_version_id, subject_digest,"
            " run_started_at, independence, claim, tool, attachments)"
            " VALUES (%s, %s, %s, ':', clock_timestamp(), '', '', '', '[]') RETURNING id",
            w.cast.retail.pk,
            plan.pk,
            unknown.pk,
        )
        app.execute(
            "INSERT INTO approvals_evidencevalue (evidence_id, metric, value, slice, dataset_role, unit)"
            " VALUES (%s, 'accuracy', 0.95, '', '', '')",
            [item],
        )
    assert w.ask(w.release(version))["quality"].reason == "evidence-other-digest"
