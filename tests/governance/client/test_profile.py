"""A data file is counted as anyone would count it by hand, and no row of it is kept."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.client.muniment_identifiers import luhn
from governance.client.muniment_profile import Limits, Reading, Unreadable, profile
from governance.client.muniment_profile.counting import count
from governance.client.muniment_profile.limits import unquoted
from governance.client.muniment_profile.source import prepared, state_of
from lineage.quality.documents import ColumnProfile, Profile, read_profile

LIMITS = Limits(seconds=60, memory=512 * 2**20, threads=1)


def counted(path: Path, folder: Path, reading: Reading = Reading(), **limits: Any) -> Profile:  # noqa: B008
    """The profile, made in this process: what a process of its own would answer, without starting one."""
    held = Limits(**{"seconds": 60, "memory": 512 * 2**20, "threads": 1, **limits})

    def tell(**_told: Any) -> None: ...

    with path.open("rb") as file:
        source = prepared(file, folder, held, reading, {}, {}, tell)
        return read_profile(json.loads(json.dumps(count(source, folder, held, reading, {}, tell), allow_nan=False)))


def written(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    """A file."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def column(folder: Path, values: Sequence[Any], **limits: Any) -> ColumnProfile:
    """A CSV's column `x` of these values; None is blank."""
    lines = ["x,n", *(f"{'' if one is None else one},{n}" for n, one in enumerate(values))]
    found = counted(written(folder, "\n".join(lines) + "\n"), folder, **limits).column("x")
    assert found is not None
    return found


def agrees(found: ColumnProfile, values: Sequence[float | None]) -> None:
    """Hold a profile of numbers against the numbers."""
    there = [one for one in values if one is not None and math.isfinite(one)]
    assert found.nulls == sum(one is None for one in values)
    assert found.finite == len(there)
    if not there:
        assert found.edges == ()
        return
    assert (found.distinct, found.distinct_exact) == (len(set(there)), True)
    assert (found.min, found.max) == (min(there), max(there))
    assert found.mean == pytest.approx(sum(there) / len(there), rel=1e-9, abs=1e-300)
    assert (found.edges[0], found.edges[-1]) == (min(there), max(there))
    for edge, before, upto in zip(found.edges, found.before, found.upto, strict=True):
        assert before == sum(one < edge for one in there)
        assert upto == sum(one <= edge for one in there)


NUMBERS = st.lists(
    st.none()
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False, min_value=-1e150, max_value=1e150)
    | st.sampled_from([0.0, 0.5, -1.5]),
    min_size=1,
    max_size=60,
)


