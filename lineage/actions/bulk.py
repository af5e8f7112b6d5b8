"""Registering many records of a kind in one act: all of them or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.unit_of_work import action, part
from lineage.actions.registering import Registered, lock_roots

BULK_LIMIT = 1_000
FAULTS_TOLD = 100
"""After so many refused items the rest is not tried: whoever sent them mends those first."""


class Registration(NamedTuple):
    """An action that answers with Registered, and what it takes besides actor and reason."""

    register: Callable[..., Registered[Any]]
    content: Mapping[str, Any]


@action
def register_all(*, actor: Principal, reason: str, items: Sequence[Registration]) -> list[Registered[Any]]:
    """Carry out registrations in their order, as one act.

    Args:
        items: 1,000 at most.

    Raises:
        errors.Refused: of the class of the first refused item; `errors` names each by its place: `items[3].digest`.
    """
    if not 1 <= len(items) <= BULK_LIMIT:
        raise errors.Invalid(errors={"items": [_("Send 1 to %(limit)d items.") % {"limit": BULK_LIMIT}]})
    lock_roots(*sorted({root for item in items for root in roots_of(item.content)}))
    faults = Faults("items")
    made: list[Registered[Any]] = []
    for place, item in enumerate(items):
        with faults.of(place), transaction.atomic():
            made.append(part(item.register)(actor=actor, reason=reason, **item.content))
        if faults.enough:
            break
    faults.require_none(len(items))
    return made


class Faults:
    """Refusals of the items of a list, told together."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.first: errors.Refused | None = None
        self.refused = 0
        self.told: dict[str, list[Any]] = {}
        self._place = 0

    def of(self, place: int) -> "Faults":
        """A block that is about one item: `with faults.of(3): …`; what it refuses is kept, and the next is tried."""
        self._place = place
        return self

    @property
    def enough(self) -> bool:
        """Whether so many are refused that the rest need not be tried."""
        return self.refused >= FAULTS_TOLD

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> bool:
        refusal = errors.from_database(error) if isinstance(error, DatabaseError) else error
        if not isinstance(refusal, errors.Refused):
            return False
        self.first = self.first or refusal
        self.refused += 1
        self.told |= under(f"{self.path}[{self._place}]", refusal)
        return True

    def require_none(self, total: int) -> None:
        """Raises the first refusal's class with what was refused of all items."""
        if self.first is None:
            return
        detail = _("%(refused)d of %(total)d are refused, and nothing was written. %(first)s") % {
            "refused": self.refused, "total": total, "first": self.first.detail,
        }  # fmt: skip
        raise type(self.first)(detail, errors=self.told, params={**self.first.params, "refused": self.refused})


def under(path: str, refusal: errors.Refused) -> dict[str, list[Any]]:
    """What a refusal says, by the path of the part it is about."""
    if not refusal.errors:
        return {path: [refusal.detail]}
    return {f"{path}.{field}": sentences for field, sentences in refusal.errors.items()}


def roots_of(item: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What registering it will lock: taken for all items at once, in the one order."""
    found = []
    if (dataset := item.get("dataset")) is not None:
        found.append(("dataset", dataset.pk))
    if (version := item.get("dataset_version")) is not None:
        found.append(("dataset", version.dataset_id))
    if (target := item.get("target")) is not None:
        found.append(("dataset", target.dataset_id))
    if (model := item.get("model")) is not None:
        found.append(("model", model.pk))
    return found
