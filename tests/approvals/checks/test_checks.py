"""A profile arrives and is held against what is expected: verdict, figures, baseline, who vouches; and the gate."""

from typing import Any

import pytest

from approvals.actions.promotions import end_promotion, promote
from approvals.checks import CHECK, ask_of_versions
from approvals.models import DataCheck, Evidence, ExpectationPlan, LiveSlot, PlanKind, PromotionEnd
from governance import errors
from governance.accounts.actions.system import load_system_principal
from governance.jobs.models import Job
from governance.outbox import Message
from governance.unit_of_work import recorded_action
from lineage.models import ExpectationSet
from tests.approvals.checks.data import (
    ALIKE,
    ENOUGH,
    THERE,
    check,
    expect,
    figures,
    income,
    profile,
    verdicts,
    version,
)
from tests.approvals.world import WHY, World, refused, train

DRIFT: dict[str, Any] = {
    "key": "drift", "kind": "evidence", "params": {"plan_kind": "drift", "subject": "data", "max_age_days": 90},
}  # fmt: skip


def test_expectations_become_plans_that_the_database_judges_by(w: World) -> None:
    made = expect(w)
    plans = {link.plan.kind: link.plan for link in ExpectationPlan.objects.filter(expectation_set=made)}
    assert set(plans) == {PlanKind.DATA_QUALITY, PlanKind.DRIFT}
    asked = {(c.metric, c.comparator, str(c.threshold), c.slice) for p in plans.values() for c in p.criteria.all()}
    assert asked == {
        ("psi", "le", "0.25", "income"),
        ("null_fraction", "le", "0.05", "income"),
        ("rows", "ge", "100", ""),
    }
    assert expect(w) == made, "the same again is the same"
    assert expect(w, THERE).number == 2
    assert set(expect(w, {**THERE, "severity": "warning"}).plans.all()) == set(), "warnings decide nothing"


def test_what_has_drifted_fails_and_what_has_not_is_good(w: World) -> None:
    expect(w)
    first = profile(w, w.versions["features"], [income(1)])
    assert verdicts(check(first)) == ("good", None), "there is nothing to compare the first with"
    alike = check(profile(w, version(w), [income(2)]))
    assert verdicts(alike) == ("good", "good")
    assert (alike.baseline, alike.baseline_reason) == (first, "previous")
    drifted = check(profile(w, version(w), [income(3, mean=2, missing=0.2)]))
    assert verdicts(drifted) == ("bad", "bad")
    found = figures(drifted)
    assert (found["income-alike"]["holds"], found["income-there"]["holds"], found["enough"]["holds"]) == (
        False,
        False,
        True,
    )
    value = drifted.drift.values.get()  # type: ignore[union-attr]  # there is one
    assert value.ci_low is not None
    assert value.ci_low <= value.value == value.ci_high, "the worse end is judged"
    assert len(found["income-alike"]["bins"]) == 13


def test_the_baseline_is_what_trained_the_live_champion(w: World) -> None:
    expect(w)
    trained = profile(w, w.versions["features"], [income(1)])
    w.policy({"key": "artifact", "kind": "artifact"})
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    between = profile(w, version(w), [income(2, mean=3)])
    newest = check(profile(w, version(w), [income(3)]))
    assert (newest.baseline, newest.baseline_reason) == (trained, "live")
    assert verdicts(newest) == ("good", "good")
    assert verdicts(check(between))[1] == "bad"
    again = check(trained)
    assert again.baseline_reason == "none", "what is live is not compared with itself, and nothing is before it"


def test_a_version_that_drifted_is_no_stepping_stone_for_the_next(w: World) -> None:
    expect(w)
    first = profile(w, w.versions["features"], [income(1)])
    assert verdicts(check(profile(w, version(w), [income(2, mean=2)])))[1] == "bad"
    next_to_it = check(profile(w, version(w), [income(3, mean=2)]))
    assert (next_to_it.baseline, next_to_it.baseline_reason) == (first, "previous")
    assert verdicts(next_to_it)[1] == "bad"


