"""The first two administrators: an empty system has nobody to be the second person.

Runs under the owner's login, whose `session_user` stands in every ledger entry it writes; refuses once a grant exists.
"""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import CredentialEvent, Principal, RoleGrant, User
from governance.accounts.roles import Role
from governance.unit_of_work import action


@dataclass(frozen=True, slots=True)
class FirstAdministrator:
    """A person to be named at the beginning. `password` None: they set it by the reset mail."""

    email: str
    display_name: str
    password: str | None = None


@action
def bootstrap(
    *,
    actor: Principal,
    reason: str,
    administrators: tuple[FirstAdministrator, FirstAdministrator],
    is_demo: bool = False,
) -> list[Principal]:
    """Name the first two administrators.

    Raises:
        errors.Forbidden: not under the owner's login. errors.Conflict: a grant exists.
        errors.Invalid: the two are one person.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.is_operator()")
        if not cursor.fetchone()[0]:
            raise errors.Forbidden(_("Only the operator (the owner's database login) names the first administrators."))
        # Two operators at once: the second must see the first one's grants.
        cursor.execute("LOCK TABLE governance_rolegrant IN SHARE ROW EXCLUSIVE MODE")
    if RoleGrant.objects.exists():
        raise errors.Conflict(_("Grants exist already. Administrators name further ones, two by two."))
    if administrators[0].email.lower() == administrators[1].email.lower():
        raise errors.Invalid(_("Name two different persons."))
    named = []
    for one in administrators:
        email = one.email.strip().lower()
        person = Principal.objects.create(
            kind=Principal.Kind.PERSON, name=email, display_name=one.display_name, is_demo=is_demo
        )
        User.objects.create(email=email, principal=person, password=make_password(one.password))
        CredentialEvent.objects.create(principal=person, kind=CredentialEvent.Kind.ACCOUNT_OPENED)
        RoleGrant.objects.create(principal=person, role=Role.ADMINISTRATOR, namespace=None)
        named.append(person)
    return named
