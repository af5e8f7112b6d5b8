"""The demo's people: who they are, and how they come to be through the product's own actions.

Persons and their sign-in accounts last from one demo to the next; roles and service accounts belong to the namespace
that each demo opens for itself (`demo-1`, `demo-2`, …). The embedded system only has a delay of zero for new grants.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.actions.credentials import restore_signing
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.actions.namespaces import create_namespace
from governance.accounts.actions.principals import create_person, create_service_account, issue_api_key
from governance.accounts.models import CredentialEvent, Namespace, Principal, User
from governance.accounts.permissions import holds
from governance.accounts.roles import TWO_PERSON_ROLES, Role
from governance.unit_of_work import action

REASON = "Demo: people and service accounts"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Someone in the demo. `key` names them in `demo.env`; without one they cannot sign in."""

    key: str
    email: str
    display_name: str
    roles: tuple[Role, ...]
    everywhere: bool = False


ADMINISTRATORS = (
    DemoPerson("ADMIN", "admin@demo.example", "Anna Adler", (Role.ADMINISTRATOR,), everywhere=True),
    DemoPerson("ADMIN2", "admin2@demo.example", "Anton Arnold", (Role.ADMINISTRATOR,), everywhere=True),
)
PEOPLE = (
    DemoPerson("RISK", "risk@demo.example", "Rita Reyes", (Role.RISK_MANAGER,)),
    DemoPerson("RISK2", "risk2@demo.example", "Rolf Rieger", (Role.RISK_MANAGER,)),
    DemoPerson("COMPLIANCE", "compliance@demo.example", "Carla Costa", (Role.COMPLIANCE_OFFICER,)),
    DemoPerson("STEWARD", "steward@demo.example", "Stefan Stein", (Role.DATA_STEWARD,)),
    DemoPerson("VALIDATOR", "validator@demo.example", "Vera Vogel", (Role.VALIDATOR,)),
    DemoPerson("BUSINESS", "business@demo.example", "Bruno Brandt", (Role.BUSINESS_OWNER,)),
    # The owner is a risk manager, too: what stops them on their own model is their part in it, not a missing role.
    DemoPerson("OWNER", "owner@demo.example", "Olga Owens", (Role.MODEL_OWNER, Role.RISK_MANAGER)),
    DemoPerson("POLICY", "policy@demo.example", "Paul Pohl", (Role.POLICY_OWNER,), everywhere=True),
    DemoPerson("POLICY2", "policy2@demo.example", "Petra Prinz", (Role.POLICY_OWNER,), everywhere=True),
    DemoPerson("AUDITOR", "auditor@demo.example", "Ada Auer", (Role.AUDITOR,), everywhere=True),
    # Answers for the validator's service account, so that whoever signs as validator reported nothing themselves.
    DemoPerson("", "laboratory@demo.example", "Lena Lang", (Role.VIEWER,)),
)


@dataclass(frozen=True, slots=True)
class DemoService:
    """A service account of one demo's namespace."""

    key: str
    name: str
    display_name: str
    role: Role
    responsible: str  # e-mail address
    everywhere: bool = False


SERVICES = (
    DemoService("PIPELINE", "pipeline", "Training pipeline", Role.PIPELINE, "owner@demo.example"),
    DemoService("VALIDATOR", "validator", "Validation laboratory", Role.VALIDATOR, "laboratory@demo.example"),
    DemoService("AUDITOR", "auditor", "Audit tool", Role.AUDITOR, "auditor@demo.example", everywhere=True),
)


def new_password() -> str:
    """Twenty random lower-case letters in groups, to be copied or typed: 94 bits."""
    letters = "abcdefghijkmnopqrstuvwxyz"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def administrators() -> tuple[Principal, Principal] | None:
    """The demo's two administrators; None before they are named.

    Raises:
        errors.Conflict: the system has administrators, and the demo's are not among them.
    """
    found = {p.name: p for p in Principal.objects.filter(name__in=[one.email for one in ADMINISTRATORS], is_demo=True)}
    if len(found) == len(ADMINISTRATORS):
        first, second = (found[one.email] for one in ADMINISTRATORS)
        if holds(first, Role.ADMINISTRATOR, namespace=None) and holds(second, Role.ADMINISTRATOR, namespace=None):
            return first, second
    if found or Principal.objects.exclude(kind=Principal.Kind.SYSTEM).exists():
        raise errors.Conflict(
            _("This system has people of its own. Give the demo one to itself: set MUNIMENT_HOME to a new folder.")
        )
    return None


