"""The one way in for a write: a durable transaction, stamped with who, why and which action.

`muniment.stamp_row` and the recorders refuse any governed write whose transaction carries no such stamp. The stamp is
local to the transaction and holds its xid, so that nothing left on a pooled connection can pass for it.
"""

import functools
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypedDict, TypeVar

from django.db import Error, connection, transaction
from django.utils.translation import gettext_lazy as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import lacking
from governance.accounts.roles import Role
from governance.history.models import GovernedModel, history_model

REASON_LIMIT = 2000  # characters; a reason is a sentence or a paragraph, not a document
ATTEMPTS = 6
RETRIED = ("40P01", "40001")  # deadlock, serialisation: PostgreSQL asks to try again

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RunningAction:
    """The action that a transaction carries: its id, who acts, why, and its name (`lineage.register_run`)."""

    id: uuid.UUID
    actor: Principal
    reason: str
    name: str = ""


_running: ContextVar[RunningAction | None] = ContextVar("muniment_running_action", default=None)
#: How the running work came in: page, api, mlflow, admin, task; a command when nobody says otherwise. For auditors who
#: look for an act: the process says it of itself, and the log does not hold it.
door: ContextVar[str] = ContextVar("muniment_door", default="command")


@dataclass(slots=True)
class Riders:
    """What a door wants to hold, or to be done, in the very transaction of the act it calls."""

    conditions: list[Callable[[], None]] = field(default_factory=list)
    """Run before the act's first write, of its first transaction that commits; each locks what it looks at."""
    notes: list[Callable[[RunningAction], None]] = field(default_factory=list)
    """Run after the act's last write: what they write stands if and only if the act does."""


_riders: ContextVar[Riders | None] = ContextVar("muniment_riders", default=None)


@contextmanager
def riding() -> Iterator[Riders]:
    """Collect riders for the acts called inside; those of an outer block do not hold here."""
    riders = Riders()
    token = _riders.set(riders)
    try:
        yield riders
    finally:
        _riders.reset(token)


class Receipt(TypedDict):
    """Where a write stands on record."""

    id: int
    history_id: int
    ledger_entry: int
    action_id: str
    recorded_at: str


def running_action() -> RunningAction:
    """The action of the running transaction.

    Raises:
        errors.Forbidden: outside `recorded_action`.
    """
    running = _running.get()
    if running is None:
        raise errors.Forbidden(_("This write belongs to no action: no actor, no write."))
    return running


def action_in_hand() -> RunningAction | None:
    """The action of the running transaction, or None: for logs, which must not fail."""
    return _running.get()


@contextmanager
def recorded_action(*, actor: Principal, reason: str, name: str = "") -> Iterator[RunningAction]:
    """Open a durable transaction in which governed rows may be written by `actor` for `reason`.

    Args:
        actor: an active principal.
        reason: why; 1 to 2000 characters.
        name: what the act is called, for the auditors' lists.

    Raises:
        errors.Invalid: no reason, or one too long.
        errors.Refused: what a guard in the database refused, with its code.
    """
    former = _running.get()
    riders = _riders.get() or Riders()
    with _running_as(actor, reason, name) as running:
        with transaction.atomic(durable=True):
            _stamp(running)
            for condition in riders.conditions:
                condition()
            yield running
            for note in riders.notes:
                note(running)
            # Only a test's surrounding transaction goes on from here; the actor must not leak into it.
            if connection.in_atomic_block and len(connection.savepoint_ids) > 0:
                _stamp(former)
        riders.conditions.clear()  # they were about what this act found; what it changed is its own doing


@contextmanager
def announced_action(*, actor: Principal, reason: str, name: str = "") -> Iterator[RunningAction]:
    """As `recorded_action`, without a transaction of its own: for an act that is what `carry_out` sends.

    Anything else it writes is refused, for want of a stamp. Where something rides along, there is a transaction after
    all; so there is within the one that surrounds a test.

    Raises:
        as `recorded_action`.
    """
    riders = _riders.get()
    if connection.in_atomic_block or (riders is not None and (riders.conditions or riders.notes)):
        with recorded_action(actor=actor, reason=reason, name=name) as running:
            yield running
    else:
        with _running_as(actor, reason, name) as running:
            yield running


@contextmanager
def _running_as(actor: Principal, reason: str, name: str) -> Iterator[RunningAction]:
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise errors.Invalid(
            _("Give a reason of 1 to %(limit)d characters.") % {"limit": REASON_LIMIT},
            errors={"reason": [_("1 to %(limit)d characters.") % {"limit": REASON_LIMIT}]},
        )
    running = RunningAction(uuid.uuid4(), actor, reason, name)
    token = _running.set(running)
    try:
        yield running
    except Error as error:
        refusal = errors.from_database(error)
        if refusal is None:
            raise
        raise refusal from error
    finally:
        _running.reset(token)


