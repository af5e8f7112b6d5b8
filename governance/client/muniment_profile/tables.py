"""The file as DuckDB's tables: names, types that every value has, and faults in sentences.

DuckDB's reader of CSV takes 1.5 for an integer and cuts the time off a timestamp. So columns are read as text, as
doubles or as timestamps, and the type of a column is what all of its values are.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count as numbers
from pathlib import Path
from typing import Any

import duckdb

try:
    from muniment_personal import find  # type: ignore[import-not-found]  # beside this package, copied or installed
except ImportError:
    from governance.client.muniment_personal import find

from .limits import MIB, Limits, Reading, Unreadable, nesting, unquoted
from .source import Source

SAMPLE_ROWS = 10_000
AT_ONCE = 50
"""Columns in one statement."""
GROUP = 1_000
"""Columns of a table: each takes memory of its own for every 2,048 rows, so a file of 10,000 is read 10 times."""
LINE = 16 * MIB
LISTS_AT_MOST = 12
"""Lists and maps in one another, beyond which DuckDB's reader takes twice as long with each."""
DELIMITERS = (",", ";", "\t", "|")
EXACT = 2**53
"""Whole numbers below it are themselves as doubles."""
_WHOLE = r"\s*[+-]?(0|[1-9][0-9]{0,%d})\s*"
_NUMBER = (
    r"\s*[+-]?(((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
    r"|nan|NaN|NAN|inf|Inf|INF|Infinity|infinity)\s*"
)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    raw: str
    """SQL of what stands in it."""
    declared: str
    type: str = "other"
    value: str = ""
    """SQL of its finite value as it is counted; NULL for NaN and infinities."""
    whole: str = ""
    """Of an integer: the SQL type that holds it."""


