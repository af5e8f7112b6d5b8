"""Role grants: given by one administrator, approved by a second where the role signs, ended by either.

Who may, the second person and the delay are the database's rules (accounts/sql/20_grants.sql); the checks here only
say no earlier and more kindly.
"""

from datetime import datetime

from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action


@action
def grant_role(
    *,
    actor: Principal,
    reason: str,
    principal: Principal,
    role: Role,
    namespace: Namespace | None,
    effective_from: datetime | None = None,
    effective_to: datetime | None = None,
    on_behalf_of: Principal | None = None,
    is_head: bool = False,
) -> RoleGrant:
    """Grant a role; a two-person role stays without force until `approve_grant` and the operator's delay.

    Args:
        is_head: head of the role there: may lift a veto of its other holders.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: the actor may not grant it, or the holder may not have it.
    """
    require(actor, Role.ADMINISTRATOR, namespace=namespace)
    grant = RoleGrant.objects.create(
        principal=principal,
        role=role,
        namespace=namespace,
        effective_from=effective_from,
        effective_to=effective_to,
        on_behalf_of=on_behalf_of,
        is_head=is_head,
    )
    grant.refresh_from_db()
    return grant


@action
def approve_grant(*, actor: Principal, reason: str, grant: RoleGrant) -> RoleGrant:
    """Approve another administrator's grant of a two-person role; it is in force after the operator's delay.

    Raises:
        errors.SeparationOfDuties: the actor granted or receives it. errors.Conflict: nothing awaits approval.
    """
    require(actor, Role.ADMINISTRATOR, namespace=grant.namespace)
    grant.approved_by = actor
    grant.approved_at = grant.recorded_at  # the database sets the moment; the constraint wants both or none
    grant.save(update_fields=["approved_by", "approved_at"])
    grant.refresh_from_db()
    return grant


@action
def end_grant(*, actor: Principal, reason: str, grant: RoleGrant) -> RoleGrant:
    """End a grant now.

    Raises:
        errors.Forbidden: the actor is no administrator there. errors.Conflict: it has ended.
    """
    require(actor, Role.ADMINISTRATOR, namespace=grant.namespace)
    grant.ended_by = actor
    grant.ended_at = grant.recorded_at  # as above
    grant.save(update_fields=["ended_by", "ended_at"])
    grant.refresh_from_db()
    return grant
