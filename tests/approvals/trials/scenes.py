"""A trial of a challenger, small enough to be counted by hand, at whichever point a test wants it."""

import datetime
import json
from decimal import Decimal
from typing import Any

from django.utils import timezone

from approvals.actions.promotions import promote
from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import Counted, lock_trial, record_counts, record_deviation
from approvals.models import (
    Arm,
    Better,
    Evidence,
    MetricKind,
    Promotion,
    Slot,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialDeviation,
)
from approvals.queries import with_verdict
from approvals.trials.design import Design, Guardrail
from approvals.trials.reading import Span, span_of
from governance.accounts.models import Principal
from tests.approvals.world import WHY, World, database

OPEN = {"key": "artifact", "kind": "artifact"}
WINDOW = datetime.timedelta(milliseconds=10)  # a trial of a test is as old as the test
GOOD = ((100, 30), (100, 55))
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
