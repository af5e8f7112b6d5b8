"""The people of the measurements: who builds, who reports evidence, and the six who sign. `python -m bench.people`.

Run once as the owner (two administrators) and once as the app (everyone else), through the product's own actions.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from governance.accounts.models import Namespace, Principal

WHY: dict[str, Any] = {"reason": "Set up to be measured"}
NAMESPACE = "bench"
PERSONS = {
    "engineer": "viewer",
    "analyst": "viewer",
    "validator": "validator",
    "steward": "data_steward",
    "business": "business_owner",
    "risk": "risk_manager",
    "risk2": "risk_manager",
    "compliance": "compliance_officer",
}
#: Service accounts: role, and who answers for it. The analyst reports independent evidence and signs nothing.
SERVICES = {"pipeline": ("pipeline", "engineer"), "tester": ("validator", "analyst")}
#: Requirements of the default policy for high risk, and who signs each.
SIGNERS = (
    ("validator", "validator"),
    ("data-steward", "steward"),
    ("business-owner", "business"),
    ("risk", "risk"),
    ("risk", "risk2"),
    ("compliance", "compliance"),
)


def email(name: str) -> str:
    """The unique key of a person."""
    return f"{name}@bench.example"


def person(name: str) -> "Principal":
    """A principal by short name."""
    from governance.accounts.models import Principal

    return Principal.objects.get(name=name if name in SERVICES else email(name))


def namespace() -> "Namespace":
    """Where everything measured belongs."""
    from governance.accounts.models import Namespace

    return Namespace.objects.get(name=NAMESPACE)


def _administrators() -> None:
    from governance.accounts.actions.bootstrap import FirstAdministrator, bootstrap
    from governance.accounts.actions.system import load_system_principal

    first, second = (FirstAdministrator(email(n), n.title(), os.urandom(16).hex()) for n in ("admin", "admin2"))
    bootstrap(actor=load_system_principal(), administrators=(first, second), **WHY)


def _everyone() -> None:
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.actions.namespaces import create_namespace
    from governance.accounts.actions.principals import create_person, create_service_account
    from governance.accounts.roles import TWO_PERSON_ROLES, Role

    admin, second = person("admin"), person("admin2")
    place, _ = create_namespace(actor=admin, name=NAMESPACE, title="Bench", **WHY)

    def grant(principal: "Principal", role: str) -> None:
        given = grant_role(actor=admin, principal=principal, role=Role(role), namespace=place, **WHY)
        if Role(role) in TWO_PERSON_ROLES:
            approve_grant(actor=second, grant=given, **WHY)

    for name, role in PERSONS.items():
        grant(create_person(actor=admin, email=email(name), display_name=name.title(), **WHY), role)
    for name, (role, responsible) in SERVICES.items():
        service = create_service_account(
            actor=admin, name=name, display_name=name.title(), responsible=person(responsible), home_namespace=place,
            **WHY,
        )  # fmt: skip
        grant(service, role)


if __name__ == "__main__":
    import django

    django.setup()
    _administrators() if os.environ["MUNIMENT_LOGIN"] == "owner" else _everyone()
