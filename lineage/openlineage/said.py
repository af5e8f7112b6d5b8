"""What facets say of one subject, and how values in them are read: what cannot be is noted, never raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from lineage.models import ReportedFact
from lineage.openlineage.claims import Note


class FlagClaim(NamedTuple):
    """A category of personal data that somebody says is there."""

    column: str
    category: str
    present: str
    regulation_sets: tuple[str, ...] = ()
    special_category: bool = False


class EdgeClaim(NamedTuple):
    """A column that came of another one."""

    column: str
    source: str
    name: str
    source_column: str
    kind: str
    subtype: str
    masking: bool
    description: str


class ResultClaim(NamedTuple):
    """What somebody's test said."""

    assertion: str
    column: str
    success: bool
    severity: str
    expected: str
    actual: str
    description: str


@dataclass(slots=True)
class Said:
    """What the facets of one subject say."""

    facts: list[tuple[ReportedFact.Kind, str, dict[str, Any]]] = field(default_factory=list)
    flags: list[FlagClaim] = field(default_factory=list)
    edges: list[EdgeClaim] = field(default_factory=list)
    results: list[ResultClaim] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    commit: str = ""
    unread: list[Note] = field(default_factory=list)
    """Known facets that could not be read, or not whole."""
    unknown: list[str] = field(default_factory=list)
    """Paths of facets that no record is made of."""

    @property
    def of_version(self) -> bool:
        """Whether something is said that only a version can bear."""
        kinds = {kind for kind, _key, _content in self.facts}
        bears = {ReportedFact.Kind.SCHEMA, ReportedFact.Kind.TAGS}
        return bool(self.version or self.flags or self.edges or self.results or self.profile or kinds & bears)


Reader = Callable[[Said, str, dict[str, Any]], None]


def clean(given: str) -> str:
    """Text that the database keeps as it is: no NUL, no half of a surrogate pair."""
    return given.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def text_of(given: Any, limit: int) -> str:
    """Text of at most `limit` characters; blank for what is none."""
    return clean(given)[:limit] if isinstance(given, str) else ""


def name_of(given: Any, limit: int = 256) -> str:
    """Text that can name something; blank for what cannot: too long, or with control characters."""
    if not isinstance(given, str) or not 0 < len(given) <= limit or not given.isprintable():
        return ""
    return given if given == given.strip() and clean(given) == given else ""


def shown(given: Any) -> str:
    """A value as text of at most 1,000 characters; blank for lists and objects."""
    if isinstance(given, str):
        return clean(given)[:1_000]
    return "" if given is None or isinstance(given, (dict, list)) else str(given)[:1_000]


def each(said: Said, path: str, given: Any, limit: int) -> Iterator[tuple[str, Any]]:
    """The entries of a list with their paths, `limit` at most; what is no list is noted."""
    if not isinstance(given, list):
        said.unread.append(Note(path, _("No list.")))
        return
    if len(given) > limit:
        said.unread.append(Note(path, too_many(len(given), limit)))
    for place, one in enumerate(given[:limit]):
        yield f"{path}[{place}]", one


def too_many(count: int, limit: int) -> str:
    """The sentence for what was not read whole."""
    return _("%(count)d of them; the first %(limit)d were read.") % {"count": count, "limit": limit}


def number_of(said: Said, path: str, given: Any) -> float | int | None:
    """A finite number; None, and noted, for what is none."""
    if isinstance(given, (int, float)) and not isinstance(given, bool) and abs(given) <= 1.7976931348623157e308:
        return given
    if given is not None:
        said.unread.append(Note(path, _("No finite number.")))
    return None
