"""The columns of an inventory, and how a cell of each is read. docs/import.md tells people the same."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import errors
from governance.accounts.models import Principal
from governance.api.parsers import text_fault
from governance.api.strictness import name_fault
from lineage.digests import Digest, parse_digest
from lineage.imports.reading import MAX_CELL, Fault, SourceRow
from lineage.risk import QUESTIONS
from lineage.vocabularies import geographies, token

MODEL_FIELDS = ("title", "description", "owner", "decision_owner", "intended_purpose", "out_of_scope_uses",
                "deployment_geography", "risk_answers")  # fmt: skip
VERSION_FIELDS = ("version_digest", "version_artifact_uri", "version_supplier", "version_code_commit")
_YES_NO = {"yes": True, "true": True, "y": True, "1": True, "no": False, "false": False, "n": False, "0": False}
_COMMIT = re.compile(r"[0-9A-Za-z._/-]{1,128}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: what it holds, in words, and whether each row needs it."""

    name: str
    help: Any
    required: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("name", gettext_lazy("The model's name, unique in its namespace, 1 to 256 characters."), required=True),
    Column("title", gettext_lazy("A name for people, up to 256 characters.")),
    Column("description", gettext_lazy("What it does, up to 5,000 characters.")),
    Column("owner", gettext_lazy("E-mail address of the person who answers for it; they have an account already.")),
    Column("decision_owner", gettext_lazy("E-mail address of the person who answers for decisions made with it.")),
    Column("intended_purpose", gettext_lazy("What it is for, as dpv:Name, such as dpv:CreditChecking.")),
    Column("out_of_scope_uses", gettext_lazy("What it must not be used for, up to 5,000 characters.")),
    Column("deployment_geography", gettext_lazy("Where it decides: ISO 3166 codes or blocs, such as DE; AT.")),
    *(Column(key, question) for key, question in QUESTIONS.items()),
    Column("version_digest", gettext_lazy("Digest of an artifact, as sha256: and hexadecimal. Makes a version.")),
    Column("version_artifact_uri", gettext_lazy("Where the artifact lies. Makes a version, with or without a digest.")),
    Column("version_supplier", gettext_lazy("Who made the version, if bought or borrowed.")),
    Column("version_code_commit", gettext_lazy("Commit of its training code.")),
)
NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)


