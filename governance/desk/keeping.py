"""Builds what keeps the desk's tables: one trigger a history, which notes the act and indexes the record's words.

Generated from the models like the recorders: a static column list, and the way to the namespace by the model's
`namespace_path`. What a table's function does is compared with what was installed; where it differs, or was not there,
the desk's rows of that table are worked out anew from its history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import models

from governance.history.builder import literal, quote, run
from governance.history.models import GovernedModel, governed_models, history_model

TEXT_KEPT = 4000  # characters of a column that can be found
TITLE_KEPT = 300
#: Columns that name a record for people, the first that is filled.
TITLES = ("title", "display_name", "name", "label", "run_key", "printed_name", "metric", "text", "reason")

#: The functions that make a record's words.
_WORDS = ("search_text", "search_words", "search_vector", "search_entry")
_ACT_COLUMNS = "id, action_id, kind, op, namespace_id, actor_id, at, reason, name, door, object_id, lead"
_PINNED = "SET search_path = pg_catalog, pg_temp"


def install(cursor: Any) -> None:
    """Put the keeping of every governed table in place; fill the desk's tables where it is new or another.

    Args:
        cursor: of the owner, in a transaction; the tables and `muniment.search_entry` are there.
    """
    names = {model: f"keep_{model._meta.db_table}"[:63] for model in governed_models()}
    before = _sources(cursor, names.values())
    words = hashlib.sha256(repr(sorted(_sources(cursor, _WORDS).items())).encode()).hexdigest()[:16]
    statements = [namespace_sql()]
    for model, name in names.items():
        on = f"public.{quote(history_model(model)._meta.db_table)}"
        statements += [
            _function_sql(model, name, words),
            f"DROP TRIGGER IF EXISTS zz_keep ON {on}",
            f"CREATE TRIGGER zz_keep AFTER INSERT ON {on} FOR EACH ROW EXECUTE FUNCTION muniment.{quote(name)}()",
            f"ALTER TABLE {on} ENABLE ALWAYS TRIGGER zz_keep",
        ]
    run(cursor, statements)
    after = _sources(cursor, names.values())
    run(cursor, (fill for model, name in names.items() if before.get(name) != after[name] for fill in _fill_sql(model)))


def namespace_sql() -> str:
    """The function that tells the namespace of any governed record; NULL: it belongs to none."""
    cases = "\n".join(
        f"    WHEN {literal(model._meta.db_table)} THEN RETURN ({_namespace_query(model)});"
        for model in governed_models()
        if model.namespace_path
    )
    return f"""
CREATE OR REPLACE FUNCTION muniment.namespace_of(kind text, object bigint) RETURNS bigint LANGUAGE plpgsql STABLE
{_PINNED} AS $$
BEGIN
  CASE kind
{cases}
    ELSE RETURN NULL;
  END CASE;
END $$
"""


def searched(model: type[GovernedModel]) -> list[str]:
    """The columns whose words can be found: all text that people or pipelines gave, no choices."""
    fields = [
        str(field.column)
        for field in model._meta.concrete_fields
        if isinstance(field, (models.CharField, models.TextField)) and not field.choices
    ]
    return [] if model.search_hidden else fields


def _namespace_query(model: type[GovernedModel]) -> str:
    """One value: the namespace of the row `object` of a model."""
    return f"{_joined(model, model.namespace_path)} WHERE t0.id = object"


def _joined(model: type[models.Model], path: str) -> str:
    """SELECT … FROM …: the namespace of the rows `t0` of a model, by the joins of a path to it."""
    joins, current, alias = [f"public.{quote(model._meta.db_table)} t0"], model, "t0"
    *way, last = path.split("__")
    for number, step in enumerate(way, 1):
        field: Any = current._meta.get_field(step)
        current = field.related_model
        joins.append(
            f"JOIN public.{quote(current._meta.db_table)} t{number} ON t{number}.id = {alias}.{quote(field.column)}"
        )
        alias = f"t{number}"
    column: Any = current._meta.get_field(last)
    return f"SELECT {alias}.{quote(column.column)} FROM {' '.join(joins)}"


def _namespace_of_row(model: type[GovernedModel], row: str) -> str:
    """SQL for the namespace of a row named `row`, which holds the table's columns: by the shortest way there is."""
    if not model.namespace_path:
        return "NULL"
    step, _dot, rest = model.namespace_path.partition("__")
    field: Any = model._meta.get_field(step)
    if not rest:
        return f"{row}.{quote(str(field.column))}"
    return f"({_joined(field.related_model, rest)} WHERE t0.id = {row}.{quote(str(field.column))})"


def _parent_is_there(model: type[GovernedModel]) -> str:
    """SQL that refuses a row whose way to its namespace begins at what is not there yet: nobody there would find it.

    Foreign keys are looked at when the transaction ends. Further up the way the same was asked before.
    """
    step, _dot, rest = model.namespace_path.partition("__")
    if not rest:
        return ""
    field: Any = model._meta.get_field(step)
    parent, column = quote(field.related_model._meta.db_table), f"NEW.{quote(str(field.column))}"
    return f"""
  IF v_namespace IS NULL AND {column} IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM public.{parent} p WHERE p.id = {column}) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'not-there-yet', TABLE = {literal(model._meta.db_table)},
      MESSAGE = 'What this belongs to is not there yet.', HINT = 'Record that first.';
  END IF;"""


