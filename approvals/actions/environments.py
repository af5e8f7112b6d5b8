"""Observe-only: two policy owners let an environment's gate pass what it would refuse, until a moment; one ends it."""

from datetime import datetime

from approvals.models import Environment, ObserveOnlyChange, ObserveOnlyConfirmation
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action


@action
def set_observe_only(
    *, actor: Principal, reason: str, environment: Environment, until: datetime | None
) -> ObserveOnlyChange:
    """Ask that an environment's gate observes only, until a moment; None: that it refuses again.

    Shorter is in effect at once; longer, once another policy owner confirms it.

    Raises:
        errors.Forbidden: the actor is no policy owner everywhere. errors.Invalid: past, or more than a year ahead.
    """
    require(actor, Role.POLICY_OWNER, namespace=None)
    change = ObserveOnlyChange.objects.create(environment=environment, until=until)
    environment.refresh_from_db()
    return change


@action
def confirm_observe_only(*, actor: Principal, reason: str, change: ObserveOnlyChange) -> ObserveOnlyConfirmation:
    """Confirm another policy owner's change; the gate observes only from now on.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: the actor is no policy owner everywhere, or asked for it.
        errors.Conflict: nothing awaits confirmation there, or a newer change was asked for.
    """
    require(actor, Role.POLICY_OWNER, namespace=None)
    return ObserveOnlyConfirmation.objects.create(change=change)
