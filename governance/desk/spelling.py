"""Words that are misspelt, and what they may have been meant for: among the words of names that the reader may read.

A word is corrected by itself, and then searched for as it is spelt: among a million names that share a word there are
few words to compare. A letter or two that are left out, put in, changed or swapped are found by every PostgreSQL; what
is further off, where it brings pg_trgm along. Words with digits or of fewer than four letters are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from governance.desk.readers import Scope

CANDIDATES = 40  # words that one is compared with, each way
MEANT = 3  # of the nearest, those that are searched for
SHORT, LONG = 4, 8  # letters: shorter words are not corrected; in long ones two may be wrong


def meant_for(words: Sequence[str], scope: Scope) -> dict[str, list[str]]:
    """What each word may have been meant for, the nearest; itself alone where it is a word of a name. One query.

    Args:
        words: as `muniment.search_words` has them. scope: whose names count.

    Returns:
        For each word that can be corrected, those; one without any has no entry.
    """
    asked = [word for word in words if len(word) >= SHORT and not any(sign.isdigit() for sign in word)]
    if not asked or scope.namespaces == ():
        return {}
    places = [0] if scope.namespaces is None else list(scope.namespaces)
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM muniment.near_words(%s, %s, %s)", [asked, places, CANDIDATES])
        for given, near, by_edits in cursor.fetchall():
            off = edits(given, near)
            if not by_edits or off <= (1 if len(given) < LONG else 2):
                found.setdefault(given, {})[near] = off
    return {word: _nearest(off) for word, off in found.items()}


def _nearest(off: dict[str, int]) -> list[str]:
    least = min(off.values())
    return sorted(word for word, by in off.items() if by == least)[:MEANT]


def edits(one: str, other: str) -> int:
    """Letters that are to be left out, put in or changed, or neighbours swapped, to make one word of the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, sign in enumerate(other, 1):
            off = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != sign))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == sign:
                off = min(off, earlier[j - 2] + 1)
            row.append(off)
    return row[-1]
