"""A conclusion by raw SQL, with figures that its counts do not bear, is refused."""

from decimal import Decimal
from typing import Any

from approvals.models import (
    Evidence,
    Trial,
    TrialConclusion,
)
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import (
    COMPLAINTS,
    GOOD,
    begun,
    conclude,
    count,
    counted,
    deviation,
    send,
    span,
    verdict,
)
from tests.approvals.voting import insert
from tests.approvals.world import World

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