@dataclass(frozen=True)
class Table:
    """Some columns of the file, with all their rows."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    row_number: str
    more_rows: bool
    width: int
    """Columns of the whole file."""


def quoted(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def named(text: str) -> str:
    """A name as SQL."""
    return '"' + text.replace('"', '""') + '"'


def connected(source: Source, place: Path, limits: Limits) -> duckdb.DuckDBPyConnection:
    """DuckDB, which may open this one file and its own temporary ones, and loads nothing from anywhere."""
    large = source.bytes > 64 * MIB or source.path.startswith(str(place))
    settings: dict[str, Any] = {
        "threads": limits.threads, "memory_limit": f"{limits.memory // MIB}MiB",
        "temp_directory": str(place / "spill"), "max_temp_directory_size": f"{limits.temporary // MIB}MiB",
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    }  # fmt: skip
    found = duckdb.connect(str(place / "counted.duckdb") if large else ":memory:", config=settings)
    found.execute(f"SET allowed_paths = [{quoted(source.path)}]")
    found.execute("SET enable_external_access = false")
    found.execute("SET enable_progress_bar = false")
    return found


def tables(db: duckdb.DuckDBPyConnection, source: Source, limits: Limits, reading: Reading) -> Iterator[Table]:
    """The file, group of columns by group of columns; a table is gone when the next one is asked for."""
    made = {"csv": _csv, "parquet": _parquet, "jsonl": _json}[source.format](db, source, limits, reading)
    for number in numbers():
        try:
            found = next(made)
        except StopIteration:
            return
        yield found
        db.execute(f"DROP {'VIEW' if source.format == 'parquet' else 'TABLE'} {found.name}")
        if number > 1_000:
            raise Unreadable("columns", "The file has more columns than any reader takes.")


# --- CSV -------------------------------------------------------------------------------------------------------------


def _csv(db: duckdb.DuckDBPyConnection, source: Source, limits: Limits, reading: Reading) -> Iterator[Table]:
    delimiter, heading = _heading(source.path, reading)
    names = shown_names(heading if reading.header else [""] * len(heading))
    told = {
        "auto_detect": "false", "delim": quoted(delimiter), "quote": "'\"'", "escape": "'\"'",
        "header": str(reading.header).lower(), "nullstr": f"[{', '.join(map(quoted, reading.nulls or ('',)))}]",
        "max_line_size": str(LINE), "buffer_size": str(2 * LINE), "strict_mode": "true",
    }  # fmt: skip
    wanted = range(min(len(names), limits.columns))
    for start in wanted[::GROUP]:
        group = list(wanted[start : start + GROUP])

        def read(types: dict[int, str], told: dict[str, str] = told) -> str:
            columns = ", ".join(f"'c{n}': '{types.get(n, 'VARCHAR')}'" for n in range(len(names)))
            options = ", ".join(f"{key} = {value}" for key, value in told.items())
            return f"read_csv({quoted(source.path)}, {options}, columns = {{{columns}}})"

        yield _loaded(db, read, group, names, limits)


def _heading(path: str, reading: Reading) -> tuple[str, list[str]]:
    """The delimiter, and what stands in the first line. The delimiter is the one that makes most columns of it."""
    with open(path, "rb") as file:
        file.seek(0)
        start = file.read(LINE)
    if len(start) == LINE and b"\n" not in start and b"\r" not in start:
        raise Unreadable("line", f"Line 1 is longer than {LINE:,} bytes. Is it text at all?", 1)
    text = start.decode("utf-8-sig", "replace")
    csv.field_size_limit(LINE)
    found = (",", [""])
    for delimiter in [reading.delimiter] if reading.delimiter else DELIMITERS:
        try:
            first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except (csv.Error, TypeError) as error:
            raise Unreadable("csv", f"Line 1 cannot be read as CSV: {error}.", 1) from None
        if len(first) > len(found[1]) or reading.delimiter:
            found = (delimiter, first)
        elif delimiter == found[0]:
            found = (delimiter, first or [""])
    return found


def _loaded(
    db: duckdb.DuckDBPyConnection, read: Any, group: Sequence[int], names: Sequence[str], limits: Limits
) -> Table:
    chosen = ", ".join(f"c{n}" for n in group)
    few = max(200, min(SAMPLE_ROWS, 2_000_000 // len(names)))
    sample = db.execute(f"SELECT {chosen} FROM {read({})} LIMIT {few}").fetchall()
    seen = {f"c{n}": _seems([row[place] for row in sample]) for place, n in enumerate(group)}
    as_number, as_time = ("integer", "number"), ("date", "timestamp")
    types = {n: "DOUBLE" for n in group if seen[f"c{n}"] in as_number}
    types |= {n: "TIMESTAMP" for n in group if seen[f"c{n}"] in as_time}
    most = f"LIMIT {limits.rows + 1}" if limits.rows else ""
    if len(sample) == few:  # there may be more than was looked at
        types = _without_lenient(db, f"{read({})} {most}", types)
    for again in numbers():
        try:
            db.execute(f"CREATE TABLE t AS SELECT {chosen} FROM {read(types)} {most}")
        except duckdb.Error as error:
            broken = re.search(r'converting column "c([0-9]+)"', str(error))
            if broken is None or int(broken[1]) not in types:
                raise
            types = {} if again >= 2 else {n: kind for n, kind in types.items() if n != int(broken[1])}
            continue
        checked = _checked(db, {n: seen[f"c{n}"] for n in types})
        large = {n for n, kind in checked.items() if kind == "large"}
        if not large:
            break
        db.execute("DROP TABLE t")
        types = {n: kind for n, kind in types.items() if n not in large}
    rows, more = _cut_rows(db, limits)
    again_looked = [f"c{n}" for n in group if n not in types and seen[f"c{n}"] != "string"]
    texts = inferred(db, "t", again_looked)
    columns = tuple(
        _of_csv(names[n], f"c{n}", checked.get(n) or texts.get(f"c{n}") or "string", n in types) for n in group
    )
    return Table("t", columns, rows, "rowid", more, len(names))


def _without_lenient(db: duckdb.DuckDBPyConnection, rows: str, types: Mapping[int, str]) -> dict[int, str]:
    """The columns to be read as doubles or timestamps, but those with a value that only DuckDB takes for one.

    Its casts are lenient: 007 and 1_000 become numbers, 2026/1/2 and `epoch` become times. Such a column is text.
    """
    if not types:
        return {}
    forms = {"DOUBLE": _NUMBER, "TIMESTAMP": f"{_DATE}([ T].*)?"}
    asked = ", ".join(f"bool_and(regexp_full_match(c{n}, {quoted(forms[kind])}))" for n, kind in types.items())
    fits = db.execute(f"SELECT {asked} FROM (SELECT * FROM {rows})").fetchone() or ()
    return {n: kind for (n, kind), one in zip(types.items(), fits, strict=True) if one is not False}


def _cut_rows(db: duckdb.DuckDBPyConnection, limits: Limits) -> tuple[int, bool]:
    """How many rows are counted, and whether there are more."""
    rows = _one(db, "SELECT count(*) FROM t")
    if not limits.rows or rows <= limits.rows:
        return rows, False
    db.execute(f"DELETE FROM t WHERE rowid = {limits.rows}")
    return limits.rows, True


def _seems(values: Sequence[str | None]) -> str:
    """What the first values of a column are; "" where there are none. Wrong guesses are found out later."""
    there = [one for one in values if one is not None]
    return next((kind for kind, fits in _SEEMS.items() if all(fits(one) for one in there)), "string") if there else ""


def _is_time(text: str) -> bool:
    try:
        return bool(re.match(_DATE, text) and datetime.datetime.fromisoformat(text))
    except ValueError:
        return False


_SEEMS: dict[str, Callable[[str], Any]] = {
    "integer": re.compile(_WHOLE % 14).fullmatch, "large": re.compile(_WHOLE % 36).fullmatch,
    "number": re.compile(_NUMBER).fullmatch, "boolean": re.compile("(?i:true|false)").fullmatch,
    "date": lambda text: re.fullmatch(_DATE, text) and _is_time(text), "timestamp": _is_time,
}  # fmt: skip


def _checked(db: duckdb.DuckDBPyConnection, seemed: Mapping[int, str]) -> dict[int, str]:
    """What columns that were read as doubles or timestamps are: `large` for whole numbers that no double holds."""
    found: dict[int, str] = {}
    chosen = list(seemed)
    for start in range(0, len(chosen), AT_ONCE):
        some = chosen[start : start + AT_ONCE]
        asked = ", ".join(_CHECKS[seemed[n]].format(c=f"c{n}") for n in some)
        row = db.execute(f"SELECT {asked} FROM t").fetchone() or ()
        found |= dict(zip(some, row, strict=True))
    return found


_CHECKS = {
    "integer": f"CASE WHEN max(abs({{c}})) FILTER (isfinite({{c}})) >= {EXACT} THEN 'large'"
    " WHEN bool_and(isfinite({c}) AND {c} = trunc({c})) THEN 'integer' ELSE 'number' END",
    "number": "'number'",
    "date": "CASE WHEN bool_and({c} = date_trunc('day', {c})) FILTER (isfinite({c})) THEN 'date' ELSE 'timestamp' END",
    "timestamp": "'timestamp'",
}


def _of_csv(name: str, raw: str, kind: str, read: bool) -> Column:
    """The column of a kind. `read`: the table holds it as a double or a timestamp already, else as text."""
    if read:
        cast = {"integer": "BIGINT", "number": "", "date": "", "timestamp": ""}[kind]
        declared = {"integer": "BIGINT", "number": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMP"}[kind]
    else:
        declared, cast = {
            "integer": ("BIGINT", "BIGINT"), "large": ("HUGEINT", "HUGEINT"), "number": ("DOUBLE", "DOUBLE"),
            "boolean": ("BOOLEAN", "BOOLEAN"), "date": ("DATE", "TIMESTAMP"), "timestamp": ("TIMESTAMP", "TIMESTAMP"),
            "string": ("VARCHAR", ""),
        }[kind]  # fmt: skip
    kind = "integer" if kind == "large" else kind
    return typed(Column(name, f"CAST({raw} AS {cast})" if cast else raw, declared, kind, whole=cast))


def inferred(db: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> dict[str, str]:
    """What all values of each column of text are; "" where there are none.

    Whole numbers with leading zeros are codes: text.
    """
    found: dict[str, str] = {}
    for start in range(0, len(columns), AT_ONCE // 2):
        some = columns[start : start + AT_ONCE // 2]
        asked = ", ".join(
            f"count({c}), count(*) FILTER (regexp_full_match({c}, {quoted(_WHOLE % 14)})),"
            f" count(*) FILTER (regexp_full_match({c}, {quoted(_WHOLE % 36)})),"
            f" count(TRY_CAST({c} AS DOUBLE)) FILTER (regexp_full_match({c}, {quoted(_NUMBER)})),"
            f" count(*) FILTER (lower({c}) IN ('true', 'false')),"
            f" count(TRY_CAST({c} AS DATE)) FILTER (regexp_full_match({c}, {quoted(_DATE)})),"
            f" count(TRY_CAST({c} AS TIMESTAMP)) FILTER (regexp_full_match({c}, {quoted(_DATE + '([ T].*)?')}))"
            for c in some
        )
        row = db.execute(f"SELECT {asked} FROM {table}").fetchone() or ()
        for position, column in enumerate(some):
            total, *counts = row[position * 7 : position * 7 + 7]
            kinds = ("integer", "large", "number", "boolean", "date", "timestamp")
            fits = [kind for kind, number in zip(kinds, counts, strict=True) if number == total]
            found[column] = (fits or ["string"])[0] if total else ""
    return found


# --- Parquet and JSON lines ------------------------------------------------------------------------------------------


def _parquet(db: duckdb.DuckDBPyConnection, source: Source, limits: Limits, reading: Reading) -> Iterator[Table]:
    read = f"read_parquet({quoted(source.path)}, file_row_number = true)"
    told = [one for one in _described(db, read) if one[0] != "file_row_number"]
    deepest = max((nesting(declared) for _name, declared in told), default=0)
    if deepest > LISTS_AT_MOST:
        raise Unreadable("nested", f"Lists lie {deepest} deep in one another here; at most {LISTS_AT_MOST} are read.")
    rows = _one(db, f"SELECT count(*) FROM {read}")
    counted = min(rows, limits.rows) if limits.rows else rows
    names = shown_names([name for name, _kind in told])
    wanted = range(min(len(told), limits.columns))
    for start in wanted[::GROUP]:
        group = wanted[start : start + GROUP]
        chosen = ", ".join(named(told[n][0]) for n in group)
        where = f" WHERE file_row_number < {counted}" if counted < rows else ""
        db.execute(f"CREATE VIEW t AS SELECT {chosen}, file_row_number FROM {read}{where}")
        columns = tuple(_declared(db, names[n], named(told[n][0]), told[n][1]) for n in group)
        yield Table("t", columns, counted, "file_row_number", counted < rows, len(told))


def _json(db: duckdb.DuckDBPyConnection, source: Source, limits: Limits, reading: Reading) -> Iterator[Table]:
    told = f"{quoted(source.path)}, format = 'newline_delimited', records = 'true', maximum_object_size = {LINE}"
    found = _described(
        db,
        f"read_json({told}, sample_size = -1, maximum_depth = 2, map_inference_threshold = -1,"
        " field_appearance_threshold = 0, convert_strings_to_integers = false)",
    )
    names = shown_names([name for name, _kind in found])
    wanted = range(min(len(found), limits.columns))
    most = f" LIMIT {limits.rows + 1}" if limits.rows else ""
    for start in wanted[::GROUP]:
        group = wanted[start : start + GROUP]
        columns = ", ".join(f"{quoted(found[n][0])}: {quoted(found[n][1])}" for n in group)
        chosen = ", ".join(f"{named(found[n][0])} AS c{n}" for n in group)
        db.execute(f"CREATE TABLE t AS SELECT {chosen} FROM read_json({told}, columns = {{{columns}}}){most}")
        rows, more = _cut_rows(db, limits)
        made = tuple(_declared(db, names[n], f"c{n}", found[n][1]) for n in group)
        yield Table("t", made, rows, "rowid", more, len(found))


def _described(db: duckdb.DuckDBPyConnection, read: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in db.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()]


def _declared(db: duckdb.DuckDBPyConnection, name: str, raw: str, declared: str) -> Column:
    kind = declared.partition("(")[0]
    shown = kind if kind == "ENUM" else "".join(c if c.isprintable() else "�" for c in declared)[:1_000]
    made = Column(name, raw, shown)
    if declared.endswith("]") or kind in ("STRUCT", "MAP", "UNION"):
        return made
    if kind in _INTEGERS:
        return typed(replace(made, type="integer", whole="HUGEINT" if kind in ("HUGEINT", "UBIGINT") else "BIGINT"))
    if kind in ("FLOAT", "DOUBLE", "DECIMAL"):
        return typed(replace(made, type="number", raw=f"CAST({raw} AS DOUBLE)"))
    if kind == "JSON":
        nested = f"SELECT coalesce(bool_or(json_type({raw}) IN ('OBJECT', 'ARRAY')), false) FROM t"
        return made if _one(db, nested) else typed(replace(made, type="string", raw=f"json_extract_string({raw}, '$')"))
    if kind in ("VARCHAR", "ENUM", "UUID"):
        return typed(replace(made, type="string", raw=f"CAST({raw} AS VARCHAR)"))
    if kind in ("BOOLEAN", "DATE"):
        return typed(replace(made, type=kind.lower()))
    return typed(replace(made, type="timestamp")) if kind.startswith("TIMESTAMP") else made


def typed(column: Column) -> Column:
    """With the SQL of the value that is counted."""
    raw = column.raw
    value = {
        "integer": f"CAST({raw} AS {column.whole or 'BIGINT'})",
        "number": f"CASE WHEN isfinite({raw}) THEN {raw} END",
        "boolean": f"CAST({raw} AS VARCHAR)",
        "string": raw,
        "date": f"CASE WHEN isfinite({raw}) THEN epoch({raw}) END",
        "timestamp": f"CASE WHEN isfinite({raw}) THEN epoch({raw}) END",
    }[column.type]
    return replace(column, value=value)


def shown_names(given: Sequence[str]) -> list[str]:
    """Names as a profile has them: printable, 256 characters at most, each its own. Blank ones get their place.

    So do those that are somebody's address or number: the first row of a file without a heading, keys that are values.
    """
    taken: set[str] = set()
    made = []
    for place, one in enumerate(given, start=1):
        plain = "".join("�" if unicodedata.category(c) in ("Cc", "Cs") else c for c in one).strip()[:240]
        plain = f"column_{place}" if not plain or find("", [plain]) else plain
        again = (f"{plain}_{number}" if number > 1 else plain for number in numbers(1))
        made.append(next(name for name in again if name not in taken))
        taken.add(made[-1])
    return made


def _one(db: duckdb.DuckDBPyConnection, sql: str) -> Any:
    found = db.execute(sql).fetchone()
    return found[0] if found else None


def fault_of(error: duckdb.Error, source: Source, memory: int) -> Unreadable:
    """What DuckDB says, in a sentence that names the line."""
    says, kind = str(error), source.format
    if isinstance(error, duckdb.OutOfMemoryException) or "bad_alloc" in says or "std::length_error" in says:
        if "max_temp_directory_size" in says or "temp directory" in says.lower():
            return Unreadable("temporary", "It needs more space for temporary files than it may have.")
        return Unreadable("memory", f"Reading it takes more than the {memory // MIB:,} MiB it may have.")
    if isinstance(error, duckdb.IOException) and ("File too large" in says or "No space" in says or "write" in says):
        return Unreadable("temporary", "It needs more space for temporary files than it may have.")
    at = re.search(r"(?:on Line: |in line )([0-9]+)", says)
    line = int(at[1]) if at else None
    if kind == "jsonl" and line:
        line = _line_of_json(source.path, line) or line
    where = f"Line {line}" if line else "A line"
    if ragged := re.search(r"Expected Number of Columns: ([0-9]+) Found: ([0-9]+)", says):
        return Unreadable("ragged", f"{where} has {ragged[2]} values, the first line has {ragged[1]}.", line)
    if "unterminated quote" in says or ("quote" in says.lower().partition("possible fixes")[0] and kind == "csv"):
        return Unreadable("quote", f"{where} opens a quotation that never ends, or holds a stray quotation mark.", line)
    if "maximum line size" in says.lower() or "maximum_object_size" in says:
        return Unreadable("line", f"{where} is longer than {LINE:,} bytes. Is it text at all?", line)
    if malformed := re.search(r"Malformed JSON.*?: (.+)", says):
        return Unreadable("json", f"{where} is no JSON object: {unquoted(malformed[1]).strip().rstrip('.')}.", line)
    first = unquoted(re.sub(r"['\"]?/[^\s'\"]*['\"]?", "the file", says.partition("\n")[0]))[:300]
    return Unreadable("broken", f"It cannot be read as {kind}: {json.dumps(first, ensure_ascii=False)[1:-1]}", line)


def _line_of_json(path: str, near: int) -> int | None:
    """Which line is no object: DuckDB names it, or the one after it."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if number > near:
                return None
            if number >= near - 2 and line.strip():
                try:
                    if not isinstance(json.loads(line), dict):
                        return number
                except ValueError:
                    return number
    return None