def test_what_was_live_last_stays_the_measure_when_nothing_is(w: World) -> None:
    """A chain of versions, each a little away from the one before, arrives nowhere else."""
    expect(w)
    trained = profile(w, w.versions["features"], [income(1)])
    w.policy({"key": "artifact", "kind": "artifact"})
    promotion = promote(actor=w.cast.owner, release=w.release(), **WHY)
    end_promotion(actor=w.cast.owner, promotion=promotion, kind=PromotionEnd.Kind.RETIRED, **WHY)
    assert not LiveSlot.objects.exists()
    chain = [check(profile(w, version(w), [income(n, mean=0.35 * n)])) for n in range(1, 5)]
    assert {(one.baseline, one.baseline_reason) for one in chain} == {(trained, "was_live")}
    assert [verdicts(one)[1] for one in chain] == ["good", "bad", "bad", "bad"]


def test_expectations_are_asked_of_the_oldest_version_first(w: World) -> None:
    """So that what drifted is known to have before it could be another one's baseline."""
    profiles = [profile(w, of, [income(1)]) for of in (w.versions["features"], version(w), version(w))]
    ask_of_versions(expect(w), reason="More is expected")
    jobs = Job.objects.filter(kind=CHECK).order_by("pk")
    assert [one.params["profile"] for one in jobs] == [one.pk for one in profiles]


def test_a_live_model_without_a_profile_leaves_no_baseline(w: World) -> None:
    expect(w)
    w.policy({"key": "artifact", "kind": "artifact"})
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    profile(w, version(w), [income(2)])
    found = check(profile(w, version(w), [income(3)]))
    assert (found.baseline, found.baseline_reason, found.drift) == (None, "none", None)


def test_what_the_server_measured_goes_before_what_was_handed_in(w: World) -> None:
    expect(w)
    measured = profile(w, w.versions["features"], [income(1)], by=load_system_principal())
    profile(w, w.versions["features"], [income(1, mean=2)])
    found = check(profile(w, version(w), [income(2, mean=2)]))
    assert (found.baseline, verdicts(found)[1]) == (measured, "bad")


def test_the_gate_closes_on_drift_and_names_whose_figures_they_are(w: World) -> None:
    expect(w)
    w.policy(DRIFT)
    profile(w, w.versions["features"], [income(1)])
    other = version(w)
    drifted = profile(w, other, [income(2, mean=2)])
    release = w.release(train(w.cast, w.model, other, "on-drifted"))
    assert w.ask(release)["drift"].reason == "evidence-missing"
    check(drifted)
    row = w.ask(release)["drift"]
    assert (row.status, row.reason, row.params["reporter"]) == ("UNSATISFIED", "evidence-failed", "pipeline (service)")
    better = profile(w, other, [income(3)])
    check(better)
    assert w.ask(release)["drift"].passes, "the same source measured again"


def test_a_pipelines_profile_is_not_independent_and_the_servers_own_is(w: World) -> None:
    expect(w)
    w.policy({**DRIFT, "params": {**DRIFT["params"], "independent": True}})
    system = load_system_principal()
    profile(w, w.versions["features"], [income(1)], by=system)
    other = version(w)
    release = w.release(train(w.cast, w.model, other, "independently"))
    check(profile(w, other, [income(2)]))
    assert w.ask(release)["drift"].reason == "evidence-not-independent"
    check(profile(w, other, [income(2)], by=system))
    assert w.ask(release)["drift"].passes


def test_a_baseline_somebody_handed_in_is_vouched_for_by_them(w: World) -> None:
    expect(w)
    profile(w, w.versions["features"], [income(1)], by=w.cast.pipeline)
    found = check(profile(w, version(w), [income(2)], by=load_system_principal()))
    assert [one.principal for one in found.drift.sources.all()] == [w.cast.pipeline]  # type: ignore[union-attr]
    assert not found.quality.sources.exists()  # type: ignore[union-attr]


