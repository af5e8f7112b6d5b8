"""Namespaces: opened and described by administrators."""

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action


@action
def create_namespace(
    *, actor: Principal, reason: str, name: str, title: str = "", description: str = ""
) -> tuple[Namespace, bool]:
    """Open a namespace; one of that name and content that exists is returned as it is.

    Returns:
        The namespace, and whether it is new.

    Raises:
        errors.Forbidden: the actor is no administrator everywhere.
        errors.AlreadyDifferent: the name is taken with another title or description.
    """
    require(actor, Role.ADMINISTRATOR, namespace=None)
    found = Namespace.objects.filter(name=name).first()
    if found is None:
        return Namespace.objects.create(name=name, title=title, description=description), True
    given = {"title": title, "description": description}
    different = [field for field, value in given.items() if getattr(found, field) != value]
    if different:
        raise errors.AlreadyDifferent(errors={field: [getattr(found, field)] for field in different})
    return found, False
