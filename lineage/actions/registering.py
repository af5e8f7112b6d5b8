"""Registering what may be there already: the same content is the same record, other content is refused by name."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.history.models import GovernedModel

R = TypeVar("R", bound=GovernedModel)


class Registered(NamedTuple, Generic[R]):
    """A record, and whether this act made it (False: it stood there with the same content)."""

    record: R
    created: bool


#: Who may register facts: pipelines, and the people who answer for models and data.
REGISTRARS = (Role.PIPELINE, Role.MODEL_OWNER, Role.DATA_STEWARD)


def may_register(actor: Principal, namespace: Namespace) -> None:
    """Raises errors.Forbidden unless the actor registers facts in the namespace."""
    require(actor, *REGISTRARS, namespace=namespace)


def get_or_register(
    model: type[R],
    *,
    identity: Mapping[str, Any],
    content: Mapping[str, Any],
    compare: Mapping[str, Any] | Callable[[R], Mapping[str, Any]] | None = None,
    found_by: Q | None = None,
) -> Registered[R]:
    """The record of that identity; made with `content` if there is none.

    Two at once: the loser's INSERT waits for the winner's commit, fails on the unique constraint, and reads the winner.

    Args:
        identity: lookups that name at most one record, by a unique constraint. content: every other column.
        compare: what must agree when there is one already, or how to tell from that one; left out: all of `content`.
        found_by: names the record where `identity` is only what a new one is made with.

    Raises:
        errors.AlreadyDifferent: it is there with other content; `errors` names the fields.
    """
    found = _find(model, identity, found_by)
    if found is None:
        try:
            with transaction.atomic():
                return Registered(model._default_manager.create(**identity, **content), True)
        except IntegrityError as error:
            if getattr(error.__cause__, "sqlstate", None) != "23505":
                raise
            found = _find(model, identity, found_by)
            if found is None:
                raise
    compared = compare(found) if callable(compare) else compare
    refuse_difference(found, content if compared is None else compared)
    return Registered(found, False)


def _find(model: type[R], identity: Mapping[str, Any], found_by: Q | None) -> R | None:
    if found_by is not None:
        return model._default_manager.filter(found_by).order_by("pk").first()
    lookups = {
        (f"{name}__isnull" if value is None else name): (value is None or value) for name, value in identity.items()
    }
    return model._default_manager.filter(**lookups).first()


def refuse_difference(record: GovernedModel, content: Mapping[str, Any]) -> None:
    """Raises errors.AlreadyDifferent, naming the fields, when the record differs from `content`."""
    different = [name for name, value in content.items() if getattr(record, name) != value]
    if different:
        raise errors.AlreadyDifferent(
            _("%(what)s is registered already with other content. Register what differs under another name or digest.")
            % {"what": capfirst(record._meta.verbose_name)},
            errors={name: [_("Registered otherwise: this field never changes.")] for name in different},
            params={"id": record.pk, "fields": different},
        )


def lock_roots(*roots: tuple[str, int | None]) -> None:
    """Queue for and lock all roots of an act at once, before its first write, in the one order (sql/10_locks.sql).

    Args:
        roots: (kind, id) with kind in model, model_version, dataset, run; an id of None is left out.
    """
    wanted = [(kind, pk) for kind, pk in roots if pk is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.lock_roots(%s::text[], %s::bigint[], true)",
            [[kind for kind, _pk in wanted], [pk for _kind, pk in wanted]],
        )
