"""Onboarding windows, and the end of what came in as found. Who may is the database's rule (approvals/sql/80)."""

from datetime import datetime

from django.utils.translation import gettext as _

from approvals.models import AsFound, AsFoundEnd, OnboardingClosure, OnboardingConfirmation, OnboardingWindow
from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action

CLOSING = (Role.POLICY_OWNER, Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER, Role.ADMINISTRATOR)
ENDS = {
    AsFoundEnd.Kind.RETIRED: (Role.MODEL_OWNER, Role.RISK_MANAGER),
    AsFoundEnd.Kind.SUSPENDED: (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER),
}


@action
def ask_for_window(*, actor: Principal, reason: str, namespace: Namespace, until: datetime) -> OnboardingWindow:
    """Ask that what serves already in a namespace may be brought in as found, until a moment.

    Raises:
        errors.Forbidden: no policy owner there. errors.Invalid: past, or more than 92 days ahead.
        errors.Conflict: a window is open there.
    """
    require(actor, Role.POLICY_OWNER, namespace=namespace)
    return OnboardingWindow.objects.create(namespace=namespace, until=until, reason=reason.strip())


@action
def confirm_window(*, actor: Principal, reason: str, window: OnboardingWindow) -> OnboardingConfirmation:
    """Confirm another policy owner's window: it is open from now on.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: no policy owner there, or who asked for it.
        errors.Conflict: it is open, closed or over, or another was asked for since.
    """
    require(actor, Role.POLICY_OWNER, namespace=window.namespace)
    return OnboardingConfirmation.objects.create(window=window)


@action
def close_window(*, actor: Principal, reason: str, window: OnboardingWindow) -> OnboardingClosure:
    """Close a window before its time, or take a request back.

    Raises:
        errors.Forbidden: none of the roles that oversee. errors.Conflict: it is closed.
    """
    require(actor, *CLOSING, namespace=window.namespace)
    return OnboardingClosure.objects.create(window=window, reason=reason.strip())


@action
def end_as_found(*, actor: Principal, reason: str, entry: AsFound, kind: AsFoundEnd.Kind) -> AsFoundEnd:
    """Say that what came in as found serves no longer.

    Raises:
        errors.Forbidden: not for the actor's role. errors.Invalid: an end that only the database writes.
        errors.Conflict: it has ended.
    """
    if kind not in ENDS:
        raise errors.Invalid(errors={"kind": [_("One of %(known)s.") % {"known": ", ".join(ENDS)}]})
    require(actor, *ENDS[kind], namespace=entry.model.namespace)
    return AsFoundEnd.objects.create(as_found=entry, kind=kind, reason=reason.strip())