def _entry(model: type[GovernedModel], row: str) -> tuple[str, str]:
    """SQL for a record's title and for its words, from a row of its history named `row`."""
    columns = searched(model)
    filled = [f"nullif({row}.{quote(name)}, '')" for name in TITLES if name in columns]
    title = f"left(coalesce({', '.join([*filled, literal('')])}), {TITLE_KEPT})"
    words = ", ".join(f"left({row}.{quote(name)}, {TEXT_KEPT})" for name in columns)
    return title, f"concat_ws(' ', {words})"


def _function_sql(model: type[GovernedModel], name: str, words_made: str) -> str:
    table = model._meta.db_table
    entry = ""
    if searched(model):
        title, words = _entry(model, "NEW")
        entry = f"""
  -- Words as {words_made} makes them: where that changes, so does this function, and all are kept anew.
  INSERT INTO public.governance_searchentry (kind, object_id, namespace_id, title, words, at)
    VALUES ({literal(table)}, NEW.id, v_namespace, {title},
            muniment.search_entry({words}, {title}, v_namespace), NEW.history_date)
    ON CONFLICT (object_id, kind) DO UPDATE SET title = excluded.title, words = excluded.words, at = excluded.at;"""
    return f"""
CREATE OR REPLACE FUNCTION muniment.{quote(name)}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
{_PINNED} AS $keep$
DECLARE
  v_namespace bigint := {_namespace_of_row(model, "NEW")};
BEGIN{_parent_is_there(model)}
  -- Looked for first: all but the first row of a bulk are there, and an insertion that conflicts costs more.
  IF NOT EXISTS (SELECT 1 FROM public.governance_act a WHERE a.action_id = NEW.action_id AND a.kind = {literal(table)}
                 AND a.op = NEW.history_type AND a.namespace_id IS NOT DISTINCT FROM v_namespace) THEN
    INSERT INTO public.governance_act ({_ACT_COLUMNS})
      VALUES (NEW.ledger_entry_id, NEW.action_id, {literal(table)}, NEW.history_type, v_namespace, NEW.history_user_id,
        NEW.history_date, NEW.history_change_reason, left(coalesce(current_setting('muniment.act', true), ''), 100),
        left(coalesce(current_setting('muniment.door', true), ''), 20), NEW.id,
        NOT EXISTS (SELECT 1 FROM public.governance_act a
                    WHERE a.action_id = NEW.action_id AND a.namespace_id IS NOT DISTINCT FROM v_namespace AND a.lead))
      ON CONFLICT DO NOTHING;
  END IF;{entry}
  RETURN NULL;
END $keep$
"""


def _fill_sql(model: type[GovernedModel]) -> list[str]:
    """The statements that work the desk's rows of a table out from its history; what is there stays, words excepted."""
    table, history = model._meta.db_table, f"public.{quote(history_model(model)._meta.db_table)}"
    # A rebuilt index is written in one go; what the process said of an act is kept where the act is there already.
    statements = [
        f"""
INSERT INTO public.governance_act ({_ACT_COLUMNS})
SELECT f.ledger_entry_id, f.action_id, {literal(table)}, f.history_type, f.namespace, f.history_user_id, f.history_date,
       f.history_change_reason, '', '', f.id,
       row_number() OVER (PARTITION BY f.action_id, f.namespace ORDER BY f.ledger_entry_id) = 1
         AND NOT EXISTS (SELECT 1 FROM public.governance_act a WHERE a.action_id = f.action_id
                         AND a.namespace_id IS NOT DISTINCT FROM f.namespace AND a.lead)
FROM (SELECT DISTINCT ON (h.action_id, h.history_type, n.namespace) h.*, n.namespace
      FROM {history} h CROSS JOIN LATERAL (SELECT muniment.namespace_of({literal(table)}, h.id) AS namespace) n
      ORDER BY h.action_id, h.history_type, n.namespace, h.ledger_entry_id) f
ON CONFLICT DO NOTHING"""
    ]
    if searched(model):
        title, words = _entry(model, "r")
        statements.append(
            f"""
INSERT INTO public.governance_searchentry (kind, object_id, namespace_id, title, words, at)
SELECT {literal(table)}, r.id, n.namespace, {title}, muniment.search_entry({words}, {title}, n.namespace), r.recorded_at
FROM public.{quote(table)} r CROSS JOIN LATERAL (SELECT muniment.namespace_of({literal(table)}, r.id) AS namespace) n
ORDER BY r.id
ON CONFLICT (object_id, kind) DO UPDATE SET title = excluded.title, words = excluded.words"""
        )
    return statements


def _sources(cursor: Any, names: Iterable[str]) -> dict[str, str]:
    """The bodies of the functions that are installed, by name."""
    cursor.execute(
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'muniment'::regnamespace AND proname = ANY(%s)",
        [list(names)],
    )
    return {str(name): str(source) for name, source in cursor.fetchall()}
