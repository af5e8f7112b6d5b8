"""Second half of `verify_ledger`: the tables replayed against the log's entries.

Set-based: PostgreSQL compares, only what differs comes over. Three facts together make it complete: every history row
equals the entry it names, each table has as many history rows as the log has entries of it, and every current row
equals its object's last history row. Column values print under the recorder's own settings.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django.db import DataError, connection

from governance.history import builder
from governance.history.builder import HISTORY_COLUMNS, PINS, literal, quote
from governance.history.models import governed_models
from governance.ledger.check_log import Progress
from governance.ledger.verifier import Altered


def check_tables(entries: Counter[str], progress: Progress) -> int:
    """Check every governed table and its history; the number of history rows.

    `entries`: how many entries the log has of each table. Raises Altered naming the first bad record and field.
    """
    rows = 0
    pairs = [builder.tables_of(model) for model in governed_models()]
    with connection.cursor() as cursor:
        for name, value in PINS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        for table, history in pairs:
            columns = [column.name for column in builder.columns_of(cursor, table)]
            held = [c.name for c in builder.columns_of(cursor, history) if c.name not in HISTORY_COLUMNS]
            try:
                _check_history(cursor, table, history, held)
            except DataError as error:
                raise Altered(f"{history}: an entry of {table} holds a body that is not JSON.") from error
            rows += _check_count(cursor, table, history, entries[table])
            _check_current(cursor, table, history, columns)
            progress(f"{table}: equal to its {entries[table]} entries")
    for table in sorted(entries.keys() - {table for table, _history in pairs}):
        raise Altered(f"The log has {entries[table]} entries of {table}, and there is no such governed table.")
    return rows


# What a history row says beside the object's columns, and where the entry says it.
_METADATA = {
    "table": ("(e.leaf ->> 'table')", "{table}"),
    "history_id": ("(e.leaf ->> 'history')", "h.history_id::text"),
    "id": ("(e.leaf ->> 'object')", "h.id::text"),
    "history_type": ("(e.leaf ->> 'op')", "h.history_type"),
    "history_user_id": ("(e.leaf ->> 'actor')", "h.history_user_id::text"),
    "action_id": ("(e.leaf ->> 'action')", "h.action_id::text"),
    "history_date": (
        "(e.leaf ->> 'time')",
        "to_char(h.history_date AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    ),
    "history_change_reason": (
        "(e.body ->> 'reason')",
        "CASE WHEN e.body IS NOT NULL THEN h.history_change_reason END",
    ),
}


def _as_json(alias: str, columns: list[str]) -> str:
    """A row's columns as the body holds them: names and texts."""
    pairs = ", ".join(f"{literal(name)}, {alias}.{quote(name)}::text" for name in columns)
    return f"jsonb_object(ARRAY[{pairs}]::text[])"


def _check_history(cursor: Any, table: str, history: str, columns: list[str]) -> None:
    """Every history row has its entry and equals it. Columns added later are absent from older bodies: not compared."""
    metadata = {name: (entry, own.format(table=literal(table))) for name, (entry, own) in _METADATA.items()}
    differs = " OR ".join(f"{entry} IS DISTINCT FROM {own}" for entry, own in metadata.values())
    wrong = ", ".join(
        f"CASE WHEN {entry} IS DISTINCT FROM {own} THEN {literal(name)} END" for name, (entry, own) in metadata.items()
    )
    own = _as_json("h", columns)
    # No parameters anywhere here, so that a per cent sign in a column's name stays one.
    cursor.execute(
        f"SELECT h.history_id, h.id, h.ledger_entry_id, e.id IS NULL, array_remove(ARRAY[{wrong}], NULL),"
        f" (e.body -> 'columns')::text, {own}::text"
        f" FROM public.{quote(history)} h LEFT JOIN LATERAL"
        # OFFSET 0 keeps PostgreSQL from reading the same JSON again for every comparison.
        " (SELECT id, leaf::jsonb, body::jsonb FROM public.governance_ledgerentry"
        " WHERE id = h.ledger_entry_id OFFSET 0) e ON true"
        f" WHERE e.id IS NULL OR {differs} OR NOT {own} @> coalesce(e.body -> 'columns', '{{}}')"
        " ORDER BY h.history_id LIMIT 1"
    )
    row = cursor.fetchone()
    if row is None:
        return
    number, obj, entry, no_entry, fields, body, actual = row
    where = f"{history} history_id {number} (object {obj})"
    if no_entry:
        raise Altered(f"{where}, field ledger_entry_id: the log has no entry {entry}.")
    raise Altered(f"{where}, field {_first_field(fields, body, actual)}: not what ledger entry {entry} says.")


def _first_field(fields: list[str], body: str | None, actual: str | None) -> str:
    if fields:
        return fields[0]
    logged, own = json.loads(body or "{}"), json.loads(actual or "{}")
    return next((name for name in logged if name not in own or logged[name] != own[name]), "unknown")


def _check_count(cursor: Any, table: str, history: str, entries: int) -> int:
    """As many history rows as entries. Each row names an entry of its own, so equal numbers mean one to one."""
    cursor.execute(f"SELECT count(*) FROM public.{quote(history)}")
    (rows,) = cursor.fetchone()
    if rows == entries:
        return int(rows)
    cursor.execute(
        "SELECT e.id, e.leaf::jsonb ->> 'object', e.leaf::jsonb ->> 'history' FROM public.governance_ledgerentry e"
        f" WHERE e.leaf::jsonb ->> 'table' = {literal(table)} AND NOT EXISTS"
        f" (SELECT 1 FROM public.{quote(history)} h WHERE h.ledger_entry_id = e.id) ORDER BY e.id LIMIT 1"
    )
    lost = cursor.fetchone()
    if lost is None:
        raise Altered(f"{history} has {rows} rows, the log has {entries} entries of {table}.")
    raise Altered(f"{history} history_id {lost[2]} (object {lost[1]}) is missing; ledger entry {lost[0]} records it.")


def _check_current(cursor: Any, table: str, history: str, columns: list[str]) -> None:
    """Every current row equals the last history row of its object, and every object with a history is there."""
    ours = ", ".join(f"t.{quote(name)}::text" for name in columns)
    last = ", ".join(f"h.{quote(name)}::text" for name in columns)
    cursor.execute(
        f"SELECT t.id, h.history_id, {_as_json('t', columns)}::text, {_as_json('h', columns)}::text"
        f" FROM public.{quote(table)} t LEFT JOIN LATERAL (SELECT * FROM public.{quote(history)} h WHERE h.id = t.id"
        " ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1) h ON true"
        f" WHERE h.history_id IS NULL OR ROW({ours}) IS DISTINCT FROM ROW({last}) ORDER BY t.id LIMIT 1"
    )
    row = cursor.fetchone()
    if row is not None:
        number, last_history, actual, logged = row
        if last_history is None:
            raise Altered(f"{table} id {number}: no history row and no ledger entry record it.")
        field = _first_field([], logged, actual)
        raise Altered(f"{table} id {number}, field {field}: not what its last record (history_id {last_history}) says.")
    cursor.execute(
        f"SELECT h.id, h.history_id FROM public.{quote(history)} h WHERE NOT EXISTS"
        f" (SELECT 1 FROM public.{quote(table)} t WHERE t.id = h.id) ORDER BY h.history_id LIMIT 1"
    )
    gone = cursor.fetchone()
    if gone is not None:
        raise Altered(f"{table} id {gone[0]} is missing; its record is history_id {gone[1]} of {history}.")
