"""Records in bulk, streamed as PostgreSQL copies them out: flat memory, one snapshot, in the order of a key.

CSV is made for spreadsheets: a text that one of them would take for a formula is led by an apostrophe (attack A81).
JSON lines hold every value as it is. What breaks off is resumed after the last key that arrived whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, models

from governance.accounts.api.history import readable_records
from governance.accounts.models import Principal
from governance.desk.acts import Wanted, wanted_acts
from governance.desk.models import Act
from governance.desk.readers import Scope
from governance.history.builder import quote
from governance.history.models import GovernedModel, history_model

FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
BLOCK = 1 << 16  # bytes sent at once
#: What spreadsheets take for the beginning of a formula, full width included, whatever blanks stand before it.
FORMULA = r"^[[:space:]]*[-=+@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]"


@dataclass(frozen=True, slots=True)
class Source:
    """What is taken out: a SELECT, which of its columns are text of people's, and the column to go on after.

    The statement holds `%(after)s`, NULL at the beginning; it is ordered by `key`.
    """

    what: str
    sql: str
    columns: tuple[str, ...]
    key: str
    texts: frozenset[str] = frozenset()
    parameters: dict[str, Any] = field(default_factory=dict)


def stream(source: Source, form: str, after: int | None = None) -> Iterator[bytes]:
    """The bytes of an export, in blocks.

    Args:
        source: what. form: a key of FORMATS. after: the last key that arrived; None from the beginning.

    Yields:
        CSV with a header line (RFC 4180), or one JSON object a line.
    """
    statement = f"COPY ({_shown(source, form)}) TO STDOUT ({_OPTIONS[form]})"
    with connection.cursor() as cursor:
        # An answer is read for as long as its reader takes: planned for the whole of it, not for a first page.
        copying = cursor.copy(statement, {**source.parameters, "after": after})
        with copying as copy:
            gathered = bytearray()
            for part in copy:
                gathered += part
                if len(gathered) >= BLOCK:
                    yield bytes(gathered)
                    gathered.clear()
            if gathered:
                yield bytes(gathered)


#: JSON text holds no control characters, so that nothing is ever quoted by these.
_OPTIONS = {"csv": "FORMAT csv, HEADER true", "jsonl": r"FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01'"}


def _shown(source: Source, form: str) -> str:
    if form == "jsonl":
        return f"SELECT row_to_json(x)::text FROM ({source.sql}) x"
    columns = (_harmless(f"x.{quote(name)}", name in source.texts) + f" AS {quote(name)}" for name in source.columns)
    return f"SELECT {', '.join(columns)} FROM ({source.sql}) x"


def _harmless(value: str, is_text: bool) -> str:
    return f"CASE WHEN {value} ~ '{FORMULA}' THEN '''' || {value} ELSE {value} END" if is_text else value


def records(model: type[GovernedModel], reader: Principal, as_of: datetime | None = None) -> Source:
    """Every record of a kind that the reader may read, as it stands or stood at a moment; by id.

    Args:
        as_of: aware; the newest state of each recorded by then.
    """
    table = f"public.{quote(model._meta.db_table)}"
    names, texts = _columns(model)
    readable, parameters = _readable(model, reader)
    listed = _listed(model, reader, names, parameters)
    if as_of is None:
        sql = (
            f"SELECT {listed} FROM {table} t WHERE t.id IN ({readable})"
            " AND (%(after)s::bigint IS NULL OR t.id > %(after)s) ORDER BY t.id"
        )
    else:
        sql = (
            f"SELECT DISTINCT ON (t.id) {listed} FROM public.{quote(history_model(model)._meta.db_table)} t"
            f" WHERE t.id IN ({readable}) AND t.history_date <= %(as_of)s"
            " AND (%(after)s::bigint IS NULL OR t.id > %(after)s)"
            " ORDER BY t.id, t.history_date DESC, t.history_id DESC"
        )
    return Source(model._meta.db_table, sql, names, "id", texts, {**parameters, "as_of": as_of})


def history(model: type[GovernedModel], reader: Principal) -> Source:
    """Every recorded state of every record of a kind that the reader may read; by history id."""
    names, texts = _columns(model)
    names = ("history_id", "history_date", "history_type", "history_user_id", "history_change_reason", "action_id",
             "ledger_entry_id", *names)  # fmt: skip
    readable, parameters = _readable(model, reader)
    sql = (
        f"SELECT {_listed(model, reader, names, parameters)}"
        f" FROM public.{quote(history_model(model)._meta.db_table)} t WHERE t.id IN ({readable})"
        " AND (%(after)s::bigint IS NULL OR t.history_id > %(after)s) ORDER BY t.history_id"
    )
    what = f"history of {model._meta.db_table}"
    return Source(what, sql, names, "history_id", texts | {"history_change_reason"}, parameters)


def acts(scope: Scope, wanted: Wanted) -> Source:
    """What each act wrote of each kind, of the acts wanted; by the first ledger entry."""
    found = scope.narrow(Act.objects.filter(action_id__in=wanted_acts(scope, wanted).values("action_id")))
    rows, parameters = _named((found.filter(kind=wanted.kind) if wanted.kind else found).values("pk"))
    names = (
        *("id", "action_id", "at", "actor_id", "actor", "reason", "name", "door"),
        *("kind", "op", "namespace", "object_id", "lead"),
    )
    sql = (
        "SELECT a.id, a.action_id, a.at, a.actor_id, p.display_name AS actor, a.reason, a.name, a.door, a.kind, a.op,"
        " n.name AS namespace, a.object_id, a.lead FROM public.governance_act a"
        " JOIN public.governance_principal p ON p.id = a.actor_id"
        f" LEFT JOIN public.governance_namespace n ON n.id = a.namespace_id WHERE a.id IN ({rows})"
        " AND (%(after)s::bigint IS NULL OR a.id > %(after)s) ORDER BY a.id"
    )
    return Source("acts", sql, names, "id", frozenset({"actor", "reason", "name", "door"}), parameters)


def _columns(model: type[GovernedModel]) -> tuple[tuple[str, ...], frozenset[str]]:
    """The columns of a kind, the id first, and those of them that hold text."""
    fields = sorted(model._meta.concrete_fields, key=lambda one: not one.primary_key)
    texts = {str(f.column) for f in fields if isinstance(f, (models.CharField, models.TextField))}
    return tuple(str(one.column) for one in fields), frozenset(texts)


def _readable(model: type[GovernedModel], reader: Principal) -> tuple[str, dict[str, Any]]:
    return _named(readable_records(model, reader).values("pk"))


def _listed(model: type[GovernedModel], reader: Principal, names: Sequence[str], parameters: dict[str, Any]) -> str:
    """The columns as the reader reads them: masked ones masked; confidential ones, with their reasons, empty or theirs.

    Adds what that takes to the parameters.
    """
    shown = {name: f"t.{quote(name)}" for name in names}
    for name, function in model.masked.items():
        parameters["reader"] = reader.pk
        shown[name] = f"{function}(%(reader)s, t.{quote(name)}) AS {quote(name)}"
    if model.confidential:
        open_to, more = _named(model.confided_rows(reader).values("pk"), prefix="c")
        parameters.update(more)
        for name in {*model.confidential, "history_change_reason"} & set(names):
            shown[name] = f"CASE WHEN t.id IN ({open_to}) THEN t.{quote(name)} END AS {quote(name)}"
    return ", ".join(shown.values())


def _named(rows: models.QuerySet[Any, Any], *, prefix: str = "p") -> tuple[str, dict[str, Any]]:
    """A queryset's SQL with its parameters by name, to stand within another statement."""
    try:
        sql, given = rows.order_by().query.sql_with_params()
    except EmptyResultSet:
        return "SELECT 0 WHERE false", {}
    parameters = {f"{prefix}{number}": value for number, value in enumerate(given)}
    named = sql
    for name in parameters:
        named = named.replace("%s", f"%({name})s", 1)
    return named, parameters
