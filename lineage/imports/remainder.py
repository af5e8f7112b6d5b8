"""The rows left out, as a file of the same format with the fault in a column of its own, to mend and send again.

A spreadsheet runs a cell that begins with =, +, -, @ or a tab (attack A81). Such cells get an apostrophe in front; read
back, the apostrophe before one of these is taken off again, so that a mended remainder says what the file said.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence

from lineage.imports.reading import Fault, Reading
from lineage.models import ImportFormat

FAULT = "fault"
"""The column of a remainder that says what is wrong; sent back, it is left out."""
_RUN = ("=", "+", "-", "@", "\t", "\r")


def remainder(reading: Reading, faulty: Mapping[int, Sequence[Fault]], format: str) -> bytes:
    """The faulty rows as they were sent, each with its faults. Bytes that are no UTF-8 stay as they were.

    Args:
        faulty: faults by the number of their row.
    """
    rows = [row for row in reading.rows if row.number in faulty]
    told = {number: "; ".join(f"{one.field}: {one.sentence}" for one in faults) for number, faults in faulty.items()}
    columns = [column for column in reading.columns if column != FAULT]
    if format != ImportFormat.CSV:
        objects = [
            {**{column: row.cells[column] for column in columns if column in row.cells}, FAULT: told[row.number]}
            for row in rows
        ]
        lines = [json.dumps(one, ensure_ascii=False) for one in objects]
        text = "[" + ",\n ".join(lines) + "]\n" if format == ImportFormat.JSON else "\n".join(lines) + "\n"
        return text.encode("utf-8", "surrogateescape")
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=reading.delimiter, lineterminator="\r\n")
    writer.writerow([safe(one) for one in (*columns, FAULT)])
    for row in rows:
        writer.writerow([safe(one) for one in (*(row.cells.get(column, "") for column in columns), told[row.number])])
    return written.getvalue().encode("utf-8", "surrogateescape")


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs."""
    return "'" + cell if cell.startswith(_RUN) else cell


def unsafe(cell: str) -> str:
    """A cell as it was before `safe`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_RUN) else cell
