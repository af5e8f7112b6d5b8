"""Finds of personal data in a profile: what whoever measured it reports, and what its names and kept values show.

The server looks for itself: a pipeline that reports no find, or a smaller one, does not make a column called
"social_security_number" harmless.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from governance.client.muniment_personal import PATTERNS, category_of, find, is_masked, named_by
from lineage.quality.documents import (
    FINDS_AT_MOST,
    NAME_AT_MOST,
    ColumnProfile,
    Other,
    PersonalFind,
    Profile,
    read_columns,
)


@dataclass(frozen=True, slots=True)
class Found:
    """One pattern in one column."""

    column: str
    pattern: str
    category: str
    looked_at: int
    matched: int
    by_name: bool
    examples: tuple[str, ...]


def finds_in(columns: Iterable[ColumnProfile]) -> list[Found]:
    """Everything found, by column and pattern. Examples that are not masked are left out."""
    found = []
    for column in columns:
        name = column.name[:NAME_AT_MOST]
        moments = column.type in ("date", "timestamp")
        named = _named(name, column.count, column.distinct, boolean=column.type == "boolean", moments=moments)
        seen: dict[str, Found] = {}
        for one in find(name, _values(column), moments=moments):
            if one.matched or one.pattern in named:
                seen[one.pattern] = Found(
                    name, one.pattern, one.category, one.looked_at, one.matched, one.pattern in named, one.examples
                )
        for pattern in named - seen.keys():
            seen[pattern] = Found(name, pattern, category_of(pattern), 0, 0, True, ())
        for reported in column.personal:
            examples = tuple(one for one in reported.examples if is_masked(one))
            seen[reported.pattern] = Found(
                name, reported.pattern, category_of(reported.pattern), reported.looked_at, reported.matched,
                reported.pattern in named or not reported.matched, examples,
            )  # fmt: skip
        found += [seen[key] for key in sorted(seen, key=_place)]
    return found


def named_personal(name: str, *, count: int | None, distinct: int | None) -> bool:
    """Whether a column's name by itself says that it holds personal data; of coded columns fewer names do."""
    return bool(_named(name[:NAME_AT_MOST], count, distinct, boolean=False, moments=False))


def _named(name: str, count: int | None, distinct: int | None, *, boolean: bool, moments: bool) -> frozenset[str]:
    coded = distinct is not None and distinct <= 3 < (count or 0)
    return frozenset(named_by(name, coded=coded or boolean, moments=moments))


def without_values(profile: Profile) -> Profile:
    """The profile as it may be kept: of a column with a find no value, neither by itself nor as an end of a range.

    What measures does so by itself (governance/client/muniment_profile); what is handed in may not have looked, or not
    as far. Columns of fractions keep their range: it is no number that names somebody.
    """
    by_column: dict[str, list[Found]] = defaultdict(list)
    for one in finds_in(profile.columns):
        by_column[one.column].append(one)
    columns = tuple(_bare(one, by_column[one.name[:NAME_AT_MOST]]) for one in profile.columns)
    return replace(profile, columns=columns)


def without_reported_values(columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same of columns as OpenLineage reports them: its ranges and quantiles are values too."""
    named = {one.column for one in finds_in(read_columns(columns))}
    shown = {"sum", "min", "max", "quantiles"}
    return [
        {key: value for key, value in one.items() if one["name"][:NAME_AT_MOST] not in named or key not in shown}
        for one in columns
    ]


def _bare(column: ColumnProfile, found: list[Found]) -> ColumnProfile:
    if not found:
        return column
    personal = tuple(PersonalFind(one.pattern, one.looked_at, one.matched, one.examples) for one in found)
    if column.type not in ("string", "date", "timestamp") and not _whole(column):
        return replace(column, personal=personal[:FINDS_AT_MOST])
    listed = bool(column.top) or column.other is not None
    distinct = len(column.top) + (column.other.distinct if column.other else 0)
    return replace(
        column, personal=personal[:FINDS_AT_MOST], top=(), other=Other(column.count or 0, distinct) if listed else None,
        min=None, max=None, sum=None, mean=None, stddev=None, edges=(), before=(), upto=(), quantiles=(),
    )  # fmt: skip


def _values(column: ColumnProfile) -> Iterator[object]:
    """The values that a profile shows: frequent ones, and of whole numbers the edges."""
    yield from (top.value for top in column.top)
    if _whole(column):
        yield from column.edges


def _whole(column: ColumnProfile) -> bool:
    """Whether its numbers are whole, as far as it shows any: a column with blanks often brings them as 1.0."""
    if column.type != "number":
        return column.type == "integer"
    shown = (column.min, column.max, *column.edges)
    return all(float(one).is_integer() for one in shown if one is not None)


_ORDER = {key: place for place, key in enumerate(PATTERNS)}


def _place(pattern: str) -> tuple[int, str]:
    return (_ORDER.get(pattern, len(_ORDER)), pattern)
