"""The fixed cast of the tests. `python -m tests.cast` peoples the template database; tests look them up by name.

Everyone is in namespace `retail` except the outsiders, who are in `elsewhere`. The pipeline is answered for by the
engineer, who has no voting role.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from governance.accounts.models import Namespace, Principal

PASSWORD = "correct horse battery staple"
KEYS = {
    "pipeline": "mun_pipe_" + "p" * 34,
    "tester": "mun_test_" + "t" * 34,
    "outsider_pipeline": "mun_outs_" + "o" * 34,
}
PERSONS = {
    "owner": ("Olga Owner", "model_owner"),
    "steward": ("Stefan Steward", "data_steward"),
    "validator": ("Vera Validator", "validator"),
    "risk": ("Rita Risk", "risk_manager"),
    "risk2": ("Rolf Risk", "risk_manager"),
    "compliance": ("Carla Compliance", "compliance_officer"),
    "business": ("Bruno Business", "business_owner"),
    "policy": ("Paul Policy", "policy_owner"),
    "policy2": ("Petra Policy", "policy_owner"),
    "auditor": ("Ada Auditor", "auditor"),
    "viewer": ("Viktor Viewer", "viewer"),
    "engineer": ("Emil Engineer", "viewer"),
}
EVERYWHERE = {"auditor", "policy", "policy2"}


def email(name: str) -> str:
    """The address of a member of the cast."""
    return f"{name}@bank.example"


@dataclass(frozen=True)
class Cast:
    """The principals and namespaces of the template, as `governance` models."""

    system: "Principal"
    admin: "Principal"
    admin2: "Principal"
    owner: "Principal"
    steward: "Principal"
    validator: "Principal"
    risk: "Principal"
    risk2: "Principal"
    compliance: "Principal"
    business: "Principal"
    policy: "Principal"
    policy2: "Principal"
    auditor: "Principal"
    viewer: "Principal"
    engineer: "Principal"
    outsider: "Principal"
    pipeline: "Principal"
    tester: "Principal"
    outsider_pipeline: "Principal"
    retail: "Namespace"
    elsewhere: "Namespace"


def load() -> Cast:
    """Read the cast from the database."""
    from governance.accounts.models import Namespace, Principal

    known = {p.name.split("@")[0]: p for p in Principal.objects.all()}
    spaces = {n.name: n for n in Namespace.objects.all()}
    return Cast(**{f.name: known.get(f.name) or spaces[f.name] for f in fields(Cast)})


def people() -> None:
    """Make the cast through the product's own actions, as two administrators would."""
    from governance.accounts.actions.grants import approve_grant, grant_role
    from governance.accounts.actions.namespaces import create_namespace
    from governance.accounts.actions.principals import create_person, create_service_account, hash_key
    from governance.accounts.models import ApiKey, Namespace, Principal
    from governance.accounts.roles import TWO_PERSON_ROLES, Role

    admin, admin2 = (Principal.objects.get(name=email(name)) for name in ("admin", "admin2"))
    why = {"reason": "Cast of the tests"}
    spaces: dict[str, Namespace] = {}
    for name in ("retail", "elsewhere"):
        spaces[name], _ = create_namespace(actor=admin, name=name, title=name.title(), **why)

    def grant(principal: Principal, role: str, namespace: Namespace | None) -> None:
        given = grant_role(actor=admin, principal=principal, role=Role(role), namespace=namespace, **why)
        if Role(role) in TWO_PERSON_ROLES:
            approve_grant(actor=admin2, grant=given, **why)

    for name, (display, role) in PERSONS.items():
        person = create_person(actor=admin, email=email(name), display_name=display, password=PASSWORD, **why)
        grant(person, role, None if name in EVERYWHERE else spaces["retail"])
    outsider = create_person(
        actor=admin, email=email("outsider"), display_name="Otto Outsider", password=PASSWORD, **why
    )
    for role in ("model_owner", "risk_manager", "data_steward"):
        grant(outsider, role, spaces["elsewhere"])
    engineer = Principal.objects.get(name=email("engineer"))
    for name, home, role, responsible in (
        ("pipeline", "retail", "pipeline", engineer),
        ("tester", "retail", "validator", Principal.objects.get(name=email("validator"))),
        ("outsider_pipeline", "elsewhere", "pipeline", outsider),
    ):
        service = create_service_account(
            actor=admin, name=name, display_name=f"{name} (service)", responsible=responsible,
            home_namespace=spaces[home], **why,
        )  # fmt: skip
        grant(service, role, spaces[home])
        key = KEYS[name]
        ApiKey.objects.create(principal=service, prefix=key[:12], hash=hash_key(key))


def main() -> None:
    """Bootstrap (as the owner), then people (as the app), in two processes: one login per process."""
    import os
    import subprocess
    import sys

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    if os.environ.get("MUNIMENT_LOGIN") != "owner":
        subprocess.run(
            [sys.executable, "-m", "tests.cast"], env={**os.environ, "MUNIMENT_LOGIN": "owner"}, check=True, timeout=60
        )
    import django

    django.setup()
    from django.conf import settings

    from tests.hashing import HASHERS

    settings.PASSWORD_HASHERS = HASHERS
    if os.environ.get("MUNIMENT_LOGIN") == "owner":
        from governance.accounts.actions.bootstrap import FirstAdministrator, bootstrap
        from governance.accounts.actions.system import load_system_principal

        first = FirstAdministrator(email("admin"), "Anna Admin", PASSWORD)
        second = FirstAdministrator(email("admin2"), "Anton Admin", PASSWORD)
        bootstrap(actor=load_system_principal(), reason="Cast of the tests", administrators=(first, second))
        return
    people()


if __name__ == "__main__":
    main()
