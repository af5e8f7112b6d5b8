"""Search over everything: words, names, digests, ids and keys of records, within what one may read.

What is called exactly so comes first, then what has all the words in its name, then what has them anywhere; where
nothing has them, names that hold the words they may have been meant for (governance/desk/spelling.py).

The namespace is a word of each entry, so that the index gives only what the reader may read: what others hold changes
neither result, order nor (but for the size of the index) time. Nothing is ranked by how common a word is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Value
from django.db.models.expressions import Combinable, Func, RawSQL
from django.db.models.functions import Lower

from governance.accounts.models import Namespace
from governance.desk import kinds, spelling
from governance.desk.models import SearchEntry
from governance.desk.readers import Scope

LENGTH = 200  # characters of a question
WORDS = 12  # words of it that count
SHOWN = 25
WINDOW = 2000  # entries looked through for a common word
CANDIDATES = 2000  # matches of the index that are sorted
EXACT = 10  # records of that very name, shown first; as many again with all the words in theirs


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found. `exact`: it is called so, or has that id. `almost`: its name is spelt almost so."""

    kind: str
    kind_name: str
    object: int
    title: str
    namespace: str | None
    at: datetime
    address: str
    history: str
    exact: bool
    almost: bool
    entry: int


#: Materialized, so that the planner takes the key and not the words.
_AMONG_THE_NEWEST = """
WITH newest AS MATERIALIZED (
  SELECT id, kind, words FROM governance_searchentry
  WHERE id < coalesce(%(before)s, 9223372036854775807)
    AND id >= coalesce(%(before)s, (SELECT max(id) + 1 FROM governance_searchentry)) - %(window)s)
SELECT id FROM newest WHERE words @@ %(asked)s::tsquery AND (%(kind)s = '' OR kind = %(kind)s)
ORDER BY id DESC LIMIT %(size)s
"""
_BY_THE_INDEX = """
WITH found AS MATERIALIZED (
  SELECT id FROM governance_searchentry
  WHERE words @@ %(asked)s::tsquery AND (%(kind)s = '' OR kind = %(kind)s) AND (%(before)s IS NULL OR id < %(before)s)
  LIMIT %(most)s)
SELECT id FROM found ORDER BY id DESC LIMIT %(size)s
"""


class _Matches(Func):
    """`vector @@ query`."""

    template = "%(expressions)s"
    arg_joiner = " @@ "
    output_field = BooleanField()


def matches_words(vector: Combinable, given: str, scope: Scope, among: str) -> Any:
    """The condition that a vector of `muniment.act_words` holds all words given, within the scope.

    Args:
        among: a word of the index itself, which no text holds: a colon and a kind, or a colon for what leads its act.
    """
    return _Matches(vector, RawSQL("%s::tsquery", [f"{question(given, scope)} & '{among}'"]))


def question(given: str, scope: Scope) -> str:
    """A tsquery: every word, or one that begins so, in a namespace of the scope; for no word one that finds nothing.

    The words are split by the same function as those kept (`muniment.search_words`), and hold letters and digits only.
    """
    return _question(words_of(given), scope)


def _question(words: Sequence[str], scope: Scope) -> str:
    return _of_all([f"'{word}':*" for word in words], scope)


def _of_all(parts: Sequence[str], scope: Scope) -> str:
    if not parts or scope.namespaces == ():
        return "'nothing:at:all'"
    asked = list(parts)
    if scope.namespaces is not None:
        asked.append("(" + " | ".join(f"':ns:{number}'" for number in scope.namespaces) + ")")
    return " & ".join(asked)


