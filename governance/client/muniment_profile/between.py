"""Rules between columns, evaluated while the file is there: of how many rows each is false."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb

from .tables import Column, Table

try:
    from muniment_rules import parse_rule  # type: ignore[import-not-found]  # beside this package, copied or installed
except ImportError:
    from governance.client.muniment_rules import parse_rule

RULES_AT_MOST = 200
WRONG = (
    duckdb.BinderException, duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException,
    duckdb.CatalogException, duckdb.ParserException,
)  # fmt: skip
"""What a rule can be wrong about: types that do not compare, numbers beyond their type. Anything else is the file's."""
OF_VALUES = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)
"""Of these DuckDB tells by quoting the value it met, which nobody is to read in a profile."""


class Rules:
    """Rules that are still to be evaluated, and what came of the others."""

    def __init__(self, texts: Iterable[str]) -> None:
        """A text that is no rule is told as such, not raised."""
        self._told: dict[str, dict[str, Any]] = {}
        self._read: dict[str, Any] = {}
        for text in list(dict.fromkeys(texts))[:RULES_AT_MOST]:
            try:
                self._read[text] = parse_rule(text)
            except ValueError as wrong:
                self._told[text] = _error(text, str(wrong))

    def evaluate(self, db: duckdb.DuckDBPyConnection, table: Table) -> None:
        """Those whose columns all lie in this table."""
        known = {one.name: _value(one) for one in table.columns}
        for text, rule in self._read.items():
            if text in self._told or not all(name in known for name in rule.columns):
                continue
            asked = f"SELECT count(*), count(*) FILTER (WHERE NOT ({rule.condition(known)})) FROM {table.name}"
            try:
                row = db.execute(asked, list(rule.parameters)).fetchone()
            except WRONG as wrong:
                met = "It cannot be evaluated: a value is not of the type it takes, or a number grows beyond its type."
                self._told[text] = _error(text, met if isinstance(wrong, OF_VALUES) else str(wrong))
            else:
                checked, failed = row or (0, 0)
                self._told[text] = {"expression": text, "checked": checked, "failed": failed}

    def told(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """What came of all of them, as the document has it. `names`: the file's columns."""
        there = set(names)
        for text, rule in self._read.items():
            missing = [name for name in rule.columns if name not in there]
            says = f"There is no column {missing[0]}." if missing else "Its columns lie too far apart to be compared."
            self._told.setdefault(text, _error(text, says))
        return list(self._told.values())


def _error(text: str, says: str) -> dict[str, Any]:
    shown = "".join(c if c.isprintable() else " " for c in says.partition("LINE 1")[0]).strip()[:500]
    return {"expression": text, "error": shown or "It cannot be evaluated."}


def _value(column: Column) -> str:
    """SQL of what a rule compares: dates as dates, truth as truth; NaN and infinities are null."""
    if column.type in ("boolean", "date", "timestamp") or not column.value:
        return column.raw
    return f"({column.value})"
