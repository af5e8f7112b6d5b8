"""Counting: one statement for what is plain, one per column for its distribution and its frequent values."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb

from .between import Rules
from .limits import Limits, Reading, Unreadable
from .source import Source, Tell
from .tables import AT_ONCE, EXACT, Column, Table, connected, fault_of, quoted, tables

try:
    from muniment_personal import find  # type: ignore[import-not-found]  # beside this package, copied or installed
except ImportError:
    from governance.client.muniment_personal import find

COMPARED = 160
"""Rows of more columns are not held against one another."""
EDGES, EDGES_OF_ALL = 200, 200_000
TOP, TOP_OF_ALL = 100, 50_000
SMALL, SMALL_TEXT = 1_000, 1_000
"""Columns of no more distinct values, of no longer texts, are counted many in one statement."""
SELDOM = 5
"""A text in fewer rows is not named: it may name a person."""
UNIQUE_SHARE = 0.5
"""A column of text with more distinct values than this share of its rows names none of them."""
EXACT_ROWS = 50_000_000
"""Up to here distinct values are counted exactly, beyond it estimated (HyperLogLog)."""
QUANTILE_ROWS = 2_000_000
"""Rows from which edges are chosen; what is counted at the edges is counted in all of them."""
LOOKED_AT, LOOKED_AT_OF_ALL = 2_000, 2_000_000
VALUE_AT_MOST = 256
MASK = "•"
ORDERED = ("integer", "number", "date", "timestamp")
LARGEST = {"BIGINT": 2**63, "HUGEINT": 2**127}


def count(
    source: Source, place: Path, limits: Limits, reading: Reading, against: Mapping[str, Sequence[float]],
    tell: Tell, rules: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """The profile's document. Raises Unreadable."""
    tell(stage="loading", done=0, total=0)
    db = connected(source, place, limits)
    columns: list[dict[str, Any]] = []
    table: Table | None = None
    repeated = None
    between = Rules(rules)
    try:
        for table in tables(db, source, limits, reading):
            most = min(table.width, limits.columns)
            counted = Counting(db, table, most, against)
            for column in table.columns:
                tell(stage="counting", done=len(columns), total=most)
                columns.append(counted.column(column))
            between.evaluate(db, table)
            if table.width == len(table.columns) <= COMPARED:
                repeated = counted.repeated()
    except duckdb.Error as error:
        raise fault_of(error, source, limits.memory) from None
    finally:
        db.close()
    if table is None:
        raise Unreadable("empty", "The file has no columns.")
    stopped = "rows" if table.more_rows else "columns" if table.width > len(columns) else "bytes" if source.cut else ""
    return {
        "profile": 1, "engine": f"duckdb {duckdb.__version__}", "format": source.format,
        "digest": f"sha256:{source.digests['sha256']}", "bytes": source.bytes, "rows": table.rows,
        "complete": not stopped, **({"stopped_by": stopped} if stopped else {}), "duplicate_rows": repeated,
        "columns": columns, **({"rules": told} if (told := between.told(one["name"] for one in columns)) else {}),
    }  # fmt: skip


