"""The arms of a trial, and its guardrails, are judged by counts of one time: nobody chooses what is compared by leaving out."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import accept_deviation, record_deviation
from approvals.models import Evidence, Trial, TrialConclusion, TrialDeviation
from approvals.queries import with_verdict
from governance import errors
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import COMPLAINTS, WINDOW, begun, count, counted, send, span
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World, refused


def conclude(w: World, trial: Trial) -> str:
    """Conclude it; the verdict."""
    conclude_trial(actor=w.cast.validator, trial=trial, **WHY)
    found: str = with_verdict(Evidence.objects.filter(plan=trial.plan)).get().verdict
    return found


def lost(w: World, trial: Trial, kind: TrialDeviation.Kind = TrialDeviation.Kind.DATA) -> TrialDeviation:
    return record_deviation(
        actor=w.cast.pipeline, trial=trial, kind=kind, text="The logs of ten milliseconds are gone",
        happened_at=timezone.now(), **WHY,
    )  # fmt: skip


def one_arm_less(w: World, trial: Trial) -> None:
    """The challenger's second window, in which it did badly, was never sent."""
    counted(w, trial, (60, 18), (100, 55))
    send(w, trial, count(trial, "champion", 60, 18, window=1))


def a_gap(w: World, trial: Trial) -> None:
    for window in (0, 2):
        counted(w, trial, (60, 18), (60, 33), window=window)


def a_late_beginning(w: World, trial: Trial) -> None:
    for window in (2, 3):
        counted(w, trial, (60, 18), (60, 33), window=window)


def a_guardrail_of_one_window(w: World, trial: Trial) -> None:
    for window in (0, 1):
        counted(w, trial, (60, 18), (60, 33), window=window)
    for arm in ("champion", "challenger"):
        send(w, trial, count(trial, arm, 60, 1, guardrail="complaints"))


def a_guardrail_of_one_arm(w: World, trial: Trial) -> None:
    counted(w, trial, (100, 30), (100, 55))
    send(w, trial, count(trial, "champion", 100, 1, guardrail="complaints"))


UNEVEN: list[tuple[Any, str]] = [
    (one_arm_less, "only one of the arms was counted"), (a_gap, "nothing was counted for a while"),
    (a_late_beginning, "and nothing was counted until"), (a_guardrail_of_one_window, "The guardrail complaints"),
    (a_guardrail_of_one_arm, "The guardrail complaints"),
]  # fmt: skip


@pytest.mark.parametrize(("counts", "says"), UNEVEN)
def test_counts_that_are_not_of_one_time_conclude_nothing(w: World, app: Connection, counts: Any, says: str) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    counts(w, trial)
    with pytest.raises(errors.Conflict, match=says) as refusal:
        conclude(w, trial)
    assert refusal.value.params["code"] == "counts-uneven" and "Send the windows that are missing" in str(refusal.value)
    with refuses("MU008", "counts-uneven"), acting(app, w.cast.system):
        insert(app, "approvals_trialconclusion", trial_id=trial.pk, result="{}")
    assert not TrialConclusion.objects.exists()


def test_the_page_says_so_while_it_can_be_mended(w: World, signed_in: Any) -> None:
    trial = begun(w)
    a_gap(w, trial)
    page = signed_in("risk").get(f"/trials/{trial.pk}").content.decode()
    assert "nothing was counted for a while" in page and "the trial cannot be concluded" in page
    tried = signed_in("risk").post(f"/trials/{trial.pk}/conclude", {"reason": "As planned"})
    assert (tried.status_code, "nothing was counted for a while" in tried.content.decode()) == (409, True)
    assert "Both arms have their units, but not of one time" in page
    lost(w, trial)
    assert "cannot be concluded" not in signed_in("risk").get(f"/trials/{trial.pk}").content.decode()
    counted(w, trial, (0, 0), (0, 0), window=1)
    assert "Both arms have their units: conclude it" in signed_in("risk").get(f"/trials/{trial.pk}").content.decode()


def test_the_windows_that_are_missing_mend_it_though_nobody_came(w: World) -> None:
    trial = begun(w)
    a_gap(w, trial)
    counted(w, trial, (0, 0), (0, 0), window=1)
    assert conclude(w, trial) == "good"


def test_windows_may_be_cut_otherwise_as_long_as_they_cover_the_same(w: World) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    start, middle, end = (span(trial).started_at + n * WINDOW / 2 for n in (0, 1, 2))
    for arm in ("champion", "challenger"):
        send(w, trial, count(trial, arm, 100, 1, guardrail="complaints"))
    send(
        w, trial, count(trial, "champion", 100, 30),
        count(trial, "challenger", 50, 28, window_start=start, window_end=middle),
        count(trial, "challenger", 50, 27, window_start=middle, window_end=end),
    )  # fmt: skip
    assert conclude(w, trial) == "good"


def test_counting_begins_within_the_length_of_its_first_window(w: World) -> None:
    """Windows that follow the clock do not begin when a promotion does."""
    trial = begun(w)
    start = span(trial).started_at + WINDOW
    for arm, good in (("champion", 30), ("challenger", 55)):
        send(w, trial, count(trial, arm, 100, good, window_start=start, window_end=start + WINDOW))
    assert conclude(w, trial) == "good"


def test_what_is_lost_is_a_deviation_that_somebody_else_accepts(w: World) -> None:
    trial = begun(w)
    a_gap(w, trial)
    found = lost(w, trial)
    accept_deviation(actor=w.cast.risk, deviation=found, **WHY)
    assert conclude(w, trial) == "good"


def test_while_nobody_accepts_it_the_end_is_not_good(w: World) -> None:
    trial = begun(w)
    a_gap(w, trial)
    lost(w, trial)
    assert conclude(w, trial) == "bad"


def test_a_deviation_of_another_kind_or_from_before_says_nothing_of_the_gap(w: World) -> None:
    trial = begun(w)
    accept_deviation(actor=w.cast.risk, deviation=lost(w, trial), **WHY)
    a_gap(w, trial)
    lost(w, trial, TrialDeviation.Kind.POPULATION)
    refused(lambda: conclude(w, trial), errors.Conflict, "counts-uneven")


def test_what_comes_after_the_planned_units_need_not_be_even(w: World) -> None:
    trial = begun(w)
    counted(w, trial, (100, 30), (100, 55))
    send(w, trial, count(trial, "champion", 5, Decimal(1), window=4))
    assert conclude(w, trial) == "good"
