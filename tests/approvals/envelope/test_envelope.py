"""A retrain inside what was approved goes live on fewer signatures; one outside is judged in full and told its edge."""

from typing import Any

import pytest

from approvals.gate.envelope import envelope_of, state_of
from approvals.models import ChangePlanUse, GateDecision, LiveSlot, Vote
from governance import errors
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.roles import Role
from governance.unit_of_work import recorded_action
from lineage.models import ModelVersion, ModelVersionCompletion
from tests.approvals.envelope.scene import COMMIT, PARAMETERS, SCHEMA, Scene
from tests.approvals.world import WHY, dataset, flag, give_terms, refused


def test_it_is_in_force_once_everyone_signed_and_the_base_version_is_live(s: Scene) -> None:
    plan = s.envelope()
    assert state_of(plan).ended == "plan-not-in-force"
    retrain = s.retrain()
    assert envelope_of(s.w.release(retrain)) is None
    base = s.approve(plan)
    state = state_of(plan)
    assert (state.in_force, state.used, state.uses) == (True, 0, 2)
    use = ChangePlanUse.objects.get(change_plan=plan)
    assert (use.number, use.promotion) == (0, base)
    assert use.basis["parameters"]["C"] == [1.0]


def test_a_retrain_inside_goes_live_on_the_signatures_it_keeps(s: Scene) -> None:
    s.approve()
    release = s.w.release(s.retrain())
    rows = s.w.ask(release)
    assert (rows["risk"].status, rows["risk"].reason) == ("WAIVED", "inside-envelope"), rows["risk"].message
    assert (rows["compliance"].status, rows["steward"].status) == ("WAIVED", "UNSATISFIED")
    assert "use 1 of 2" in rows["risk"].message
    with pytest.raises(errors.GateClosed):
        s.go(release)
    s.sign(release, "steward")
    promotion = s.go(release)
    assert LiveSlot.objects.get(model=s.w.model).promotion == promotion
    use = ChangePlanUse.objects.get(promotion=promotion)
    assert use.number == 1
    assert {edge["inside"] for edge in use.basis["edges"]} == {True}
    decided = {row["key"]: row["status"] for row in GateDecision.objects.get(promotion=promotion).requirements}
    assert decided == {"artifact": "SATISFIED", "risk": "WAIVED", "steward": "SATISFIED", "compliance": "WAIVED"}
    shown = envelope_of(release)
    assert shown is not None
    assert (shown.inside, shown.state.next_use) == (True, 1), "a release that went live shows its comparison of then"


def test_its_uses_run_out(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    for _number in range(2):
        release = s.w.release(s.retrain())
        s.sign(release, "steward")
        s.go(release)
    assert state_of(plan).ended == "plan-spent"
    row = s.w.ask(s.w.release(s.retrain()))["risk"]
    assert row.status == "UNSATISFIED"
    assert "Its uses are spent." in row.message


def test_a_fully_signed_retrain_uses_nothing_and_ends_the_envelope(s: Scene) -> None:
    plan = s.envelope()
    s.approve(plan)
    release = s.w.release(s.retrain())
    s.sign(release, "risk", "steward", "compliance")
    assert s.w.ask(release)["risk"].status == "SATISFIED"
    s.go(release)
    assert state_of(plan).ended == "plan-replaced"
    assert envelope_of(s.w.release(s.retrain())) is None


OUTSIDE: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "a metric below its band": (lambda s: s.retrain(accuracy="0.89"), [("band:1", "band-outside")]),
    "a metric too much worse than the base's": (lambda s: s.retrain(accuracy="0.9299"), [("band:1", "band-outside")]),
    "a metric nobody measured": (lambda s: s.retrain(accuracy=None), [("band:1", "band-not-measured")]),
    "data that drifted": (lambda s: s.retrain(data=s.newer(psi="0.21")), [("band:2", "band-outside")]),
    "drift nobody measured": (lambda s: s.retrain(data=s.newer(psi=None)), [("band:2", "band-not-measured")]),
    "a parameter beyond its limit": (
        lambda s: s.retrain(parameters={**PARAMETERS, "C": 10.5}), [("parameter:C", "parameter-outside")]),
    "a parameter of no number": (
        lambda s: s.retrain(parameters={**PARAMETERS, "C": "NaN"}), [("parameter:C", "parameter-outside")]),
    "a parameter of too many digits": (
        lambda s: s.retrain(parameters={**PARAMETERS, "C": "1e999999999"}), [("parameter:C", "parameter-outside")]),
    "a parameter left out": (
        lambda s: s.retrain(parameters={"seed": "7", "solver": "lbfgs"}), [("parameter:C", "parameter-unsaid")]),
    "a value not among those named": (
        lambda s: s.retrain(parameters={**PARAMETERS, "solver": "liblinear"}),
        [("parameter:solver", "parameter-outside")]),
    "a parameter that may not vary": (
        lambda s: s.retrain(parameters={**PARAMETERS, "seed": "8"}), [("parameters", "parameters-changed")]),
    "a parameter the base does not have": (
        lambda s: s.retrain(parameters={**PARAMETERS, "leak": True}), [("parameters", "parameters-changed")]),
    "other code": (lambda s: s.retrain(code_commit="bad"), [("code", "code-other")]),
    "code nobody named": (lambda s: s.retrain(code_commit=""), [("code", "code-unsaid")]),
    "another supplier": (lambda s: s.retrain(supplier="Somebody"), [("supplier", "supplier-other")]),
    "other columns used": (lambda s: s.retrain(features_used=["income", "age"]), [("features", "features-other")]),
    "a column more in the data": (
        lambda s: s.retrain(data=s.newer(schema=[*SCHEMA, {"name": "postcode", "type": "text"}])),
        [("schema", "schema-other")]),
    "a column less in the data": (lambda s: s.retrain(data=s.newer(schema=SCHEMA[:1])), [("schema", "schema-other")]),
    "a column of another type": (
        lambda s: s.retrain(data=s.newer(schema=[{"name": "income", "type": "text"}, SCHEMA[1]])),
        [("schema", "schema-other")]),
    "no columns on record": (lambda s: s.retrain(data=s.newer(schema=[])), [("schema", "schema-other")]),
}  # fmt: skip


