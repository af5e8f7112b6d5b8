"""The gate on evidence, and the verdict behind it."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from approvals.actions.promotions import promote
from approvals.models import Evidence, EvidenceValue, Plan, PlanCriterion, PlanKind, Promotion
from approvals.queries import with_verdict
from governance import errors
from governance.unit_of_work import recorded_action
from lineage.models import DatasetVersion, RunInput
from tests.approvals.world import WHY, World, database, refused, sha


def asks(w: World, **params: Any) -> None:
    """A policy that asks for evidence on performance."""
    w.policy({"key": "it", "kind": "evidence", "params": {"plan_kind": "performance", **params}})


def verdict(evidence: Evidence) -> str:
    """The database's verdict."""
    return str(with_verdict(Evidence.objects.filter(pk=evidence.pk)).get().verdict)


def criteria(*bounds: tuple[str, str, str]) -> list[dict[str, str]]:
    """Bounds as (metric, comparator, threshold)."""
    return [{"metric": m, "comparator": c, "threshold": t} for m, c, t in bounds]


def test_without_plan_and_without_evidence_each_gap_is_named(w: World) -> None:
    asks(w)
    assert w.ask()["it"].reason == "plan-missing"
    plan = w.plan()
    assert w.ask()["it"].reason == "evidence-missing"
    evidence = w.evidence(plan)
    row = w.ask()["it"]
    assert (row.reason, row.rests_on[0]["id"]) == ("evidence-met", evidence.pk)


def test_a_plan_of_another_kind_does_not_count(w: World) -> None:
    asks(w)
    w.evidence(w.plan(PlanKind.ROBUSTNESS))
    assert w.ask()["it"].reason == "plan-missing"


@pytest.mark.parametrize(
    ("value", "comparator", "threshold", "expected"),
    [
        ("0.9", "ge", "0.9", "good"),
        ("0.9", "gt", "0.9", "bad"),
        ("0.90", "eq", "0.9", "good"),
        ("0.8999999999999999999999", "ge", "0.9", "bad"),
        ("0.1", "le", "0.1", "good"),
        ("0.1", "lt", "0.1", "bad"),
        ("-3", "lt", "0", "good"),
        ("1000000000000000000000001", "gt", "1000000000000000000000000", "good"),
    ],
)
def test_the_verdict_follows_from_plan_and_value(
    w: World, value: str, comparator: str, threshold: str, expected: str
) -> None:
    plan = w.plan(criteria=criteria(("m", comparator, threshold)))
    assert verdict(w.evidence(plan, None, values=[{"metric": "m", "value": value}])) == expected


def test_a_bound_without_a_value_is_bad_and_a_slice_has_its_own(w: World) -> None:
    plan = w.plan(criteria=[*criteria(("a", "ge", "0.5")), {**criteria(("a", "ge", "0.5"))[0], "slice": "women"}])
    assert verdict(w.evidence(plan, None, values=[{"metric": "a", "value": "0.9"}])) == "bad"
    whole = [{"metric": "a", "value": "0.9"}, {"metric": "a", "value": "0.6", "slice": "women"}]
    assert verdict(w.evidence(plan, None, values=whole)) == "good"


def test_a_bound_on_any_role_holds_for_each_role_measured(w: World) -> None:
    plan = w.plan(criteria=criteria(("a", "ge", "0.5")))
    values = [
        {"metric": "a", "value": "0.9", "dataset_role": "training"},
        {"metric": "a", "value": "0.4", "dataset_role": "test"},
    ]
    assert verdict(w.evidence(plan, None, values=values)) == "bad"


def test_a_claim_of_passing_with_a_failing_value_fails_A43(w: World) -> None:
    asks(w, trusted_reporters=["tester"])
    evidence = w.evidence(w.plan(), "0.5", claim="passed")
    assert verdict(evidence) == "bad"
    row = w.ask()["it"]
    assert row.reason == "evidence-failed"
    assert row.params["shortfalls"][0] | {"slice": "", "dataset_role": ""} == {
        "metric": "accuracy", "slice": "", "dataset_role": "", "comparator": "ge", "threshold": "0.9", "value": "0.5",
    }  # fmt: skip
    assert "accuracy is 0.5, ≥ 0.9 is asked" in row.message


