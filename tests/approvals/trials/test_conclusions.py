"""What a trial shows becomes evidence once, from its counts alone, and the database says whether it is good."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.evidence import Measured, report_evidence
from approvals.actions.findings import raise_finding
from approvals.actions.trial_conclusions import conclude_trial, end_counting, record_conclusion
from approvals.actions.trials import accept_deviation, look_at_trial, record_deviation
from approvals.exports.evidence_pack import records_of
from approvals.models import (
    Evidence,
    EvidenceSource,
    Finding,
    MetricKind,
    Plan,
    PlanKind,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialDeviation,
    TrialLook,
)
from approvals.queries import with_verdict
from approvals.tasks import record_what_a_trial_shows
from governance import errors
from governance.outbox import Message
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import COMPLAINTS, begun, challenge, count, counted, locked, send, span
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World, database, refused

GOOD = ((100, 30), (100, 55))


def conclude(w: World, trial: Trial) -> tuple[TrialConclusion, str]:
    """Conclude it as the validator; with the verdict."""
    made, _created = conclude_trial(actor=w.cast.validator, trial=trial, **WHY)
    return made, verdict(trial)


def verdict(trial: Trial) -> str:
    found: str = with_verdict(Evidence.objects.filter(plan=trial.plan)).get().verdict
    return found


def lacks(trial: Trial) -> set[str]:
    """Metrics of the criteria that its evidence does not meet."""
    evidence = Evidence.objects.get(plan=trial.plan)
    return {one["metric"] for one in json.loads(database("SELECT muniment.evidence_shortfalls(%s)", evidence.pk))}


def deviation(w: World, trial: Trial, by: Any = None) -> TrialDeviation:
    return record_deviation(
        actor=by or w.cast.pipeline, trial=trial, kind=TrialDeviation.Kind.DATA, text="An hour of logs was lost",
        happened_at=timezone.now(), **WHY,
    )  # fmt: skip


# The plan


def test_the_same_trial_is_found_again_and_another_design_is_another_trial(w: World) -> None:
    first, again = locked(w, guardrails=[COMPLAINTS]), locked(w, guardrails=[COMPLAINTS])
    assert first == again
    assert locked(w) != first
    assert locked(w, minimum_effect=Decimal("0.1"), guardrails=[COMPLAINTS]) != first
    assert len({one.key for one in Trial.objects.all()}) == Trial.objects.count() == 3
    assert {len(one.key) for one in Trial.objects.all()} == {32}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"alpha": Decimal("0.5")}, "alpha"), ({"power": Decimal("1")}, "power"), ({"challenger_share": Decimal(0)}, "challenger_share"),
    ({"minimum_effect": Decimal(0)}, "minimum_effect"), ({"minimum_effect": Decimal("0.7")}, "minimum_effect"),
    ({"baseline": Decimal("1.2")}, "baseline"), ({"baseline_sd": Decimal(1)}, "baseline_sd"),
    ({"metric_kind": MetricKind.MEAN}, "baseline_sd"), ({"looks": 0}, "looks"), ({"looks": 3}, "spending"),
    ({"looks": 11, "spending": Trial.Spending.POCOCK}, "looks"), ({"spending": Trial.Spending.POCOCK}, "spending"),
    ({"guardrails": [COMPLAINTS, COMPLAINTS]}, "guardrails"), ({"units_per_day": 0}, "units_per_day"),
    ({"metric": "complaints", "guardrails": [COMPLAINTS]}, "guardrails"),
    ({"minimum_effect": Decimal("1e-12")}, "minimum_effect"),
]  # fmt: skip


def test_a_design_that_cannot_be_names_its_field(w: World) -> None:
    for wrong, field in WRONG:
        with pytest.raises(errors.Invalid) as told:
            locked(w, **wrong)
        assert list(told.value.errors) == [field], wrong
    assert not Plan.objects.filter(kind=PlanKind.AB_TEST).exists()


COLUMNS = (
    "environment_id, hypothesis, metric, metric_kind, better, sides, test, minimum_effect, baseline, baseline_sd, alpha,"
    " power, challenger_share, units_per_day, looks, spending, champion_units, challenger_units, expected_days"
)
COPY = (
    f"INSERT INTO approvals_trial (plan_id, key, {COLUMNS}) SELECT %s, '', {COLUMNS} FROM approvals_trial WHERE id = %s"
)


def test_a_trial_without_its_bounds_or_under_another_kind_of_plan_is_refused(w: World, app: Connection) -> None:
    made = locked(w)
    for kind, code in (("performance", "trial-plan"), ("ab_test", "trial-bounds")):
        with refuses("MU009", code), acting(app, w.cast.pipeline):
            plan = insert(
                app, "approvals_plan", namespace_id=w.model.namespace_id, model_id=w.model.pk, kind=kind, title="Mine",
                description="", checklist=[], owner_id=w.cast.engineer.pk,
            )  # fmt: skip
            app.execute(COPY, [plan, made.pk])


def test_what_is_locked_takes_no_trial_no_guardrail_and_no_other_bound(w: World, raw: Any) -> None:
    made, older, app = locked(w), w.plan(PlanKind.AB_TEST), raw("app")
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        app.execute(COPY, [older.pk, made.pk])
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        insert(
            app,
            "approvals_trialguardrail",
            trial_id=made.pk,
            metric="late",
            metric_kind="mean",
            better="lower",
            margin=1,
        )
    with refuses("MU003", "plan-locked"), acting(app, w.cast.pipeline):
        insert(
            app, "approvals_plancriterion", plan_id=made.plan_id, metric="p_value", comparator="le", threshold=1, slice="",
            dataset_role="",
        )  # fmt: skip
    for table in ("approvals_trial", "approvals_trialguardrail", "approvals_trialcount"):
        with refuses("42501"), acting(app, w.cast.pipeline):
            app.execute(f"DELETE FROM {table}")
    with refuses("42501"), acting(app, w.cast.pipeline):
        app.execute("UPDATE approvals_trial SET champion_units = 2")


# The end


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


VALUES = {
    "units/champion": 100, "units/challenger": 100, "open_deviations": 0, "sample_ratio_p": 1,
    "effect/": Decimal("0.03"), "p_value": Decimal("0.65"),
}  # fmt: skip


LIES: list[dict[str, Any]] = [
    {"p_value": Decimal("0.01")}, {"effect/": Decimal("0.2")}, {"units/champion": 99}, {"units/challenger": 500},
    {"open_deviations": 1},
]  # fmt: skip


def test_raw_sql_cannot_conclude_with_figures_that_the_counts_do_not_bear(w: World, app: Connection) -> None:
    """30 of 100 against 33 of 100: p is 0.65. What is no lie passes, so that the test is one of the lies."""
    trial = begun(w)
    counted(w, trial, (100, 30), (100, 33))
    for lie in LIES:
        with refuses("MU009", "trial-figures"):
            forge(w, app, trial, {**VALUES, **lie})
    assert not TrialConclusion.objects.exists()
    forge(w, app, trial, VALUES)
    assert verdict(trial) == "bad"


def test_raw_sql_cannot_hide_a_wrong_split_or_an_open_deviation(w: World, app: Connection) -> None:
    trial = begun(w)
    deviation(w, trial)
    counted(w, trial, (200, 60), (100, 33))
    honest = {**VALUES, "units/champion": 200, "open_deviations": 1, "sample_ratio_p": Decimal("0.00000001")}
    for lie in ({"sample_ratio_p": Decimal("0.5")}, {"open_deviations": 0}):
        with refuses("MU009", "trial-figures"):
            forge(w, app, trial, {**honest, **lie})


def test_raw_sql_cannot_bring_a_figure_after_the_others_were_looked_at(w: World, app: Connection) -> None:
    """The check is asked for by hand while p-value and effect are left out, and they come then."""
    trial = begun(w)
    counted(w, trial, (100, 30), (100, 33))
    honest = {name: value for name, value in VALUES.items() if name not in ("p_value", "effect/")}
    with refuses("MU009", "trial-figures"):
        forge(w, app, trial, honest, then={"p_value": Decimal("0.001")})
    with refuses("MU009", "trial-figures"):
        forge(w, app, trial, honest, then={"effect/": Decimal("0.3")})


def test_raw_sql_cannot_hide_a_figure_behind_another_of_its_name(w: World, app: Connection) -> None:
    trial = begun(w)
    counted(w, trial, (40, 10), (40, 30))
    with refuses("MU009", "trial-figures"), acting(app, w.cast.system):
        evidence = concluded(w, app, trial)
        honest = {**VALUES, "effect": Decimal("0.5"), "p_value": Decimal("0.001")}
        for name, value in {"units/champion": 100, "units/challenger": 100}.items():
            metric, part = name.split("/")
            figure(app, evidence, metric, part, value)
        for name in ("units/champion", "units/challenger"):
            figure(app, evidence, name, "", 40)
        for name in ("open_deviations", "sample_ratio_p", "effect", "p_value"):
            figure(app, evidence, name, "", honest[name])


def test_raw_sql_cannot_report_less_harm_than_was_counted(w: World, app: Connection) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counted(w, trial, (100, 30), (100, 33))
    for arm, rang in (("champion", 5), ("challenger", 45)):
        send(w, trial, count(trial, arm, 100, rang, guardrail="complaints"))
    for harm in (Decimal("0.1"), Decimal("-1")):
        with refuses("MU009", "trial-figures"):
            forge(w, app, trial, {**VALUES, "guardrail_harm/complaints": harm})
    with refuses("MU009", "trial-figures"):
        forge(w, app, trial, {**VALUES, "guardrail_harm/nothing": Decimal("0.5")})
    forge(w, app, trial, {**VALUES, "guardrail_harm/complaints": Decimal("0.5")})


def forge(
    w: World,
    app: Connection,
    trial: Trial,
    values: dict[str, Any],
    *,
    sources: Any = None,
    then: dict[str, Any] | None = None,
) -> None:
    """Conclude by raw SQL in the system's name, as the product would but with one's own figures.

    `then`: figures that come once the others have been looked at.
    """
    with acting(app, w.cast.system):
        evidence = concluded(w, app, trial, sources)
        for name, value in values.items():
            metric, _, part = name.partition("/")
            figure(app, evidence, metric, part, value)
        if then:
            app.execute("SET CONSTRAINTS ALL IMMEDIATE")
            app.execute("SET CONSTRAINTS ALL DEFERRED")
        for name, value in (then or {}).items():
            metric, _, part = name.partition("/")
            figure(app, evidence, metric, part, value)


def concluded(w: World, app: Connection, trial: Trial, sources: Any = None) -> int:
    """A conclusion and its evidence, without figures; the evidence's id."""
    at = span(trial)
    insert(app, "approvals_trialconclusion", trial_id=trial.pk, result="{}")
    evidence: int = insert(
        app, "approvals_evidence", namespace_id=w.model.namespace_id, plan_id=trial.plan_id,
        model_version_id=at.model_version, subject_digest="", run_started_at=at.started_at, tool="", independence="",
        claim="", attachments="[]",
    )  # fmt: skip
    for one in [w.cast.pipeline] if sources is None else sources:
        insert(app, "approvals_evidencesource", evidence_id=evidence, principal_id=one.pk)
    return evidence


