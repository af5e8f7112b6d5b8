"""Whose columns a file has. Our own are all known; of another house's, what is not kept is named before anything is."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from governance import errors
from governance.api.parsers import text_fault
from lineage.imports.columns import NAMES
from lineage.imports.reading import FILE, Fault, Reading, SourceRow
from lineage.imports.remainder import FAULT, unsafe

OWN = "muniment"
FEDERAL = "us-federal-2024"

_NAME = "Use Case Name"
_PURPOSE = "What is the intended purpose and expected benefits of the AI?"
_OUTPUTS = "Describe the AI system's outputs."
_IMPACT = "Is the AI use case rights-impacting, safety-impacting, both, or neither?"
_PII = "Does this AI use case involve personally identifiable information (PII) that is maintained by the agency?"
#: What the description keeps, each under its heading.
_TOLD = ("Agency", "Bureau", "Bureau / Component / Department", "Use Case Topic Area", "Stage of Development",
         "Date Initiated", "Date when Acquisition and/or Development began", "Date Implemented", "Date Retired",
         "System Name")  # fmt: skip
_IMPACTS = {
    "rights-impacting": ("yes", "no"),
    "safety-impacting": ("no", "yes"),
    "both": ("yes", "yes"),
    "neither": ("no", "no"),
}


def plain(column: str) -> str:
    """A column's name as it compares: typographic marks and blanks evened out."""
    return re.sub(r"\s+", " ", column.replace("’", "'").replace("\u0092", "'")).strip()


def _federal(cells: Mapping[str, str]) -> dict[str, str]:
    """A row of the US federal inventory of 2024 (OMB M-24-10). An impact of another name stays, to be refused."""
    impact = cells.get(_IMPACT, "").strip()
    rights, safety = _IMPACTS.get(impact.lower(), (impact, impact))
    parts = [cells.get(_PURPOSE, "").strip()]
    if outputs := cells.get(_OUTPUTS, "").strip():
        parts.append(f"Outputs: {outputs}")
    parts += [f"{column}: {cells[column].strip()}" for column in _TOLD if cells.get(column, "").strip()]
    return {
        "name": cells.get(_NAME, "").strip(),
        "description": "\n".join(part for part in parts if part),
        "legal_or_similar_effect": rights,
        "safety_component": safety,
        "personal_data": cells.get(_PII, "").strip(),
    }


@dataclass(frozen=True, slots=True)
class Layout:
    """How a house writes: the columns that are read, how a row becomes ours, and from where each of our cells came."""

    columns: tuple[str, ...]
    turn: Callable[[Mapping[str, str]], dict[str, str]] = dict
    origins: Mapping[str, str] = field(default_factory=dict)


LAYOUTS: dict[str, Layout] = {
    OWN: Layout(NAMES),
    FEDERAL: Layout(
        (_NAME, _PURPOSE, _OUTPUTS, _IMPACT, _PII, *_TOLD),
        _federal,
        {"name": _NAME, "description": _PURPOSE, "legal_or_similar_effect": _IMPACT, "safety_component": _IMPACT,
         "personal_data": _PII},
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Rows with our columns, and the columns of the file that are not kept."""

    rows: list[SourceRow]
    left_out: list[str]


def laid_out(reading: Reading, layout: str, *, more: Iterable[str] = ()) -> LaidOut:
    """The rows with our columns. The reading keeps theirs, for the remainder.

    Args:
        layout: whose columns they are. more: columns that the room above adds to our own.

    Raises:
        errors.Invalid: no such layout; a column that is none of ours, where they are ours; none that names the model.
    """
    chosen = LAYOUTS.get(layout)
    if chosen is None:
        raise errors.Invalid(errors={"layout": [_("One of %(known)s.") % {"known": ", ".join(LAYOUTS)}]})
    known = (*chosen.columns, *(more if layout == OWN else ()))
    unknown = [
        column
        for column in reading.columns
        if (column if layout == OWN else plain(column)) not in known and column != FAULT
    ]
    faults: dict[str, list[str]] = {}
    for column in unknown if layout == OWN else ():
        faults.setdefault(FILE if text_fault(column) else column, []).append(_unknown(column, known))
    if known[0] not in {plain(column) for column in reading.columns}:
        sentence = _("The column “%(name)s” is missing: every row names its model.") % {"name": known[0]}
        faults.setdefault(known[0], []).append(sentence)
    if faults:
        raise errors.Invalid(next(iter(faults.values()))[0], errors=faults)
    mended = FAULT in reading.columns
    rows = [
        SourceRow(row.number, chosen.turn(_cells(row, layout, mended=mended)), list(row.faults)) for row in reading.rows
    ]
    return LaidOut(rows, unknown)


def named(fault: Fault, layout: str) -> Fault:
    """The fault under the name that its field has in the file."""
    return Fault(LAYOUTS[layout].origins.get(fault.field, fault.field), fault.sentence)


def _cells(row: SourceRow, layout: str, *, mended: bool) -> dict[str, str]:
    """The cells by their plain names; of a remainder that was mended, without its faults and what made cells safe."""
    cells = {name: unsafe(cell) for name, cell in row.cells.items() if name != FAULT} if mended else row.cells
    return dict(cells) if layout == OWN else {plain(name): cell for name, cell in cells.items()}


def _unknown(column: str, known: Iterable[str]) -> str:
    shown = (column if len(column) <= 80 else column[:80] + "…").encode("utf-8", "replace").decode()
    close = difflib.get_close_matches(column.strip().lower(), list(known), n=1, cutoff=0.7)
    if close:
        return _("There is no column “%(name)s”; is “%(close)s” meant?") % {"name": shown, "close": close[0]}
    return _("There is no column “%(name)s”. Delete it, or say which layout the file has.") % {"name": shown}
