"""Whatever a file does to its reader there is an answer, within the limits, and nothing is left behind."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from governance.client.muniment_profile import Limits, Reading, Unreadable, profile
from governance.client.muniment_profile.limits import nesting
from lineage.quality.documents import Profile, read_profile
from tests.governance.client.test_profile import parquet, written

MIB = 2**20


def limits(**other: Any) -> Limits:
    return Limits(**{"seconds": 20, "memory": 256 * MIB, "threads": 1, "bytes": 64 * MIB, **other})


def of(path: Path, reading: Reading = Reading(), **other: Any) -> Profile:  # noqa: B008
    return read_profile(profile(path, limits=limits(**other), reading=reading, folder=path.parent))


def refused(path: Path, reading: Reading = Reading(), **other: Any) -> Unreadable:  # noqa: B008
    before = set(path.parent.iterdir())
    with pytest.raises(Unreadable) as refusal:
        of(path, reading, **other)
    assert set(path.parent.iterdir()) == before, "nothing is left behind"
    return refusal.value


def sparse(folder: Path, size: int, start: bytes = b"") -> Path:
    path = written(folder, start, "sparse.csv")
    os.truncate(path, size)
    return path


def test_ten_gigabytes_are_refused_by_their_size(tmp_path: Path) -> None:
    fault = refused(sparse(tmp_path, 10 * 2**30, b"x\n"))
    assert (fault.slug, str(fault)) == (
        "bytes", "The file has 10,737,418,240 bytes; at most 67,108,864 are read here."
    )  # fmt: skip


def test_ten_gigabytes_are_given_up_when_their_time_is_over(tmp_path: Path) -> None:
    fault = refused(sparse(tmp_path, 10 * 2**30, b"x\n"), bytes=0, seconds=0.8)
    assert fault.slug == "seconds"


def test_zeros_are_no_text(tmp_path: Path) -> None:
    fault = refused(sparse(tmp_path, 8 * MIB, b"x\n1\n"))
    assert (fault.slug, fault.line) == ("nul", 3)


@pytest.mark.parametrize("width", [1_100, pytest.param(10_000, marks=pytest.mark.soak)])
def test_thousands_of_columns_are_counted(tmp_path: Path, width: int) -> None:
    height = 6
    lines = [",".join(f"c{n}" for n in range(width))]
    lines += [",".join(str(n * row % 97) for n in range(width)) for row in range(height)]
    found = of(written(tmp_path, "\n".join(lines)), seconds=600, memory=1024 * MIB)
    assert (len(found.columns), found.rows, found.complete) == (width, height, True)
    assert {one.type for one in found.columns} == {"integer"}


def test_more_columns_than_the_limit_are_left_out_and_said(tmp_path: Path) -> None:
    found = of(written(tmp_path, "a,b,c\n1,2,3\n"), columns=2)
    assert ([one.name for one in found.columns], found.stopped_by, found.duplicate_rows) == (
        ["a", "b"],
        "columns",
        None,
    )


def test_rows_beyond_the_limit_are_left_out_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "x\n" + "\n".join(map(str, range(1000))))
    found = of(path, rows=10)
    assert (found.rows, found.columns[0].max, found.stopped_by) == (10, 9, "rows")
    assert of(path, rows=1000).complete
    assert of(parquet(tmp_path, "SELECT 1 AS x FROM range(50)"), rows=7).stopped_by == "rows"


@pytest.mark.parametrize("text", ["a,b\n1,x\n2\n3,y\n", "a,b\n1,x\n2,y,z\n3,y\n"])
def test_a_ragged_file_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    fault = refused(written(tmp_path, text))
    assert (fault.slug, fault.line) == ("ragged", 3)


def test_a_quotation_that_never_ends_is_refused(tmp_path: Path) -> None:
    assert refused(written(tmp_path, 'a,b\n1,"x\n2,y\n')).slug == "quote"


def test_mixed_types_are_text(tmp_path: Path) -> None:
    found = of(written(tmp_path, "x\n1\n2026-01-01\ntrue\nabc\n1.5\n"))
    assert (found.columns[0].type, found.columns[0].distinct) == ("string", 5)


def test_a_wrong_encoding_is_refused_by_its_line_and_read_when_it_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "name,n\nAnn,1\nÉva,2\n".encode("cp1252"))
    fault = refused(path)
    assert (fault.slug, fault.line) == ("encoding", 3)
    assert of(path, Reading(encoding="cp1252")).rows == 2
    korean = written(tmp_path, "이름,n\n김,1\n".encode("euc-kr"), "korean.csv")
    assert of(korean, Reading(encoding="euc-kr")).columns[0].name == "이름"
    fault = refused(path, Reading(encoding="euc-kr"))
    assert (fault.slug, fault.line) == ("encoding", 3)
    assert of(written(tmp_path, "x,y\n1,2\n".encode("utf-16"), "wide.csv")).rows == 1


@pytest.mark.parametrize(
    "name", ["no-such", "base64", "rot13", "zlib", "idna", "../x", "utf-7", "unicode_escape", "\0"]
)
def test_what_is_no_encoding_of_text_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(written(tmp_path, "x\n1\n"), Reading(encoding=name)).slug == "encoding"


def test_a_zip_bomb_is_not_opened(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", "0\n" * 1_000_000)
    assert refused(written(tmp_path, packed.getvalue(), "data.zip")).slug == "zip"


def test_a_gzip_bomb_is_unpacked_as_far_as_the_limit(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b"x\n" + b"7\n" * 20_000_000, 6), "data.csv.gz")
    found = of(path, bytes=2 * MIB)
    assert (found.complete, found.stopped_by, found.columns[0].distinct) == (False, "bytes", 1)
    assert 0 < (found.rows or 0) <= MIB, "half a limit of lines"
    assert found.bytes == path.stat().st_size


def test_gzip_within_the_limit_is_read_whole_and_a_damaged_one_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"x\n1\n") + gzip.compress(b"2\n")
    assert of(written(tmp_path, whole, "two.gz")).rows == 2
    assert refused(written(tmp_path, whole[:-5], "cut.gz")).slug == "gzip"
    assert refused(written(tmp_path, whole[:12] + b"\xff" * 9, "bad.gz")).slug == "gzip"


def test_a_parquet_with_a_lying_or_missing_footer_is_refused(tmp_path: Path) -> None:
    whole = parquet(tmp_path, "SELECT i, i::VARCHAR AS t FROM range(5000) t(i)").read_bytes()
    length = int.from_bytes(whole[-8:-4], "little")
    for number, broken in enumerate(
        (
            whole[:-100],
            whole[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1",
            whole[: -8 - length] + b"\x15\x04" * (length // 2) + whole[-8:],
            whole[: -8 - length] + os.urandom(length) + whole[-8:],
            b"PAR1" + whole[-8:],
            b"PAR1" + b"\0" * (len(whole) - length - 12) + whole[-8 - length :],
        )
    ):
        fault = refused(written(tmp_path, broken, f"broken-{number}.parquet"))
        assert fault.slug in ("broken", "memory", "crash"), (number, str(fault))
        assert str(tmp_path) not in str(fault) and "/proc" not in str(fault)


def test_a_parquet_that_claims_more_rows_than_it_has_is_not_believed(tmp_path: Path) -> None:
    """The number of rows stands in the footer as a zigzag varint; here it is changed in place."""
    whole = bytearray(parquet(tmp_path, "SELECT i FROM range(100) t(i)").read_bytes())
    length = int.from_bytes(whole[-8:-4], "little")
    footer = slice(len(whole) - 8 - length, len(whole) - 8)
    said, lied = bytes([0x16, 0xC8, 0x01]), bytes([0x16, 0xC8, 0x7F])  # 100, and 8,164
    assert said in whole[footer]
    whole[footer] = bytes(whole[footer]).replace(said, lied)
    path = written(tmp_path, bytes(whole), "lying.parquet")
    try:
        found = of(path)
    except Unreadable as fault:
        assert fault.slug in ("broken", "crash")  # noqa: PT017
    else:
        assert found.columns[0].count == 100 == found.rows


def test_lists_in_lists_in_lists_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """A kilobyte kept the reader busy for its whole time: each list within another doubles it."""
    deep = parquet(tmp_path, f"SELECT {'[' * 40}1{']' * 40} AS deep, 1 AS flat")
    assert str(refused(deep)) == "Lists lie 40 deep in one another here; at most 12 are read."
    maps = parquet(tmp_path, f"SELECT {'map([1], [' * 20}1{'])' * 20} AS deep")
    assert refused(maps).slug == "nested"


@pytest.mark.parametrize(
    ("declared", "deep"),
    [
        ("INTEGER", 0), ("DECIMAL(18,3)", 0), ("INTEGER[]", 1), ("INTEGER[3][]", 2), ("MAP(VARCHAR, INTEGER[])", 2),
        ("STRUCT(a INTEGER[], b DATE[], c VARCHAR[])", 1), ("STRUCT(a STRUCT(b MAP(VARCHAR, DATE)[])[])[]", 4),
        ("STRUCT(\"a)[][\"\"\" INTEGER[])", 1), ("ENUM('[]', '[](')[]", 1),
    ],
)  # fmt: skip
def test_how_deep_a_type_is(declared: str, deep: int) -> None:
    assert nesting(declared) == deep


def test_formulas_are_texts_like_others(tmp_path: Path) -> None:
    found = of(written(tmp_path, "x\n" + '=HYPERLINK(""http://evil"")\n' * 0 + "=1+1\n@SUM(A1)\n+cmd|' /C calc'!A0\n"))
    assert (found.columns[0].type, found.columns[0].count, found.columns[0].top) == ("string", 3, ())


def test_an_empty_file_is_refused_and_a_mere_heading_has_no_rows(tmp_path: Path) -> None:
    assert refused(written(tmp_path, "")).slug == "empty"
    for blank in ("\ufeff", " \r\n\t\n", "\n" * 1_000):
        assert refused(written(tmp_path, blank)).slug == "empty"
    found = of(written(tmp_path, "a,b\n"))
    assert (found.rows, [(one.name, one.type, one.count) for one in found.columns]) == (
        0, [("a", "other", 0), ("b", "other", 0)]
    )  # fmt: skip
    assert of(written(tmp_path, "a,b"), Reading(header=True)).rows == 0


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    found = of(written(tmp_path, "a,a,,A,a_2,\x07\n1,2,3,4,5,6\n"))
    names = [one.name for one in found.columns]
    assert names[:2] == ["a", "a_2"] and len(set(names)) == 6 and names[2] == "column_3"
    assert [one.sum for one in found.columns] == [1, 2, 3, 4, 5, 6]


def test_a_nul_byte_is_refused_by_its_line_and_a_mark_of_order_is_no_part_of_a_name(tmp_path: Path) -> None:
    fault = refused(written(tmp_path, b"a,b\n1,2\n3,\x00\n"))
    assert (fault.slug, fault.line) == ("nul", 3)
    assert of(written(tmp_path, codecs.BOM_UTF8 + b"a,b\n1,2\n")).columns[0].name == "a"


def test_one_line_without_end_is_refused(tmp_path: Path) -> None:
    fault = refused(written(tmp_path, b"x" * 20 * MIB))
    assert fault.slug in ("line", "csv"), str(fault)
    fault = refused(written(tmp_path, b'{"x": "' + b"x" * 20 * MIB + b'"}', "one.jsonl"))
    assert fault.slug in ("line", "memory"), str(fault)


@pytest.mark.soak
def test_one_line_of_a_gigabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "line.csv"
    with path.open("wb") as file:
        for _ in range(1024):
            file.write(b"x" * MIB)
    assert refused(path, bytes=0, seconds=60).slug in ("line", "csv")


def test_broken_json_lines_are_refused_by_their_line(tmp_path: Path) -> None:
    fault = refused(written(tmp_path, '{"a": 1}\n{"a": 2\n{"a": 3}\n', "broken.jsonl"))
    assert (fault.slug, fault.line) == ("json", 2)
    assert refused(written(tmp_path, '[{"a": 1}]', "list.json")).slug == "json-array"
    assert refused(written(tmp_path, '{"a": 1}\n7\n', "mixed.jsonl")).slug in ("json", "broken")


def test_what_is_no_file_of_data_is_refused(tmp_path: Path) -> None:
    assert refused(written(tmp_path, os.urandom(5000), "noise")).slug in ("encoding", "nul")
    with pytest.raises(OSError, match="No such file"):
        of(tmp_path / "missing")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    """The end of a pipe that nobody writes to was waited for without end, and of /dev/zero until the time was over."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", tmp_path / "link.csv", tmp_path, Path("/dev/zero")):
        with pytest.raises(Unreadable, match="no file of its own"):
            profile(path, limits=limits())