@settings(max_examples=25)
@given(NUMBERS)
def test_numbers_are_counted_exactly_at_the_edges(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    given = [None if one is None else one + 0.0 for one in values]
    agrees(column(tmp_path_factory.mktemp("numbers"), [None if one is None else repr(one) for one in given]), given)


@pytest.mark.parametrize("kind", ["normal", "ties", "skewed", "whole"])
def test_many_distinct_numbers_are_counted_exactly_at_the_edges_too(tmp_path: Path, kind: str) -> None:
    draw = random.Random(kind)
    made: dict[str, Callable[[], float]] = {
        "normal": lambda: draw.gauss(0, 1),
        "ties": lambda: round(draw.gauss(0, 2000)) / 4,
        "skewed": lambda: draw.lognormvariate(0, 4),
        "whole": lambda: float(draw.randrange(10**9)),
    }
    one = made[kind]
    values = [None if draw.random() < 0.1 else one() for _ in range(20_000)]
    shown = [None if v is None else (str(int(v)) if kind == "whole" else repr(v)) for v in values]
    found = column(tmp_path, shown)
    agrees(found, values)
    assert 150 <= len(found.edges) <= 200
    assert found.type == ("integer" if kind == "whole" else "number")
    most = max(after - before for before, after in zip(found.upto, found.before[1:], strict=False))
    assert most <= 0.02 * (found.finite or 0), "what lies between two edges is a small part"


def test_edges_of_another_profile_are_counted_at_too(tmp_path: Path) -> None:
    path = written(tmp_path, "x\n" + "\n".join(map(str, range(1000))))
    found = read_profile(profile(path, limits=LIMITS, against={"x": [-5, 10, 10.5, 2000]}))
    (x,) = found.columns
    at = {edge: (before, upto) for edge, before, upto in zip(x.edges, x.before, x.upto, strict=True)}
    assert [at[edge] for edge in (-5, 10, 10.5, 2000)] == [(0, 0), (10, 11), (11, 11), (1000, 1000)]


def test_edges_that_no_value_can_be_keep_no_file_from_being_counted(tmp_path: Path) -> None:
    """Whoever handed in the version before says where its edges are."""
    path = written(tmp_path, "x,y\n" + "\n".join(f"{n},{n / 2}" for n in range(1000)))
    far = [-(10**30), 2**63, 10**300, 1e308]
    x, y = read_profile(profile(path, limits=LIMITS, against={"x": far, "y": far})).columns
    assert (x.min, x.max, x.upto[-1]) == (0, 999, 1000) and not set(far) & set(x.edges)
    assert y.upto[-1] == 1000


def test_the_same_file_gives_the_same_profile(tmp_path: Path) -> None:
    draw = random.Random(1)
    path = written(tmp_path, "x,y\n" + "\n".join(f"{draw.gauss(0, 1)},{draw.choice('abc')}" for _ in range(30_000)))
    first, second = (profile(path, limits=Limits(memory=512 * 2**20, threads=threads)) for threads in (1, 2))
    assert first == second


def test_texts_are_counted_and_named_where_they_are_frequent(tmp_path: Path) -> None:
    values = ["red"] * 7 + ["green"] * 5 + ["blue"] * 4 + ["", "=1+1"]
    found = column(tmp_path, values)
    assert (found.type, found.count, found.nulls, found.distinct) == ("string", 17, 1, 4)
    assert [(one.value, one.count) for one in found.top] == [("red", 7), ("green", 5)]
    assert found.top[0].key == hashlib.sha256(b"red").hexdigest()[:32]
    assert found.other is not None and (found.other.count, found.other.distinct) == (5, 2)
    assert found.lengths is not None and (found.lengths.min, found.lengths.max) == (3, 5)
    assert found.min is None, "the least of texts may be a name"


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["a", "b", "Ä", "long " * 80, "tab\there", "x", "y"]), min_size=1, max_size=80))
def test_frequent_texts_are_those_counted_by_hand(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    found = column(tmp_path_factory.mktemp("texts"), values)
    times = Counter(values)
    named = {text: n for text, n in times.items() if n >= 5} if len(times) <= max(len(values) / 2, 2) else {}
    assert {one.key: one.count for one in found.top} == {
        hashlib.sha256(text.encode()).hexdigest()[:32]: n for text, n in named.items()
    }
    assert found.distinct == len(times)
    assert all(one.value is None or (one.value.isprintable() and len(one.value) <= 256) for one in found.top)


def test_a_column_of_mostly_different_texts_names_none_of_them(tmp_path: Path) -> None:
    found = column(tmp_path, [f"text {n // 2 if n < 20 else n}" for n in range(200)] + ["again"] * 9)
    assert (found.top, found.other) != ((), None) and found.top == ()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", " 3 "], "integer"),
        (["1", "2.5"], "number"),
        (["1", "1e3"], "number"),
        (["1", "nan", "inf"], "number"),
        (["007", "008"], "string"),
        (["1_000", "2"], "string"),
        (["true", "False"], "boolean"),
        (["2026-01-31", "2026-02-01"], "date"),
        (["2026-01-31", "2026-02-01 10:00:00"], "timestamp"),
        (["2026-01-31T10:00:00Z"], "timestamp"),
        (["2026-02-30"], "string"),
        (["1", "x"], "string"),
        ([None, None], "other"),
        (["123456789012345678901234567890", "1"], "integer"),
        (["9007199254740993", "1"], "integer"),
    ],
)
def test_a_type_is_what_every_value_is(tmp_path: Path, values: list[Any], kind: str) -> None:
    assert column(tmp_path, values).type == kind