def test_a_retrain_outside_is_told_the_edge_and_judged_in_full(s: Scene) -> None:
    s.approve()
    for what, (make, edges) in OUTSIDE.items():
        version: ModelVersion = make(s)
        assert s.crossed(version) == edges, what
        assert all(one.message for one in s.judged(version).crossed), what
    rows = s.w.ask(s.w.release(version))
    assert {rows[key].status for key in ("risk", "steward", "compliance")} == {"UNSATISFIED"}
    assert rows["risk"].params["envelope"]["crossed"] == ["schema"]
    assert "crosses these edges of it: Schema" in rows["risk"].message


def test_the_note_on_a_signature_names_the_metric_of_a_band_that_is_crossed(s: Scene) -> None:
    s.approve(bands=[{"plan": s.performance.pk, "metric": "accuracy", "low": "0.1"},
                     {"plan": s.performance.pk, "metric": "accuracy", "slice": "young", "low": "0.9"}])  # fmt: skip
    version = s.retrain(accuracy="0.95")
    row = s.w.ask(s.w.release(version))["risk"]
    assert row.params["envelope"]["crossed"] == ["band:2"]
    assert "crosses these edges of it: accuracy (young)." in row.message and "band:" not in row.message


def test_other_data_is_outside_as_training_and_as_source(s: Scene) -> None:
    s.approve()
    other, version = dataset(s.w.cast, "bought", schema=SCHEMA)
    give_terms(s.w.cast, other)
    flag(s.w.cast, version)
    crossed = dict(s.crossed(s.retrain(data=version)))
    assert crossed["data"] == "data-other"
    assert crossed["sources"] == "sources-new"


def test_without_newer_data_only_the_same_versions_are_inside(s: Scene) -> None:
    bands = [{"plan": s.performance.pk, "metric": "accuracy", "low": "0.9"}]
    s.approve(new_data=False, bands=bands)
    assert s.crossed(s.retrain(data=s.first)) == []
    assert s.crossed(s.retrain()) == [("data", "data-not-the-same")]


def test_code_of_the_list_is_inside(s: Scene) -> None:
    s.approve(code_commits=["beef"])
    assert s.crossed(s.retrain(code_commit="beef")) == []
    assert s.crossed(s.retrain(code_commit=COMMIT)) == []


def test_numbers_as_text_are_numbers(s: Scene) -> None:
    s.approve()
    assert s.crossed(s.retrain(parameters={**PARAMETERS, "C": "9.99", "solver": "saga"})) == []


def test_a_change_counts_against_the_base_versions_value_of_then(s: Scene) -> None:
    s.approve()
    s.measure(s.base, "0.90")  # later, and lower: it would widen the band
    assert s.crossed(s.retrain(accuracy="0.92")) == [("band:1", "band-outside")]


def test_without_the_base_versions_value_a_change_cannot_be_told(s: Scene) -> None:
    bands = [{"plan": s.w.plan().pk, "metric": "accuracy", "change_low": "-0.02"}]
    s.approve(bands=bands)
    assert s.crossed(s.retrain()) == [("band:1", "band-without-base")]


