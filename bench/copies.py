"""Ten times what `seed_records` made, by set-based INSERT … SELECT: records, histories, ledger entries, acts, words.

Through the guards a million rows of history take many minutes; a tenth of them does not. The copies are made as the
superuser with the guards off, which are on again, and compared with their files, before anything is measured. A copy's
ids, acts, names and keys are its own; its ledger entries keep the text of those they were copied from, so that a
verification of the log would find them: nobody verifies here.
"""

import time
from typing import Any

from django.db import models

from approvals.models import Release
from bench.databases import connect, manage
from governance.history.builder import columns_of, literal, quote
from governance.history.models import GovernedModel, history_model
from lineage.models import (
    CollectionTerms,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    Run,
    RunInput,
    SensitivityFlag,
)

COPIED: tuple[type[GovernedModel], ...] = (
    Dataset, CollectionTerms, DatasetVersion, SensitivityFlag, Model, Run, RunInput, ModelVersion, Release,
)  # fmt: skip
#: What is unique in a namespace; a copy's is its own.
NAMES = {Dataset: "name", Model: "name", Run: "run_key"}
LEDGER, ACTS, WORDS = "governance_ledgerentry", "governance_act", "governance_searchentry"


def multiply(name: str, times: int) -> tuple[int, float]:
    """Fill a seeded database up to `times` of what it holds.

    Returns:
        rows inserted, and seconds it took: indexes, VACUUM and ANALYZE included.
    """
    start, rows = time.perf_counter(), 0
    with connect("superuser", name) as superuser:
        statements = _statements(superuser)
        for table in statements:
            superuser.execute(f"ALTER TABLE public.{table} DISABLE TRIGGER ALL")
        for table, (key, chosen, which) in statements.items():
            columns = [column.name for column in columns_of(superuser.cursor(), table)]
            picked = ", ".join(chosen.get(column, f"t.{quote(column)}") for column in columns)
            done = superuser.execute(
                f"INSERT INTO public.{table} ({', '.join(map(quote, columns))}) OVERRIDING SYSTEM VALUE SELECT {picked}"
                f" FROM public.{table} t CROSS JOIN generate_series(1, {times - 1}) k WHERE {which} ORDER BY k, t.{key}"
            )
            rows += done.rowcount
            superuser.execute(
                f"SELECT setval(s, (SELECT max({key}) FROM public.{table}))"
                f" FROM pg_get_serial_sequence({literal('public.' + table)}, {literal(key)}) s WHERE s IS NOT NULL"
            )
        for table in statements:
            superuser.execute(f"ALTER TABLE public.{table} ENABLE TRIGGER ALL")
        superuser.execute("VACUUM (ANALYZE)")  # as autovacuum will have done
    manage(name, "install_guards", login="owner")
    manage(name, "install_guards", "--check", login="owner")
    return rows, time.perf_counter() - start


def _statements(superuser: Any) -> dict[str, tuple[str, dict[str, str], str]]:
    """By table: its key, the columns that differ in a copy, and which rows are copied."""
    tables = {model._meta.db_table: "id" for model in COPIED}
    tables |= {history_model(model)._meta.db_table: "history_id" for model in COPIED} | {LEDGER: "id", WORDS: "id"}
    apart = {table: _width(superuser, table, key) for table, key in tables.items()}
    kinds = ", ".join(literal(model._meta.db_table) for model in COPIED)
    of_kind = f"t.kind IN ({kinds})"
    object_ = "t.object_id + k * CASE t.kind {} END".format(
        " ".join(f"WHEN {literal(model._meta.db_table)} THEN {apart[model._meta.db_table]}" for model in COPIED)
    )
    act = "md5(t.action_id::text || k)::uuid"
    entry = f"+ k * {apart[LEDGER]}"
    found: dict[str, tuple[str, dict[str, str], str]] = {}
    for model in COPIED:
        table, history = model._meta.db_table, history_model(model)._meta.db_table
        own = _own(model, apart)
        found[table] = ("id", own, "true")
        kept = {"history_id": f"t.history_id + k * {apart[history]}", "action_id": act,
                "ledger_entry_id": f"t.ledger_entry_id {entry}"}  # fmt: skip
        found[history] = ("history_id", {**own, **kept}, "true")
    first = f"(SELECT min(ledger_entry_id) FROM public.{history_model(Dataset)._meta.db_table})"
    found[LEDGER] = ("id", {"id": f"t.id {entry}"}, f"t.id >= {first}")
    found[ACTS] = ("id", {"id": f"t.id {entry}", "action_id": act, "object_id": object_}, of_kind)
    title = {"title": "left(t.title, 290) || '-' || k"}
    found[WORDS] = ("id", {"id": f"t.id + k * {apart[WORDS]}", "object_id": object_, **title}, of_kind)
    return found


def _own(model: type[models.Model], apart: dict[str, int]) -> dict[str, str]:
    """The columns of a record in which a copy differs: its id, what it names among the copied, its name."""
    own = {"id": f"t.id + k * {apart[model._meta.db_table]}"}
    for field in model._meta.concrete_fields:
        related = field.related_model
        if isinstance(related, type) and related in COPIED:
            column = str(field.column)
            own[column] = f"t.{quote(column)} + k * {apart[related._meta.db_table]}"
    if model in NAMES:
        own[NAMES[model]] = f"t.{NAMES[model]} || '-' || k"
    return own


def _width(superuser: Any, table: str, key: str) -> int:
    (width,) = superuser.execute(f"SELECT max({key}) - min({key}) + 1 FROM public.{table}").fetchone()
    return int(width)