def test_a_claim_without_values_is_reported_and_counts_from_a_trusted_reporter_alone(w: World) -> None:
    asks(w)
    evidence = w.evidence(w.plan(), None, claim="passed")
    assert verdict(evidence) == "reported"
    assert w.ask()["it"].reason == "evidence-only-reported"
    asks(w, trusted_reporters=["tester"])
    assert w.ask()["it"].reason == "evidence-met"
    asks(w, trusted_reporters=["pipeline"])
    assert w.ask()["it"].reason == "evidence-only-reported"


def test_a_claim_of_failing_never_counts(w: World) -> None:
    asks(w, trusted_reporters=["tester"])
    w.evidence(w.plan(), None, claim="failed")
    assert w.ask()["it"].reason == "evidence-only-reported"


def test_measured_before_the_plan_was_locked_does_not_count(w: World) -> None:
    asks(w)
    w.evidence(w.plan(), run_started_at=timezone.now() - datetime.timedelta(hours=1))
    assert w.ask()["it"].reason == "evidence-before-plan"


def test_a_criterion_written_after_the_figures_were_known_is_no_plan(w: World) -> None:
    """The plan is held open in its transaction, the run goes by, and only then is it said what counts as good."""
    asks(w)
    with recorded_action(actor=w.cast.validator, **WHY):
        plan = Plan.objects.create(
            namespace=w.cast.retail, model=w.model, kind=PlanKind.PERFORMANCE, title="Held", owner=w.cast.validator
        )
        began = timezone.now()
        PlanCriterion.objects.create(plan=plan, metric="accuracy", comparator="ge", threshold="0.5")
    assert plan.locked_at < began
    w.evidence(plan, "0.51", run_started_at=began)
    assert w.ask()["it"].reason == "evidence-before-plan"
    w.evidence(plan, "0.51")
    assert w.ask()["it"].reason == "evidence-met"


def test_measured_in_the_future_is_refused(w: World) -> None:
    plan = w.plan()
    later = timezone.now() + datetime.timedelta(hours=1)
    refused(lambda: w.evidence(plan, run_started_at=later), errors.Invalid, "run-in-future")


def test_evidence_on_another_artifact_is_refused_and_does_not_count(w: World) -> None:
    asks(w)
    plan = w.plan()
    with recorded_action(actor=w.cast.tester, **WHY):  # past the action, as raw SQL would
        evidence = Evidence.objects.create(
            namespace=w.cast.retail, plan=plan, model_version=w.version, subject_digest="sha256:" + "0" * 64,
            run_started_at=timezone.now(),
        )  # fmt: skip
        EvidenceValue.objects.create(evidence=evidence, metric="accuracy", value="0.99")
    assert w.ask()["it"].reason == "evidence-other-digest"


def test_evidence_of_another_version_does_not_count(w: World) -> None:
    asks(w)
    w.evidence(w.plan(), subject=w.retrain(2))
    assert w.ask()["it"].reason == "evidence-missing"


def test_evidence_under_another_models_plan_is_refused(w: World) -> None:
    plan = w.plan(subject=w.datasets["raw"], kind=PlanKind.DATA_QUALITY)
    refused(lambda: w.evidence(plan), errors.Invalid, "other-subject")


def test_where_independence_is_asked_the_makers_own_evidence_does_not_count(w: World) -> None:
    asks(w, independent=True)
    plan = w.plan()
    w.evidence(plan, by=w.cast.pipeline)
    assert w.ask()["it"].reason == "evidence-not-independent"
    w.evidence(plan, by=w.cast.tester)
    assert w.ask()["it"].reason == "evidence-met"


def test_old_evidence_does_not_count(w: World) -> None:
    asks(w, max_age_days=90)
    w.evidence(w.plan())
    assert w.ask()["it"].reason == "evidence-met"
    assert w.ask(at=timezone.now() + datetime.timedelta(days=91))["it"].reason == "evidence-stale"


def test_evidence_past_its_own_date_does_not_count(w: World) -> None:
    asks(w)
    w.evidence(w.plan(), valid_until=timezone.now() + datetime.timedelta(days=5))
    assert w.ask(at=timezone.now() + datetime.timedelta(days=6))["it"].reason == "evidence-stale"


def test_a_plan_laxer_than_the_policy_does_not_help(w: World) -> None:
    asks(w, criteria=criteria(("accuracy", "ge", "0.9")))
    w.evidence(w.plan(criteria=criteria(("accuracy", "ge", "0.1"))), "0.5")
    row = w.ask()["it"]
    assert (row.reason, row.params["shortfalls"][0]["value"]) == ("evidence-below-policy", "0.5")