def test_the_servers_failure_is_not_measured_away_by_a_pipeline(w: World) -> None:
    expect(w)
    w.policy(DRIFT)
    profile(w, w.versions["features"], [income(1)], by=load_system_principal())
    other = version(w)
    release = w.release(train(w.cast, w.model, other, "lying"))
    check(profile(w, other, [income(2, mean=2)], by=load_system_principal()))
    check(profile(w, other, [income(3)]))
    assert w.ask(release)["drift"].reason == "evidence-failed"


def test_expecting_less_afterwards_frees_nothing(w: World) -> None:
    expect(w)
    w.policy(DRIFT)
    profile(w, w.versions["features"], [income(1)])
    other = version(w)
    release, drifted = w.release(train(w.cast, w.model, other, "loosened")), profile(w, other, [income(2, mean=2)])
    check(drifted)
    expect(w, {**ALIKE, "at_most": "100"})
    assert verdicts(check(drifted)) == (None, "good")
    assert w.ask(release)["drift"].reason == "evidence-failed"


def test_the_same_check_runs_once(w: World) -> None:
    expect(w)
    mine = profile(w, w.versions["features"], [income(1)])
    assert check(mine) == check(mine)
    assert (DataCheck.objects.count(), Evidence.objects.count()) == (1, 1)


def test_an_incomplete_profile_shows_its_figures_and_is_not_judged(w: World) -> None:
    expect(w)
    found = check(profile(w, w.versions["features"], [income(1, missing=0.5)], complete=False, stopped_by="seconds"))
    assert verdicts(found) == ("reported", None)
    assert "incomplete" in found.note
    assert figures(found)["income-there"]["holds"] is False


def test_where_nothing_fails_and_something_cannot_be_told_nobody_is_alarmed(w: World) -> None:
    expect(w, THERE, {"key": "twice", "check": "duplicates"})
    found = check(profile(w, w.versions["features"], [income(1)]))
    assert (verdicts(found)[0], figures(found)["twice"]["holds"]) == ("reported", None)
    worse = check(profile(w, version(w), [income(2, missing=0.5)]))
    assert verdicts(worse)[0] == "bad", "a failure is a failure whatever else is unknown"


def test_a_column_that_is_gone_fails(w: World) -> None:
    expect(w, THERE)
    found = check(profile(w, w.versions["features"], [numbers_of_age()]))
    assert verdicts(found)[0] == "bad"
    assert figures(found)["income-there"]["why"] == "There is no column “income”."


def numbers_of_age() -> Any:
    from tests.lineage.quality.raw import numbers

    return numbers([1.0, 2.0], name="age")


def test_the_profile_wakes_its_check_by_whichever_door(w: World) -> None:
    profile(w, w.versions["features"], [income(1)])
    assert not Message.objects.filter(topic="data_profile.recorded").exists(), "nothing is expected: nobody is woken"
    made = expect(w)
    assert Message.objects.filter(topic="expectations.recorded", payload={"expectation_set": made.pk}).count() == 1
    arrived = profile(w, version(w), [income(2)])
    assert Message.objects.filter(topic="data_profile.recorded", payload={"profile": arrived.pk}).count() == 1


def test_a_pipeline_does_not_say_what_is_expected_of_its_own_data(w: World) -> None:
    with pytest.raises(errors.Forbidden):
        expect(w, by=w.cast.pipeline)
    assert not ExpectationSet.objects.exists()


def test_the_checks_of_a_version_over_the_api(w: World, api: Any) -> None:
    of = w.versions["features"]
    address = f"/api/v1/dataset-versions/{of.pk}/checks"
    assert "Nothing is expected" in api("pipeline").get(address).json()["message"]
    expect(w)
    found = check(profile(w, of, [income(1)]))
    told = api("pipeline").get(address).json()
    assert (told["checked"], told["baseline_reason"], told["results"][0]["id"]) == (True, "none", found.pk)
    assert told["results"][0]["verdicts"] == {"quality": "good", "drift": None}
    listed = api("pipeline").get("/api/v1/data-checks", {"dataset_version": of.pk}).json()["results"]
    assert [one["figures"][0]["key"] for one in listed] == ["income-alike"]