def test_a_file_of_another_digest_is_not_looked_into(tmp_path: Path) -> None:
    path = written(tmp_path, "not,even\nbalanced\n")
    with pytest.raises(Unreadable) as refusal:
        profile(path, limits=limits(), expected={"sha256": "0" * 64})
    assert refusal.value.slug == "digest"


def test_a_reader_without_room_says_so(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{n * 7919 % 1_000_003},{n * 104_729 % 999_983}" for n in range(300_000))
    path = written(tmp_path, "a,b,c\n" + rows)
    try:
        found = of(path, memory=8 * MIB)
    except Unreadable as fault:
        assert fault.slug in ("memory", "temporary")  # noqa: PT017
    else:
        assert found.stopped_by in ("", "memory")


def test_a_reader_that_is_killed_is_an_answer(tmp_path: Path) -> None:
    path = written(tmp_path, "x\n" + "1\n" * 2_000_000)

    def kill(stage: str, done: int, total: int) -> None:
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            os.kill(int(child), signal.SIGSEGV)

    with pytest.raises(Unreadable) as refusal:
        profile(path, limits=limits(), progress=kill, folder=tmp_path)
    assert refusal.value.slug == "crash"
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_listens_may_end_it(tmp_path: Path) -> None:
    class EnoughError(Exception): ...

    def stop(stage: str, done: int, total: int) -> None:
        raise EnoughError

    path = written(tmp_path, "x\n1\n")
    with pytest.raises(EnoughError):
        profile(path, limits=limits(), progress=stop, folder=tmp_path)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_library_prints_is_no_answer() -> None:
    """DuckDB draws a bar of progress where a statement takes two seconds."""
    code = (
        "import os; from governance.client.muniment_profile.child import _keep_the_line_clear, _tell;"
        " _keep_the_line_clear(); os.write(1, b'42% of a bar'); print('{}', file=__import__('sys').stderr); _tell(a=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == '{"a": 1}\n' and "42%" in done.stderr