def test_a_failure_stays_until_measured_again_under_the_same_plan(w: World) -> None:
    asks(w)
    strict = w.plan(title="Strict")
    failed = w.evidence(strict, "0.5")
    w.evidence(w.plan(title="Lax", criteria=criteria(("accuracy", "ge", "0.1"))), "0.5")
    row = w.ask()["it"]
    assert (row.reason, row.params["evidence"]) == ("evidence-failed", failed.pk)
    w.evidence(strict, "0.95")
    row = w.ask()["it"]
    assert row.reason == "evidence-met"
    assert {
        "kind": "evidence",
        "id": failed.pk,
        "verdict": "bad",
        "digest": f"sha256:{w.version.digest_value}",
    } in row.rests_on


def test_a_makers_good_result_does_not_cover_a_validators_failure(w: World) -> None:
    asks(w)
    plan = w.plan()
    w.evidence(plan, "0.5", by=w.cast.tester)
    w.evidence(plan, "0.99", by=w.cast.pipeline)
    assert w.ask()["it"].reason == "evidence-failed"


def test_an_independent_good_result_covers_a_makers_failure(w: World) -> None:
    asks(w)
    plan = w.plan()
    w.evidence(plan, "0.5", by=w.cast.pipeline)
    w.evidence(plan, "0.99", by=w.cast.tester)
    assert w.ask()["it"].reason == "evidence-met"


def test_a_later_failure_closes_again(w: World) -> None:
    asks(w)
    plan = w.plan()
    w.evidence(plan, "0.95")
    w.evidence(plan, "0.5")
    assert w.ask()["it"].reason == "evidence-failed"


def test_evidence_on_the_data_is_asked_of_each_training_version(w: World) -> None:
    w.policy({"key": "it", "kind": "evidence", "params": {"plan_kind": "data_quality", "subject": "data"}})
    assert w.ask()["it"].reason == "plan-missing"
    plan = w.plan(PlanKind.DATA_QUALITY, subject=w.datasets["features"])
    assert w.ask()["it"].reason == "evidence-missing"
    w.evidence(plan, subject=w.versions["features"], by=w.cast.pipeline)
    assert w.ask()["it"].reason == "evidence-met"


def test_a_failure_behind_more_gaps_than_an_answer_shows_still_ends_serving(w: World) -> None:
    """An answer shows fifty; whether what is live may go on is asked of all of them."""
    with recorded_action(actor=w.cast.pipeline, **WHY):
        for number in range(55):
            version = DatasetVersion.objects.create(
                dataset=w.datasets["features"],
                label=f"part {number}",
                digest_algorithm="sha256",
                digest_value=sha(f"{number}"),
            )
            RunInput.objects.create(run=w.runs["model"], dataset_version=version, role="training")
    w.policy({"key": "artifact", "kind": "artifact"})
    promotion = promote(actor=w.cast.pipeline, release=w.release(), **WHY)
    w.policy({"key": "it", "kind": "evidence", "params": {"plan_kind": "data_quality", "subject": "data"}})
    plan = w.plan(PlanKind.DATA_QUALITY, subject=w.datasets["features"])
    serving = "SELECT jsonb_array_length(gaps) FROM muniment.serving_gaps(ARRAY[%s::bigint])"
    assert database(serving, promotion.pk) == 0
    w.evidence(plan, "0.1", subject=version, by=w.cast.pipeline)
    shown = w.ask()["it"]
    assert (shown.reason, shown.params["problems"]) == ("evidence-missing", 56)
    assert database(serving, promotion.pk) == 1


