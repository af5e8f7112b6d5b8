"""The counts of a trial, summed as they are to be judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from approvals.models import Arm, Trial, TrialCount, TrialLook
from approvals.trials import results
from approvals.trials.statistics import Sample
from governance import errors


@dataclass(frozen=True, slots=True)
class Span:
    """When a trial began and ends, by what serves; `ended_at` may lie ahead."""

    champion: int
    challenger: int
    model_version: int
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What the counts say, and until when they count."""

    through: datetime
    result: results.Result


def span_of(trial: Trial) -> Span | None:
    """The time of a trial; None: it has not begun (muniment.trial_span)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM muniment.trial_span(%s)", [trial.pk])
        row = cursor.fetchone()
    return Span(*row) if row else None


def of_now(trial: Trial) -> Reading:
    """What the counts say now. For who holds the trial's lock; the database sets the same limits on what is recorded.

    Raises:
        errors.Conflict: nothing was counted.
    """
    newest = TrialCount.objects.filter(trial=trial).aggregate(newest=Max("pk"))["newest"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT through FROM muniment.trial_reach(%s, %s)", [trial.pk, newest or 0])
        row = cursor.fetchone()
    if row is None:
        raise errors.Conflict(_("Nothing has been counted in this trial. Send counts first."))
    through: datetime = row[0]
    counted = TrialCount.objects.filter(trial=trial, window_end__lte=through)
    by_metric = samples(counted.values("arm", "guardrail__metric").annotate(
        units_sum=Sum("units"), total_sum=Sum("total"), squares_sum=Sum("squares"),
    ))  # fmt: skip
    primary = by_metric.pop("", None)
    assert primary is not None, "trial_reach looks at the primary metric alone"
    earlier = TrialLook.objects.filter(trial=trial, through__lt=through).values_list(
        "champion_units", "challenger_units"
    )
    return Reading(through, results.work_out(trial, primary, by_metric, list(earlier)))


def unevenness_of(trial: Trial) -> str:
    """Why its counts, as they are, conclude nothing: not of one time (muniment.trial_unexplained); "" where they do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.trial_unexplained(%s, n.newest, r.through)"
            " FROM (SELECT max(id) AS newest FROM approvals_trialcount WHERE trial_id = %s) n"
            " CROSS JOIN LATERAL muniment.trial_reach(%s, n.newest) r",
            [trial.pk] * 3,
        )
        row = cursor.fetchone()
    return (row and row[0]) or ""


def samples(rows: Iterable[Any]) -> dict[str, results.Pair]:
    """Sums by arm and metric as pairs; "" is the primary metric. An arm without counts has no units."""
    sums: dict[str, dict[str, Sample]] = {}
    for row in rows:
        sample = Sample(int(row["units_sum"]), row["total_sum"], row["squares_sum"])
        sums.setdefault(row["guardrail__metric"] or "", {})[row["arm"]] = sample
    found = {}
    for metric, arms in sums.items():
        (any_arm, *_rest) = arms.values()
        empty = Sample(0, any_arm.total * 0, None if any_arm.squares is None else any_arm.total * 0)
        found[metric] = results.Pair(arms.get(Arm.CHAMPION, empty), arms.get(Arm.CHALLENGER, empty))
    return found
