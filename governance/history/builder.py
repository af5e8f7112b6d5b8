"""Builds the recorder of one table: a trigger function with a static column list, read from the catalogue.

Static, because naming the columns from the catalogue for each row costs three times as much, and going through jsonb
loses JSON null (measured; docs/decisions/0001). The function carries the shape of both tables as a number: built for
another shape, it refuses to write (MU004) rather than lose something.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from governance.history.models import GovernedModel, history_model

#: Settings that change how values print. A session can set any of them; the recorder runs under these.
PINS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "xmlbinary": "base64",
}
#: What PostgreSQL tells of as moments, with the zone of their limits. It knows infinity and the years to 294276;
#: whoever reads the record knows 1 to 9999: one beyond makes its list unreadable, and a day added to it is an error.
_MOMENTS = {"timestamp with time zone": " 00:00:00+00", "timestamp without time zone": "", "date": ""}
HISTORY_COLUMNS = {
    "history_id",
    "history_date",
    "history_change_reason",
    "history_type",
    "history_user_id",
    "action_id",
    "ledger_entry_id",
}
LEAF_VERSION = 1


class GuardsLeftBehind(Exception):
    """The history cannot hold what the table holds; the sentence says which column and what to migrate."""


@dataclass(frozen=True, slots=True)
class Column:
    """A live column: name and full type, as PostgreSQL prints it (`numeric(6,4)`)."""

    name: str
    type: str
    generated: bool = False


def columns_of(cursor: Any, table: str) -> list[Column]:
    """The table's live columns in their order."""
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attgenerated <> '' FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [f"public.{quote(table)}"],
    )
    return [Column(*row) for row in cursor.fetchall()]


def quote(name: str) -> str:
    """A PostgreSQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A PostgreSQL string constant (standard_conforming_strings)."""
    return "'" + text.replace("'", "''") + "'"


def recorder_name(table: str) -> str:
    """The recorder function of a table, without its schema."""
    return f"record_{table}"[:63]


def compare(table: str, live: list[Column], historical: list[Column]) -> None:
    """Check that the history holds every column of the table with exactly its type.

    Raises:
        GuardsLeftBehind: naming the first column that is absent, generated or of another type or precision.
    """
    held = {column.name: column for column in historical}
    for column in live:
        twin = held.get(column.name)
        if column.generated:
            raise GuardsLeftBehind(f"{table}.{column.name} is a generated column; governed tables hold none.")
        if twin is None:
            raise GuardsLeftBehind(f"{table}.{column.name} has no column in the history; add it by the same migration.")
        if twin.type != column.type:
            raise GuardsLeftBehind(
                f"{table}.{column.name} is {column.type} but its history {twin.type}; migrate both to one type."
            )


def recorder_sql(cursor: Any, table: str, history_table: str, epoch: int) -> str:
    """The CREATE FUNCTION statement of a table's recorder.

    Args:
        cursor: of a connection that sees the tables as they are to be recorded.
        table: the governed table. history_table: its historical table.
        epoch: the ledger's epoch, a constant in the function (a restore rebuilds the guards).

    Raises:
        GuardsLeftBehind: the history cannot hold what the table holds.
    """
    live = columns_of(cursor, table)
    compare(table, live, columns_of(cursor, history_table))
    names = [quote(column.name) for column in live]
    body = " || ','\n    || ".join(
        f"{literal(_json_text(column.name) + ':')} || coalesce(to_json(NEW.{quote(column.name)}::text)::text, 'null')"
        for column in live
    )
    beyond = " ".join(
        f"WHEN NEW.{quote(column.name)} >= '10000-01-01{zone}' OR NEW.{quote(column.name)} < '0001-01-01{zone}'"
        f" THEN {literal(column.name)}"
        for column in live
        if column.name != "recorded_at" and (zone := _MOMENTS.get(column.type)) is not None
    )
    moments = f"""
  v_beyond := CASE {beyond} END;
  IF v_beyond IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'No calendar here goes that far.', DETAIL = 'no-such-moment',
      TABLE = TG_TABLE_NAME, COLUMN = v_beyond, HINT = 'Give a moment in the years 1 to 9999, or leave it out.';
  END IF;"""
    pins = "\n".join(f"SET {quote(name)} = {literal(value)}" for name, value in PINS.items())
    return f"""
CREATE OR REPLACE FUNCTION muniment.{quote(recorder_name(table))}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
{pins}
AS $recorder$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_action uuid := current_setting('muniment.action', true)::uuid;
  v_reason text := current_setting('muniment.reason', true);
  v_when timestamptz := clock_timestamp();
  v_last timestamptz;
  v_entry bigint;
  v_history bigint;
  -- 256 random bits: a UUID has 122, so of three. There is no pgcrypto in the embedded server.
  v_salt bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
  v_body text;
  v_beyond text;
  v_xid bigint := pg_current_xact_id()::text::bigint;
BEGIN
  IF muniment.shape_of({literal("public." + quote(table))}::regclass)
       <> {_shape(cursor, table)}
     OR muniment.shape_of({literal("public." + quote(history_table))}::regclass)
       <> {_shape(cursor, history_table)} THEN
    RAISE EXCEPTION USING ERRCODE = 'MU004', MESSAGE = {literal(f"{table} has changed and its recorder has not.")},
      DETAIL = 'guards-left-behind', TABLE = TG_TABLE_NAME, HINT = 'Run manage.py install_guards as the owner.';
  END IF;{moments if beyond else ""}
  PERFORM 1 FROM public.governance_principal WHERE id = v_actor AND is_active;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU001', MESSAGE = 'The acting principal does not exist or is not active.',
      DETAIL = 'no-such-actor', HINT = 'Act as an active principal.';
  END IF;
  -- Lists of acts show who began one, and why: whoever wrote on under its id would stand there under another's name.
  -- One at a time, so that none slips in beside an act that is not yet committed.
  PERFORM pg_advisory_xact_lock(hashtextextended('muniment.act ' || v_action, 0));
  IF (SELECT (a.actor_id, e.xid, e.epoch) <> (v_actor, v_xid, {epoch})
      FROM (SELECT x.id, x.actor_id FROM public.governance_act x WHERE x.action_id = v_action LIMIT 1) a
      JOIN public.governance_ledgerentry e ON e.id = a.id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU001', MESSAGE = 'This act is another''s, or is over.', DETAIL = 'act-of-another',
      TABLE = TG_TABLE_NAME, HINT = 'Begin an act of your own: one transaction, one actor, an id that is new.';
  END IF;
  IF TG_OP = 'UPDATE' THEN
    SELECT history_date INTO v_last FROM public.{quote(history_table)}
      WHERE id = NEW.id ORDER BY history_date DESC, history_id DESC LIMIT 1;
    v_when := greatest(v_when, v_last + interval '1 microsecond');
  END IF;
  v_entry := nextval('public.governance_ledgerentry_id_seq'::regclass);
  INSERT INTO public.{quote(history_table)} ({", ".join(names)},
      history_date, history_change_reason, history_type, history_user_id, action_id, ledger_entry_id)
    VALUES ({", ".join("NEW." + name for name in names)},
      v_when, v_reason, CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END, v_actor, v_action, v_entry)
    RETURNING history_id INTO v_history;
  v_body := '{{"columns":{{' || {body} || '}},"reason":' || to_json(v_reason)::text || '}}';
  INSERT INTO public.governance_ledgerentry (id, epoch, xid, leaf, salt, body) VALUES (
    v_entry, {epoch}, v_xid,
    '{{"action":"' || v_action || '","actor":' || v_actor
      || ',"digest":"' || encode(sha256(v_salt || convert_to(v_body, 'UTF8')), 'hex')
      || '","history":' || v_history || ',"object":' || NEW.id
      || ',"op":"' || CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END
      || '","session":' || to_json(session_user::text)::text || ',"table":{_json_text(table)}'
      || ',"time":"' || to_char(v_when AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","v":{LEAF_VERSION}}}',
    v_salt, v_body);
  RETURN NULL;
END $recorder$
"""


