"""Who may do what, where. Asked by actions, never by doors.

A grant counts while it is approved (where two persons are needed), in force, not ended, and its holder active. The
same rule stands in SQL (`muniment.grant_in_force`), which the gate and the guards ask; a property test compares them.
"""

from datetime import datetime

from django.db import connection
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


def require(actor: Principal, *roles: Role, namespace: Namespace | None) -> None:
    """Return if the actor may act in `namespace` under one of the roles (None: an everywhere-grant is needed).

    Asked by every act, so in SQL whose plan lasts.

    Raises:
        errors.Forbidden: none of the roles is held there; the sentence names those that may.
    """
    if not holds(actor, *roles, namespace=namespace):
        raise lacking(actor, *roles, namespace=namespace)


def lacking(actor: Principal, *roles: Role, namespace: Namespace | None) -> errors.Forbidden:
    """The refusal of an actor who holds none of the roles there."""
    return errors.Forbidden(
        _("%(who)s may not do this%(where)s. It takes the role: %(roles)s.")
        % {
            "who": actor.display_name,
            "where": _(" in namespace %(name)s") % {"name": namespace.name} if namespace else "",
            "roles": ", ".join(str(r.label) for r in roles),
        },
        params={"roles": [r.value for r in roles]},
    )


def holds(actor: Principal, *roles: Role, namespace: Namespace | None) -> bool:
    """Whether `require` would be satisfied."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.holds_role(%s, %s::text[], %s, clock_timestamp())",
            [actor.pk, [role.value for role in roles], namespace.pk if namespace else None],
        )
        return bool(cursor.fetchone()[0])


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
