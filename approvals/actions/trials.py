"""A/B tests: locking one with its plan, counting, looking, deviating. The conclusion stands in its own module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from approvals.actions._common import call, person_behind
from approvals.models import (
    Arm,
    Environment,
    MetricKind,
    Plan,
    PlanCriterion,
    PlanKind,
    Trial,
    TrialCount,
    TrialDeviation,
    TrialDeviationAcceptance,
    TrialGuardrail,
    TrialLook,
)
from approvals.policies import number
from approvals.trials import design as designs
from approvals.trials import reading, results
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.models import Model

PLANNING = (Role.PIPELINE, Role.MODEL_OWNER, Role.VALIDATOR, Role.RISK_MANAGER, Role.BUSINESS_OWNER)
COUNTING = (Role.PIPELINE, Role.MODEL_OWNER, Role.VALIDATOR)
LOOKING = (*PLANNING, Role.COMPLIANCE_OFFICER, Role.AUDITOR)
DEVIATING = (*PLANNING, Role.DATA_STEWARD, Role.COMPLIANCE_OFFICER, Role.AUDITOR)
ACCEPTING = (Role.VALIDATOR, Role.RISK_MANAGER)
MAX_COUNTS = 1000
EFFECT_DIGITS = 8  # significant digits of the effect in evidence, which people read; the conclusion keeps more
#: Fields of a design that the trial keeps under the same name.
KEPT = tuple(one.name for one in fields(designs.Design) if one.name != "guardrails")
GUARDED = tuple(one.name for one in fields(designs.Guardrail))


@dataclass(frozen=True, slots=True)
class Counted:
    """What one arm counted of one metric in a window; `guardrail` is a metric's name, "" the primary metric."""

    arm: Arm
    window_start: datetime
    window_end: datetime
    units: int
    total: Decimal
    squares: Decimal | None = None
    guardrail: str = ""


@action
def lock_trial(
    *,
    actor: Principal,
    reason: str,
    model: Model,
    environment: Environment,
    title: str,
    design: designs.Design,
    description: str = "",
    owner: Principal | None = None,
) -> tuple[Trial, bool]:
    """Lock a plan of kind `ab_test` together with its trial; the same one locked before is found again.

    Args:
        environment: where champion and challenger will serve side by side.
        owner: who answers for the plan; None: the actor, or the person behind it.

    Returns:
        the trial, and whether it is new.

    Raises:
        errors.Forbidden: the actor locks no trials there.
        errors.Invalid: a design that cannot be, naming the fields.
    """
    require(actor, *PLANNING, namespace=model.namespace)
    if faults := designs.faults(design):
        raise errors.Invalid(_("This trial cannot be planned so."), errors=faults)
    planned = designs.sizes(design)
    if max(planned.champion, planned.challenger, planned.days) > designs.MAX_UNITS:
        raise errors.Invalid(errors={"minimum_effect": [_("No traffic would ever be enough. Look for more.")]})
    about = {
        "model": model, "kind": PlanKind.AB_TEST, "title": title, "description": description,
        "owner": owner or person_behind(actor),
    }  # fmt: skip
    kept: dict[str, Any] = {name: getattr(design, name) for name in KEPT}
    guarded = {tuple(getattr(one, name) for name in GUARDED) for one in design.guardrails}
    same = Trial.objects.filter(environment=environment, **{f"plan__{k}": v for k, v in about.items()}, **kept)
    for found in same.prefetch_related("guardrails").order_by("-id"):
        if {tuple(getattr(one, name) for name in GUARDED) for one in found.guardrails.all()} == guarded:
            return found, False
    plan = Plan.objects.create(namespace=model.namespace, **about)
    PlanCriterion.objects.bulk_create(
        PlanCriterion(plan=plan, **{**one, "threshold": number(one["threshold"])})
        for one in designs.criteria(design, planned)
    )
    test = Trial.Test.TWO_PROPORTION_Z if design.metric_kind == MetricKind.PROPORTION else Trial.Test.WELCH_T
    trial = Trial.objects.create(
        plan=plan, environment=environment, test=test, champion_units=planned.champion,
        challenger_units=planned.challenger, expected_days=planned.days, **kept,
    )  # fmt: skip
    for one in design.guardrails:  # one by one: their order is the author's
        TrialGuardrail.objects.create(trial=trial, **{name: getattr(one, name) for name in GUARDED})
    return trial, True


