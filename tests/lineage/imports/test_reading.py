"""Files that can be split into rows are; others are refused whole, each place named."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import errors
from lineage.imports.reading import MAX_BYTES, MAX_ROWS, read
from lineage.imports.remainder import safe, unsafe


def cells(content: bytes, format: str = "csv", **more: str) -> list[dict[str, str]]:
    return [row.cells for row in read(content, format, **more).rows]


def test_a_byte_order_mark_semicolons_quotes_and_line_breaks_in_cells_are_read() -> None:
    content = b'\xef\xbb\xbfname;title\r\na;"x; ""y""\r\nz"\r\n\r\nb;c\r\n'
    found = read(content, "csv")
    assert [(row.number, row.cells) for row in found.rows] == [
        (2, {"name": "a", "title": 'x; "y"\r\nz'}), (5, {"name": "b", "title": "c"}),
    ]  # fmt: skip
    assert found.delimiter == ";"


def test_a_row_of_another_length_is_named_by_its_line() -> None:
    found = read(b"name,title\na,b\nc\nd,e,f\n", "csv")
    assert [(row.number, [fault.field for fault in row.faults]) for row in found.rows] == [
        (2, []), (3, ["(row)"]), (4, ["(row)"]),
    ]  # fmt: skip


WHOLE = {
    "empty": (b"  \n", "csv", "empty"),
    "header alone": (b"name,title\n", "csv", "no rows"),
    "utf-16": ("name\na\n".encode("utf-16"), "csv", "UTF-16"),
    "a column twice": (b"name,title,name\na,b,c\n", "csv", "“name” stands 2 times"),
    "a column without a name": (b"name,,title\na,b,c\n", "csv", "without a name"),
    "an open quotation mark": (b'name,title\na,b\nc,"d\ne,f\n', "csv", "Line 3: a quotation mark opens"),
    "text after a quotation mark": (b'name,title\na,"b"c\n', "csv", "Line 2: after a closing"),
    "no list": (b'"name"', "json", "list of objects"),
    "broken json": (b'[{"name": "a"},\n{"name"}]', "json", "line 2"),
    "a key twice": (b'[{"name": "a", "name": "b"}]', "json", "“name” stands twice"),
    "not a number": (b'[{"name": NaN}]', "json", "NaN"),
    "a bomb of brackets": (b"[" * 100_000, "json", "nested"),
    "a bomb of digits": (b'[{"name": ' + b"9" * 10_000 + b"}]", "json", "not read"),
    "broken lines": (b'{"name": "a"}\n{\n{"name": "b"}\nx\n', "jsonl", "Line 2"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_cannot_be_split_into_rows_is_refused_whole(name: str) -> None:
    content, format, sentence = WHOLE[name]
    with pytest.raises(errors.Invalid) as caught:
        read(content, format)
    assert sentence in " ".join(str(one) for one in caught.value.errors["file"])


@pytest.mark.parametrize("content", [b"x" * (MAX_BYTES + 1), b"name\n" + b"a\n" * (MAX_ROWS + 1)])
def test_more_than_is_taken_at_once_is_refused(content: bytes) -> None:
    with pytest.raises(errors.TooLarge):
        read(content, "csv")


def test_another_encoding_is_read_when_it_is_named() -> None:
    assert cells("name\ncafé ’s\n".encode("cp1252"), encoding="windows-1252") == [{"name": "café ’s"}]
    with pytest.raises(errors.Invalid):
        read(b"name\na\n", "csv", encoding="latin-9")


def test_json_values_become_the_cells_a_csv_would_have() -> None:
    content = (
        b'[{"name": "a", "personal_data": true, "deployment_geography": ["DE", "AT"], "title": null, "x": 1.50}, 3]'
    )
    found = read(content, "json")
    assert found.rows[0].cells == {
        "name": "a", "personal_data": "yes", "deployment_geography": "DE; AT", "title": "", "x": "1.50",
    }  # fmt: skip
    assert [fault.field for fault in found.rows[1].faults] == ["(row)"]


@given(st.binary(max_size=300), st.sampled_from(["csv", "json", "jsonl"]), st.sampled_from(["utf-8", "windows-1252"]))
def test_no_bytes_end_in_anything_but_rows_or_a_refusal(content: bytes, format: str, encoding: str) -> None:
    try:
        found: list[Any] = list(read(content, format, encoding=encoding).rows)
    except errors.Refused as refusal:
        found = list(refusal.errors)
    assert found


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_what_is_read(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow(("name", "title"))
    writer.writerows(rows)
    kept = [{"name": a, "title": b} for a, b in rows if a.strip() or b.strip()]
    if kept:
        assert cells(written.getvalue().encode()) == kept


@given(st.lists(st.dictionaries(st.sampled_from(["name", "title"]), TEXT, min_size=1), min_size=1, max_size=5))
def test_json_and_json_lines_say_the_same(rows: list[dict[str, str]]) -> None:
    lines = "\n".join(json.dumps(one) for one in rows)
    assert cells(json.dumps(rows).encode(), "json") == cells(lines.encode(), "jsonl") == rows


@given(TEXT)
def test_a81_a_cell_of_a_remainder_runs_in_no_spreadsheet_and_reads_back(cell: str) -> None:
    assert not safe(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unsafe(safe(cell)) == cell or cell.startswith("'")
