"""Finds of personal data in a profile: what whoever measured it reports, and what its names and kept values show.

The server looks for itself: a pipeline that reports no find, or a smaller one, does not make a column called
"social_security_number" harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from governance.client.muniment_personal import PATTERNS, category_of, find, is_masked, named_by
from lineage.quality.documents import NAME_AT_MOST, ColumnProfile


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
        coded = column.distinct is not None and column.distinct <= 3 < (column.count or 0)
        named = named_by(name, coded=coded or column.type == "boolean")
        seen: dict[str, Found] = {}
        for one in find(name, (top.value for top in column.top)):
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


_ORDER = {key: place for place, key in enumerate(PATTERNS)}


def _place(pattern: str) -> tuple[int, str]:
    return (_ORDER.get(pattern, len(_ORDER)), pattern)