@pytest.mark.parametrize(
    ("last", "kind", "most"),
    [
        ("1.5", "number", 30_000),
        ("x", "string", None),
        ("", "integer", 30_000),
        ("9007199254740993", "integer", 9007199254740993),
        ("9" * 30, "integer", int("9" * 30)),
        ("inf", "number", 30_000),
        ("007", "string", None),
        ("1_000", "string", None),
    ],
)
def test_a_type_is_what_every_value_is_however_late_it_comes(tmp_path: Path, last: str, kind: str, most: Any) -> None:
    """DuckDB's own reader, having seen whole numbers, would read 1.5 as 2."""
    found = column(tmp_path, [*map(str, range(1, 30_001)), last])
    assert (found.type, found.max) == (kind, most)
    assert found.count == 30_001 - (last == "")
    if last == "1.5":
        assert found.upto[found.edges.index(1.5)] == 2 if 1.5 in found.edges else found.sum == sum(range(30_001)) + 1.5


@pytest.mark.parametrize("last", ["2026/1/2", "2026-1-2", "epoch", "infinity"])
def test_what_only_the_reader_takes_for_a_day_makes_text_of_the_column(tmp_path: Path, last: str) -> None:
    found = column(tmp_path, ["2026-01-01"] * 30_000 + [last])
    assert (found.type, found.distinct) == ("string", 2)


def test_a_day_about_a_person_is_not_shown_where_it_is_counted(tmp_path: Path) -> None:
    (day,) = counted(
        written(tmp_path, "birth_date\n" + "\n".join(f"1980-01-{n:02}" for n in range(1, 29))), tmp_path
    ).columns
    assert [one.pattern for one in day.personal] == ["birth_date"]
    assert (day.type, day.count, day.distinct, day.min, day.max, day.edges) == ("date", 28, 28, None, None, ())


def test_a_moment_of_something_about_a_person_keeps_its_range(tmp_path: Path) -> None:
    """`email_at` was taken for an address, so that nobody could tell how new such data was."""
    moments = [f"2026-01-{n:02} 10:00:00" for n in range(1, 29)]
    (at,) = counted(written(tmp_path, "email_at\n" + "\n".join(moments)), tmp_path).columns
    assert (at.type, at.personal, at.max) == ("timestamp", (), 1769594400)


def test_times_of_day_that_come_late_are_not_cut_off(tmp_path: Path) -> None:
    found = column(tmp_path, ["2026-01-01"] * 30_000 + ["2026-01-01 12:00:00"])
    assert (found.type, found.edges) == ("timestamp", (1767225600, 1767268800))


def test_days_are_seconds_since_1970(tmp_path: Path) -> None:
    found = column(tmp_path, ["1970-01-02", "1969-12-31"])
    assert (found.type, found.edges) == ("date", (-86400, 86400))


def test_numbers_beyond_a_double_and_their_deviations_are_no_fault(tmp_path: Path) -> None:
    found = column(tmp_path, ["1e308", "-1e308", "1e308", "1e400"])
    assert (found.min, found.max, found.non_finite, found.stddev) == (-1e308, 1e308, 1, None)


def test_repeated_rows_are_counted(tmp_path: Path) -> None:
    assert counted(written(tmp_path, "a,b\n1,x\n1,x\n1,x\n2,\n2,\n3,x\n"), tmp_path).duplicate_rows == 3


def test_a_column_that_looks_like_personal_data_shows_no_values(tmp_path: Path) -> None:
    def card(number: int) -> str:
        """A number with its check digit, by Luhn's rule."""
        digits = f"4{number:014}"
        doubled = [int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(digits)]
        return digits + str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)

    people = [f"ann.{'abcdefgh'[n % 8]}@example.org,{card(n * 7_919_123_457)}" for n in range(80)]
    found = counted(written(tmp_path, "contact,card\n" + "\n".join(people)), tmp_path)
    contact, number = found.columns
    assert [one.pattern for one in contact.personal] == ["email"]
    assert contact.top == () and contact.other is not None and contact.other.count == 80
    assert number.personal and (number.min, number.edges, number.top) == (None, (), ())
    kept = json.dumps([repr(one) for one in found.columns])
    assert "ann.a@" not in kept and card(7_919_123_457) not in kept


