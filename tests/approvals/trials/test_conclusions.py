"""What a trial shows becomes evidence once, from its counts alone, and the database says whether it is good."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.findings import raise_finding
from approvals.actions.trial_conclusions import conclude_trial, end_counting, record_conclusion
from approvals.actions.trials import accept_deviation, look_at_trial
from approvals.exports.evidence_pack import records_of
from approvals.models import (
    Evidence,
    EvidenceSource,
    Finding,
    PlanKind,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialLook,
)
from approvals.queries import with_verdict
from approvals.telling import tell_what_a_trial_shows
from approvals.upkeep import record_lost_conclusions
from governance import errors
from governance.outbox import Message
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import (
    COMPLAINTS,
    GOOD,
    begun,
    challenge,
    conclude,
    count,
    counted,
    deviation,
    lacks,
    locked,
    send,
    span,
    verdict,
)
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World, refused


def test_a_trial_that_shows_what_it_planned_is_good_and_opens_the_gate_for_its_version(w: World) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counted(w, trial, *GOOD)
    for arm in ("champion", "challenger"):
        send(w, trial, count(trial, arm, 100, 5, guardrail="complaints"))
    made, found = conclude(w, trial)
    assert (found, made.result["outcome"], made.result["reached"]) == ("good", "better", True)
    assert conclude_trial(actor=w.cast.validator, trial=trial, **WHY) == (made, False)
    evidence = Evidence.objects.get(plan=trial.plan)
    assert evidence.model_version_id == span(trial).model_version
    w.policy({"key": "trial", "kind": "evidence", "params": {"plan_kind": "ab_test"}})
    (row,) = w.ask(w.release(evidence.model_version)).values()
    assert row.status == "SATISFIED"
    packed = dict(records_of(w.release(evidence.model_version)))
    assert [len(packed[kept]) for kept in (Trial, TrialCount, TrialConclusion, EvidenceSource)] == [1, 4, 1, 1]


@pytest.mark.parametrize(("champion", "challenger", "missing"), [
    ((100, 30), (100, 33), {"p_value"}), ((100, 55), (100, 30), {"effect"}), ((60, 10), (60, 40), {"units"}),
    ((100, 0), (100, 0), {"p_value", "effect"}), ((200, 60), (100, 55), {"sample_ratio_p"}),
])  # fmt: skip
def test_what_is_not_shown_is_not_good(w: World, champion: Any, challenger: Any, missing: set[str]) -> None:
    trial = begun(w)
    counted(w, trial, champion, challenger)
    _made, found = conclude(w, trial)
    assert (found, lacks(trial)) == ("bad", missing)


def test_a_guardrail_that_gives_way_or_was_never_counted_is_not_good(w: World) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counted(w, trial, *GOOD)
    assert conclude(w, trial)[1] == "bad"
    assert lacks(trial) == {"guardrail_harm"}


def test_a_guardrail_that_never_rang_in_either_arm_holds(w: World) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counted(w, trial, *GOOD)
    for arm in ("champion", "challenger"):
        send(w, trial, count(trial, arm, 100, 0, guardrail="complaints"))
    assert conclude(w, trial)[1] == "good"


def test_what_comes_after_the_planned_units_changes_nothing(w: World) -> None:
    """Nobody waits for the day on which it looks best: the decision is taken where the plan said."""
    trial = begun(w)
    counted(w, trial, (100, 30), (100, 33))
    counted(w, trial, (100, 10), (100, 90), window=1)
    made, found = conclude(w, trial)
    assert (found, made.champion_units, made.result["outcome"]) == ("bad", 100, "not_shown")


def test_an_open_deviation_is_not_good_and_one_that_another_accepts_is(w: World) -> None:
    first, second = begun(w), locked(w, title="Second")
    found = deviation(w, first)
    counted(w, first, *GOOD)
    assert conclude(w, first)[1] == "bad"
    assert lacks(first) == {"open_deviations"}
    refused(lambda: accept_deviation(actor=w.cast.risk, deviation=found, **WHY), errors.Conflict, "trial-concluded")
    challenge(w, second, 3)
    accept_deviation(actor=w.cast.risk, deviation=deviation(w, second), **WHY)
    counted(w, second, *GOOD)
    assert conclude(w, second)[1] == "good"


def test_who_accepts_a_deviation_neither_recorded_it_nor_made_the_challenger(w: World, app: Connection) -> None:
    trial = begun(w)
    own = deviation(w, trial, by=w.cast.risk)
    refused(
        lambda: accept_deviation(actor=w.cast.risk, deviation=own, **WHY), errors.SeparationOfDuties, "own-deviation"
    )
    for person in (w.cast.owner, w.cast.viewer, w.cast.pipeline, w.cast.auditor, w.cast.outsider):
        with pytest.raises(errors.Forbidden):
            accept_deviation(actor=person, deviation=own, **WHY)
    with refuses("MU006", "not-a-judge"), acting(app, w.cast.tester):  # a service account with the role is no person
        insert(app, "approvals_trialdeviationacceptance", deviation_id=own.pk, reason="Fine")
    accept_deviation(actor=w.cast.risk2, deviation=own, **WHY)
    with pytest.raises(errors.Conflict):
        accept_deviation(actor=w.cast.validator, deviation=own, **WHY)


def test_after_the_end_nothing_is_counted_looked_at_or_deviates_and_a_finding_is_raised_instead(w: World) -> None:
    trial = begun(w)
    counted(w, trial, *GOOD)
    conclude(w, trial)
    for act in (
        lambda: send(w, trial, count(trial, "champion", 1, 1, window=1)),
        lambda: look_at_trial(actor=w.cast.validator, trial=trial, **WHY),
        lambda: deviation(w, trial),
    ):
        refused(act, errors.Conflict, "trial-concluded")
    raise_finding(
        actor=w.cast.auditor, subject=w.model, kind=Finding.Kind.AUDIT, text="Counts doubled", blocks=True,
        severity=Finding.Severity.HIGH, **WHY,
    )  # fmt: skip


def test_nothing_counted_concludes_nothing(w: World) -> None:
    trial = begun(w)
    with pytest.raises(errors.Conflict, match="Nothing has been counted"):
        conclude_trial(actor=w.cast.validator, trial=trial, **WHY)
    for person in (w.cast.viewer, w.cast.auditor, w.cast.outsider):
        with pytest.raises(errors.Forbidden):
            conclude_trial(actor=person, trial=trial, **WHY)


# Nobody reports what a trial shows


def test_a_report_under_a_trials_plan_is_refused_whatever_it_claims(w: World, app: Connection) -> None:
    trial = begun(w)
    values = [{"metric": "p_value", "value": "0.001"}, {"metric": "effect", "value": "0.3"}]
    measured = Measured(run_started_at=timezone.now(), values=values, claim="passed")
    refused(
        lambda: report_evidence(
            actor=w.cast.pipeline, plan=trial.plan, subject=w.version, measured=measured,
            subject_digest=f"sha256:{w.version.digest_value}", **WHY,
        ),
        errors.Conflict, "trial-evidence",
    )  # fmt: skip
    counted(w, trial, *GOOD)
    conclude(w, trial)
    with refuses("MU008", "trial-evidence"), acting(app, w.cast.pipeline):
        app.execute(
            "INSERT INTO approvals_evidence (namespace_id, plan_id, model_version_id, subject_digest, run_started_at, tool,"
            " independence, claim, attachments) SELECT namespace_id, plan_id, model_version_id, subject_digest,"
            " run_started_at, '', '', '', '[]' FROM approvals_evidence WHERE plan_id = %s",
            [trial.plan_id],
        )


def test_figures_of_an_ab_test_without_a_trial_are_refused_and_a_claim_is_kept_as_reported(w: World) -> None:
    plan = w.plan(PlanKind.AB_TEST)
    refused(lambda: w.evidence(plan, "0.95", by=w.cast.pipeline), errors.Invalid, "no-counts")
    w.evidence(plan, None, by=w.cast.pipeline, claim="passed")
    assert with_verdict(Evidence.objects.filter(plan=plan)).get().verdict == "reported"


def test_a_conclusion_whose_evidence_was_lost_is_made_up_for_and_only_then_told_of(w: World) -> None:
    trial = begun(w)
    counted(w, trial, *GOOD)
    end_counting(actor=w.cast.validator, trial=trial, **WHY)
    with pytest.raises(Evidence.DoesNotExist):
        tell_what_a_trial_shows(Message.objects.get(topic="trial.concluded"))
    assert [record_lost_conclusions(), record_lost_conclusions()] == [1, 0]
    assert verdict(trial) == "good"
    with pytest.raises(errors.Forbidden):
        record_conclusion(actor=w.cast.validator, trial=concluded_without_evidence(w), **WHY)


def concluded_without_evidence(w: World) -> Trial:
    trial = locked(w, title="Another")
    challenge(w, trial, 9)
    counted(w, trial, *GOOD)
    end_counting(actor=w.cast.validator, trial=trial, **WHY)
    return trial


# Looking


def test_a_look_is_on_record_and_nothing_new_is_no_new_look(w: World) -> None:
    trial = begun(w)
    counted(w, trial, (40, 12), (40, 22))
    first, new = look_at_trial(actor=w.cast.business, trial=trial, **WHY)
    assert (new, first.recorded_by, first.champion_units) == (True, w.cast.business, 40)
    assert look_at_trial(actor=w.cast.auditor, trial=trial, **WHY) == (first, False)
    counted(w, trial, (40, 12), (40, 22), window=1)
    assert look_at_trial(actor=w.cast.auditor, trial=trial, **WHY)[1]
    assert TrialLook.objects.count() == 2
    with pytest.raises(errors.Forbidden):
        look_at_trial(actor=w.cast.viewer, trial=trial, **WHY)


def test_each_look_at_a_plan_of_several_costs_something(w: World) -> None:
    """The same counts, looked at once on the way: the p-value is larger than without."""
    several = {"looks": 3, "spending": Trial.Spending.POCOCK}
    quiet, watched = begun(w, title="Quiet", **several), locked(w, title="Watched", **several)
    challenge(w, watched, 3)
    for trial in (quiet, watched):
        counted(w, trial, (60, 20), (60, 29))
        if trial == watched:
            look_at_trial(actor=w.cast.business, trial=trial, **WHY)
        counted(w, trial, (60, 20), (60, 29), window=1)
    p_quiet, p_watched = (Decimal(conclude(w, trial)[0].result["p_value"]) for trial in (quiet, watched))
    assert p_quiet < p_watched < 1


def test_a_plan_of_several_looks_may_end_early_where_the_boundary_is_crossed(w: World) -> None:
    trial = begun(w, looks=2, spending=Trial.Spending.OBRIEN_FLEMING)
    counted(w, trial, (60, 5), (60, 50))
    made, found = conclude(w, trial)
    assert (found, made.result["reached"]) == ("good", False)
