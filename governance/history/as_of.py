"""Governed rows as they stood at a moment, fast for a page of them.

simple-history's `as_of` for a whole table is fine for a whole table and slow for a page: it ranks the entire history
first. Here each object's newest row before the moment is one step in the index (id, history_date, history_id).

A moment is for people. What a decision rests on is what its stored snapshot saw: a transaction that commits late shows
up before a date already read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import models

from governance.history.models import GovernedModel, history_model


def page_as_of(model: type[GovernedModel], ids: Iterable[int], moment: datetime) -> list[models.Model]:
    """The historical rows of the given objects as they stood at `moment`, in the order of the ids.

    Args:
        model: a governed model. ids: primary keys, a page of them. moment: aware date-time, inclusive.

    Returns:
        One historical row per object that existed then; the others are left out.
    """
    wanted = list(ids)
    historical = history_model(model)
    table = historical._meta.db_table
    rows = historical._default_manager.raw(
        f"SELECT h.* FROM unnest(%s::bigint[]) WITH ORDINALITY AS wanted(id, place) CROSS JOIN LATERAL ("
        f'SELECT * FROM "{table}" WHERE id = wanted.id AND history_date <= %s'
        " ORDER BY history_date DESC, history_id DESC LIMIT 1) h ORDER BY wanted.place",
        [wanted, moment],
    )
    return list(rows)


def as_of(record: GovernedModel, moment: datetime) -> Any | None:
    """The historical row of one record at a moment; None where it did not exist yet."""
    found = page_as_of(type(record), [record.pk], moment)
    return found[0] if found else None


def rebuilt(model: type[GovernedModel], row: Any) -> Any:
    """An instance of a governed model with what a historical row of it holds. It is for reading; saving it is refused.

    Args:
        row: a historical row, as `page_as_of` gives it.
    """
    fields = model._meta.concrete_fields
    return model.from_db(row._state.db, [f.attname for f in fields], [getattr(row, f.attname) for f in fields])