def open_namespace(admin: Principal) -> Namespace:
    """A new namespace: demo-1, demo-2, … Two demos at once get one each."""
    numbers = [
        int(match[1])
        for name in Namespace.objects.filter(name__startswith="demo-").values_list("name", flat=True)
        if (match := re.fullmatch(r"demo-([0-9]{1,9})", name))
    ]
    number = max(numbers, default=0)
    while True:
        number += 1
        try:
            namespace, created = create_namespace(
                actor=admin,
                reason=REASON,
                name=f"demo-{number}",
                title=f"Demo {number}",
                description="Made by `make demo`: a real model on real data, governed from end to end.",
            )
        except errors.Conflict:
            continue
        if created:
            return namespace


def people(
    both: tuple[Principal, Principal], namespace: Namespace, known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """See to it that the demo's persons exist, know a password and hold their roles in the namespace.

    Args:
        known: variables of the demo.env there was, whose passwords stay.

    Yields:
        The variables of their addresses and passwords.
    """
    existing = {p.name: p for p in Principal.objects.filter(name__in=[one.email for one in PEOPLE])}
    for person in PEOPLE:
        password = known.get(f"{person.key}_PASSWORD", "") or new_password()
        found = existing.get(person.email)
        if found is None:
            found = create_person(
                actor=both[0],
                reason=REASON,
                email=person.email,
                display_name=person.display_name,
                password=password if person.key else None,
                is_demo=True,
            )
        yield from credentials(person, found, password, known, both, is_new=person.email not in existing)
        for role in person.roles:
            give(both, found, role, None if person.everywhere else namespace)


def credentials(
    person: DemoPerson,
    principal: Principal,
    password: str,
    known: Mapping[str, str],
    both: tuple[Principal, Principal],
    *,
    is_new: bool,
) -> Iterator[tuple[str, str]]:
    """The variables of a person's address and password; a password that was lost is set anew, on record.

    Args:
        is_new: the account was made just now, with this password.
    """
    if not person.key:
        return
    if not is_new and not known.get(f"{person.key}_PASSWORD"):
        why = "Demo: the file with the password is gone"
        user = User.objects.get(principal=principal)
        reset_demo_password(actor=both[0], reason=why, user=user, password=password)
        if principal not in both:  # administrators sign nothing
            restore_signing(actor=both[1], reason=why, principal=principal)
    yield f"{person.key}_USER", person.email
    yield f"{person.key}_PASSWORD", password


@action
def reset_demo_password(*, actor: Principal, reason: str, user: User, password: str) -> CredentialEvent:
    """Set a demo account's password; the event is on record as for any account.

    Raises:
        errors.Forbidden: the account is none of the demo's, or the actor is no administrator.
    """
    if not user.principal.is_demo or not holds(actor, Role.ADMINISTRATOR, namespace=None):
        raise errors.Forbidden(_("Only the demo's own passwords are set anew here, by its administrators."))
    User.objects.filter(pk=user.pk).update(password=make_password(password))
    return CredentialEvent.objects.create(principal=user.principal, kind=CredentialEvent.Kind.PASSWORD_RESET)


def give(both: tuple[Principal, Principal], principal: Principal, role: Role, namespace: Namespace | None) -> None:
    """Grant a role through both administrators, unless it is held there already."""
    if holds(principal, role, namespace=namespace):
        return
    grant = grant_role(actor=both[0], reason=REASON, principal=principal, role=role, namespace=namespace)
    if role in TWO_PERSON_ROLES:
        approve_grant(actor=both[1], reason=REASON, grant=grant)


def services(both: tuple[Principal, Principal], namespace: Namespace) -> Iterator[tuple[str, str]]:
    """Make the namespace's service accounts.

    Yields:
        The variables of their keys.
    """
    for service in SERVICES:
        account = create_service_account(
            actor=both[0],
            reason=REASON,
            name=f"{namespace.name}-{service.name}",
            display_name=f"{service.display_name} ({namespace.name})",
            responsible=Principal.objects.get(name=service.responsible),
            home_namespace=namespace,
            is_demo=True,
        )
        give(both, account, service.role, None if service.everywhere else namespace)
        yield f"{service.key}_API_KEY", issue_api_key(actor=both[0], reason=REASON, principal=account)[1]
