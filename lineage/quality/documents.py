"""The profile of a data file as a document: counts, ranges and distributions of its columns, and none of its rows.

A profile is read strictly, since it may come from anybody: every bound that one measured from a file keeps is asked
for, so that whoever works from a `Profile` need not ask again. docs/profiles.md lists the fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal, cast

from django.utils.translation import gettext as _

from governance.client.muniment_personal import is_masked
from lineage.quality.reading import COUNT_AT_MOST, Part

VERSION = 1
COLUMNS_AT_MOST = 10_000
EDGES_AT_MOST = 2_000
"""Of one column; what is measured has about 200, and those of a baseline beside them."""
TOP_AT_MOST = 100
NAME_AT_MOST = 256
VALUE_AT_MOST = 256
SELDOM = 5
"""A text in fewer rows is not kept by itself: it may name a person."""
FINDS_AT_MOST = 50
RULES_AT_MOST = 200
EXAMPLES_AT_MOST = 5
FORMATS = ("csv", "parquet", "jsonl")
TYPES = ("integer", "number", "boolean", "string", "date", "timestamp", "other")
ORDERED = ("integer", "number", "date", "timestamp")
"""Types whose values have a place on a line: dates and timestamps as seconds since 1970 UTC."""
LIMITS = ("rows", "seconds", "memory", "columns", "bytes")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(r"[0-9a-f]{8,64}")

Number = int | float
Format = Literal["csv", "parquet", "jsonl", ""]
ColumnType = Literal["integer", "number", "boolean", "string", "date", "timestamp", "other"]
Limit = Literal["rows", "seconds", "memory", "columns", "bytes", ""]


@dataclass(frozen=True, slots=True)
class TopValue:
    """A value that occurs often, and how often."""

    value: str | None
    """None: longer than 256 characters, or with characters that cannot be shown."""
    key: str
    """Names the value in every profile: the first hexadecimal digits of the SHA-256 of its UTF-8 text."""
    count: int


@dataclass(frozen=True, slots=True)
class Other:
    """The values that are not listed by themselves."""

    count: int
    """In how many rows."""
    distinct: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts of a column are, in characters."""

    min: int
    max: int
    mean: float


@dataclass(frozen=True, slots=True)
class PersonalFind:
    """A pattern of personal data that values of a column match."""

    pattern: str
    looked_at: int
    """Values that were held against the pattern."""
    matched: int
    examples: tuple[str, ...] = ()
    """Masked."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What was counted in one column. None and () say: not measured, or not kept."""

    name: str
    type: ColumnType = "other"
    declared: str = ""
    """The type as the file or the reader calls it, such as BIGINT."""
    count: int | None = None
    """Rows with a value, NaN and infinities among them."""
    nulls: int | None = None
    non_finite: int = 0
    """NaN and infinities: part of `count`, and of nothing that follows."""
    distinct: int | None = None
    distinct_exact: bool = False
    min: Number | None = None
    max: Number | None = None
    sum: Number | None = None
    mean: float | None = None
    stddev: float | None = None
    """Of the population: divided by the count. Blank where it is beyond a double."""
    edges: tuple[Number, ...] = ()
    """Rising. The first is not above `min`, the last not below `max`."""
    before: tuple[int, ...] = ()
    """Rows with a value below each edge, exactly."""
    upto: tuple[int, ...] = ()
    """Rows with a value at or below each edge, exactly."""
    quantiles: tuple[tuple[float, Number], ...] = ()
    """(share, value), rising: what OpenLineage reports instead of edges; how exactly, it does not say."""
    top: tuple[TopValue, ...] = ()
    """By count, most first; those that hide a person or occur too seldom are in `other`."""
    other: Other | None = None
    lengths: Lengths | None = None
    personal: tuple[PersonalFind, ...] = ()

    @property
    def finite(self) -> int | None:
        """Rows with a value that `edges` cover."""
        return None if self.count is None else self.count - self.non_finite


