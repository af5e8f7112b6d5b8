"""Evidence that the server works out: who vouches for the figures stands in the reporter's place."""

import datetime
from collections.abc import Sequence
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.evidence import Measured, Source, record_worked_out, report_evidence
from approvals.models import Evidence, EvidenceSource, Plan
from governance import errors
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import Principal
from governance.unit_of_work import recorded_action
from lineage.models import DataProfile, DatasetVersion
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World, refused, sha, signature

INDEPENDENT: dict[str, Any] = {
    "key": "performance",
    "kind": "evidence",
    "params": {"plan_kind": "performance", "independent": True, "max_age_days": 90},
}


def worked_out(
    w: World, plan: Plan, value: str = "0.95", *, sources: Sequence[Source] = (), at: datetime.datetime | None = None
) -> Evidence:
    measured = Measured(run_started_at=at or timezone.now(), values=[{"metric": "accuracy", "value": value}])
    return record_worked_out(
        actor=load_system_principal(), plan=plan, subject=w.version, measured=measured, sources=sources, **WHY
    )[0]


def profile(w: World, by: Principal, version: DatasetVersion | None = None) -> DataProfile:
    version = version or w.versions["features"]
    with recorded_action(actor=by, **WHY):
        return DataProfile.objects.create(
            namespace=version.dataset.namespace, dataset_version=version, said_at=timezone.now(), rows=1,
            content_digest=sha(f"{by.pk} {version.pk}"),
        )  # fmt: skip


def test_a_pipelines_own_figures_are_not_independent_whoever_does_the_sum(w: World) -> None:
    w.policy(INDEPENDENT)
    plan = w.plan()
    worked_out(w, plan, sources=[Source(w.cast.pipeline)])
    row = w.ask()["performance"]
    assert (row.status, row.reason) == ("UNSATISFIED", "evidence-not-independent")
    worked_out(w, plan, sources=[Source(w.cast.tester)])
    assert w.ask()["performance"].passes, "a tester without a hand in it"


def test_one_contributor_among_the_sources_is_enough(w: World) -> None:
    w.policy(INDEPENDENT)
    worked_out(w, w.plan(), sources=[Source(w.cast.tester), Source(w.cast.pipeline)])
    assert w.ask()["performance"].reason == "evidence-not-independent"


def test_what_the_server_measured_itself_needs_no_source(w: World) -> None:
    w.policy(INDEPENDENT)
    worked_out(w, w.plan())
    assert w.ask()["performance"].passes


def test_a_failure_goes_with_figures_of_the_same_source_and_with_nobody_elses(w: World) -> None:
    w.policy({**INDEPENDENT, "params": {"plan_kind": "performance", "max_age_days": 90}})
    plan = w.plan()
    worked_out(w, plan, "0.5", sources=[Source(w.cast.tester)])
    assert w.ask()["performance"].reason == "evidence-failed"
    worked_out(w, plan, "0.95", sources=[Source(w.cast.pipeline)])
    assert w.ask()["performance"].reason == "evidence-failed", "the pipeline measures a validator's failure away"
    worked_out(w, plan, "0.96", sources=[Source(w.cast.tester)])
    assert w.ask()["performance"].passes


def test_who_handed_the_figures_in_does_not_judge(w: World) -> None:
    w.policy(signature("validation", "validator"))
    plan = w.plan()
    w.vote("validation", w.cast.validator)
    assert w.ask()["validation"].passes
    worked_out(w, plan, sources=[Source(w.cast.validator)])
    assert [v["why"] for v in w.ask()["validation"].params["ignored"]] == ["voter-contributed"]


def test_the_same_from_the_same_sources_is_found_again(w: World) -> None:
    plan, now, shown = w.plan(), timezone.now(), profile(w, w.cast.pipeline)
    sources = [Source(w.cast.pipeline, shown), Source(w.cast.pipeline, shown)]
    first = worked_out(w, plan, sources=sources, at=now)
    assert worked_out(w, plan, sources=sources, at=now) == first
    assert worked_out(w, plan, sources=[Source(w.cast.pipeline)], at=now) != first
    assert EvidenceSource.objects.filter(evidence=first).count() == 1


def test_only_the_system_records_what_the_server_worked_out(w: World) -> None:
    measured = Measured(run_started_at=timezone.now(), values=[{"metric": "accuracy", "value": "1"}])
    with pytest.raises(errors.Forbidden):
        record_worked_out(actor=w.cast.pipeline, plan=w.plan(), subject=w.version, measured=measured, sources=[], **WHY)


def test_nobody_names_others_as_the_sources_of_their_own_report(w: World, app: Connection) -> None:
    plan = w.plan()
    with refuses("MU006", "not-worked-out"), acting(app, w.cast.pipeline):
        number = insert(
            app, "approvals_evidence", namespace_id=w.cast.retail.pk, plan_id=plan.pk, model_version_id=w.version.pk,
            subject_digest="", run_started_at=timezone.now(), independence="", claim="", tool="", attachments="[]",
        )  # fmt: skip
        insert(app, "approvals_evidencesource", evidence_id=number, principal_id=w.cast.tester.pk)


def test_sources_come_with_their_evidence_and_are_whoever_recorded_the_profile(w: World, app: Connection) -> None:
    plan, shown, system = w.plan(), profile(w, w.cast.pipeline), load_system_principal()
    found = report_evidence(
        actor=w.cast.tester, plan=plan, subject=w.version, subject_digest=f"sha256:{w.version.digest_value}",
        measured=Measured(run_started_at=timezone.now(), values=[{"metric": "accuracy", "value": "1"}]), **WHY,
    )[0]  # fmt: skip
    with refuses("MU006", "not-worked-out"), acting(app, system):
        insert(app, "approvals_evidencesource", evidence_id=found.pk, principal_id=w.cast.tester.pk)
    refused(lambda: worked_out(w, plan, sources=[Source(system)]), errors.SeparationOfDuties, "system-vouches")
    refused(lambda: worked_out(w, plan, sources=[Source(w.cast.tester, shown)]), errors.Invalid, "other-profile")


def test_sources_cannot_be_added_or_changed_later(w: World, raw: Any) -> None:
    found = worked_out(w, w.plan(), sources=[Source(w.cast.pipeline)])
    with raw("app") as app, refuses("MU003", "evidence-recorded"), acting(app, load_system_principal()):
        insert(app, "approvals_evidencesource", evidence_id=found.pk, principal_id=w.cast.tester.pk)
    with raw("app") as app, refuses("42501"), acting(app, load_system_principal()):
        app.execute("UPDATE approvals_evidencesource SET principal_id = %s", [w.cast.tester.pk])


def test_the_api_names_them(w: World, signed_in: Any) -> None:
    found = worked_out(w, w.plan(), sources=[Source(w.cast.pipeline)])
    shown = signed_in("auditor").get(f"/api/v1/evidence/{found.pk}").json()
    assert shown["sources"] == [{"principal": w.cast.pipeline.pk, "profile": None}]
    assert shown["recorded_by"] == load_system_principal().pk