class Wrong(ValueError):
    """A cell that cannot be kept; its text is the sentence for people."""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row whose cells were read. `model` and `version` hold what was said, blank cells left out."""

    number: int
    name: str
    model: dict[str, Any]
    version: dict[str, Any] | None
    more: dict[str, Any]


class Reader:
    """Reads rows, with what the whole file shares: people by address, terms that were looked up once.

    Args:
        people: who may be named, by e-mail address in lower case.
        more: readers of further columns that the room above adds, by name.
    """

    def __init__(self, people: Mapping[str, Principal], more: Mapping[str, Callable[[str], Any]] | None = None) -> None:
        self.people = people
        self.more = dict(more or {})
        self._known: dict[tuple[str, str], Any] = {}

    def read(self, row: SourceRow) -> ReadRow | None:
        """The row, or None with its faults added to `row.faults`. Every cell is looked at, so that all are named."""
        said: dict[str, Any] = {}
        for name, cell in row.cells.items():
            if fault := _cell_fault(cell):
                row.faults.append(Fault(name, fault))
                continue
            if not cell.strip():
                continue
            try:
                said[name] = self._value(name, cell)
            except Wrong as wrong:
                row.faults.append(Fault(name, str(wrong)))
        if "name" not in said and not any(fault.field in ("name", "(row)") for fault in row.faults):
            row.faults.append(Fault("name", _("Every row names its model.")))
        version = {key: said[key] for key in VERSION_FIELDS if key in said}
        if version and not {"version_digest", "version_artifact_uri"} & set(version):
            row.faults.append(
                Fault("version_digest", _("A version has a digest, or at least the address of its artifact."))
            )
        if row.faults:
            return None
        answers = {key: said[key] for key in QUESTIONS if key in said}
        model = {key: said[key] for key in MODEL_FIELDS if key in said} | ({"risk_answers": answers} if answers else {})
        return ReadRow(row.number, said["name"], model, version or None, {k: said[k] for k in self.more if k in said})

    def _value(self, name: str, cell: str) -> Any:
        if (name, cell) not in self._known:
            self._known[name, cell] = self._read(name, cell)
        found = self._known[name, cell]
        if isinstance(found, Wrong):
            raise Wrong(str(found))
        return found

    def _read(self, name: str, cell: str) -> Any:
        """The value, or the Wrong that says why there is none: kept as well, so that it is worked out once."""
        reader = self.more.get(name) or _READERS.get(name)
        try:
            if name in ("owner", "decision_owner"):
                return self._person(cell)
            if name in QUESTIONS:
                return _yes_no(cell)
            return reader(cell) if reader else cell
        except errors.Invalid as refusal:
            sentences = [str(one) for several in refusal.errors.values() for one in several]
            return Wrong(" ".join(sentences) or str(refusal.detail))
        except Wrong as wrong:
            return wrong

    def _person(self, cell: str) -> Principal:
        found = self.people.get(cell.strip().lower())
        if found is None:
            raise Wrong(_("There is no such person here. An administrator registers them first, or leave it empty."))
        return found


def _cell_fault(cell: str) -> str | None:
    if len(cell) > MAX_CELL:
        return _("It has more than %(limit)d characters.") % {"limit": MAX_CELL}
    if any("\udc80" <= character <= "\udcff" for character in cell):
        return _("It holds bytes that are no UTF-8. Save the file as UTF-8, or say that it is windows-1252.")
    return text_fault(cell)


def _within(limit: int, *, lines: bool = False) -> Callable[[str], str]:
    def reader(cell: str) -> str:
        if len(cell) > limit:
            raise Wrong(_("It has %(has)d characters; %(limit)d are kept.") % {"has": len(cell), "limit": limit})
        if not lines and ("\n" in cell or "\r" in cell):
            raise Wrong(_("Write it on one line."))
        return cell.replace("\r\n", "\n") if lines else cell.strip()

    return reader


def _name(cell: str) -> str:
    if len(cell) > 256:
        raise Wrong(_("It has %(has)d characters; %(limit)d are kept.") % {"has": len(cell), "limit": 256})
    if fault := name_fault(cell):
        raise Wrong(str(fault))
    return cell


def _yes_no(cell: str) -> bool:
    answer = _YES_NO.get(cell.strip().lower())
    if answer is None:
        raise Wrong(_("Write yes or no, or leave it empty: an open question counts as yes."))
    return answer


def _places(cell: str) -> list[str]:
    return geographies([one for one in re.split(r"[;,\s]+", cell) if one], field="deployment_geography")


def _purpose(cell: str) -> str:
    return token(cell.strip(), field="intended_purpose", scheme="purpose")


def _digest(cell: str) -> Digest:
    return parse_digest(cell.strip())


def _commit(cell: str) -> str:
    if not _COMMIT.fullmatch(cell.strip()):
        raise Wrong(_("A commit is 1 to 128 letters, digits and . _ / -"))
    return cell.strip()


_READERS: dict[str, Callable[[str], Any]] = {
    "name": _name,
    "title": _within(256),
    "description": _within(5_000, lines=True),
    "out_of_scope_uses": _within(5_000, lines=True),
    "intended_purpose": _purpose,
    "deployment_geography": _places,
    "version_digest": _digest,
    "version_artifact_uri": _within(2_000),
    "version_supplier": _within(256),
    "version_code_commit": _commit,
}


def moment(cell: str) -> datetime:
    """A day (its beginning, UTC) or a moment with its offset, as ISO 8601 writes them.

    Raises:
        Wrong: neither, or a day that there is not.
    """
    text = cell.strip()
    try:
        at = parse_datetime(text)
        day = parse_date(text) if at is None or len(text) == 10 else None
    except ValueError:
        raise Wrong(_("There is no such day.")) from None
    if day is not None:
        return datetime.combine(day, time(), UTC)
    if at is None or at.tzinfo is None:
        raise Wrong(_("Write a day such as 2025-03-31, or a moment with its offset such as 2025-03-31T14:00:00Z."))
    return at


def people_named(addresses: Iterable[str], readable: Any) -> dict[str, Principal]:
    """The persons among those the actor may know of, by address. `readable`: a queryset of principals."""
    wanted = {one.strip().lower() for one in addresses if one.strip()}
    found = readable.filter(kind=Principal.Kind.PERSON, is_active=True, name__in=list(wanted)) if wanted else []
    return {one.name.lower(): one for one in found}