def test_a_band_may_ask_for_the_whole_interval(s: Scene) -> None:
    s.approve(bands=[{"plan": s.performance.pk, "metric": "accuracy", "low": "0.9", "whole_interval": True}])
    version = s.retrain(accuracy=None)
    s.w.evidence(s.performance, None, subject=version, values=[
        {"metric": "accuracy", "value": "0.94", "ci_low": "0.91", "ci_high": "0.97"}])  # fmt: skip
    assert s.crossed(version) == []
    s.w.evidence(s.performance, None, subject=version, values=[
        {"metric": "accuracy", "value": "0.94", "ci_low": "0.89", "ci_high": "0.97"}])  # fmt: skip
    assert s.crossed(version) == [("band:1", "band-outside")]
    assert s.crossed(s.retrain()) == [("band:1", "band-without-interval")]


def test_measured_again_until_it_fits_is_not_inside(s: Scene) -> None:
    s.approve()
    version = s.retrain(accuracy="0.5")
    s.measure(version, "0.96")
    assert s.crossed(version) == [("band:1", "band-outside")]


def test_what_the_pipeline_measures_of_its_own_does_not_count(s: Scene) -> None:
    s.approve()
    version = s.retrain(accuracy=None)
    s.w.evidence(s.performance, "0.99", subject=version, by=s.w.cast.pipeline)
    assert s.crossed(version) == [("band:1", "band-not-counting")]


def test_a_claim_of_passed_moves_no_edge(s: Scene) -> None:
    s.approve()
    version = s.retrain(accuracy=None)
    s.w.evidence(s.performance, None, subject=version, claim="passed")
    assert s.crossed(version) == [("band:1", "band-not-measured")]


def test_a_parameter_said_twice_counts_both_times(s: Scene) -> None:
    s.approve()
    version = s.retrain()
    with recorded_action(actor=s.w.cast.pipeline, **WHY):
        ModelVersionCompletion.objects.create(model_version=version, how="declared", parameters={"C": 50})
    assert s.crossed(version) == [("parameter:C", "parameter-outside")]


def test_a_rejection_is_passed_over_by_no_envelope(s: Scene) -> None:
    s.approve()
    release = s.w.release(s.retrain())
    s.w.vote("compliance", s.w.cast.compliance, release=release, vote=Vote.REJECT)
    s.w.vote("risk", s.w.cast.risk, release=release, vote=Vote.REJECT)
    s.sign(release, "steward")
    rows = s.w.ask(release)
    assert rows["compliance"].reason == "vetoed"
    assert rows["risk"].params["envelope"]["why"] == "signature-rejected"
    with pytest.raises(errors.GateClosed):
        s.go(release)


def test_who_wrote_it_does_not_sign_the_release_that_carries_it(s: Scene) -> None:
    grant = grant_role(
        actor=s.w.cast.admin, principal=s.w.cast.owner, role=Role.RISK_MANAGER, namespace=s.w.cast.retail, **WHY
    )
    approve_grant(actor=s.w.cast.admin2, grant=grant, **WHY)
    release = s.w.release(s.base, change_plan=s.envelope())
    refused(lambda: s.w.vote("risk", s.w.cast.owner, release=release), errors.SeparationOfDuties, "own-work")


def test_the_statement_says_what_may_change_and_how_a_retrain_lies(s: Scene) -> None:
    plan = s.envelope()
    release = s.w.release(s.base, change_plan=plan)
    signed = s.w.vote("risk", s.w.cast.risk, release=release)
    assert f"Retraining envelope {plan.pk}: Monthly; 2 uses until" in signed.statement
    assert "May vary: parameter C 0.1 to 10; parameter solver lbfgs, saga; the same code" in signed.statement
    assert f"Band: psi under plan {s.drift.pk}: ≤ 0.2" in signed.statement
    assert "Signatures that remain: steward" in signed.statement
    s.sign(release, "steward", "compliance")
    s.go(release)
    again = s.w.vote("steward", s.w.cast.steward, release=s.w.release(s.retrain()))
    assert f"Retraining envelope {plan.pk}: inside, use 1 of 2" in again.statement


def test_a_release_that_brings_a_plan_of_its_own_is_judged_in_full(s: Scene) -> None:
    s.approve()
    version = s.retrain()
    release = s.w.release(version, change_plan=s.envelope(base=version))
    assert s.w.ask(release)["risk"].status == "UNSATISFIED"
    assert envelope_of(release) is None
    s.sign(release, "risk", "steward", "compliance")
    s.go(release)
    found = envelope_of(s.w.release(s.retrain()))
    assert found is not None
    assert found.state.base == version.pk, "the newer envelope of the place is the one in force"
