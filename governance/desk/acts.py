"""Acts: found by who, what, when, why and how, a page at a time by key; and one act with everything it wrote."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Func, Q, QuerySet, TextField

from governance.accounts.models import Namespace, Principal
from governance.desk import kinds
from governance.desk.models import Act
from governance.desk.readers import Scope
from governance.desk.search import matches_words
from governance.history.builder import literal, quote
from governance.history.masking import mask_columns
from governance.history.models import history_model
from governance.ledger.models import LedgerEntry, LedgerPosition

COUNTED = 1_000  # acts; beyond, a list says "more than"
WRITTEN_SHOWN = 200  # changes of one act on a page
#: Columns that the recorder stamps: told once, above the fields.
_STAMPED = ("id", "recorded_at", "recorded_by_id")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts; None and "" ask for all."""

    by: int | None = None
    kind: str = ""
    object: int | None = None
    namespace: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    reason: str = ""
    name: str = ""
    door: str = ""


@dataclass(slots=True)
class Told:
    """One act as a list shows it: who, when, why, and how many of each kind it wrote."""

    action_id: uuid.UUID
    at: datetime
    actor: Principal
    reason: str
    name: str
    door: str
    parts: list[dict[str, Any]] = field(default_factory=list)


def wanted_acts(scope: Scope, wanted: Wanted) -> QuerySet[Act]:
    """The rows of the acts wanted, one for each act and namespace; one for each kind where a kind is asked for."""
    rows = scope.narrow(Act.objects.all())
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.kind and wanted.object is not None:
        model = kinds.models_by_kind()[wanted.kind]
        of = history_model(model)._default_manager.filter(id=wanted.object).values("action_id")
        rows = rows.filter(action_id__in=of)
    if not wanted.kind:
        rows = rows.filter(lead=True)
    plain = {"actor_id": wanted.by, "namespace_id": wanted.namespace, "at__gte": wanted.since, "at__lt": wanted.until}
    rows = rows.filter(**{name: value for name, value in plain.items() if value is not None})
    if wanted.name:
        rows = rows.filter(name=wanted.name)
    if wanted.door:
        rows = rows.filter(door=wanted.door)
    if wanted.reason:
        words = Func("reason", "namespace_id", "kind", "lead", function="muniment.act_words", output_field=TextField())
        among = f":{wanted.kind}"
        rows = rows.filter(matches_words(words, wanted.reason, scope, among))
    return rows


def page(rows: QuerySet[Act], *, before: int | None, size: int) -> tuple[list[Act], int | None]:
    """A page of rows newest first, and the id to go on before; None at the end.

    Args:
        rows: as `wanted_acts` gives them. before: the id of a row of the page before.
    """
    if before is not None:
        last = Act.objects.filter(pk=before).values_list("at", "pk").first()
        if last is None:
            return [], None
        rows = rows.filter(Q(at__lt=last[0]) | Q(at=last[0], pk__lt=last[1]), at__lte=last[0])
    found = list(rows.order_by("-at", "-id")[: size + 1])
    return found[:size], (found[size - 1].pk if len(found) > size else None)


def counted(rows: QuerySet[Act]) -> int:
    """How many there are, up to COUNTED + 1: counting stops there."""
    return rows.order_by()[: COUNTED + 1].count()


def told(rows: Iterable[Act], scope: Scope) -> list[Told]:
    """The acts of some rows, each once and in their order, with all that they wrote within the scope: three queries."""
    acts: dict[uuid.UUID, Told] = {}
    rows = list(rows)
    actors = Principal.objects.in_bulk({row.actor_id for row in rows})
    for row in rows:
        if row.action_id not in acts:
            actor = actors[row.actor_id]
            acts[row.action_id] = Told(row.action_id, row.at, actor, row.reason, row.name, row.door)
    parts = list(scope.narrow(Act.objects.filter(action_id__in=acts)).order_by("id"))
    spaces = Namespace.objects.in_bulk({part.namespace_id for part in parts if part.namespace_id})
    for part in parts:
        acts[part.action_id].parts.append(
            {
                "kind": part.kind,
                "op": part.op,
                "object": part.object_id,
                "namespace": spaces[part.namespace_id].name if part.namespace_id else None,
                "title": kinds.name_of(part.kind),
                "address": kinds.page_of(part.kind, part.object_id),
            }
        )
    return list(acts.values())


def one(scope: Scope, given: str) -> Told | None:
    """One act by its id as an address has it, with the parts within the scope; None where there is none."""
    try:
        action_id = uuid.UUID(given)
    except ValueError:
        return None
    rows = scope.narrow(Act.objects.filter(action_id=action_id)).order_by("id")[:1]
    found = told(rows, scope)
    return found[0] if found else None


