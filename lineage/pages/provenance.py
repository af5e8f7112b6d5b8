"""Completeness of provenance as the dataset page tells it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from lineage.queries import REQUIRED_PROVENANCE

#: Incomplete versions named on the page; the API names all.
SHOWN = 8
WORDS = {
    "digest": _("digest"),
    "source": _("source"),
    "origin": _("origin"),
    "origin_geography": _("where it originated"),
    "date": _("day of issue"),
    "generation_period": _("when it was generated"),
    "generation_method": _("how it was generated"),
}


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A version the reader may read that lacks something; `said` in words."""

    version: int
    label: str
    dataset: int
    name: str
    said: list[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """How much of what a version and everything above it owe is on record, and which lack what."""

    given: int
    required: int
    versions: int
    incomplete: list[Incomplete]
    more: int
    elsewhere: int

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, up to the source."""
        return self.given == self.required


def origin_of(found: Sequence[Mapping[str, Any]], readable: Collection[int]) -> Origin:
    """Of a version and of everything it was made from.

    Args:
        found: what `ProvenanceAbove` says. readable: ids of namespaces the reader may read.
    """
    owed = [1 if one["derived"] else len(REQUIRED_PROVENANCE) for one in found]
    lacking = [one for one in found if one["missing"]]
    mine = [one for one in lacking if one["namespace"] in readable]
    return Origin(
        given=sum(owed) - sum(len(one["missing"]) for one in lacking),
        required=sum(owed),
        versions=len(found),
        incomplete=[
            Incomplete(
                one["version"],
                one["label"],
                one["dataset"],
                one["name"],
                [str(WORDS.get(field, field)) for field in one["missing"]],
            )
            for one in mine[:SHOWN]
        ],
        more=max(0, len(mine) - SHOWN),
        elsewhere=len(lacking) - len(mine),
    )
