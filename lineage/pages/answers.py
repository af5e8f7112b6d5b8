"""The table of a dataset version's columns and what is answered on each, as a form that saves all of it in one act.

A row is a column with one category, or a column nobody has answered on. Its fields carry its number: `at-3` says what
it is about and upon which answer it is given, `present-3` the answer; a row without one is left as it stands.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lineage import queries
from lineage.models import Assessment, DatasetVersion, PersonalDataFind, Presence, SensitivityFlag, Treatment
from lineage.pages.facts import FINDS_SHOWN

ROWS_SHOWN = 1_000
"""Rows of one sitting. What is still open comes first, so that saving brings the next ones up."""
USUAL_CATEGORY = "dpv:PersonalData"
_KEPT = (
    "regulation_sets",
    "special_category",
    "collected_as",
    "data_subjects",
    "treatment_tool",
    "treatment_parameters",
)


@dataclass(slots=True)
class Row:
    """One row: what it is about, what is in force, and what was just typed."""

    number: int
    column: str
    category: str
    flag: SensitivityFlag | None
    present: str = ""
    treatment: str = Treatment.NONE
    excluded: bool = False
    faults: list[str] = field(default_factory=list)
    finds: list[PersonalDataFind] = field(default_factory=list)

    @property
    def at(self) -> str:
        """The hidden field: the id of the answer in force (0: none), and the column."""
        return f"{self.flag.pk if self.flag else 0}:{self.column}"

    @property
    def state(self) -> str:
        """unknown, open (nobody answered), yes or no."""
        return str(self.flag.present) if self.flag else "open"

    @property
    def reviewed(self) -> bool:
        """Whether a steward gave the answer in force."""
        return self.flag is not None and self.flag.assessment == Assessment.REVIEWED

    @property
    def remaining(self) -> bool:
        """Whether it still awaits an answer: unknown, or never asked."""
        return self.state in ("unknown", "open")

    def answer(self, present: str, *, review: bool) -> dict[str, Any]:
        """The answer as the action takes it; what the page does not ask is kept from the one in force."""
        kept = {name: getattr(self.flag, name) for name in _KEPT} if self.flag else {}
        return {
            **kept,
            "column": self.column,
            "category": self.category,
            "present": present,
            "treatment": self.treatment,
            "excluded_from_training": self.excluded,
            "assessment": Assessment.REVIEWED if review else Assessment.DECLARED,
            "in_force": self.flag.pk if self.flag else 0,
        }


ORDER = ("unknown", "open", "yes", "no")


def rows_of(version: DatasetVersion) -> list[Row]:
    """Every column and category, what is unknown first, then what nobody answered, then yes, then no."""
    flags = queries.flags_in_force(version)
    answered = {flag.column for flag in flags}
    columns = ["", *(str(one["name"]) for one in version.schema if one.get("name"))]
    place = {name: number for number, name in enumerate(columns)}
    found = [
        Row(0, one.column, one.category, one, treatment=one.treatment, excluded=one.excluded_from_training)
        for one in flags
    ]
    found += [Row(0, name, USUAL_CATEGORY, None) for name in columns if name not in answered]
    found.sort(key=lambda row: (ORDER.index(row.state), place.get(row.column, len(place)), row.category))
    seen: dict[tuple[str, str], list[PersonalDataFind]] = defaultdict(list)
    finds = PersonalDataFind.objects.filter(dataset_version=version)
    for find in finds.order_by("column", "category", "pattern", "-pk").distinct("column", "category", "pattern"):
        seen[find.column, find.category].append(find)
    for number, row in enumerate(found):
        row.number = number
        row.finds = seen[row.column, row.category][:FINDS_SHOWN]
    return found


def typed(rows: Sequence[Row], posted: Mapping[str, str]) -> list[Row]:
    """The rows with what was posted on them, by what each is about and not by its place: the record may have moved.

    What was typed upon an answer that is in force no longer finds no row; `overtaken` counts it.
    """
    by_place = {row.at: row for row in rows}
    for name, at in posted.items():
        if not name.startswith("at-"):
            continue
        number = name.removeprefix("at-")
        row = by_place.get(at)
        if row is None:
            continue  # answered meanwhile: it stands on the page now as it is in force
        row.present = posted.get(f"present-{number}", "")
        row.category = row.category if row.flag else posted.get(f"category-{number}", row.category).strip()
        row.treatment = posted.get(f"treatment-{number}", row.treatment)
        row.excluded = f"excluded-{number}" in posted if f"present-{number}" in posted else row.excluded
    return list(rows)


def overtaken(rows: Sequence[Row], posted: Mapping[str, str]) -> int:
    """How many rows were answered on the page and by somebody else meanwhile: their place is no longer there."""
    places = {row.at for row in rows}
    return sum(
        1
        for name, at in posted.items()
        if name.startswith("at-") and at not in places and posted.get(f"present-{name.removeprefix('at-')}")
    )


def answers_of(rows: Sequence[Row], *, rest_no: bool, confirm: bool, review: bool) -> list[tuple[Row, dict[str, Any]]]:
    """What is to be recorded, each beside its row.

    Args:
        rest_no: whether every row that awaits an answer and got none is answered no.
        confirm: whether answers nobody reviewed are reviewed as they stand. review: as data steward.
    """
    found = []
    for row in rows:
        present = row.present
        if not present and rest_no and row.remaining:
            present = Presence.NO
        elif not present and confirm and row.flag is not None and not row.reviewed and not row.remaining:
            present = row.flag.present
        if present:
            found.append((row, row.answer(str(present), review=review)))
    return found
