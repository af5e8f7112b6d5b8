"""What MLflow's clients read. The answers are put together by the database (approvals/sql/82_registry_reads.sql).

Bodies are JSON texts: they go out as the database wrote them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from approvals.mlflow.filters import (
    MODELS,
    VERSIONS,
    Clause,
    Grammar,
    Order,
    prompt_matches,
    question_of,
    read_filter,
    read_order,
    read_token,
    write_token,
)
from governance.accounts.models import Namespace
from lineage.models import Model


class Page(NamedTuple):
    """The bodies of a page, and the token of the next one ("": there is none)."""

    bodies: list[str]
    next_token: str


class _Kind(NamedTuple):
    """A kind of record that is searched: where its columns lie, and how its bodies are read."""

    grammar: Grammar
    tables: str
    key: str
    columns: dict[str, str]
    kinds: dict[str, type]
    tag: str
    bodies: str
    last: tuple[Order, ...]


_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"
_MODELS = _Kind(
    MODELS,
    "public.lineage_model m",
    "m.id",
    {
        "name": "m.name",
        "creation_timestamp": _MICROSECONDS.format("m.recorded_at"),
        "last_updated_timestamp": _MICROSECONDS.format("muniment.model_updated(m.id)"),
    },
    {"name": str, "creation_timestamp": int, "last_updated_timestamp": int},
    "EXISTS (SELECT 1 FROM public.lineage_modeltag t WHERE t.model_id = m.id AND NOT t.removed AND t.key = %s AND {})",
    "muniment.registry_models",
    (Order("name", False),),
)
_VERSIONS = _Kind(
    VERSIONS,
    "public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id"
    " LEFT JOIN public.lineage_mlflowregistration g ON g.model_version_id = v.id"
    " LEFT JOIN public.lineage_run u ON u.id = v.source_run_id",
    "v.id",
    {
        "name": "m.name",
        "version_number": "v.number",
        "run_id": "coalesce(g.run_id, u.run_key, '')",
        "source_path": "coalesce(g.source, v.artifact_uri)",
        "creation_timestamp": _MICROSECONDS.format("v.recorded_at"),
        "last_updated_timestamp": _MICROSECONDS.format("muniment.version_updated(v.id)"),
    },
    {"name": str, "version_number": int, "creation_timestamp": int, "last_updated_timestamp": int},
    "EXISTS (SELECT 1 FROM public.lineage_modelversiontag t WHERE t.model_version_id = v.id AND NOT t.removed"
    " AND t.key = %s AND {} AND NOT EXISTS (SELECT 1 FROM public.lineage_modelversiontag n"
    " WHERE n.model_version_id = v.id AND n.key = t.key AND n.id > t.id))",
    "muniment.registry_versions",
    (Order("name", False), Order("version_number", True)),
)


def model_body(model: int) -> str:
    """A `registered_model`."""
    return _bodies("muniment.registry_models", [model])[model]


def version_body(version: int) -> str:
    """A `model_version`."""
    body = _one("SELECT muniment.registry_version_body(%s)", [version])
    assert body is not None
    return body


def model_by_name(namespace: Namespace, name: str) -> str | None:
    """The body of the model of that name; None: there is none."""
    return _one("SELECT muniment.registry_model_named(%s, %s)", [namespace.pk, name])


def version_by_number(namespace: Namespace, name: str, number: int) -> str | None:
    """The body of a version; None: there is none."""
    return _one("SELECT muniment.registry_version_named(%s, %s, %s)", [namespace.pk, name, number])


def version_by_alias(namespace: Namespace, name: str, alias: str) -> str | None:
    """The body of the version an alias means; a claimed one means what is live. None: none."""
    return _one("SELECT muniment.registry_alias_named(%s, %s, %s)", [namespace.pk, name, alias])


def model_id(namespace: Namespace, name: str) -> int | None:
    """The model of that name; None: there is none."""
    return version_ids(namespace, name, 0)[0]


def version_ids(namespace: Namespace, name: str, number: int) -> tuple[int | None, int | None]:
    """The model of that name and its version of that number; None for what is not there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.registry_ids(%s, %s, %s)", [namespace.pk, name, number])
        model, version = cursor.fetchone()[0]
    return model, version