def carry_out(
    statement: str, parameters: Sequence[Any], *roles: Role, namespace: Namespace | None
) -> list[tuple[Any, ...]]:
    """Stamp the transaction and carry a statement out, in one message to the database; its rows.

    Outside a transaction PostgreSQL takes the message for one: both stand, or neither does. One journey instead of five
    (BEGIN, the stamp, the role, the statement, COMMIT).

    Args:
        statement: one, with %s for each parameter.
        roles: one of these the actor must hold in the namespace (None: everywhere).

    Raises:
        errors.Forbidden: outside of an action; or none of the roles is held there.
    """
    running = running_action()
    stamp: list[Any] = [running.actor.pk, running.reason, running.id, running.name, door.get()]
    stamp += [[role.value for role in roles], namespace.pk if namespace else None]
    with connection.cursor() as cursor:
        try:
            cursor.execute(
                f"SELECT muniment.begin_act(%s, %s, %s, %s, %s, %s::text[], %s); {statement}", [*stamp, *parameters]
            )
        except Error as error:
            if getattr(getattr(error.__cause__, "diag", None), "message_detail", None) == "no-role":
                raise lacking(running.actor, *roles, namespace=namespace) from error
            raise
        cursor.nextset()
        return list(cursor.fetchall())


def _stamp(running: RunningAction | None) -> None:
    """Write the action into the transaction's own settings (gone with it), or clear them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', %s, true),"
            " set_config('muniment.action', %s, true),"
            " set_config('muniment.act', %s, true), set_config('muniment.door', %s, true),"
            " set_config('muniment.xid', CASE WHEN %s THEN pg_current_xact_id()::text ELSE '' END, true)",
            [
                str(running.actor.pk) if running else "",
                running.reason if running else "",
                str(running.id) if running else "",
                running.name if running else "",
                door.get() if running else "",
                running is not None,
            ],
        )


def action(function: Callable[P, R]) -> Callable[P, R]:
    """Make a keyword-only function with `actor` and `reason` one recorded act; a deadlock is tried again.

    The function's body runs inside `recorded_action`. It must re-read what it decides on, and it calls no other action.

    Raises:
        errors.Refused: as the body or the database refuses.
    """
    return _acting(function, recorded_action)


def action_at_once(function: Callable[P, R]) -> Callable[P, R]:
    """As `action`, for a function that writes by one call of `carry_out` and nothing else (`announced_action`)."""
    return _acting(function, announced_action)


class _Opens(Protocol):
    def __call__(self, *, actor: Principal, reason: str, name: str) -> AbstractContextManager[RunningAction]: ...


def _acting(function: Callable[P, R], opened: _Opens) -> Callable[P, R]:
    name = f"{function.__module__.split('.')[0]}.{function.__name__.removeprefix('_')}"

    @functools.wraps(function)
    def acting(*args: P.args, **kwargs: P.kwargs) -> R:
        actor, reason = kwargs["actor"], kwargs["reason"]
        assert isinstance(actor, Principal)
        assert isinstance(reason, str)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with opened(actor=actor, reason=reason, name=name):
                    return function(*args, **kwargs)
            except Error as error:
                if getattr(error.__cause__, "sqlstate", None) not in RETRIED or attempt == ATTEMPTS:
                    raise
                # Full jitter: those who met in the deadlock must not meet again in step.
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    return acting


def part(function: Callable[P, R]) -> Callable[P, R]:
    """The body of an action, to be a part of a larger one: `part(register_run)(actor=…, reason=…, …)`.

    Raises:
        errors.Forbidden: when called outside `recorded_action`.
    """
    body: Callable[P, R] = function.__wrapped__  # type: ignore[attr-defined]  # `action` wraps with functools

    def as_part(*args: P.args, **kwargs: P.kwargs) -> R:
        running_action()
        return body(*args, **kwargs)

    return as_part


def receipt(record: GovernedModel) -> Receipt:
    """Where the newest recorded state of `record` stands: history row, ledger entry, action."""
    return receipts([record])[record]


def receipts(records: Iterable[GovernedModel]) -> dict[GovernedModel, Receipt]:
    """The receipts of many records, in one query for each of their kinds."""
    kinds: dict[type[GovernedModel], dict[int, GovernedModel]] = {}
    for record in records:
        kinds.setdefault(type(record), {})[record.pk] = record
    found: dict[GovernedModel, Receipt] = {}
    for kind, of in kinds.items():
        newest = history_model(kind)._default_manager.filter(id__in=of).order_by("id", "-history_date", "-history_id")
        columns = ("id", "history_id", "ledger_entry_id", "action_id", "history_date")
        for pk, history_id, entry, action_id, at in newest.distinct("id").values_list(*columns):
            found[of[pk]] = {
                "id": pk,
                "history_id": history_id,
                "ledger_entry": entry,
                "action_id": str(action_id),
                "recorded_at": at.isoformat(),
            }
    return found