def test_the_pages_show_figures_pictures_and_versions_side_by_side(
    w: World, signed_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser = signed_in("steward")
    expectations = f"/datasets/{w.datasets['features'].pk}/expectations"
    assert "Nothing yet" in browser.get(expectations).content.decode()
    text = "items:\n  - key: alike\n    check: distribution\n    column: income\n    method: psi\n    at_most: 0.25\n"
    assert browser.post(expectations, {"text": text, "reason": "Agreed"}).status_code == 302
    bad = browser.post(expectations, {"text": text.replace("0.25", "soon"), "reason": "x"})
    assert (bad.status_code, "Line 6" in bad.content.decode()) == (400, True)
    check(profile(w, w.versions["features"], [income(1)]))
    second = version(w)
    check(profile(w, second, [income(2, mean=2)]))
    with django_assert_max_num_queries(15):
        page = browser.get(f"/dataset-versions/{second.pk}/quality").content.decode()
    assert page.count('bins__mine"') == 13
    assert "pipeline (service) handed in and vouches for" in page
    with django_assert_max_num_queries(15):
        page = browser.get(expectations).content.decode()
    assert page.count("matrix__cell--") == 2
    assert "matrix__cell--failed" in page


def test_yaml_is_taken_as_json_is(w: World, api: Any, signed_in: Any) -> None:
    body = f"dataset: {w.datasets['features'].pk}\nitems:\n  - key: rows\n    check: volume\n    at_least: 10.50\n"
    browser = signed_in("steward")
    answer = browser.post("/api/v1/expectations", body, content_type="application/yaml")
    assert (answer.status_code, answer.json()["items"][0]["at_least"]) == (201, "10.5"), answer.content
    wrong = browser.post("/api/v1/expectations", body.replace("volume", "magic"), content_type="application/yaml")
    assert (wrong.status_code, list(wrong.json()["errors"])) == (400, ["items[0].check"]), wrong.content
    assert "Line 4" in wrong.json()["errors"]["items[0].check"][0]


def test_checks_are_the_servers_alone(w: World) -> None:
    made = expect(w)
    mine = profile(w, w.versions["features"], [income(1)])
    assert check(mine).recorded_by.kind == "system"

    def forge() -> None:
        with recorded_action(actor=w.cast.pipeline, **WHY):
            DataCheck.objects.create(
                expectation_set=made, dataset_version=mine.dataset_version, profile=mine, baseline=mine,
                baseline_reason="previous", figures=[{"holds": True}],
            )  # fmt: skip

    refused(forge, errors.SeparationOfDuties, "checks-by-server")


def test_nobody_adds_a_plan_to_expectations_afterwards(w: World) -> None:
    made = expect(w, THERE)
    loose = w.plan(PlanKind.DRIFT, subject=w.datasets["features"])

    def add() -> None:
        with recorded_action(actor=w.cast.validator, **WHY):
            ExpectationPlan.objects.create(expectation_set=made, plan=loose)

    refused(add, errors.Refused, "expectations-recorded")


def test_enough_is_asked_of_rows_and_thresholds_are_met_at_their_edge(w: World) -> None:
    expect(w, {**ENOUGH, "at_least": "400", "at_most": "400"}, {**THERE, "at_most": "0"})
    assert verdicts(check(profile(w, w.versions["features"], [income(1)])))[0] == "good"


def test_who_says_what_is_good_once_the_figures_are_known_vouches_for_what_comes_out(w: World) -> None:
    known = profile(w, w.versions["features"], [income(1)], by=load_system_principal())
    expect(w, THERE, by=w.cast.owner)
    after, before = check(known).quality, check(profile(w, version(w), [income(2)], by=load_system_principal())).quality
    assert after is not None and before is not None
    assert [one.principal for one in after.sources.all()] == [w.cast.owner]
    assert not before.sources.exists(), "said beforehand: the bytes vouch for it"
