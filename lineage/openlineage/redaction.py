"""What is taken out of an event before it is kept: text of queries and code, environments, error texts, passwords, and
values of columns that hold personal data.

They may hold personal data or secrets, and the record needs none of it. What was taken out says so where it stood, with
its length. Rules for people: docs/openlineage.md.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from lineage.quality.finds import named_personal

_PASSWORD = re.compile(r"(://)([^/@\s:]*):([^/@\s]*)@")
_KEY_VALUE = re.compile(r"(?i)\b(password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|sig|signature)=([^&;\s]+)")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credential)")

#: Facets of which every value is taken out, whatever they hold: environments and plans of engines.
WHOLE = frozenset(
    {
        "environmentVariables", "environment-properties", "environment_properties", "spark_properties",
        "spark.logicalPlan", "spark_unknown", "executionParameters", "debug", "unknownSourceAttribute",
    }
)  # fmt: skip
#: Facets of which some fields are taken out, wherever in the facet they stand.
FIELDS: dict[str, frozenset[str]] = {
    "sql": frozenset({"query"}),
    "sourceCode": frozenset({"sourceCode"}),
    "errorMessage": frozenset({"message", "stackTrace"}),
    "extractionError": frozenset({"errorMessage", "stackTrace", "task"}),
    "dataQualityAssertions": frozenset({"content"}),
    "test": frozenset({"content"}),
    "airflow": frozenset({"args", "sql", "bash_command", "op_args", "op_kwargs", "params", "env", "conf"}),
}


#: Facets that measure columns, and what of a column's measures says nothing of its values.
MEASURED = frozenset({"dataQualityMetrics"})
COUNTS = frozenset({"count", "distinctCount", "nullCount"})
#: Stands beside the measures of a column of which some were taken out, and names them.
TAKEN_OUT = "_redacted"

Personal = Mapping[tuple[str, str], Collection[str]]
"""By OpenLineage namespace and name of a dataset the columns of which personal data was found."""


def redacted(event: dict[str, Any], personal: Personal | None = None) -> dict[str, Any]:
    """The event without what must not be kept. Names of facets and what the record reads stay as they are.

    Args:
        personal: columns on which finds are on record; without them, those whose name says it.
    """
    found: dict[str, Any] = _plain(event)
    for holder in _holders(found):
        columns = (personal or {}).get((str(holder.get("namespace")), str(holder.get("name"))), ())
        for key in ("facets", "inputFacets", "outputFacets"):
            facets = holder.get(key)
            if isinstance(facets, dict):
                holder[key] = {name: _facet(str(name), facet, columns) for name, facet in facets.items()}
    return found


def _holders(event: dict[str, Any]) -> list[dict[str, Any]]:
    """What bears facets: the run, the job, the dataset, inputs, outputs."""
    found = [event.get(name) for name in ("run", "job", "dataset")]
    for name in ("inputs", "outputs"):
        listed = event.get(name)
        found += listed if isinstance(listed, list) else []
    return [one for one in found if isinstance(one, dict)]


def _facet(name: str, facet: Any, personal: Collection[str]) -> Any:
    if name in MEASURED and isinstance(facet, dict) and isinstance(facet.get("columnMetrics"), dict):
        measured = facet["columnMetrics"].items()
        return {**facet, "columnMetrics": {column: _counts_only(column, one, personal) for column, one in measured}}
    if name in WHOLE:
        if not isinstance(facet, dict):
            return _gone(facet)
        return {key: value if key.startswith("_") else _gone(value) for key, value in facet.items()}
    fields = FIELDS.get(name)
    return _without(facet, fields) if fields else facet


def _counts_only(column: str, measures: Any, personal: Collection[str]) -> Any:
    """Of a column that holds personal data its counts: ends of ranges and quantiles are somebody's values."""
    if not isinstance(measures, dict):
        return measures
    count, distinct = (_whole(measures.get(name)) for name in ("count", "distinctCount"))
    if column not in personal and not named_personal(column, count=count, distinct=distinct):
        return measures
    gone = sorted(set(measures) - COUNTS - {TAKEN_OUT})
    kept = {name: value for name, value in measures.items() if name not in gone}
    return {**kept, TAKEN_OUT: gone} if gone else kept


def _whole(given: Any) -> int | None:
    return int(given) if isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 2**63 else None


def _without(value: Any, fields: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _gone(inner) if key in fields and inner is not None else _without(inner, fields)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without(one, fields) for one in value]
    return value


def _gone(value: Any) -> Any:
    """What stands where something was taken out; taking it out again changes nothing."""
    if isinstance(value, str):
        return value if value.startswith("[redacted: ") else f"[redacted: {len(value)} characters]"
    if isinstance(value, (dict, list)):
        return f"[redacted: {len(value)} entries]"
    return "[redacted]" if value is not None else None


def _plain(value: Any, name: str = "") -> Any:
    """A copy without passwords: in addresses, in key=value texts, under names that say they are secret."""
    if isinstance(value, dict):
        return {key: _plain(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(one, name) for one in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name):
        return _gone(value)
    if "://" in value:
        value = _PASSWORD.sub(r"\1\2@", value)
    return _KEY_VALUE.sub(r"\1=[redacted]", value) if "=" in value else value
