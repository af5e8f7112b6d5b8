"""Passwords are not governed; that one was set is."""

from django.contrib.auth.hashers import make_password

from governance import errors
from governance.accounts.models import CredentialEvent, Principal, User
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action


@action
def set_own_password(*, actor: Principal, reason: str, password: str, by_mail: bool) -> User:
    """A person sets their own password: signed in, or by the link sent to their address (`by_mail`).

    The two are told apart on record: who can read the mailbox could have been somebody else.

    Raises:
        errors.Forbidden: the actor has no sign-in account, or one that is closed.
    """
    accounts = User.objects.select_for_update(of=("self",))
    user = accounts.filter(principal=actor, is_active=True, principal__is_active=True).first()
    if user is None:
        raise errors.Forbidden()
    told = CredentialEvent.objects.filter(principal=actor).exclude(kind=CredentialEvent.Kind.ACCOUNT_OPENED)
    first = not user.has_usable_password() and not told.exists()
    user.password = make_password(password)
    user.save(update_fields=["password"])
    kind = CredentialEvent.Kind.PASSWORD_RESET if by_mail else CredentialEvent.Kind.PASSWORD_CHANGED
    if by_mail and first:
        kind = CredentialEvent.Kind.PASSWORD_SET  # nothing is replaced; what the person may do, two others granted
    CredentialEvent.objects.create(principal=actor, kind=kind)
    return user


@action
def restore_signing(*, actor: Principal, reason: str, principal: Principal) -> CredentialEvent:
    """Let a person sign again whose password was reset, once their identity was made sure of.

    Raises:
        errors.Forbidden: the actor is no administrator of everything.
        errors.SeparationOfDuties: their own account, or a reset of their own doing.
        errors.Conflict: nothing suspends their signing.
    """
    require(actor, Role.ADMINISTRATOR, namespace=None)
    return CredentialEvent.objects.create(principal=principal, kind=CredentialEvent.Kind.SIGNING_RESTORED)
