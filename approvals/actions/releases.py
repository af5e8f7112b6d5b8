"""Opening and closing releases."""

from datetime import datetime

from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.models import ChangePlan, Environment, Plan, Release, ReleaseClosure, Slot
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import VOTING_ROLES, Role
from governance.outbox.messages import enqueue
from governance.unit_of_work import action
from lineage.models import ModelVersion


@action
def open_release(
    *,
    actor: Principal,
    reason: str,
    model_version: ModelVersion,
    environment: Environment,
    slot: Slot = Slot.CHAMPION,
    purpose: str | None = None,
    trial_plan: Plan | None = None,
    trial_ends_at: datetime | None = None,
    change_plan: ChangePlan | None = None,
) -> tuple[Release, bool]:
    """Ask for a promotion. Asking again finds the release that is open.

    Args:
        purpose: what it is to be used for (dpv:Name); None: the model's intended purpose.
        trial_plan: of a challenger, what it is tried on: a plan of its model.
        trial_ends_at: of a challenger, when it serves no longer; at most a year ahead.
        change_plan: a retraining envelope of this version and place, to be approved with the release.

    Returns:
        the release, and whether it is new.

    Raises:
        errors.Forbidden: the actor asks for no promotions there.
        errors.AlreadyDifferent: one is open for another purpose or trial, or with another envelope.
        errors.Invalid: a challenger without plan or end, or another slot with one.
    """
    model = model_version.model
    require(actor, Role.PIPELINE, Role.MODEL_OWNER, namespace=model.namespace)
    call("lock_roots", ["model_version"], [model_version.pk], True)
    model.refresh_from_db(fields=["intended_purpose"])
    wanted = model.intended_purpose if purpose is None else purpose
    found = Release.objects.filter(
        model_version=model_version, environment=environment, slot=slot, closure__isnull=True
    ).first()
    if found is not None:
        if purpose is not None and found.purpose != purpose:
            raise errors.AlreadyDifferent(
                _("A release of this version is open there for another purpose. Close it first."),
                errors={"purpose": [_("The open release %(id)d says %(purpose)s.") % {
                    "id": found.pk, "purpose": found.purpose or "–"}]},
            )  # fmt: skip
        if (trial_plan or trial_ends_at) and (found.trial_plan, found.trial_ends_at) != (trial_plan, trial_ends_at):
            raise errors.AlreadyDifferent(
                _("A release of this version is open there with another trial. Close it first."),
                errors={"trial_plan": [_("The open release is %(id)d.") % {"id": found.pk}]},
            )
        if change_plan is not None and found.change_plan_id != change_plan.pk:
            raise errors.AlreadyDifferent(
                _("A release of this version is open there without this envelope. Close it first."),
                errors={"change_plan": [_("The open release is %(id)d.") % {"id": found.pk}]},
            )
        return found, False
    release = Release.objects.create(
        model_version=model_version, environment=environment, slot=slot, purpose=wanted, trial_plan=trial_plan,
        trial_ends_at=trial_ends_at, change_plan=change_plan,
    )  # fmt: skip
    enqueue("release.opened", {"release": release.pk}, subject=f"release:{release.pk}")
    return release, True


@action
def close_release(*, actor: Principal, reason: str, release: Release, kind: ReleaseClosure.Kind) -> ReleaseClosure:
    """Close a release without a promotion: rejected by those who judge, withdrawn by those who asked.

    Raises:
        errors.Forbidden: the actor does neither. errors.Conflict: it is closed.
        errors.Invalid: closed as promoted; only a promotion does that.
    """
    namespace = release.model_version.model.namespace
    if kind == ReleaseClosure.Kind.REJECTED:
        require(actor, *(VOTING_ROLES - {Role.POLICY_OWNER}), namespace=namespace)
    elif kind == ReleaseClosure.Kind.WITHDRAWN:
        require(actor, Role.PIPELINE, Role.MODEL_OWNER, namespace=namespace)
    else:
        raise errors.Invalid(errors={"kind": [_("rejected or withdrawn.")]})
    closure = ReleaseClosure.objects.create(release=release, kind=kind, reason=reason)
    enqueue("release.decided", {"release": release.pk}, subject=f"release:{release.pk}")
    return closure