class Counting:
    """The columns of one table, counted."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, table: Table, width: int, against: Mapping[str, Sequence[float]]
    ) -> None:
        """Count what takes one statement for many columns."""
        self.db, self.table, self.against = db, table, against
        self.edges = max(20, min(EDGES, EDGES_OF_ALL // width))
        self.top = max(5, min(TOP, TOP_OF_ALL // width))
        self.looked_at = max(100, min(LOOKED_AT, LOOKED_AT_OF_ALL // width))
        self.plain: dict[str, tuple[Any, ...]] = {}
        for start in range(0, len(table.columns), AT_ONCE):
            some = table.columns[start : start + AT_ONCE]
            threads = self._one("SELECT current_setting('threads')")
            db.execute("SET threads = 1")  # sums of doubles depend on their order
            self._plainly(some)
            db.execute(f"SET threads = {threads}")
        self.every = self._every()
        self.sample = self._sample()

    def column(self, column: Column) -> dict[str, Any]:
        """One column as the document has it."""
        present, finite, about, *rest = self.plain[column.raw]
        found: dict[str, Any] = {
            "name": column.name, "type": column.type if present else "other", "declared": column.declared,
            "count": present, "nulls": self.table.rows - present,
        }  # fmt: skip
        if not column.value:
            return found
        if not present:
            return {**found, "distinct": 0, "distinct_exact": True}
        finds = self._personal(column)
        if finds:
            found["personal"] = finds
        if column.type in ORDERED:
            found["non_finite"] = present - finite
            return {**found, **self._ordered(column, finite, about, rest, named=not finds)}
        return {**found, **self._texts(column, present, about, rest, named=not finds)}

    def repeated(self) -> int:
        """Rows that are equal to one before them, told by a hash of 64 bits of each."""
        every = ", ".join(one.raw for one in self.table.columns)
        return int(self._one(f"SELECT count(*) - count(DISTINCT hash({every})) FROM {self.table.name}"))

    # --- parts -------------------------------------------------------------------------------------------------------

    def _plainly(self, some: Sequence[Column]) -> None:
        try:
            row = self.db.execute(
                f"SELECT {', '.join(_plain_sql(one) for one in some)} FROM {self.table.name}"
            ).fetchone()
        except duckdb.OutOfRangeException:  # a deviation beyond a double fails the statement
            if len(some) > 1:
                for one in some:
                    self._plainly([one])
                return
            without = _plain_sql(some[0], deviation=False)
            row = self.db.execute(f"SELECT {without} FROM {self.table.name}").fetchone()
        for place, one in enumerate(some):
            self.plain[one.raw] = tuple(row[place * 8 : place * 8 + 8]) if row else ()

    def _every(self) -> dict[str, list[tuple[Any, int]]]:
        """Every value of the columns that have few, and in how many rows it stands, rising."""
        few = [one for one in self.table.columns if one.value and self._has_few(one)]
        found: dict[str, list[tuple[Any, int]]] = {}
        for start in range(0, len(few), AT_ONCE):
            some = few[start : start + AT_ONCE]
            asked = ", ".join(f"histogram({one.value})" for one in some)
            row = self.db.execute(f"SELECT {asked} FROM {self.table.name}").fetchone() or ()
            for one, counts in zip(some, row, strict=True):
                found[one.raw] = sorted((counts or {}).items())
        return found

    def _has_few(self, column: Column) -> bool:
        _present, finite, about, _least, most, *_rest = self.plain[column.raw]
        return finite > 0 and about <= SMALL * 0.8 and (column.type in ORDERED or most <= SMALL_TEXT)

    def _sample(self) -> dict[str, list[Any]]:
        """Values of texts and numbers, of rows chosen by the hash of their number."""
        held = [one for one in self.table.columns if one.type in ("string", "integer", "number")]
        if not held:
            return {}
        step = max(1, self.table.rows // self.looked_at)
        rows = self.db.execute(
            f"SELECT {', '.join(one.value for one in held)} FROM {self.table.name}"
            f" WHERE hash({self.table.row_number}) % {step} = 0 LIMIT {self.looked_at}"
        ).fetchall()
        return {one.raw: [row[place] for row in rows if row[place] is not None] for place, one in enumerate(held)}

    def _ordered(self, column: Column, finite: int, about: int, rest: Sequence[Any], *, named: bool) -> dict[str, Any]:
        least, most, total, mean, deviation = rest
        other = {"distinct": 1, "distinct_exact": False}  # of NaN and infinities, which are not told apart
        if not finite:
            return other
        numbers = self.every.get(column.raw, [])
        if numbers:
            found: dict[str, Any] = {"distinct": len(numbers), "distinct_exact": True}
        else:
            found = self._distinct(column, finite, about)
        if not named:
            return found  # the range and the edges of what names people, or is about them, are such values
        if column.type == "integer" and finite == 1:
            total = least
        found |= {"min": _number(least), "max": _number(most), "sum": _finite(total), "mean": _mean(mean, least, most),
                  "stddev": _finite(deviation)}  # fmt: skip
        mine = [_alike(one, column.type) for one in self.against.get(column.name, ())]
        if column.type == "integer":  # of a larger one the reader makes no value to compare with
            mine = [one for one in mine if abs(one) < LARGEST[column.whole or "BIGINT"]]
        if column.type == "integer" and max(abs(least), abs(most)) >= EXACT:  # no double stands between two of these
            mine = [one for one in mine if isinstance(one, int)]
        if numbers:
            edges = _chosen([value for value, _n in numbers], [n for _v, n in numbers], self.edges, mine)
            before, upto = _exactly(numbers, edges)
        else:
            edges = self._quantiles(column, least, most, mine)
            before, upto = self._between(column, edges)
        found |= {"edges": [_number(one) for one in edges], "before": before, "upto": upto}
        if column.type == "integer" and numbers and len(numbers) <= self.top:
            found |= self._frequent([(str(value), str(value), n) for value, n in numbers], found["distinct"], finite)
        return {key: value for key, value in found.items() if value is not None}

    def _texts(self, column: Column, present: int, about: int, rest: Sequence[Any], *, named: bool) -> dict[str, Any]:
        every = self.every.get(column.raw)
        found = self._distinct(column, present, about)
        distinct = found["distinct"]
        rows: list[tuple[str, str, int]] = []
        least = 1 if column.type == "boolean" else SELDOM
        if not named or distinct > max(present * UNIQUE_SHARE, 2):
            pass
        elif every is not None:
            rows = [(text, text, n) for text, n in every if n >= least]
        else:
            rows = self.db.execute(
                f"SELECT left(v, {VALUE_AT_MOST + 1}), v, n FROM (SELECT {column.value} AS v, count(*) AS n"
                f" FROM {self.table.name} GROUP BY v) WHERE v IS NOT NULL AND n >= {least} ORDER BY n DESC, v"
                f" LIMIT {self.top}"
            ).fetchall()
        found |= self._frequent(rows, distinct, present)
        shortest, longest, mean = rest[0], rest[1], rest[3]
        if column.type == "string":
            found["lengths"] = {"min": shortest, "max": longest, "mean": min(max(mean, shortest), longest)}
        return found

    def _frequent(self, rows: Sequence[tuple[str, str, int]], distinct: int, present: int) -> dict[str, Any]:
        """`top` and `other`. Texts that cannot be shown are told by their key alone."""
        rows = sorted(rows, key=lambda one: (-one[2], one[1]))[: self.top]
        top = [{"value": _shown(shown), "key": _key(whole), "count": n} for shown, whole, n in rows]
        count_of_other = present - sum(n for _s, _w, n in rows)
        other = min(max(distinct - len(top), 1), count_of_other) if count_of_other else 0
        return {"top": top, "other": {"count": count_of_other, "distinct": other}}

    def _distinct(self, column: Column, present: int, about: int) -> dict[str, Any]:
        if column.raw in self.every:
            return {"distinct": len(self.every[column.raw]), "distinct_exact": True}
        if present > EXACT_ROWS:
            return {"distinct": max(1, min(about, present)), "distinct_exact": False}
        exactly = self._one(f"SELECT count(DISTINCT {column.value}) FROM {self.table.name}")
        return {"distinct": exactly, "distinct_exact": True}

    def _quantiles(self, column: Column, least: Any, most: Any, mine: Sequence[float]) -> list[Any]:
        """Edges at quantiles; of many rows from some of them, chosen by the hash of their number."""
        shares = ", ".join(repr(n / (self.edges - 1)) for n in range(1, self.edges - 1))
        step = max(1, self.table.rows // QUANTILE_ROWS)
        where = f" WHERE hash({self.table.row_number}) % {step} = 0" if step > 1 else ""
        found = self._one(f"SELECT quantile_disc({column.value}, [{shares}]) FROM {self.table.name}{where}") or []
        return sorted({least, most, *found, *mine})

    def _between(self, column: Column, edges: Sequence[Any]) -> tuple[list[int], list[int]]:
        """Rows below each edge, and up to it, of all rows."""
        whole = column.type == "integer" and all(isinstance(one, int) for one in edges)
        kind = column.whole if whole else "DOUBLE"
        listed = f"[{', '.join(f'{quoted(str(one))}::{kind}' for one in edges)}]"
        row = self.db.execute(
            f"SELECT histogram(v, {listed}), histogram_exact(v, {listed})"
            f" FROM (SELECT CAST({column.value} AS {kind}) AS v FROM {self.table.name}) WHERE v IS NOT NULL"
        ).fetchone()
        within, on = row or ({}, {})
        upto = list(accumulate(within.get(one, 0) for one in edges))
        return [total - on.get(one, 0) for total, one in zip(upto, edges, strict=True)], upto

    def _personal(self, column: Column) -> list[dict[str, Any]]:
        """Patterns of personal data that values of texts and whole numbers match, those among them that came as 1.0.

        Dates are told by the column's name alone.
        """
        if column.type in ("date", "timestamp"):
            return [_find(one) for one in find(column.name, [], moments=True)]
        if column.type not in ("string", "integer", "number"):
            return []
        seen = self.sample[column.raw]
        if len(seen) < min(self.looked_at, self.plain[column.raw][0]) // 10:  # mostly blank: those that are there
            there = (
                f"SELECT {column.value} FROM {self.table.name} WHERE {column.value} IS NOT NULL LIMIT {self.looked_at}"
            )
            seen = [row[0] for row in self.db.execute(there).fetchall()]
        if column.type == "number" and not all(one.is_integer() for one in seen):
            return []
        return [_find(one) for one in find(column.name, [str(one)[:1_000] for one in seen])]

    def _one(self, sql: str) -> Any:
        found = self.db.execute(sql).fetchone()
        return found[0] if found else None


def _plain_sql(column: Column, *, deviation: bool = True) -> str:
    """Eight expressions: rows, finite values, about how many distinct, least, most, sum, mean, deviation."""
    v = column.value
    if not v:
        return f"count({column.raw}), 0, 0, NULL, NULL, NULL, NULL, NULL"
    number = f"CAST({v} AS DOUBLE)" if column.whole == "HUGEINT" else v
    if column.type not in ORDERED:
        v = number = f"length({v})"
    spread = f"stddev_pop({number})" if deviation else "NULL"
    return (
        f"count({column.raw}), count({column.value}), approx_count_distinct({column.value}), min({v}), max({v}),"
        f" sum({number}), avg({number}), {spread}"
    )


def _chosen(values: Sequence[Any], counts: Sequence[int], most: int, mine: Sequence[float]) -> list[Any]:
    """Every value where they are few, else values at quantiles; and those of the profile it is held against."""
    if len(values) > most:
        upto = list(accumulate(counts))
        places = {bisect_left(upto, n * upto[-1] / (most - 1)) for n in range(most)}
        values = [values[one] for one in sorted({0, len(values) - 1, *places})]
    return sorted({*values, *mine})


def _exactly(numbers: Sequence[tuple[Any, int]], edges: Sequence[Any]) -> tuple[list[int], list[int]]:
    values = [value for value, _n in numbers]
    upto = [0, *accumulate(n for _v, n in numbers)]
    return [upto[bisect_left(values, one)] for one in edges], [upto[bisect_right(values, one)] for one in edges]


def _alike(edge: float, kind: str) -> float | int:
    return int(edge) if kind == "integer" and float(edge).is_integer() else float(edge)


def _number(value: Any) -> Any:
    """Seconds that are whole, and whole numbers, as such."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _finite(value: Any) -> Any:
    return None if value is None or not math.isfinite(value) else value


def _mean(mean: Any, least: Any, most: Any) -> Any:
    """Within the range, which a mean of doubles may leave by its last digit."""
    return None if mean is None or not math.isfinite(mean) else float(min(max(mean, least), most))


def _shown(value: str) -> str | None:
    plain = len(value) <= VALUE_AT_MOST and (value.isprintable() or not value)
    return value if plain else None


def _key(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _find(found: Any) -> dict[str, Any]:
    examples = [one[:100] for one in found.examples if MASK in one]
    return {"pattern": found.pattern, "looked_at": found.looked_at, "matched": found.matched, "examples": examples[:5]}
