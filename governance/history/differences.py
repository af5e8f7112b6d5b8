"""What changed in a record between two moments: per field before and after, and who changed it last, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Field
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.history.as_of import page_as_of
from governance.history.masking import mask
from governance.history.models import GovernedModel, history_model

#: States of one record that are gone through for one answer.
MOST = 2000
#: What the recorder stamps, told beside the fields.
STAMPS = frozenset({"id", "recorded_at", "recorded_by"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs. `times`: how often it changed between the moments; `by` and so on: the last time.

    `withheld`: before and after are not for the reader; of a record with such fields `reason` is not either, and None.
    """

    field: Field[Any, Any]
    before: Any
    after: Any
    withheld: bool
    times: int
    at: datetime
    by: Principal
    reason: str | None
    history_id: int
    ledger_entry: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record at two moments. `existed`: whether it was on record at the first, and at the second."""

    existed: tuple[bool, bool]
    differences: list[Difference]


def compare(model: type[GovernedModel], id: int, start: datetime, end: datetime, *, reader: Principal) -> Comparison:
    """What changed between two moments, in the order of the fields; four queries, and one for each masked field.

    Args:
        reader: whose confidential fields are shown; that they may read the record is the caller's to know.

    Raises:
        errors.Invalid: the second moment is before the first, or more than MOST changes lie between.
    """
    if end < start:
        raise errors.Invalid(
            _("The moments are the wrong way round."), errors={"to": [_("Name a moment after the first.")]}
        )
    then = next(iter(page_as_of(model, [id], start)), None)
    between = history_model(model)._default_manager.filter(id=id, history_date__gt=start, history_date__lte=end)
    states: list[Any] = list(between.order_by("history_date", "history_id")[: MOST + 1])
    if len(states) > MOST:
        raise errors.Invalid(
            _("More than %(most)d changes lie between these moments.") % {"most": MOST},
            errors={"from": [_("Name moments that are closer to each other.")]},
        )
    if not states:
        return Comparison((then is not None, then is not None), [])
    mask(model, reader, [*states, *([then] if then is not None else [])])
    open_ = not model.confidential or id in model.confided(reader, [id])
    actors = Principal.objects.in_bulk({state.history_user_id for state in states})
    found = []
    for field in model._meta.concrete_fields:
        if field.name in STAMPS:
            continue
        value, times, last = getattr(then, field.attname, None), 0, None
        for state in states:
            if getattr(state, field.attname) != value:
                value, times, last = getattr(state, field.attname), times + 1, state
        before = getattr(then, field.attname, None)
        if last is None or before == value or (then is None and value in ("", [], {})):
            continue
        hidden = field.name in model.confidential and not open_
        found.append(
            Difference(
                field, None if hidden else before, None if hidden else value, hidden, times, last.history_date,
                actors[last.history_user_id], last.history_change_reason if open_ else None, last.history_id,
                last.ledger_entry_id,
            )
        )  # fmt: skip
    return Comparison((then is not None, True), found)