@pytest.mark.parametrize(("delimiter", "text"), [(",", "a,b\n1,2\n"), (";", "a;b\n1;2\n"), ("\t", "a\tb\n1\t2\n"), ("|", "a|b\n1|2\n")])  # fmt: skip
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str, text: str) -> None:
    assert [one.name for one in counted(written(tmp_path, text), tmp_path).columns] == ["a", "b"]


def test_a_file_without_heading_says_so(tmp_path: Path) -> None:
    found = counted(written(tmp_path, "1,x\n2,y\n"), tmp_path, Reading(header=False))
    assert (found.rows, [one.name for one in found.columns]) == (2, ["column_1", "column_2"])


def test_what_stands_for_no_value_is_said(tmp_path: Path) -> None:
    found = counted(written(tmp_path, "x,y\n1,a\nNA,b\n,c\n"), tmp_path, Reading(nulls=("", "NA")))
    assert [(one.type, one.nulls) for one in found.columns] == [("integer", 2), ("string", 0)]


def parquet(folder: Path, select: str) -> Path:
    """A Parquet file of a query."""
    import duckdb

    path = folder / "data.parquet"
    duckdb.sql(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


def test_parquet_is_counted_by_its_own_types(tmp_path: Path) -> None:
    path = parquet(
        tmp_path,
        "SELECT i AS whole, i / 4 AS part, i % 2 = 0 AS even, ['red', 'blue'][1 + i % 2] AS colour, [i] AS list,"
        " DATE '2026-01-01' + i::INT AS day, TIMESTAMP '2026-01-01' + INTERVAL (i) HOUR AS moment,"
        " (i * 1.25)::DECIMAL(12, 2) AS money, CASE WHEN i > 9000 THEN 'nan'::FLOAT ELSE i END AS single"
        " FROM range(10000) t(i)",
    )
    found = read_profile(profile(path, limits=LIMITS))
    assert [(one.name, one.type) for one in found.columns] == [
        ("whole", "integer"), ("part", "number"), ("even", "boolean"), ("colour", "string"), ("list", "other"),
        ("day", "date"), ("moment", "timestamp"), ("money", "number"), ("single", "number"),
    ]  # fmt: skip
    assert (found.format, found.rows, found.duplicate_rows) == ("parquet", 10_000, 0)
    assert found.columns[8].non_finite == 999 and found.columns[8].finite == 9_001
    agrees(found.columns[0], [float(n) for n in range(10_000)])
    assert found.columns[2].top[0].count == 5_000


def test_json_lines_are_counted_by_their_fields(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"n": n, "text": "ab"[n % 2], "nested": {"x": n}, "mixed": n if n % 2 else "x"} for n in range(50)
    ]
    lines[7]["late"] = 1.5
    path = written(tmp_path, "\n".join(map(json.dumps, lines)), "data.jsonl")
    found = counted(path, tmp_path)
    assert {one.name: (one.type, one.nulls) for one in found.columns} == {
        "n": ("integer", 0), "text": ("string", 0), "nested": ("other", 0), "mixed": ("string", 0),
        "late": ("number", 49),
    }  # fmt: skip


def test_rules_between_columns_are_evaluated_while_the_file_is_there(tmp_path: Path) -> None:
    text = "id,start,end,paid,name\n1,2026-01-01,2026-02-01,true,ann\n2,2026-03-01,2026-02-01,false,bob\n3,,2026-02-01,true,\n"
    rules = [
        '"end" >= start', "start is not null", "paid = true", "length(name) = 3", "name > 3", "gone = 1", "not a rule (",
        "id * 3000000000000000000 * id > 0",
    ]  # fmt: skip
    found = read_profile(profile(written(tmp_path, text), rules=rules))
    told = {one.expression: one for one in found.rules}
    assert [(told[one].checked, told[one].failed) for one in rules[:4]] == [(3, 1), (3, 1), (3, 1), (3, 0)]
    assert told["gone = 1"].error == "There is no column gone."
    for wrong in ("name > 3", "not a rule ("):
        assert told[wrong].error, told[wrong]