def trigger_sql(table: str, *, born_final: bool) -> list[str]:
    """The statements that put a governed table's guards in place: stamp, refusals, recorder; all ENABLE ALWAYS.

    Names order them: PostgreSQL fires triggers of one kind by name. Rules of the rooms (`r…`) stand between the
    stamp (`a…`) and the recorder (`z…`, AFTER).
    """
    on = f"public.{quote(table)}"
    wanted = {
        "a_stamp": ("BEFORE INSERT OR UPDATE", "ROW", "stamp_row"),
        "a_never_removed": ("BEFORE DELETE", "ROW", "refuse_removal"),
        "a_never_truncated": ("BEFORE TRUNCATE", "STATEMENT", "refuse_removal"),
        "z_record": ("AFTER INSERT OR UPDATE", "ROW", recorder_name(table)),
    }
    statements: list[str] = []
    if born_final:
        wanted["a_born_final"] = ("BEFORE UPDATE", "ROW", "refuse_update")
    else:
        statements.append(f"DROP TRIGGER IF EXISTS a_born_final ON {on}")
    return statements + _triggers(on, wanted)


def frozen_sql(table: str) -> list[str]:
    """The statements that make a table append-only for everyone, its owner included (history, ledger)."""
    wanted = {
        "a_born_final": ("BEFORE UPDATE", "ROW", "refuse_update"),
        "a_never_removed": ("BEFORE DELETE", "ROW", "refuse_removal"),
        "a_never_truncated": ("BEFORE TRUNCATE", "STATEMENT", "refuse_removal"),
    }
    return _triggers(f"public.{quote(table)}", wanted)


def _triggers(on: str, wanted: dict[str, tuple[str, str, str]]) -> list[str]:
    """The statements that put a table's triggers in place, by name: event, level and function; all ENABLE ALWAYS."""
    statements: list[str] = []
    for name, (event, level, function) in wanted.items():
        statements += [
            f"DROP TRIGGER IF EXISTS {name} ON {on}",
            f"CREATE TRIGGER {name} {event} ON {on} FOR EACH {level} EXECUTE FUNCTION muniment.{quote(function)}()",
        ]
    return [*statements, f"ALTER TABLE {on} {', '.join(f'ENABLE ALWAYS TRIGGER {name}' for name in wanted)}"]


def run(cursor: Any, statements: Iterable[str]) -> None:
    """Execute statements without parameters in one message: guards are thousands of short ones."""
    if script := ";\n".join(statements):
        cursor.execute(script)


def govern(cursor: Any, table: str, history_table: str, *, born_final: bool, epoch: int) -> None:
    """Put the guards of one governed table in place, replacing what was there.

    Raises:
        GuardsLeftBehind: the history cannot hold what the table holds.
    """
    recorder = recorder_sql(cursor, table, history_table, epoch)
    run(cursor, [recorder, *trigger_sql(table, born_final=born_final), *frozen_sql(history_table)])


def tables_of(model: type[GovernedModel]) -> tuple[str, str]:
    """A governed model's table and its history's."""
    return model._meta.db_table, history_model(model)._meta.db_table


def _shape(cursor: Any, table: str) -> int:
    cursor.execute("SELECT muniment.shape_of(%s::regclass)", [f"public.{quote(table)}"])
    return int(cursor.fetchone()[0])


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
