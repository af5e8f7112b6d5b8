"""Rules between columns: what the little language says, as DuckDB evaluates it, and what it refuses to say."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.client.muniment_rules import parse_rule

ROWS = "(VALUES (1, 2, 'x', true), (3, 2, NULL, false), (NULL, 5, 'y', true)) AS t(a, b, \"odd \"\"name\", ok)"


def failed(text: str) -> int:
    """In how many of ROWS a rule is false."""
    rule = parse_rule(text)
    found = duckdb.execute(
        f"SELECT count(*) FILTER (WHERE NOT ({rule.condition()})) FROM {ROWS}", list(rule.parameters)
    ).fetchone()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <= b", 1),
        ("a <= b or b = 2", 0),
        ("not a > b", 1),
        ("a is not null", 1),
        ("a is null or (a + 1) * 2 >= b / 1", 0),
        ("a - 1 = 0", 1),
        ("-a < 0", 0),
        ('"odd ""name" is null or "odd ""name" <> \'x\'', 1),
        ("ok = true", 1),
        ("lower('ABC') = 'abc' and b > 0", 0),
        ("abs(a - b) <= 1", 0),
        ('length("odd ""name") = 1e0', 0),
        ("b = 2 or b = 5 and ok", 0),
        ("\"odd \"\"name\" = 'it''s'", 2),
    ],
)
def test_a_rule_fails_the_rows_it_is_false_of(text: str, expected: int) -> None:
    assert failed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1 = 1", "a >", "a = 'open", "a = b; DROP TABLE t", "a = (SELECT 1)", "read_text('/etc/passwd') = a",
        "a = $1", "a = ?", "a::int = 1", "a between 1 and 2", "getenv(a) = 'x'", "(" * 80 + "a" + ")" * 80,
        "not " * 80 + "a", "a is b", "and a", "a = b = 1", "abs(a, b) = 1", "a in (1, 2)", "t.a = 1", "-" * 80 + "a",
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rule(text)


@given(st.text(max_size=60))
def test_whatever_is_sent_is_a_rule_or_a_refusal(text: str) -> None:
    try:
        rule = parse_rule(text)
    except ValueError:
        return
    assert rule.columns
    assert rule.sql.count("?") == len(rule.parameters)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_a_name_and_a_text_stay_what_they_are(name: str, text: str) -> None:
    if "\x00" in name + text:
        return
    rule = parse_rule('"' + name.replace('"', '""') + "\" = '" + text.replace("'", "''") + "'")
    assert (rule.columns, rule.parameters) == ((name,), (text,))
    table = f"(SELECT ? AS {rule.condition().split(' = ')[0].strip('()')}) t" if " = " not in name else None
    if table:
        found = duckdb.execute(f"SELECT ({rule.condition()}) FROM {table}", [*rule.parameters, text]).fetchone()
        assert found == (True,)
