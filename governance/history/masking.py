"""Columns in which the server wrote names of records of several namespaces: shown to each reader with theirs alone.

A kind says which by `GovernedModel.masked`; the database masks, so that exports, which it copies out itself, say
the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from governance.accounts.models import Principal
from governance.history.models import GovernedModel


def as_read_by(reader: Principal, function: str, values: Sequence[Any]) -> list[Any]:
    """JSON values as someone may read them, in one query; none where there is nothing to ask.

    Args:
        function: the database's, of a principal's id and a jsonb value; a constant of ours, never from outside.
    """
    if not values:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(%s, v.one) FROM unnest(%s::jsonb[]) WITH ORDINALITY AS v (one, n) ORDER BY v.n",
            [reader.pk, [json.dumps(value) for value in values]],
        )
        return [json.loads(one) if isinstance(one, str) else one for (one,) in cursor.fetchall()]


def mask(model: type[GovernedModel], reader: Principal, states: Sequence[Any]) -> None:
    """Put what the reader may read into the masked fields of rows, of the table or of its history; a query a field."""
    for name, function in model.masked.items():
        with_one = [state for state in states if getattr(state, name, None) is not None]
        read = as_read_by(reader, function, [getattr(state, name) for state in with_one])
        for state, value in zip(with_one, read, strict=True):
            setattr(state, name, value)


def mask_columns(
    masked: Mapping[str, str], reader: Principal, changes: Sequence[dict[str, Any]], key: str = "field"
) -> None:
    """The same of told changes: {key: column's name, "old", "new"}, with JSON or JSON text as their values."""
    for name, function in masked.items():
        places = [
            (one, side) for one in changes for side in ("old", "new") if one[key] == name and one[side] is not None
        ]
        given = [one[side] for one, side in places]
        read = as_read_by(reader, function, [json.loads(v) if isinstance(v, str) else v for v in given])
        for (one, side), was, value in zip(places, given, read, strict=True):
            one[side] = json.dumps(value, ensure_ascii=False) if isinstance(was, str) else value