def figure(app: Connection, evidence: int, metric: str, part: str, value: Any) -> None:
    insert(
        app, "approvals_evidencevalue", evidence_id=evidence, metric=metric, slice=part, value=value, dataset_role="",
        unit="",
    )  # fmt: skip


def test_who_counted_vouches_for_what_a_trial_shows_whoever_concludes_it(w: World, app: Connection) -> None:
    asked = {"plan_kind": "ab_test", "independent": True}
    for by, reason in ((w.cast.pipeline, "evidence-not-independent"), (w.cast.tester, "evidence-met")):
        trial = begun(w, title=f"Counted by {by}")
        send(w, trial, count(trial, "champion", *GOOD[0]), count(trial, "challenger", *GOOD[1]), by=by)
        if by == w.cast.pipeline:
            with refuses("MU009", "trial-sources"):
                forge(w, app, trial, {**VALUES, "effect/": Decimal("0.25"), "p_value": Decimal("0.001")}, sources=[])
        assert conclude(w, trial)[1] == "good"
        evidence = Evidence.objects.get(plan=trial.plan)
        assert (evidence.recorded_by, [one.principal for one in evidence.sources.all()]) == (w.cast.system, [by])
        w.policy({"key": "trial", "kind": "evidence", "params": asked})
        (row,) = w.ask(w.release(evidence.model_version)).values()
        assert row.reason == reason
        w.policy({"key": "artifact", "kind": "artifact"})


def test_a_conclusion_whose_evidence_was_lost_is_made_up_for_by_the_outbox(w: World) -> None:
    trial = begun(w)
    counted(w, trial, *GOOD)
    end_counting(actor=w.cast.validator, trial=trial, **WHY)
    message = Message.objects.get(topic="trial.concluded")
    for _again in range(2):
        record_what_a_trial_shows(message)
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
