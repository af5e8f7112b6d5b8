"""What MLflow's clients read. The answers are put together by the database (approvals/sql/82_registry_reads.sql).

Bodies are JSON texts: they go out as the database wrote them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
from governance.accounts.models import Namespace, Principal
from governance.api.authentication import Question
from lineage.actions import Told
from lineage.models import Model, ModelVersion

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    return str(_one("SELECT muniment.registry_version_body(%s)", [version]))


def new_version_body(version: ModelVersion, told: Told, by: Principal) -> str:
    """As `version_body`, of a version that was made this moment and of which no more was said: nothing is asked."""
    at = (version.recorded_at - EPOCH) // timedelta(milliseconds=1)
    body = {
        "name": version.model.name, "version": str(version.number), "user_id": by.name, "creation_timestamp": at,
        "last_updated_timestamp": at, "current_stage": "None", "description": "", "source": told.source,
        "run_id": told.run_id, "run_link": told.run_link, "model_id": told.model_id, "status": "READY",
        "status_message": "", "model_params": [], "model_metrics": [], "tags": [], "aliases": [],
    }  # fmt: skip
    return json.dumps(body, ensure_ascii=False)


def model_named(values: Mapping[str, Any]) -> Question:
    """The body of the model of a name; None: there is none."""
    return Question("muniment.registry_model_named({namespace}, %s)", [values["name"]])


def version_numbered(values: Mapping[str, Any]) -> Question:
    """The body of a version; None: there is none."""
    return Question("muniment.registry_version_named({namespace}, %s, %s)", [values["name"], values["version"]])


def version_of_alias(values: Mapping[str, Any]) -> Question:
    """The body of the version an alias means; a claimed one means what is live. None: none."""
    return Question("muniment.registry_alias_named({namespace}, %s, %s)", [values["name"], values["alias"]])


def ids(values: Mapping[str, Any]) -> Question:
    """[the model of a name, its version of the number, if the call names one]; None for what is not there."""
    return Question("muniment.registry_ids({namespace}, %s, %s)", [values["name"], values.get("version", 0)])


def alias(values: Mapping[str, Any]) -> Question:
    """As `ids`, and of the alias: the environment that claims it, and the claimed alias it looks like; as JSON."""
    return Question(
        "muniment.registry_alias_asked({namespace}, %s, %s, %s)", [values["name"], values["version"], values["alias"]]
    )


def answer(question: Question, namespace: Namespace) -> Any:
    """The answer to a question that was not asked along with who calls."""
    return _one(f"SELECT {question.sql.format(namespace='%s')}", [namespace.pk, *question.parameters])


def _one(sql: str, parameters: Sequence[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


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