def test_no_rule_reaches_another_file(tmp_path: Path) -> None:
    secret = written(tmp_path, "hidden", "secret.txt")
    rules = [f"a = read_text('{secret}')", f"a in (select content from read_text('{secret}'))", "getenv('HOME') = a"]
    told = read_profile(profile(written(tmp_path, "a\n1\n"), rules=rules)).rules
    assert len(told) == 3
    assert all(one.error and "hidden" not in one.error for one in told)


def test_why_a_rule_cannot_be_evaluated_quotes_no_value(tmp_path: Path) -> None:
    text = "card_number,email\n" + "".join(f"400000123456789{n},ann{n}@example.com\n" for n in range(9))
    rules = [
        "card_number * card_number * card_number > 0",
        "email = true",
        "email * 2 > 1",
        "-email > 1",
        "abs(email) > 1",
    ]
    document = profile(written(tmp_path, text), rules=rules)
    assert document["rules"][0]["error"], document["rules"]
    told = json.dumps(document)
    assert "400000123456789" not in told and "@example" not in told


@pytest.mark.parametrize(
    "says",
    [
        "Conversion Error: Could not convert string 'ann@example.com' to INT32",
        'Invalid Input Error: Expected OBJECT, but got VARCHAR: "ann@example.com',
        "Out of Range Error: Overflow in addition of INT64 (4000001234567899 + 1)!",
    ],
)
def test_what_the_reader_quotes_is_not_passed_on(says: str) -> None:
    assert "ann" not in unquoted(says) and "4000001234567899" not in unquoted(says)
    assert unquoted("It can't be read, and doesn't end.") == "It can't be read, and doesn't end."


def test_whole_numbers_that_came_with_a_fraction_of_nought_are_looked_at_too(tmp_path: Path) -> None:
    """A column of identity numbers with one blank among them is one of doubles, wherever it comes from."""
    cards = [
        next(n for n in range(stem * 10, stem * 10 + 10) if luhn(str(n)))
        for stem in range(400000123456700, 400000123456760)
    ]
    lines = [f"{n}.0,{230000000 + n % 9973}.0,{n % 7}.5" for n in cards]
    found = read_profile(profile(written(tmp_path, "\n".join(["k,ssn,fever", ",,", *lines])), limits=LIMITS))
    k, ssn, fever = found.columns
    assert [one.type for one in found.columns] == ["number"] * 3
    assert [[find.pattern for find in one.personal] for one in found.columns] == [["card"], ["us_ssn"], []]
    assert (k.min, k.edges, ssn.max, ssn.edges) == (None, (), None, ()) and fever.edges


def test_a_first_row_of_values_names_no_column(tmp_path: Path) -> None:
    found = counted(written(tmp_path, "ann@example.com,amount\nbob@example.com,2\n"), tmp_path)
    assert [one.name for one in found.columns] == ["column_1", "amount"]


def test_a_file_that_is_written_to_is_another_whatever_its_time_says(tmp_path: Path) -> None:
    path = written(tmp_path, "x\n1\n")
    about = path.stat()
    time.sleep(0.02)
    path.write_text("x\n2\n")
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert path.stat().st_mtime_ns == about.st_mtime_ns and state_of(path.stat()) != state_of(about)
    known = {"digests": {"sha256": hashlib.sha256(b"x\n1\n").hexdigest()}, "state": state_of(about)}
    with path.open("rb") as file, pytest.raises(Unreadable) as refusal:
        prepared(file, tmp_path, LIMITS, Reading(), {}, known, lambda **_told: None)
    assert refusal.value.slug == "changed"
