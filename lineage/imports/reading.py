"""Splitting an inventory into rows of text. A file whose rows cannot be told apart is refused whole, place by place."""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from governance import errors
from governance.api.parsers import too_deep
from lineage.models import ImportFormat

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 20_000
MAX_CELL = 20_000
"""Characters of a cell; no column takes more than 5,000, and a longer one is most likely a lost quotation mark."""
MAX_COLUMNS = 200
PLACES_NAMED = 50
ENCODINGS = ("utf-8", "windows-1252")
FILE = "file"
"""Under which faults of the whole file stand."""
ROW = "(row)"
"""Under which faults of a whole row stand."""
_BOMS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"),
         (codecs.BOM_UTF16_BE, "UTF-16"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, and in which field."""

    field: str
    sentence: str


@dataclass(slots=True)
class SourceRow:
    """A row as it was sent: where it stands, its cells by column, and what is wrong already.

    `number` is the line of a CSV or of JSON lines, the place of the object in a list (from 1).
    """

    number: int
    cells: dict[str, str]
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as rows; `columns` in their order; `delimiter` of a CSV."""

    columns: tuple[str, ...]
    rows: list[SourceRow]
    delimiter: str = ","


def read(content: bytes, format: str, *, encoding: str = "utf-8") -> Reading:
    """The rows of a file.

    Raises:
        errors.TooLarge: more bytes or rows than are taken at once.
        errors.Invalid: nothing in it, a wrong encoding, columns that stand twice, quotation marks that do not close, or
            no JSON; `errors` names each place under `file`.
    """
    if len(content) > MAX_BYTES:
        raise errors.TooLarge(
            _("The file has more than %(limit)d MiB. Split it.") % {"limit": MAX_BYTES // 2**20},
            errors={FILE: [_("Send at most %(limit)d bytes at once.") % {"limit": MAX_BYTES}]},
        )
    text = _decoded(content, encoding)
    if not text.strip():
        raise _refusal(_("The file is empty."))
    if format == ImportFormat.CSV:
        found = _csv(text)
    elif format == ImportFormat.JSON:
        found = _json(text)
    else:
        found = _json_lines(text)
    if not found.rows:
        raise _refusal(_("The file has no rows below its header."))
    return found


def _decoded(content: bytes, encoding: str) -> str:
    """The text. Bytes that are no UTF-8 stay as lone surrogates: their cell is named as faulty, not the whole file."""
    for bom, name in _BOMS:
        if content.startswith(bom):
            raise _refusal(_("The file is %(name)s. Save it as UTF-8.") % {"name": name})
    if encoding not in ENCODINGS:
        raise _refusal(_("Encodings taken: %(known)s.") % {"known": ", ".join(ENCODINGS)}, field="encoding")
    if encoding == "utf-8":
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    # Five bytes stand for nothing in windows-1252; they too are named in their cell.
    return content.decode("cp1252", "surrogateescape")


# --- CSV -----------------------------------------------------------------------------------------------------------


def _csv(text: str) -> Reading:
    delimiter = _delimiter(text)
    faults: list[str] = []
    header: list[str] | None = None
    rows: list[SourceRow] = []
    for line, cells in _records(text, delimiter, faults):
        if faults:
            continue
        if header is None:
            header = [cell.strip() for cell in cells]
            _check_header(header)
        elif any(cell.strip() for cell in cells):
            rows.append(_row(line, header, cells))
            if len(rows) > MAX_ROWS:
                raise _too_many()
    if faults:
        raise _refusal(*faults[:PLACES_NAMED])
    return Reading(tuple(header or ()), rows, delimiter)


def _delimiter(text: str) -> str:
    first = text.lstrip("\r\n").splitlines()[0]
    return max(",;\t", key=first.count)


def _records(text: str, delimiter: str, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; what cannot be split goes into `faults`."""
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                faults.append(
                    _("Line %(line)d: a quotation mark opens and never closes, so all below belongs to one cell.")
                    % {"line": begins}
                )
                return
            faults.append(
                _('Line %(line)d: after a closing quotation mark comes text. Inside quotation marks write "" for ".')
                % {"line": begins}
            )
            if len(faults) >= PLACES_NAMED:
                return
            continue
        yield begins, cells


def _check_header(header: Sequence[str]) -> None:
    sentences = []
    if len(header) > MAX_COLUMNS:
        raise _refusal(_("The header names more than %(limit)d columns.") % {"limit": MAX_COLUMNS})
    for name, count in Counter(header).items():
        if not name:
            sentences.append(_("The header has a column without a name. Name it, or delete the column."))
        elif count > 1:
            sentences.append(
                _("The column “%(name)s” stands %(count)d times in the header. Which one is meant cannot be known.")
                % {"name": name, "count": count}
            )
    if sentences:
        raise _refusal(*sentences)


def _row(line: int, header: Sequence[str], cells: Sequence[str]) -> SourceRow:
    row = SourceRow(line, dict(zip(header, cells, strict=False)))
    if len(cells) != len(header):
        row.faults.append(
            Fault(
                ROW,
                _("It has %(has)d cells, the header %(wants)d. Is a separator missing, or text not in quotation marks?")
                % {"has": len(cells), "wants": len(header)},
            )
        )
    return row


# --- JSON ----------------------------------------------------------------------------------------------------------


class _Twice(ValueError):
    """A key stands twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def _loads(text: str) -> Any:
    """Raises ValueError with a sentence."""
    if too_deep(text):
        raise ValueError(_("objects and lists are nested too deeply"))
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant)
    except _Twice as twice:
        raise ValueError(
            _("the key “%(key)s” stands twice in one object") % {"key": str(twice).encode("utf-8", "replace").decode()}
        ) from None
    except json.JSONDecodeError as error:
        raise ValueError(_("no JSON; it breaks at character %(column)d") % {"column": error.colno}) from None
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise ValueError(str(error)) from None


def _no_constant(text: str) -> Any:
    raise ValueError(_("%(text)s is no number") % {"text": text})


def _json(text: str) -> Reading:
    try:
        found = _loads(text)
    except ValueError as error:
        line = ""
        try:
            json.loads(text)
        except json.JSONDecodeError as where:
            line = _(" (line %(line)d)") % {"line": where.lineno}
        except (ValueError, RecursionError):
            pass
        raise _refusal(_("The file is not read: %(why)s%(line)s.") % {"why": error, "line": line}) from None
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list):
        raise _refusal(_("The file must hold a list of objects: [{…}, {…}]."))
    return _of_objects(list(enumerate(found, start=1)))


def _json_lines(text: str) -> Reading:
    faults: list[str] = []
    found: list[tuple[int, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append((number, _loads(line)))
        except ValueError as error:
            faults.append(_("Line %(line)d: %(why)s.") % {"line": number, "why": error})
            if len(faults) >= PLACES_NAMED:
                break
        if len(found) > MAX_ROWS:
            raise _too_many()
    if faults:
        raise _refusal(*faults)
    return _of_objects(found)


def _of_objects(found: Sequence[tuple[int, Any]]) -> Reading:
    if len(found) > MAX_ROWS:
        raise _too_many()
    columns: dict[str, None] = {}
    rows = []
    for number, value in found:
        row = SourceRow(number, {})
        if not isinstance(value, Mapping):
            row.faults.append(Fault(ROW, _("Write each row as an object: {…}.")))
        else:
            for key, inner in value.items():
                columns.setdefault(key)
                row.cells[key] = _cell(row, key, inner)
        rows.append(row)
    if len(columns) > MAX_COLUMNS:
        raise _refusal(_("The objects have more than %(limit)d different keys.") % {"limit": MAX_COLUMNS})
    return Reading(tuple(columns), rows)


def _cell(row: SourceRow, key: str, value: Any) -> str:
    """A value as the text a CSV would hold. A list of texts is joined; anything deeper is a fault of the row."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str) and ";" not in one for one in value):
        return "; ".join(value)
    row.faults.append(Fault(key, _("Write text, yes or no, or a list of texts, not an object or a list of lists.")))
    return ""


def _too_many() -> errors.TooLarge:
    sentence = _("The file has more than %(limit)d rows. Split it.") % {"limit": MAX_ROWS}
    return errors.TooLarge(sentence, errors={FILE: [sentence]})


def _refusal(*sentences: str, field: str = FILE) -> errors.Invalid:
    return errors.Invalid(sentences[0], errors={field: list(sentences)})
