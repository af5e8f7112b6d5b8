"""Who is told of trials that are concluded and of retraining envelopes that end before their time.

Registered with the topics of `tasks`, where they are listed.
"""

from collections.abc import Iterable
from typing import Any

from approvals.audience import holders_of, owners_of
from approvals.models import ChangePlan, Evidence, Trial
from approvals.queries import with_verdict
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from governance.outbox import Message, handles, notify


@handles("trial.concluded")
def tell_what_a_trial_shows(message: Message) -> None:
    """The owners of model and plan, who planned it, and risk managers, in the words of its verdict.

    Tried again while what it shows is not on record: lost between the two, `upkeep` makes it up within a minute.
    """
    trial = Trial.objects.select_related(
        "plan__namespace", "plan__owner", "plan__model__owner", "plan__model__decision_owner", "environment",
        "recorded_by", "conclusion__recorded_by",
    ).get(pk=message.payload["trial"])  # fmt: skip
    evidence = with_verdict(Evidence.objects.select_related("model_version")).get(plan=trial.plan)
    model, plan, version = trial.plan.model, trial.plan, evidence.model_version
    assert model is not None  # the plan of a trial is on a model: r_trial
    overseers = holders_of(Role.RISK_MANAGER, plan.namespace_id, besides=version.pk)
    params = {
        "plan": plan.title, "model": model.name, "version": version.number, "environment": trial.environment.name,
        "by": trial.conclusion.recorded_by.display_name,
    }  # fmt: skip
    kind = "trial-passed" if evidence.verdict == "good" else "trial-failed"
    people = [*owners_of(model), plan.owner, trial.recorded_by, *overseers]
    notify(people, kind, params, f"/trials/{trial.pk}", message)


@handles("change_plan.revoked")
def tell_of_a_revoked_envelope(message: Message) -> None:
    """The model's owners and who proposed it: retrains are judged in full from now on."""
    plan = _envelope(message)
    params = {"by": plan.revocation.recorded_by.display_name, "reason": plan.revocation.reason}
    _tell(message, plan, "envelope-revoked", params)


@handles("change_plan.spent")
def tell_of_a_spent_envelope(message: Message) -> None:
    """The same, once the last of its uses has gone live."""
    plan = _envelope(message)
    _tell(message, plan, "envelope-spent", {"uses": plan.uses})


@handles("change_plan.ended")
def tell_of_an_ended_envelope(message: Message) -> None:
    """The same, once something else ended it: what replaced, recalled or stopped what serves on it."""
    _tell(message, _envelope(message), f"envelope-{message.payload['why']}", {})


def concerned(plan: ChangePlan) -> Iterable[Principal]:
    """Whom the end of an envelope concerns: the model's owners, and who proposed it."""
    return [*owners_of(plan.model_version.model), plan.recorded_by]


def about(plan: ChangePlan) -> dict[str, Any]:
    """An envelope in the values of a sentence."""
    return {"envelope": plan.title, "model": plan.model_version.model.name, "environment": plan.environment.name}


def _tell(message: Message, plan: ChangePlan, kind: str, more: dict[str, Any]) -> None:
    notify(concerned(plan), kind, {**about(plan), **more}, f"/change-plans/{plan.pk}", message)


def _envelope(message: Message) -> ChangePlan:
    plans = ChangePlan.objects.select_related(
        "model_version__model__owner", "model_version__model__decision_owner", "environment", "recorded_by",
        "revocation__recorded_by",
    )  # fmt: skip
    return plans.get(pk=message.payload["change_plan"])
