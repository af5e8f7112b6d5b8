"""Where seeded records belong and who makes them: namespaces, service accounts and people of their own."""

from dataclasses import dataclass

from governance import errors
from governance.accounts.actions.grants import grant_role
from governance.accounts.actions.namespaces import create_namespace
from governance.accounts.actions.principals import create_person, create_service_account
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import in_force
from governance.accounts.roles import Role

#: Namespaces by name and title. The first hold most of the records, as in life.
NAMESPACES = (
    ("seed-retail-credit", "Retail credit"),
    ("seed-payments", "Payments and fraud"),
    ("seed-collections", "Collections"),
    ("seed-sme-lending", "Lending to small firms"),
    ("seed-mortgages", "Mortgages"),
    ("seed-marketing", "Customer marketing"),
    ("seed-claims", "Insurance claims"),
    ("seed-hr-analytics", "People analytics"),
    ("seed-treasury", "Treasury"),
    ("seed-anti-money-laundering", "Anti money laundering"),
    ("seed-customer-service", "Customer service"),
    ("seed-branch-planning", "Branch planning"),
)
PREFIX = "seed-"
OWNERS = ("Amara Obi", "Bela Kiss", "Chiara Neri", "Daan de Wit", "Elif Kaya", "Farid Haddad", "Greta Lindqvist",
          "Hugo Marques", "Ines Kovac", "Jonas Weber", "Keiko Tanaka", "Lars Nygaard")  # fmt: skip
WHY = "Seeded: records in numbers, to measure on"


@dataclass(frozen=True, slots=True)
class Place:
    """One namespace, with the service account that registers there and the person who owns what it registers."""

    namespace: int
    pipeline: int
    owner: int


def prepare() -> list[Place]:
    """The places, made by an administrator of the system where they are not there yet.

    Raises:
        errors.Conflict: the system has no administrator yet.
    """
    admin = _administrator()
    return [
        _place(admin, name, title, owner) for (name, title), owner in zip(NAMESPACES, OWNERS, strict=True)
    ]  # fmt: skip


def others() -> bool:
    """Whether the system holds records of someone else's: namespaces that are not seeded ones."""
    return Namespace.objects.exclude(name__startswith=PREFIX).exists()


def _administrator() -> Principal:
    grant = (
        RoleGrant.objects.filter(in_force(), role=Role.ADMINISTRATOR, namespace=None)
        .select_related("principal")
        .order_by("pk")
        .first()
    )
    if grant is None:
        raise errors.Conflict("Nobody administers this system yet: run manage.py bootstrap, or make demo, first.")
    return grant.principal


def _place(admin: Principal, name: str, title: str, display_name: str) -> Place:
    space, _created = create_namespace(actor=admin, reason=WHY, name=name, title=title)
    address = f"{display_name.lower().replace(' ', '.')}@{name}.example"
    owner = Principal.objects.filter(name=address).first()
    if owner is None:
        owner = create_person(actor=admin, reason=WHY, email=address, display_name=display_name)
        grant_role(actor=admin, reason=WHY, principal=owner, role=Role.MODEL_OWNER, namespace=space)
    account = f"{name}-pipeline"
    service = Principal.objects.filter(name=account).first()
    if service is None:
        service = create_service_account(
            actor=admin, reason=WHY, name=account, display_name=f"Pipeline of {title}", responsible=owner,
            home_namespace=space,
        )  # fmt: skip
        grant_role(actor=admin, reason=WHY, principal=service, role=Role.PIPELINE, namespace=space)
    return Place(space.pk, service.pk, owner.pk)
