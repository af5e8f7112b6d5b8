"""A trial of a challenger, small enough to be counted by hand, at whichever point a test wants it."""

import datetime
from decimal import Decimal
from typing import Any

from approvals.actions.promotions import promote
from approvals.actions.trials import Counted, lock_trial, record_counts
from approvals.models import Arm, Better, MetricKind, Promotion, Slot, Trial, TrialCount
from approvals.trials.design import Design, Guardrail
from approvals.trials.reading import Span, span_of
from governance.accounts.models import Principal
from tests.approvals.world import WHY, World

OPEN = {"key": "artifact", "kind": "artifact"}
WINDOW = datetime.timedelta(milliseconds=10)  # a trial of a test is as old as the test
COMPLAINTS = Guardrail("complaints", MetricKind.PROPORTION, Better.LOWER, Decimal("0.2"))


def design(**more: Any) -> Design:
    """From 30 % to 50 %, two-sided, at the usual errors: 93 units an arm."""
    given: dict[str, Any] = {
        "hypothesis": "The new features find more good payers", "metric": "repaid", "baseline": Decimal("0.3"),
        "metric_kind": MetricKind.PROPORTION, "better": Better.HIGHER, "sides": Trial.Sides.TWO,
        "minimum_effect": Decimal("0.2"), "units_per_day": 50,
    }  # fmt: skip
    return Design(**{**given, **more})


def locked(w: World, *, title: str = "Challenger on half of the cases", **more: Any) -> Trial:
    """A trial of the world's model in production."""
    return lock_trial(
        actor=w.cast.validator, model=w.model, environment=w.production, title=title, design=design(**more), **WHY
    )[0]


def challenge(w: World, trial: Trial, number: int = 2) -> Promotion:
    """Another version goes live as challenger under the trial's plan."""
    release = w.release(w.retrain(number), slot=Slot.CHALLENGER, trial_plan=trial.plan)
    return promote(actor=w.cast.owner, release=release, **WHY)


def begun(w: World, **more: Any) -> Trial:
    """A trial that runs: a champion is live, and a challenger beside it."""
    w.policy(OPEN)
    promote(actor=w.cast.owner, release=w.release(), **WHY)
    trial = locked(w, **more)
    challenge(w, trial)
    return trial


def span(trial: Trial) -> Span:
    """When it runs."""
    found = span_of(trial)
    assert found is not None
    return found


def count(trial: Trial, arm: str, units: int, total: Any, *, window: int = 0, **more: Any) -> Counted:
    """What an arm counted in one of the windows of ten milliseconds that follow each other from the trial's beginning."""
    start = span(trial).started_at + window * WINDOW
    return Counted(
        **{"arm": Arm(arm), "window_start": start, "window_end": start + WINDOW, "units": units,
           "total": Decimal(total), **more}
    )  # fmt: skip


def send(w: World, trial: Trial, *counts: Counted, by: Principal | None = None) -> list[tuple[TrialCount, bool]]:
    """Record them, as the pipeline."""
    return record_counts(actor=by or w.cast.pipeline, trial=trial, counts=counts, **WHY)


def counted(w: World, trial: Trial, champion: tuple[int, Any], challenger: tuple[int, Any], *, window: int = 0) -> None:
    """Record the primary metric of both arms: (units, successes) each."""
    send(
        w,
        trial,
        count(trial, "champion", *champion, window=window),
        count(trial, "challenger", *challenger, window=window),
    )