def words_of(given: str) -> list[str]:
    """The words of a question, as they are kept; the longest first, WORDS of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.search_words(%s)", [given.replace("\x00", " ")[:LENGTH]])
        found: list[str] = cursor.fetchone()[0]
    return [word for word in sorted(found, key=len, reverse=True)[:WORDS] if "'" not in word and "\\" not in word]


def find(
    scope: Scope, given: str, *, kind: str = "", before: int | None = None, size: int = SHOWN
) -> tuple[list[Hit], int | None]:
    """What the words given find: first what is called so, then the rest, newest record first.

    Args:
        given: words, a name, a digest, an id or a run key. kind: only this table's.
        before: the entry to go on before; what is called so stands on the first page alone.

    Returns:
        The page, and the entry to go on before; None at the end.
    """
    words = words_of(given)
    ids = _newest(_question(words, scope), kind, before, size + 1)
    following = ids[size - 1] if len(ids) > size else None
    exact: list[Any] = []
    named: list[int] = []
    almost: list[int] = []
    if before is None:
        exact = _exactly(scope, given, kind)
        named = _newest(_question([f":t:{word}" for word in words], scope), kind, None, EXACT) if ids else []
        almost = _almost(scope, words, kind) if not exact and not ids else []
    entries = {entry.pk: entry for entry in exact}
    entries |= _entries([one for one in (*named, *almost, *ids[:size]) if one not in entries])
    spaces = Namespace.objects.in_bulk({entry.namespace_id for entry in entries.values() if entry.namespace_id})
    hits = [_hit(one, spaces, exact=one in exact, almost=one.pk in almost) for one in entries.values()]
    return hits, following


def _entries(ids: Sequence[int]) -> dict[int, Any]:
    """The entries of these ids, in this order, each once."""
    held: dict[int, Any] = SearchEntry.objects.defer("words").in_bulk(ids) if ids else {}
    return {one: held[one] for one in ids if one in held}


def _almost(scope: Scope, words: Sequence[str], kind: str) -> list[int]:
    """Entries whose name holds what the words may have been meant for, the newest; none where none is misspelt."""
    meant = spelling.meant_for(words, scope)
    if all(meant.get(word, [word]) == [word] for word in words):
        return []
    return _newest(_of_all([_meant(word, meant.get(word)) for word in words], scope), kind, None, EXACT)


def _meant(word: str, instead: list[str] | None) -> str:
    """Part of a tsquery over names: a word of names as it stands, the beginning of one, or one of those instead."""
    if instead == [word]:
        return f"':t:{word}'"
    return "(" + " | ".join([f"':t:{word}':*", *(f"':t:{one}'" for one in instead or ())]) + ")"


def _newest(asked: str, kind: str, before: int | None, size: int) -> list[int]:
    """The newest entries that match, `size` of them.

    A common word is looked for among the newest entries, where a page of it is soon found: all its entries would be
    fetched to sort them. What is not soon found there is rare, and the index gives it. Of what is common among old
    entries alone, some of it is given: the CANDIDATES that the index gives first.
    """
    parameters = {"asked": asked, "kind": kind, "before": before, "size": size, "window": WINDOW, "most": CANDIDATES}
    with connection.cursor() as cursor:
        for statement in (_AMONG_THE_NEWEST, _BY_THE_INDEX):
            cursor.execute(statement, parameters)
            ids = [row[0] for row in cursor.fetchall()]
            if len(ids) == size:
                break
    return ids


def _exactly(scope: Scope, given: str, kind: str) -> list[Any]:
    """Records of that very title, or of that id."""
    text = given.strip()
    by_id = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    rows = scope.narrow(SearchEntry.objects.defer("words"))
    rows = rows.filter(kind=kind) if kind else rows
    found = list(rows.alias(called=Lower("title")).filter(called=Lower(Value(text[:LENGTH]))).order_by("-pk")[:EXACT])
    if by_id is not None:
        found += [entry for entry in rows.filter(object_id=by_id).order_by("kind") if entry not in found]
    return found


def _hit(entry: Any, spaces: dict[int, Namespace], *, exact: bool, almost: bool) -> Hit:
    return Hit(
        kind=entry.kind,
        kind_name=kinds.name_of(entry.kind),
        object=entry.object_id,
        title=entry.title,
        namespace=spaces[entry.namespace_id].name if entry.namespace_id else None,
        at=entry.at,
        address=kinds.page_of(entry.kind, entry.object_id),
        history=kinds.history_page_of(entry.kind, entry.object_id),
        exact=exact,
        almost=almost,
        entry=entry.pk,
    )
