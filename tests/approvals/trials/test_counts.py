"""Counts of a trial: from its own time, once, and only what can have been counted. Attacked by the act and by raw SQL."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from approvals.actions.promotions import end_promotion, promote
from approvals.actions.trials import Counted, lock_trial, record_counts
from approvals.models import Arm, Better, Environment, MetricKind, Promotion, PromotionEnd, Slot, Trial, TrialCount
from approvals.trials.design import Guardrail
from approvals.trials.reading import span_of
from governance import errors
from tests.approvals.raw import Connection, acting, refuses
from tests.approvals.trials.scenes import (
    COMPLAINTS,
    OPEN,
    WINDOW,
    begun,
    challenge,
    count,
    counted,
    design,
    locked,
    send,
    span,
)
from tests.approvals.voting import insert
from tests.approvals.world import WHY, World, database, refused
from tests.waiting import PATIENCE


def row(trial: Trial, **more: Any) -> dict[str, Any]:
    """A count as raw SQL would write it."""
    start = span(trial).started_at
    return {
        "trial_id": trial.pk, "arm": "champion", "window_start": start, "window_end": start + WINDOW, "units": 10,
        "total": 3, "squares": None, "guardrail_id": None, **more,
    }  # fmt: skip


def test_a_trial_begins_with_its_challenger_and_ends_with_either_of_the_two(w: World) -> None:
    w.policy(OPEN)
    champion = promote(actor=w.cast.owner, release=w.release(), **WHY)
    trial = locked(w)
    assert span_of(trial) is None
    challenger = challenge(w, trial)
    found = span(trial)
    assert (found.champion, found.challenger) == (champion.pk, challenger.pk)
    assert (found.started_at, found.ended_at) == (challenger.started_at, challenger.release.trial_ends_at)
    end = end_promotion(actor=w.cast.risk, promotion=champion, kind=PromotionEnd.Kind.RETIRED, **WHY)
    assert span(trial).ended_at == end.ended_at
    with pytest.raises(errors.Invalid, match="ends at"):
        start = end.ended_at - WINDOW / 2
        send(w, trial, count(trial, "champion", 1, 1, window_start=start, window_end=start + WINDOW))


def test_another_champion_ends_it_too(w: World) -> None:
    trial = begun(w)
    second = promote(actor=w.cast.owner, release=w.release(w.retrain(5)), **WHY)
    assert Promotion.objects.get(pk=span(trial).champion).end.ended_at == span(trial).ended_at
    assert span(trial).champion != second.pk


def test_a_plan_is_for_one_trial_and_one_environment(w: World) -> None:
    trial = begun(w)
    refused(lambda: w.release(w.retrain(7), slot=Slot.CHALLENGER, trial_plan=trial.plan), errors.Conflict, "trial-used")
    both = locked(w, title="Two asked")
    opened = [w.release(w.retrain(n), slot=Slot.CHALLENGER, trial_plan=both.plan) for n in (5, 6)]
    promote(actor=w.cast.owner, release=opened[0], **WHY)
    refused(lambda: promote(actor=w.cast.owner, release=opened[1], **WHY), errors.Conflict, "trial-used")
    staging = Environment.objects.get(name="staging")
    elsewhere, _created = lock_trial(
        actor=w.cast.validator, model=w.model, environment=staging, title="Elsewhere", design=design(), **WHY
    )
    refused(
        lambda: w.release(w.retrain(8), slot=Slot.CHALLENGER, trial_plan=elsewhere.plan), errors.Invalid,
        "trial-elsewhere",
    )  # fmt: skip


def test_the_same_counts_are_found_and_other_numbers_are_told(w: World) -> None:
    trial = begun(w)
    one = count(trial, "champion", 10, 3)
    (first, new), (again, anew) = *send(w, trial, one), *send(w, trial, one)
    assert (first, new, anew) == (again, True, False)
    with pytest.raises(errors.AlreadyDifferent) as told:
        send(w, trial, count(trial, "champion", 10, 4))
    assert list(told.value.errors) == ["counts[0].total"]
    assert TrialCount.objects.count() == 1


def test_all_of_a_call_or_nothing(w: World) -> None:
    trial = begun(w)
    with pytest.raises(errors.Refused):
        send(w, trial, count(trial, "champion", 10, 3), count(trial, "challenger", 10, 11))
    assert not TrialCount.objects.exists()


def test_within_one_call_windows_do_not_overlap_either(w: World) -> None:
    trial = begun(w)
    start = span(trial).started_at + WINDOW / 2
    late = count(trial, "champion", 5, 1, window_start=start, window_end=start + WINDOW)
    refused(lambda: send(w, trial, count(trial, "champion", 10, 3), late), errors.Conflict, "window-counted")
    send(
        w,
        trial,
        count(trial, "champion", 10, 3),
        count(trial, "challenger", 10, 3),
        count(trial, "champion", 5, 1, window=1),
    )


SPOILT: list[tuple[dict[str, Any], str, str | None]] = [
    ({"total": 11}, "MU009", "not-countable"), ({"total": -1}, "MU009", "not-countable"),
    ({"total": Decimal("2.5")}, "MU009", "not-countable"), ({"squares": 3}, "MU009", "not-countable"),
    ({"total": Decimal("NaN")}, "MU009", "not-countable"), ({"total": Decimal("Infinity")}, "MU009", "not-countable"),
    ({"units": -1, "total": -1}, "MU009", "not-countable"), ({"units": 10**13}, "23514", None),
    ({"arm": "shadow"}, "23514", None), ({"trial_id": 10**15}, "MU009", "no-such-trial"),
]  # fmt: skip


def test_what_cannot_be_counted_is_refused_by_the_database(w: World, app: Connection) -> None:
    trial = begun(w)
    for spoilt, state, code in SPOILT:
        with refuses(state, code), acting(app, w.cast.pipeline):
            insert(app, "approvals_trialcount", **row(trial, **spoilt))


def test_sums_of_squares_that_cannot_be_are_refused(w: World, app: Connection) -> None:
    """Ten units that sum to 4 have squares of at least 1.6."""
    mean = Guardrail("minutes", MetricKind.MEAN, Better.LOWER, Decimal(1))
    trial = begun(w, guardrails=[mean])
    minutes = trial.guardrails.get().pk
    for total, squares in (
        (4, None), (4, Decimal("1.5")), (4, -1), (4, Decimal("NaN")), (Decimal("NaN"), 4), (Decimal("-Infinity"), 1),
        (4, Decimal("1e400")),
    ):  # fmt: skip
        with pytest.raises(psycopg.Error) as refusal, acting(app, w.cast.pipeline):
            insert(app, "approvals_trialcount", **row(trial, guardrail_id=minutes, total=total, squares=squares))
        assert refusal.value.sqlstate in ("MU009", "23514"), (total, squares)
    with acting(app, w.cast.pipeline):
        insert(app, "approvals_trialcount", **row(trial, guardrail_id=minutes, total=4, squares=Decimal("1.6")))


def test_windows_outside_the_trial_are_refused(w: World, app: Connection) -> None:
    trial = begun(w)
    start, ends = span(trial).started_at, span(trial).ended_at
    for first, last, code in (
        (start - datetime.timedelta(microseconds=1), start + WINDOW, "before-trial"),
        (start, timezone.now() + datetime.timedelta(minutes=1), "window-in-future"),
        (start, ends + datetime.timedelta(microseconds=1), "after-trial"),
    ):
        given = count(trial, "champion", 1, 1, window_start=first, window_end=last)
        refused(lambda g=given: send(w, trial, g), errors.Invalid, code)
        with refuses("MU009", code), acting(app, w.cast.pipeline):
            insert(app, "approvals_trialcount", **row(trial, window_start=first, window_end=last))
    with refuses("23514"), acting(app, w.cast.pipeline):
        insert(app, "approvals_trialcount", **row(trial, window_end=start))


def test_a_trial_that_has_not_begun_counts_nothing(w: World) -> None:
    trial = locked(w)
    now = timezone.now()
    given = Counted(Arm.CHAMPION, now - WINDOW, now, 1, Decimal(1))
    refused(lambda: send(w, trial, given), errors.Conflict, "trial-not-begun")


def test_a_guardrail_of_another_trial_takes_no_counts(w: World, app: Connection) -> None:
    trial = begun(w, guardrails=[COMPLAINTS])
    other = locked(w, title="Another", guardrails=[COMPLAINTS])
    with refuses("MU009", "other-trial"), acting(app, w.cast.pipeline):
        insert(app, "approvals_trialcount", **row(trial, guardrail_id=other.guardrails.get().pk))
    with pytest.raises(errors.Invalid) as told:
        send(w, trial, count(trial, "champion", 1, 1, guardrail="unknown"))
    assert told.value.errors == {"counts": ["The trial has no guardrail unknown."]}


def test_who_counts(w: World) -> None:
    trial = begun(w)
    for person in (w.cast.viewer, w.cast.risk, w.cast.auditor, w.cast.outsider_pipeline, w.cast.outsider):
        with pytest.raises(errors.Forbidden):
            record_counts(actor=person, trial=trial, counts=[count(trial, "champion", 1, 1)], **WHY)


def test_counts_stop_counting_when_both_arms_first_had_their_units(w: World) -> None:
    """93 an arm: the fourth window is one too many, and a count that came late but belongs before it is not."""
    trial = begun(w)
    assert (trial.champion_units, trial.challenger_units) == (93, 93)
    for window in (0, 1, 3):
        counted(w, trial, (40, 10), (40, 20), window=window)
    counted(w, trial, (40, 10), (40, 20), window=2)
    newest = database("SELECT max(id) FROM approvals_trialcount")
    through, champion = (
        database(f"SELECT {name} FROM muniment.trial_reach(%s, %s)", trial.pk, newest)
        for name in ("through", "champion_units")
    )
    assert (through, champion) == (span(trial).started_at + 3 * WINDOW, 120)


def test_of_two_who_count_the_same_window_at_once_one_waits_and_is_refused(w: World, raw: Any) -> None:
    trial = begun(w)
    given = row(trial)
    first, second = raw("app"), raw("app")
    with ThreadPoolExecutor(1) as other:
        with acting(first, w.cast.pipeline):
            insert(first, "approvals_trialcount", **given)

            def overlap() -> None:
                with acting(second, w.cast.pipeline):
                    insert(second, "approvals_trialcount", **given)

            waiting = other.submit(overlap)
            while not database("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not waiting.done()
        with refuses("MU008", "window-counted"):
            waiting.result(timeout=PATIENCE)
    assert TrialCount.objects.count() == 1


def test_a_count_that_waited_for_the_conclusion_is_refused(w: World, raw: Any) -> None:
    trial = begun(w)
    counted(w, trial, (10, 3), (10, 4))
    given = row(trial, window_start=span(trial).started_at + WINDOW, window_end=span(trial).started_at + 2 * WINDOW)
    first, second = raw("app"), raw("app")
    with ThreadPoolExecutor(1) as other:
        with acting(first, w.cast.validator):
            insert(first, "approvals_trialconclusion", trial_id=trial.pk, result="{}")

            def late() -> None:
                with acting(second, w.cast.pipeline):
                    insert(second, "approvals_trialcount", **given)

            waiting = other.submit(late)
            while not database("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not waiting.done()
        with refuses("MU008", "trial-concluded"):
            waiting.result(timeout=PATIENCE)
