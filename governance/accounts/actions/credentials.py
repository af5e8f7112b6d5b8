"""Passwords are not governed; that one was set is."""

from django.contrib.auth.hashers import make_password

from governance import errors
from governance.accounts.models import CredentialEvent, Principal, User
from governance.unit_of_work import action


@action
def set_own_password(*, actor: Principal, reason: str, password: str, by_mail: bool) -> User:
    """A person sets their own password: signed in, or by the link sent to their address (`by_mail`).

    The two are told apart on record: who can read the mailbox could have been somebody else.

    Raises:
        errors.Forbidden: the actor has no sign-in account, or one that is closed.
    """
    user = User.objects.select_for_update().filter(principal=actor, is_active=True, principal__is_active=True).first()
    if user is None:
        raise errors.Forbidden()
    user.password = make_password(password)
    user.save(update_fields=["password"])
    kind = CredentialEvent.Kind.PASSWORD_RESET if by_mail else CredentialEvent.Kind.PASSWORD_CHANGED
    CredentialEvent.objects.create(principal=actor, kind=kind)
    return user
