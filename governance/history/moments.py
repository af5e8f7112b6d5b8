"""Reading as of a moment with the code that reads the present.

Inside `standing_at(moment)` every query on the facts and judgements of this connection sees each governed table as it
stood at that moment: the table's name is taken by a common table expression over its history, so that filters, joins,
prefetches and paging work unchanged. Keys come from the row itself, which no login of the product can change, and are
found by the live table's indexes; what the record said comes from its newest history row before the moment, one step in
the index (id, history_date, history_id) for each row that is looked at.

The tables of the accounts are left as they are: **who may read is judged now**, whatever moment is read about. Nothing
can be written meanwhile, and what PostgreSQL works out from the present (the gate) is refused rather than mixed in.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from governance import errors
from governance.history.models import GovernedModel, governed_models, history_model

#: Tables of this app say who may read what; they are read as they are now.
ACCOUNTS = "governance"

#: Functions of the database whose answer depends on nothing but rows that are final once recorded; and what the reader
#: may read, by their roles, which is asked of now whatever moment they read about.
TIMELESS = frozenset(
    {"evidence_verdict", "provenance_missing", "holds_role", "requirements_read_by", "chain_read_by", "reason_read_by"}
)

_READS = re.compile(r"\s*[(\s]*SELECT\b", re.IGNORECASE)
_TRANSACTION = re.compile(r"\s*(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)\b")
_NAMES = re.compile(r"(?P<schema>(?:\"?public\"?\s*\.\s*)?)\"?\b(?P<name>(?!\d)\w+)\b\"?")
_FUNCTIONS = re.compile(r"\bmuniment\.\"?(\w+)")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2}))?", re.ASCII)

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?", re.ASCII)


class PresentOnly(Exception):
    """A statement would write, or mix the present into an answer about the past: a fault of ours, not the reader's."""


def is_read_from_history(model: type[models.Model]) -> bool:
    """Whether `standing_at` shows this model's rows as they stood."""
    return issubclass(model, GovernedModel) and model._meta.app_label != ACCOUNTS


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """For the time of the block, read facts and judgements as they stood at a moment (inclusive), on this connection.

    Raises:
        PresentOnly: a statement in the block writes, or asks the database what holds now.
    """
    with connection.execute_wrapper(_as_it_stood(moment.astimezone(UTC))):
        yield


def _as_it_stood(moment: datetime) -> Callable[..., Any]:
    def wrapper(execute: Callable[..., Any], statement: str, params: Any, many: bool, context: Any) -> Any:
        if _TRANSACTION.match(statement):
            return execute(statement, params, many, context)
        if not _READS.match(statement):
            raise PresentOnly(f"Nothing is written while the past is read: {statement[:80]}")
        return execute(_over_history(statement, moment), params, many, context)

    return wrapper


def _over_history(statement: str, moment: datetime) -> str:
    for function in _FUNCTIONS.findall(statement):
        if function not in TIMELESS:
            raise PresentOnly(f"muniment.{function} answers for now only.")
    tables = _tables()
    found: dict[str, None] = {}
    for match in _NAMES.finditer(statement):
        if match["name"] in tables:
            if match["schema"]:
                raise PresentOnly(f"public.{match['name']} would be read as it is now.")
            found[match["name"]] = None
    if not found:
        return statement
    at = f"TIMESTAMPTZ '{moment.isoformat()}'"
    parts = [f'"{name}" AS NOT MATERIALIZED ({tables[name].replace("<moment>", at)})' for name in found]
    return f"WITH {', '.join(parts)} {statement}"


@functools.cache
def _tables() -> dict[str, str]:
    """By table the query that stands for it; `<moment>` is to be replaced."""
    return {m._meta.db_table: _query(m) for m in governed_models() if is_read_from_history(m)}


def _query(model: type[GovernedModel]) -> str:
    table, history = model._meta.db_table, history_model(model)._meta.db_table
    keys = _keys(model)
    columns = ", ".join(
        f'l."{field.column}"' if field.name in keys else f'h."{field.column}"' for field in model._meta.concrete_fields
    )
    said = ", ".join(f'"{f.column}"' for f in model._meta.concrete_fields if f.name not in keys) or "1"
    return (
        f'SELECT {columns} FROM public."{table}" l CROSS JOIN LATERAL (SELECT {said} FROM public."{history}"'
        " WHERE id = l.id AND history_date <= <moment> ORDER BY history_date DESC, history_id DESC LIMIT 1) h"
        " WHERE l.recorded_at <= <moment>"
    )


def _keys(model: type[GovernedModel]) -> set[str]:
    """What rows are found by: the id, the stamp, relations and what an index holds, unless it may change."""
    found = {"id", "recorded_at", "recorded_by"}
    for index in [*model._meta.indexes, *model._meta.constraints]:
        found |= {name.removeprefix("-") for name in getattr(index, "fields", ())}
    for field in model._meta.concrete_fields:
        if field.is_relation or getattr(field, "db_index", False) or getattr(field, "unique", False):
            found.add(field.name)
    return found - set(model.updatable) - set(model.filled_in_later)


def may_have_changed(model: type[GovernedModel], lookups: Iterable[str]) -> list[str]:
    """Of a list's lookups those on columns that change: the accounts cannot be filtered by them as of a moment."""
    return [one for one in lookups if one.split("__")[0].removesuffix("_id") in model.updatable]


def read_page_moment(text: str) -> datetime:
    """As `read_moment`, also for what a page's date-time field sends: no offset, and UTC as the page says.

    Raises:
        Invalid: as there.
    """
    return read_moment(f"{text}Z" if _LOCAL.fullmatch(text) else text, field="at")


def read_moment(text: str, *, field: str = "as_of") -> datetime:
    """The moment that a parameter names: a date (its first instant in UTC) or a date-time with its offset.

    Raises:
        Invalid: it is malformed, or in the future, of which nothing is on record.
    """
    moment = None
    if _MOMENT.fullmatch(text):
        try:
            # The days at the ends of the calendar overflow when they are told in UTC.
            moment = parse_datetime(text if "T" in text else f"{text}T00:00:00Z")
            moment = moment.astimezone(UTC) if moment is not None else None
        except (ValueError, OverflowError):
            moment = None
    if moment is None:
        sentence = _(
            "Send a day such as 2026-03-03, or a moment with its offset such as 2026-03-03T14:00:00Z (a plus sign is"
            " %2B in an address)."
        )
        raise errors.Invalid(_("This is no moment."), errors={field: [sentence]})
    if moment > timezone.now():
        raise errors.Invalid(
            _("Nothing is on record about the future."),
            errors={field: [_("Name a moment that is over; leave it out for now.")]},
        )
    return moment