def written(scope: Scope, act: Told, *, reader: Principal, after: int = 0) -> list[dict[str, Any]]:
    """What an act wrote within the scope, in its order, as the ledger holds it: before and after, and the log's place.

    Args:
        reader: who sees it: confidential fields that are not theirs are left out.
        after: the ledger entry of the last change shown before; WRITTEN_SHOWN + 1 are given at most.

    Returns:
        For each: kind, title, object, op, entry, history_id, at, position (None until sealed), namespace, changes
        [{column, field, old, new}], address, and redacted, true where the log keeps only the digest.
    """
    rows = _written_rows(scope, act.action_id, {part["kind"] for part in act.parts}, after)
    wanted = {row["entry"] for row in rows} | {row["former"] for row in rows if row["former"]}
    bodies = {pk: _columns(body) for pk, body in LedgerEntry.objects.filter(pk__in=wanted).values_list("pk", "body")}
    entries = [row["entry"] for row in rows]
    places = dict(LedgerPosition.objects.filter(entry__in=entries).values_list("entry_id", "position"))
    hidden = _not_for(reader, rows)
    for row in rows:
        new, old = bodies.get(row["entry"]), bodies.get(row["former"]) if row["former"] else {}
        row.update(
            title=kinds.name_of(row["kind"]),
            address=kinds.page_of(row["kind"], row["object"]),
            history=kinds.history_page_of(row["kind"], row["object"]),
            position=places.get(row["entry"]),
            redacted=new is None or old is None,
            changes=_changes(row["kind"], old, new, hidden.get((row["kind"], row["object"]), ()))
            if new is not None and old is not None
            else [],
        )
    for kind in {row["kind"] for row in rows}:
        changed = [one for row in rows if row["kind"] == kind for one in row["changes"]]
        mask_columns(kinds.models_by_kind()[kind].masked, reader, changed, key="column")
    return rows


def _not_for(reader: Principal, rows: Iterable[dict[str, Any]]) -> dict[tuple[str, int], tuple[str, ...]]:
    """By kind and object the confidential fields that the reader may not read."""
    ids: dict[str, set[int]] = {}
    for row in rows:
        ids.setdefault(row["kind"], set()).add(row["object"])
    models = kinds.models_by_kind()
    return {
        (kind, one): models[kind].confidential
        for kind, objects in ids.items()
        if models[kind].confidential
        for one in objects - models[kind].confided(reader, objects)
    }


def _written_rows(scope: Scope, action_id: uuid.UUID, tables: Collection[str], after: int) -> list[dict[str, Any]]:
    if not tables:
        return []
    # One query, however many kinds: each part goes by the index on the act of its history.
    union = " UNION ALL ".join(_part(table) for table in sorted(tables))
    allowed = None if scope.namespaces is None else list(scope.namespaces)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT w.* FROM ({union}) w (kind, object, entry, history_id, at, op, namespace, former)"
            " WHERE (%(allowed)s::bigint[] IS NULL OR w.namespace = ANY (%(allowed)s)) AND w.entry > %(after)s"
            " ORDER BY w.entry LIMIT %(limit)s",
            {"action": action_id, "allowed": allowed, "after": after, "limit": WRITTEN_SHOWN + 1},
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _part(table: str) -> str:
    history = f"public.{quote(history_model(kinds.models_by_kind()[table])._meta.db_table)}"
    return (
        f"SELECT {literal(table)}, h.id, h.ledger_entry_id, h.history_id, h.history_date, h.history_type,"
        f" muniment.namespace_of({literal(table)}, h.id), (SELECT p.ledger_entry_id FROM {history} p WHERE p.id = h.id"
        " AND (p.history_date, p.history_id) < (h.history_date, h.history_id)"
        f" ORDER BY p.history_date DESC, p.history_id DESC LIMIT 1) FROM {history} h WHERE h.action_id = %(action)s"
    )


def _columns(body: str | None) -> dict[str, Any] | None:
    return json.loads(body)["columns"] if body is not None else None


def _changes(kind: str, old: dict[str, Any], new: dict[str, Any], hidden: Collection[str] = ()) -> list[dict[str, Any]]:
    """What differs, by the names of today's columns; of a first state what it holds at all."""
    names = kinds.columns_of(kind)
    return [
        {"column": column, "field": names.get(column, column), "old": old.get(column), "new": value}
        for column, value in new.items()
        if column not in _STAMPED
        and column not in hidden
        and value != old.get(column)
        and not (not old and value in ("", "[]", "{}"))
    ]
