"""Raw SQL under the app's login against expectations, their plans and checks; and the job as a worker runs it."""

from typing import Any

import pytest

from approvals.actions.promotions import promote
from approvals.checks import run_check
from approvals.models import DataCheck
from governance.accounts.actions.system import load_system_principal
from governance.jobs.models import Job
from governance.outbox import Message
from governance.outbox.handlers import handler_for
from tests.approvals.checks.data import THERE, check, expect, income, profile, version
from tests.approvals.raw import acting, refuses
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World

ITEM = '[{"key": "a", "check": "volume", "at_least": "1"}]'


def test_expectations_are_numbered_and_well_formed_by_the_database(w: World, raw: Any) -> None:
    app, features = raw("app"), w.datasets["features"].pk
    with acting(app, w.cast.steward):
        insert(app, "lineage_expectationset", dataset_id=features, number=77, items=ITEM)
    with acting(app, w.cast.steward):
        insert(app, "lineage_expectationset", dataset_id=features, number=0, items=ITEM)
    numbers = app.execute("SELECT number FROM lineage_expectationset ORDER BY id").fetchall()
    assert numbers == [(1,), (2,)]
    for items in (
        "{}",
        "[]",
        "[1]",
        "[null]",
        '[{"key": "a"}, {"key": "a"}]',
        '[{"check": "volume"}]',
        '[{"key": ""}]',
    ):
        with refuses("MU009", "expectations"), acting(app, w.cast.steward):
            insert(app, "lineage_expectationset", dataset_id=features, number=0, items=items)
    for actor in (w.cast.pipeline, w.cast.viewer, load_system_principal()):
        with refuses("MU006", "expectations-by-others"), acting(app, actor):
            insert(app, "lineage_expectationset", dataset_id=features, number=0, items=ITEM)
    for table in ("lineage_expectationset", "approvals_expectationplan", "approvals_datacheck"):
        with refuses("42501"), acting(app, w.cast.steward):
            app.execute(f"DELETE FROM {table}")


def test_a_check_is_of_one_dataset_and_of_evidence_that_came_with_it(w: World, raw: Any) -> None:
    made = expect(w, THERE)
    mine = profile(w, w.versions["features"], [income(1)])
    done = check(mine)
    elsewhere = profile(w, w.versions["raw"], [income(2)])
    app, system = raw("app"), load_system_principal()
    fields: dict[str, Any] = {
        "expectation_set_id": made.pk, "dataset_version_id": w.versions["features"].pk, "profile_id": mine.pk,
        "baseline_reason": "none", "figures": "[]", "note": "",
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("other-subject", {"profile_id": elsewhere.pk}),
        ("other-subject", {"baseline_id": elsewhere.pk, "baseline_reason": "live"}),
        ("other-subject", {"dataset_version_id": w.versions["raw"].pk}),
        ("other-evidence", {"quality_id": done.quality_id}),
        ("other-evidence", {"drift_id": done.quality_id}),
    ]
    for code, change in wrong:
        with refuses("MU009", code), acting(app, system):
            insert(app, "approvals_datacheck", **{**fields, **change})
    with refuses("23514"), acting(app, system):
        insert(app, "approvals_datacheck", **{**fields, "baseline_reason": "live"})
    with refuses("23505"), acting(app, system):
        insert(app, "approvals_datacheck", **fields)


class Worker:
    """What a job gives its function, kept."""

    reason = "A profile was recorded"

    def __init__(self, job: Job) -> None:
        self.params, self.finished = job.params, ""

    def progress(self, *_: Any) -> None:
        """Nobody looks."""

    def finish(self, message: str, *, url: str, result: Any) -> None:
        self.finished = url


def test_what_arrives_is_checked_by_a_job_and_again_when_more_is_expected(w: World) -> None:
    expect(w, THERE)
    first, second = profile(w, w.versions["features"], [income(1)]), profile(w, version(w), [income(2)])
    for message in Message.objects.filter(topic__in=["expectations.recorded", "data_profile.recorded"]).order_by("pk"):
        handler_for(message.topic)(message)
    jobs = list(Job.objects.filter(kind="data-check").order_by("pk"))
    assert {job.params["profile"] for job in jobs} == {first.pk, second.pk}
    for job in jobs:
        worker: Any = Worker(job)
        run_check(worker)
        assert worker.finished.endswith("/quality")
    assert DataCheck.objects.count() == 2
    expect(w)
    message = Message.objects.filter(topic="expectations.recorded").latest("pk")
    handler_for(message.topic)(message)
    assert Job.objects.filter(kind="data-check").count() == 4


def test_newer_data_is_checked_again_when_another_champion_goes_live(w: World) -> None:
    expect(w)
    profile(w, w.versions["features"], [income(1)])
    between, newer = (profile(w, version(w), [income(n)]) for n in (2, 3))
    assert check(newer).baseline_reason == "previous"
    w.policy({"key": "artifact", "kind": "artifact"})
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    message = Message.objects.filter(topic="promotion.live").latest("pk")
    handler_for(message.topic)(message)
    jobs = {job.params["profile"]: job for job in Job.objects.filter(kind="data-check")}
    assert set(jobs) == {between.pk, newer.pk}
    worker: Any = Worker(jobs[newer.pk])
    run_check(worker)
    assert [one.baseline_reason for one in DataCheck.objects.order_by("pk")] == ["previous", "live"]


@pytest.mark.parametrize("edge", [1e308, -1e308])
def test_numbers_that_the_record_cannot_keep_fail_closed(w: World, edge: float) -> None:
    from tests.lineage.quality.raw import numbers

    expect(w, {"key": "r", "check": "range", "column": "income", "at_least": "-9e28", "at_most": "9e28"})
    found = check(profile(w, w.versions["features"], [numbers([0.0, edge], name="income")]))
    assert found.figures[0]["holds"] is (edge > 0)
    assert found.figures[1]["holds"] is (edge < 0)