def alias_asked(
    namespace: Namespace, name: str, number: int, alias: str
) -> tuple[int | None, int | None, int | None, str | None]:
    """As `version_ids`, the environment that claims an alias, and the claimed alias it looks like, in one question."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.registry_ids(%s, %s, %s), muniment.environment_of_alias(%s), muniment.claimed_look(%s)",
            [namespace.pk, name, number, alias, alias],
        )
        (model, version), environment, look = cursor.fetchone()
    return model, version, environment, look


def _one(sql: str, parameters: Sequence[Any]) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: str | None = cursor.fetchone()[0]
    return found


def latest(model: Model, stages: Sequence[str]) -> list[str]:
    """The newest version of each stage asked for (lower case), and what is live; of all: none.

    Args:
        stages: none, staging, production, archived; empty: all but archived.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.body::text FROM muniment.registry_versions(muniment.latest_versions(%s)"
            " || (CASE WHEN %s THEN muniment.latest_put_away(%s) END)) r"
            " WHERE cardinality(%s::text[]) = 0 OR lower(r.body ->> 'current_stage') = ANY (%s::text[]) ORDER BY r.id",
            [model.pk, "archived" in stages, model.pk, list(stages), list(stages)],
        )
        return [row[0] for row in cursor.fetchall()]


def search_models(namespace: Namespace, filter: str, order_by: Sequence[str], size: int, token: str) -> Page:
    """Models of a namespace. Raises Invalid for what cannot be read."""
    return _search(_MODELS, namespace, filter, order_by, size, token)


def search_versions(namespace: Namespace, filter: str, order_by: Sequence[str], size: int, token: str) -> Page:
    """Model versions of a namespace. Raises Invalid for what cannot be read."""
    return _search(_VERSIONS, namespace, filter, order_by, size, token)


def _search(kind: _Kind, namespace: Namespace, filter: str, order_by: Sequence[str], size: int, token: str) -> Page:
    clauses = read_filter(filter, kind.grammar)
    order = read_order(order_by, kind.grammar)
    order += [one for one in kind.last if one.key not in {asked.key for asked in order}]
    question = question_of(kind.bodies, namespace.pk, clauses, order)
    where, parameters = "m.namespace_id = %s", [namespace.pk]
    for clause in clauses:
        sql, values = _condition(kind, clause)
        where, parameters = f"{where} AND {sql}", [*parameters, *values]
    if token:
        sql, values = _after(kind, order, read_token(token, question, [kind.kinds[one.key] for one in order]))
        where, parameters = f"{where} AND ({sql})", [*parameters, *values]
    by = ", ".join(f"{kind.columns[one.key]} {'DESC' if one.descending else 'ASC'}" for one in order)
    keys = ", ".join(kind.columns[one.key] for one in order)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {kind.key}, {keys} FROM {kind.tables} WHERE {where} ORDER BY {by} LIMIT %s",
            [*parameters, size + 1],
        )
        rows = cursor.fetchall()
    page = rows[:size]
    bodies = _bodies(kind.bodies, [row[0] for row in page])
    more = write_token(question, page[-1][1:]) if len(rows) > size else ""
    return Page([bodies[row[0]] for row in page], more)


def _condition(kind: _Kind, clause: Clause) -> tuple[str, list[Any]]:
    """SQL for a clause: names come from the tables above, values are parameters."""
    prompt = prompt_matches(clause)
    if prompt is not None:
        return ("true" if prompt else "false"), []
    compared, values = _comparison("t.value" if clause.tag else kind.columns[clause.key], clause)
    return (kind.tag.format(compared), [clause.key, *values]) if clause.tag else (compared, values)


def _comparison(column: str, clause: Clause) -> tuple[str, list[Any]]:
    if clause.sign in ("LIKE", "ILIKE"):
        return f"{column} {clause.sign} %s ESCAPE ''", [clause.value]
    if clause.sign in ("IN", "NOT IN"):
        return f"{column} {'=' if clause.sign == 'IN' else '<>'} {'ANY' if clause.sign == 'IN' else 'ALL'} (%s)", [
            clause.value
        ]
    return f"{column} {clause.sign} %s", [clause.value]


def _after(kind: _Kind, order: Sequence[Order], last: Sequence[Any]) -> tuple[str, list[Any]]:
    """Rows that come after one with these values: the first differing column decides."""
    parts, parameters = [], []
    for position, one in enumerate(order):
        same = [f"{kind.columns[earlier.key]} = %s" for earlier in order[:position]]
        parts.append(" AND ".join([*same, f"{kind.columns[one.key]} {'<' if one.descending else '>'} %s"]))
        parameters += list(last[: position + 1])
    return " OR ".join(f"({part})" for part in parts), parameters


def _bodies(function: str, ids: Sequence[int]) -> dict[int, str]:
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT r.id, r.body::text FROM {function}(%s) r", [list(ids)])
        return dict(cursor.fetchall())