def test_evidence_from_the_environment_before_is_asked_of_the_promotion_there(w: World) -> None:
    params = {"plan_kind": "monitoring_operations", "subject": "promotion", "environment": "production"}
    release = w.release()
    w.policy({"key": "artifact", "kind": "artifact"})
    challenger = w.release(slot="challenger")
    w.policy({"key": "it", "kind": "evidence", "params": params})
    assert w.ask(challenger)["it"].reason == "not-promoted-there"
    w.policy({"key": "artifact", "kind": "artifact"})
    with recorded_action(actor=w.cast.pipeline, **WHY):
        promotion = Promotion.objects.create(
            release=release, model=w.model, environment=release.environment, slot="champion"
        )
    w.policy({"key": "it", "kind": "evidence", "params": params})
    assert w.ask(challenger)["it"].reason == "plan-missing"
    plan = w.plan(PlanKind.MONITORING_OPERATIONS)
    with recorded_action(actor=w.cast.tester, **WHY):
        evidence = Evidence.objects.create(
            namespace=w.cast.retail, plan=plan, promotion=promotion, run_started_at=timezone.now(),
            subject_digest=f"sha256:{w.version.digest_value}",
        )  # fmt: skip
        EvidenceValue.objects.create(evidence=evidence, metric="accuracy", value="0.95")
    assert w.ask(challenger)["it"].reason == "evidence-met"
    with recorded_action(actor=w.cast.tester, **WHY):
        failed = Evidence.objects.create(
            namespace=w.cast.retail, plan=plan, promotion=promotion, run_started_at=timezone.now(),
            subject_digest=f"sha256:{w.version.digest_value}",
        )  # fmt: skip
        EvidenceValue.objects.create(evidence=failed, metric="accuracy", value="0.2")
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the end is still this act's
    w.policy({"key": "artifact", "kind": "artifact"})
    shadow = w.release(slot="shadow")
    with recorded_action(actor=w.cast.pipeline, **WHY):
        Promotion.objects.create(release=shadow, model=w.model, environment=shadow.environment, slot="shadow")
    w.policy({"key": "it", "kind": "evidence", "params": params})
    assert w.ask(challenger)["it"].reason == "evidence-failed", "A44: promoting it once more forgets no failure"


# checklists


def test_a_checklist_is_answered_by_a_named_validator(w: World) -> None:
    plan = w.plan(PlanKind.CONCEPTUAL_SOUNDNESS, criteria=[], checklist=["The theory holds", "Limits are stated"])
    yes = [{"item": 1, "answer": "yes"}, {"item": 2, "answer": "not_applicable", "comment": "A baseline"}]
    for account in (w.cast.tester, w.cast.pipeline, w.cast.owner):
        refused(
            lambda account=account: w.evidence(plan, None, by=account, answers=yes),
            errors.SeparationOfDuties, "not-a-validator",
        )  # fmt: skip
    assert verdict(w.evidence(plan, None, by=w.cast.validator, answers=yes)) == "good"
    no = [{"item": 1, "answer": "yes"}, {"item": 2, "answer": "no"}]
    assert verdict(w.evidence(plan, None, by=w.cast.validator, answers=no)) == "bad"
    assert verdict(w.evidence(plan, None, by=w.cast.validator, answers=yes[:1])) == "bad"


# idempotence and bad input


def test_the_same_report_is_found_again_and_another_is_new(w: World) -> None:
    plan, at = w.plan(), timezone.now()
    first = w.evidence(plan, run_started_at=at)
    assert w.evidence(plan, run_started_at=at).pk == first.pk
    assert w.evidence(plan, "0.96", run_started_at=at).pk != first.pk
    assert w.evidence(plan, run_started_at=at, by=w.cast.pipeline).pk != first.pk


def test_the_same_plan_is_found_again_and_another_is_new(w: World) -> None:
    one = w.plan(title="One")
    assert w.plan(title="One").pk == one.pk
    assert w.plan(title="One", criteria=criteria(("accuracy", "ge", "0.91"))).pk != one.pk


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", "0x1A", "0.9 ", " 0.9", True, None, "1_0", "", "٣"]
)
def test_what_is_no_finite_number_is_refused_A43(w: World, value: Any) -> None:
    plan = w.plan()
    with pytest.raises(errors.Invalid):
        w.evidence(plan, None, values=[{"metric": "accuracy", "value": value}])
    assert not Evidence.objects.exists()


@pytest.mark.parametrize(
    "bounds",
    [
        [("a", "=>", "0.9")],
        [("a", "ge", "NaN")],
        [("a", "ge", "1e400")],
        [("a", "ge", "0.9"), ("a", "lt", "0.9")],
        [("", "ge", "0.9")],
        [("a", "eq", "1"), ("a", "eq", "2")],
    ],
)
def test_a_plan_with_a_wrong_or_impossible_bound_is_refused(w: World, bounds: list[tuple[str, str, str]]) -> None:
    with pytest.raises(errors.Invalid):
        w.plan(criteria=criteria(*bounds))


def test_a_plan_without_anything_to_judge_by_is_refused(w: World) -> None:
    with pytest.raises(errors.Invalid):
        w.plan(criteria=[])