@dataclass(frozen=True, slots=True)
class RuleCount:
    """A rule of the dataset's expectations (`muniment_rules`), and how many rows it is false of."""

    expression: str
    """The rule's own text."""
    checked: int = 0
    failed: int = 0
    error: str = ""
    """Why it could not be evaluated: a column that is not there, texts compared with numbers."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What was counted in a data file, or what a producer reported of one."""

    columns: tuple[ColumnProfile, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    engine: str = ""
    format: Format = ""
    digest: str = ""
    """sha256:… of the bytes that were read; blank where nobody says."""
    complete: bool = True
    """Whether all of it was read; else `rows` and all counts are of what was read, from its beginning."""
    stopped_by: Limit = ""
    duplicate_rows: int | None = None
    """Rows that repeat one before them; None: not counted."""
    rules: tuple[RuleCount, ...] = ()
    """Rules between columns that were evaluated while the file was read."""

    def column(self, name: str) -> ColumnProfile | None:
        """The column of that name."""
        return next((one for one in self.columns if one.name == name), None)


def read_profile(document: Any, path: str = "") -> Profile:
    """A profile out of its document.

    Args:
        document: as JSON reads it; numbers may be int, float or Decimal.
        path: where it stands in the body, for the names of faults.

    Raises:
        errors.Invalid: it is none; `errors` names the first part that cannot be right, and says why.
    """
    part = Part(document, path)
    if part.number("profile") != VERSION:
        raise part.fault("profile", _("This is no profile of version %(version)d.") % {"version": VERSION})
    complete = part.flag("complete")
    stopped_by = part.choice("stopped_by", LIMITS, blank=complete)
    if complete and stopped_by:
        raise part.fault("stopped_by", _("What a limit stopped is not complete."))
    found = Profile(
        rows=part.count("rows"), bytes=part.count("bytes"), engine=part.text("engine", 100),
        format=cast(Format, part.choice("format", FORMATS)), digest=_digest(part), complete=complete,
        stopped_by=cast(Limit, stopped_by), duplicate_rows=part.count("duplicate_rows", blank=True),
        columns=tuple(_column(one) for one in part.parts("columns", COLUMNS_AT_MOST)),
        rules=tuple(_rule(one) for one in part.parts("rules", RULES_AT_MOST, blank=True)),
    )  # fmt: skip
    part.nothing_else()
    _hang_together(part, found)
    return found


def read_columns(columns: Sequence[Mapping[str, Any]]) -> tuple[ColumnProfile, ...]:
    """The columns of a recorded profile, whichever way it came: a document's, or OpenLineage's.

    What is on record was checked when it came and is not checked again; what OpenLineage reports was never held
    together by anybody, and is taken as it is.
    """
    return tuple(_recorded(one) if "type" in one else _reported(one) for one in columns)


def to_json(column: ColumnProfile) -> dict[str, Any]:
    """A column as the document has it; what was not measured is left out."""
    return cast(dict[str, Any], _plain(column))


# --- parts of the document -------------------------------------------------------------------------------------------


def _digest(part: Part) -> str:
    digest = part.text("digest", 71)
    if not _DIGEST.fullmatch(digest):
        raise part.fault("digest", _("Write sha256: and 64 hexadecimal digits."))
    return digest


def _column(part: Part) -> ColumnProfile:
    kind = cast(ColumnType, part.choice("type", TYPES))
    top = tuple(_top(one) for one in part.parts("top", TOP_AT_MOST, blank=True))
    found = ColumnProfile(
        name=part.text("name", NAME_AT_MOST), type=kind, declared=part.text("declared", 1_000, blank=True),
        count=part.count("count"), nulls=part.count("nulls"), non_finite=part.count("non_finite", blank=True) or 0,
        distinct=part.count("distinct", blank=True), distinct_exact=part.flag("distinct_exact", blank=True),
        min=part.number("min", blank=True), max=part.number("max", blank=True), sum=part.number("sum", blank=True),
        mean=part.fraction("mean"), stddev=part.fraction("stddev"), edges=part.numbers("edges", EDGES_AT_MOST),
        before=part.counts("before", EDGES_AT_MOST), upto=part.counts("upto", EDGES_AT_MOST), top=top,
        other=_other(one) if (one := part.part("other")) else None,
        lengths=_lengths(one) if (one := part.part("lengths")) else None,
        personal=tuple(_find(one) for one in part.parts("personal", FINDS_AT_MOST, blank=True)),
    )  # fmt: skip
    part.nothing_else()
    _counts_hang_together(part, found)
    _edges_hang_together(part, found)
    _top_hangs_together(part, found)
    return found


def _top(part: Part) -> TopValue:
    value = part.text("value", VALUE_AT_MOST, blank=True) if part.has("value") else None
    found = TopValue(value, part.text("key", 64), part.count("count"))
    if not _KEY.fullmatch(found.key):
        raise part.fault("key", _("Write the first 8 to 64 hexadecimal digits of the value's SHA-256."))
    part.nothing_else()
    return found


def _other(part: Part) -> Other:
    found = Other(part.count("count"), part.count("distinct"))
    part.nothing_else()
    return found


def _lengths(part: Part) -> Lengths:
    mean = part.fraction("mean")
    found = Lengths(part.count("min"), part.count("max"), -1.0 if mean is None else mean)
    part.nothing_else()
    if not found.min <= found.mean <= found.max:
        raise part.fault("mean", _("The mean lies between the least and the most."))
    return found


def _rule(part: Part) -> RuleCount:
    checked, failed = part.count("checked", blank=True) or 0, part.count("failed", blank=True) or 0
    found = RuleCount(part.text("expression", 1_000), checked, failed, part.text("error", 500, blank=True))
    part.nothing_else()
    if found.failed > found.checked:
        raise part.fault("failed", _("No more rows fail than were checked."))
    return found


def _find(part: Part) -> PersonalFind:
    examples = part.texts("examples", EXAMPLES_AT_MOST, 100)
    found = PersonalFind(part.text("pattern", 64), part.count("looked_at"), part.count("matched"), examples)
    part.nothing_else()
    if not all(map(is_masked, examples)):
        raise part.fault("examples", _("Examples of personal data are masked with •. Leave them out, or mask them."))
    if found.matched > found.looked_at:
        raise part.fault("matched", _("No more values match than were looked at."))
    return found


# --- what must agree with what ---------------------------------------------------------------------------------------


def _hang_together(part: Part, found: Profile) -> None:
    names: set[str] = set()
    for index, column in enumerate(found.columns):
        if column.name in names:
            raise part.fault(f"columns[{index}].name", _("Another column has this name. Name them apart."))
        names.add(column.name)
        if (column.count or 0) + (column.nulls or 0) != found.rows:
            raise part.fault(f"columns[{index}].count", _("Values and nulls together are not the number of rows."))
    if (found.duplicate_rows or 0) > max((found.rows or 0) - 1, 0):
        raise part.fault("duplicate_rows", _("More rows than there are to repeat another."))


def _counts_hang_together(part: Part, column: ColumnProfile) -> None:
    count = column.count or 0
    if column.non_finite > count:
        raise part.fault("non_finite", _("More than there are values."))
    if column.distinct is not None and (column.distinct > count or (count > 0) != (column.distinct > 0)):
        raise part.fault("distinct", _("There are more distinct values than values, or none where there are values."))
    if (column.min is None) != (column.max is None):
        raise part.fault("max", _("Give the least and the most, or neither."))
    if column.min is None or column.max is None:
        return
    if column.type not in ORDERED:
        raise part.fault("min", _("Values of this type have no least and no most."))
    if column.min > column.max or not column.finite:
        raise part.fault("min", _("The least is above the most, or there are no values to have one."))
    if column.mean is not None and not _about(column.min) - 1e-9 <= column.mean <= _about(column.max, 1) + 1e-9:
        raise part.fault("mean", _("The mean lies between the least and the most."))
    if column.stddev is not None and column.stddev < 0:
        raise part.fault("stddev", _("A standard deviation is not negative."))


def _about(value: Number, sign: int = -1) -> float:
    """The value, moved by what a mean of doubles may be off."""
    return float(value) + sign * abs(float(value)) * 1e-9


def _edges_hang_together(part: Part, column: ColumnProfile) -> None:
    if not column.edges and not column.before and not column.upto:
        return
    if not len(column.edges) == len(column.before) == len(column.upto):
        raise part.fault("edges", _("Edges, before and upto are of one length."))
    if column.min is None or column.max is None:
        raise part.fault("min", _("Where there are edges there is a least and a most value."))
    if any(left >= right for left, right in pairwise(column.edges)):
        raise part.fault("edges", _("Edges rise: each is above the one before it."))
    if column.edges[0] > column.min or column.edges[-1] < column.max:
        raise part.fault("edges", _("The edges reach from the least value to the most."))
    known = [count for pair in zip(column.before, column.upto, strict=True) for count in pair]
    if any(left > right for left, right in pairwise(known)):
        raise part.fault("upto", _("Counts rise along the edges: before, then upto, then the next edge's."))
    if known[0] != 0 or known[-1] != column.finite:
        raise part.fault("upto", _("Nothing lies below the first edge, and every finite value up to the last."))


def _top_hangs_together(part: Part, column: ColumnProfile) -> None:
    counts = [one.count for one in column.top]
    if counts != sorted(counts, reverse=True):
        raise part.fault("top", _("Top values stand by count, the most frequent first."))
    if counts and counts[-1] < (SELDOM if column.type in ("string", "other") else 1):
        # A text that few rows have may name a person. Numbers and booleans say no more than their range does.
        raise part.fault(
            "top", _("Texts in fewer than %(least)d rows are not kept. Count them in other.") % {"least": SELDOM}
        )
    if len({one.key for one in column.top}) != len(counts):
        raise part.fault("top", _("A value stands twice."))
    if column.top and column.personal:
        raise part.fault("top", _("Values of a column with personal data are not kept. Leave them out."))
    if column.other is None:
        if column.top:
            raise part.fault("other", _("Say how many values are not listed."))
        return
    if column.other.distinct > column.other.count or (column.other.count > 0) != (column.other.distinct > 0):
        raise part.fault("other.distinct", _("There are more distinct values than values, or none where there are."))
    if sum(counts) + column.other.count != column.count:
        raise part.fault("other.count", _("Listed values and others together are not the number of values."))


# --- what is on record, and back -------------------------------------------------------------------------------------


def _recorded(given: Mapping[str, Any]) -> ColumnProfile:
    found = dict(given)
    for key in ("edges", "before", "upto"):
        found[key] = tuple(given.get(key, ()))
    for key in ("mean", "stddev"):
        found[key] = None if given.get(key) is None else float(given[key])
    found["top"] = tuple(TopValue(**one) for one in given.get("top", ()))
    found["other"] = Other(**given["other"]) if "other" in given else None
    found["lengths"] = Lengths(**given["lengths"]) if "lengths" in given else None
    finds = given.get("personal", ())
    found["personal"] = tuple(PersonalFind(**{**one, "examples": tuple(one.get("examples", ()))}) for one in finds)
    return ColumnProfile(**found)


def _reported(given: Mapping[str, Any]) -> ColumnProfile:
    numeric = any(key in given for key in ("sum", "min", "max", "quantiles"))
    quantiles = sorted((float(share), value) for share, value in given.get("quantiles", {}).items())
    return ColumnProfile(
        name=given["name"], type="number" if numeric else "other", count=_counted(given, "count"),
        nulls=_counted(given, "nulls"), distinct=_counted(given, "distinct"), min=given.get("min"),
        max=given.get("max"), sum=given.get("sum"), quantiles=tuple(quantiles),
    )  # fmt: skip


def _counted(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if value is not None and whole and 0 <= value <= COUNT_AT_MOST else None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    found = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    needed = {"name", "type", "count", "nulls", "value", "distinct_exact"}
    return {key: inner for key, inner in found.items() if key in needed or inner not in (None, [], "")}