@action
def record_counts(
    *, actor: Principal, reason: str, trial: Trial, counts: Sequence[Counted]
) -> list[tuple[TrialCount, bool]]:
    """Record what the arms counted, all of it or nothing; what was recorded before is found again.

    Returns:
        each count in the order given, and whether it is new.

    Raises:
        errors.Forbidden: the actor counts nothing there.
        errors.Invalid: numbers that cannot be counts, an unknown guardrail, a window outside the trial.
        errors.AlreadyDifferent: the same window with other numbers.
        errors.Conflict: a window that overlaps another; the trial has not begun, or is concluded.
    """
    require(actor, *COUNTING, namespace=trial.plan.namespace)
    if not 1 <= len(counts) <= MAX_COUNTS:
        raise errors.Invalid(errors={"counts": [_("From 1 to %(most)d counts.") % {"most": MAX_COUNTS}]})
    call("lock_trial", trial.pk)
    guardrails: dict[str, TrialGuardrail | None] = {"": None, **{one.metric: one for one in trial.guardrails.all()}}
    if unknown := sorted({one.guardrail for one in counts} - guardrails.keys()):
        raise errors.Invalid(errors={"counts": [_("The trial has no guardrail %(metric)s.") % {"metric": unknown[0]}]})
    starts = [one.window_start for one in counts]
    there = {
        (one.arm, one.guardrail_id, one.window_start): one
        for one in TrialCount.objects.filter(trial=trial, window_start__gte=min(starts), window_start__lte=max(starts))
    }
    found: list[tuple[TrialCount, bool]] = []
    for place, one in enumerate(counts):
        guardrail = guardrails[one.guardrail]
        known = there.get((one.arm, guardrail.pk if guardrail else None, one.window_start))
        if known is not None:
            _require_same(known, one, place)
            found.append((known, False))
            continue
        made = TrialCount.objects.create(
            trial=trial, arm=one.arm, guardrail=guardrail, window_start=one.window_start, window_end=one.window_end,
            units=one.units, total=one.total, squares=one.squares,
        )  # fmt: skip
        there[(one.arm, made.guardrail_id, one.window_start)] = made
        found.append((made, True))
    return found


def _require_same(known: TrialCount, given: Counted, place: int) -> None:
    """Raises AlreadyDifferent, naming the numbers that differ."""
    names = ("window_end", "units", "total", "squares")
    other = {
        f"counts[{place}].{name}": [_("On record is %(value)s.") % {"value": getattr(known, name)}]
        for name in names
        if getattr(known, name) != getattr(given, name)
    }
    if other:
        raise errors.AlreadyDifferent(
            _("This window is counted already, with other numbers. What was counted wrongly is a deviation to record."),
            errors=other, params={"id": known.pk},
        )  # fmt: skip


@action
def look_at_trial(*, actor: Principal, reason: str, trial: Trial) -> tuple[TrialLook, bool]:
    """Work out what the counts say so far, on record; with nothing new since the last look, that one is found again.

    Returns:
        the look, and whether it is new.

    Raises:
        errors.Forbidden: the actor looks at no trials there.
        errors.Conflict: nothing was counted, or the trial is concluded.
    """
    require(actor, *LOOKING, namespace=trial.plan.namespace)
    call("lock_trial", trial.pk)
    newest = TrialCount.objects.filter(trial=trial).aggregate(newest=Max("pk"))["newest"]
    found = TrialLook.objects.filter(trial=trial, counts_through=newest).first() if newest else None
    if found is not None:
        return found, False
    return TrialLook.objects.create(trial=trial, result=results.document(reading.of_now(trial).result)), True


@action
def record_deviation(
    *, actor: Principal, reason: str, trial: Trial, kind: TrialDeviation.Kind, text: str, happened_at: datetime
) -> TrialDeviation:
    """Put on record that something went otherwise than planned; while nobody accepts it, the trial cannot end well.

    Raises:
        errors.Forbidden: the actor records none there. errors.Conflict: the trial is concluded.
        errors.Invalid: it has not happened.
    """
    require(actor, *DEVIATING, namespace=trial.plan.namespace)
    return TrialDeviation.objects.create(trial=trial, kind=kind, text=text, happened_at=happened_at)


@action
def accept_deviation(*, actor: Principal, reason: str, deviation: TrialDeviation) -> TrialDeviationAcceptance:
    """Find that a deviation does not spoil the result. Its author and who made the challenger do not.

    Raises:
        errors.Forbidden: the actor is no validator or risk manager there.
        errors.SeparationOfDuties: their own deviation or their own work.
        errors.Conflict: it is accepted, or the trial is concluded.
    """
    require(actor, *ACCEPTING, namespace=deviation.trial.plan.namespace)
    if TrialDeviationAcceptance.objects.filter(deviation=deviation).exists():
        raise errors.Conflict(_("This deviation is accepted already."))
    return TrialDeviationAcceptance.objects.create(deviation=deviation, reason=reason)


def evidence_values(result: results.Result, deviations: int) -> list[Mapping[str, Any]]:
    """The figures of a conclusion as values of evidence; what could not be worked out is left out, and lacks."""
    effect, units = result.effect, (result.primary.champion.units, result.primary.challenger.units)
    found: list[Mapping[str, Any]] = [
        {"metric": designs.UNITS, "slice": arm, "value": Decimal(count)}
        for arm, count in zip(Arm.values, units, strict=True)
    ]
    found.append({"metric": designs.DEVIATIONS, "value": Decimal(deviations)})
    found.append({"metric": designs.SAMPLE_RATIO, "value": results.figure(result.ratio_p)})
    if result.p_value is not None:
        found.append({"metric": designs.P_VALUE, "value": results.figure(result.p_value)})
    if effect.estimate is not None and effect.low is not None and effect.high is not None:
        bounds = {"value": effect.estimate, "ci_low": effect.low, "ci_high": effect.high}
        found.append({"metric": designs.EFFECT, **{k: results.figure(v, EFFECT_DIGITS) for k, v in bounds.items()}})
    found += [
        {"metric": designs.HARM, "slice": one.metric, "value": results.figure(one.harm)}
        for one in result.guardrails
        if one.harm is not None
    ]
    return found
