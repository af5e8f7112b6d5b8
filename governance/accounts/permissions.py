"""Who may do what, where. Asked by actions, never by doors.

A grant counts while it is approved (where two persons are needed), in force, not ended, and its holder active. The
same rule stands in SQL (`muniment.grant_in_force`), which the gate and the guards ask; a property test compares them.
"""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.roles import Role


def in_force(at: datetime | None = None) -> Q:
    """Condition on RoleGrant: in force at a moment (default now)."""
    moment = at or timezone.now()
    return (
        Q(effective_from__lte=moment, principal__is_active=True)
        & (Q(effective_to__isnull=True) | Q(effective_to__gt=moment))
        & (Q(ended_at__isnull=True) | Q(ended_at__gt=moment))
    )


def grants_in_force(actor: Principal) -> QuerySet[RoleGrant]:
    """The actor's grants that count now."""
    return RoleGrant.objects.filter(in_force(), principal=actor)


def require(actor: Principal, *roles: Role, namespace: Namespace | None) -> RoleGrant:
    """The grant under which the actor may act in `namespace` (None: an everywhere-grant is needed).

    Raises:
        errors.Forbidden: none of the roles is held there; the sentence names those that may.
    """
    where = Q(namespace__isnull=True) | (Q(namespace=namespace) if namespace else Q())
    if namespace is None:
        where = Q(namespace__isnull=True)
    grant = grants_in_force(actor).filter(where, role__in=[r.value for r in roles]).order_by("id").first()
    if grant is None:
        raise errors.Forbidden(
            _("%(who)s may not do this%(where)s. It takes the role: %(roles)s.")
            % {
                "who": actor.display_name,
                "where": _(" in namespace %(name)s") % {"name": namespace.name} if namespace else "",
                "roles": ", ".join(str(r.label) for r in roles),
            },
            params={"roles": [r.value for r in roles]},
        )
    return grant


def holds(actor: Principal, *roles: Role, namespace: Namespace | None) -> bool:
    """Whether `require` would be satisfied."""
    try:
        require(actor, *roles, namespace=namespace)
    except errors.Forbidden:
        return False
    return True


def holds_anywhere(actor: Principal, *roles: Role) -> bool:
    """Whether the actor holds one of the roles in any namespace or everywhere."""
    return grants_in_force(actor).filter(role__in=[r.value for r in roles]).exists()


def readable_namespaces(actor: Principal) -> QuerySet[Namespace]:
    """The namespaces whose records the actor may read: any role in it, or any role everywhere."""
    return _covered_by(grants_in_force(actor))


def namespaces_held(actor: Principal, *roles: Role) -> QuerySet[Namespace]:
    """The namespaces in which the actor holds one of the roles, there or everywhere."""
    return _covered_by(grants_in_force(actor).filter(role__in=[r.value for r in roles]))


def _covered_by(mine: QuerySet[RoleGrant]) -> QuerySet[Namespace]:
    return Namespace.objects.filter(
        Exists(mine.filter(namespace=OuterRef("pk"))) | Exists(mine.filter(namespace__isnull=True))
    )
