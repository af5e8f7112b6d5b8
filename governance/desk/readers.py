"""Who may sit at the desk, and which namespaces they see there."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from governance.accounts.roles import Role

ROLES = (Role.AUDITOR, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces someone sees; None: all, and what belongs to none."""

    namespaces: tuple[int, ...] | None

    def narrow(self, rows: QuerySet[Any], column: str = "namespace_id") -> QuerySet[Any]:
        """The rows of these namespaces."""
        return rows if self.namespaces is None else rows.filter(**{f"{column}__in": self.namespaces})


def desk_scope(reader: Principal) -> Scope:
    """What an auditor or administrator oversees.

    Raises:
        errors.Forbidden: the reader is neither, anywhere.
    """
    held = grants_in_force(reader).filter(role__in=[role.value for role in ROLES])
    return _scope(held) or _refuse()


def reading_scope(reader: Principal) -> Scope:
    """What a reader may read by any role of theirs; an empty one where they hold none."""
    return _scope(grants_in_force(reader)) or Scope(())


def _scope(grants: Any) -> Scope | None:
    spaces = set(grants.values_list("namespace_id", flat=True))
    if not spaces:
        return None
    return Scope(None if None in spaces else tuple(sorted(spaces)))


def _refuse() -> Scope:
    raise errors.Forbidden(
        _("The desk is for auditors and administrators. It takes one of these roles, in a namespace or everywhere."),
        params={"roles": [role.value for role in ROLES]},
    )
