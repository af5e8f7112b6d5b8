"""Concluding a trial: its counts become evidence under its plan, and the database says whether that is good."""

from django.db import connection
from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.actions.evidence import Measured, Source, record_worked_out
from approvals.actions.trials import COUNTING, evidence_values
from approvals.models import Evidence, Trial, TrialConclusion, TrialCount
from approvals.trials import reading, results
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox.messages import enqueue
from governance.unit_of_work import action, part
from lineage.models import ModelVersion

CONCLUDING = (*COUNTING, Role.RISK_MANAGER, Role.BUSINESS_OWNER)
TOOL = "Muniment: conclusion of a trial"


def conclude_trial(*, actor: Principal, reason: str, trial: Trial) -> tuple[TrialConclusion, bool]:
    """End the counting, once, and record what it shows as evidence. What every door calls.

    Returns:
        the conclusion, and whether it is new; one that is there is found as it is.

    Raises:
        errors.Forbidden: the actor concludes no trials there.
        errors.Conflict: nothing was counted, or the counts are not of one time.
    """
    conclusion, created = end_counting(actor=actor, reason=reason, trial=trial)
    # The system's own act: who counted vouches for it, not who concludes. Lost between the two, `upkeep` makes it up.
    record_conclusion(actor=load_system_principal(), reason=_("What a concluded trial shows"), trial=trial)
    return conclusion, created


@action
def end_counting(*, actor: Principal, reason: str, trial: Trial) -> tuple[TrialConclusion, bool]:
    """Put on record that a trial is concluded, with its result; nothing is counted from then on.

    Who concludes chooses nothing by it: windows count until both arms first had their planned units, and not beyond.

    Raises:
        errors.Forbidden, errors.Conflict: as `conclude_trial`.
    """
    require(actor, *CONCLUDING, namespace=trial.plan.namespace)
    call("lock_trial", trial.pk)
    found = TrialConclusion.objects.filter(trial=trial).first()
    if found is not None:
        return found, False
    # By its id: one that the database refuses must not hang on the trial that the page goes on to show.
    made = TrialConclusion.objects.create(trial_id=trial.pk, result=results.document(reading.of_now(trial).result))
    enqueue("trial.concluded", {"trial": trial.pk}, subject=f"trial:{trial.pk}")
    return made, True


@action
def record_conclusion(*, actor: Principal, reason: str, trial: Trial) -> Evidence:
    """Record what a concluded trial shows as evidence on its challenger, whoever counted as its sources; or find it.

    Raises:
        errors.Forbidden: the actor is not the system. errors.Conflict: the trial is not concluded.
    """
    call("lock_trial", trial.pk)
    found = Evidence.objects.filter(plan=trial.plan).first()
    if found is not None:
        return found
    read, span = reading.of_now(trial), reading.span_of(trial)
    assert span is not None, "what is counted was counted in the trial's time"
    counters = TrialCount.objects.filter(trial=trial).values("recorded_by")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS public.x_trial_figures DEFERRED")  # until the values are there
    evidence, _created = part(record_worked_out)(
        actor=actor, reason=reason, plan=trial.plan, subject=ModelVersion.objects.get(pk=span.model_version),
        measured=Measured(
            run_started_at=span.started_at, window_start=span.started_at, window_end=read.through, tool=TOOL,
            values=evidence_values(read.result, call("open_deviations", trial.pk)),
        ),
        sources=[Source(one) for one in Principal.objects.filter(pk__in=counters).order_by("pk")],
    )  # fmt: skip
    return evidence
