"""Rules between columns: a small language of its own, read into a tree and written as SQL that runs nothing else.

    end_date >= start_date
    "loan amount" <= 0.8 * value or approved = true
    not (income is null and status = 'employed')

Comparisons, and / or / not, + - * /, is null, is not null; columns by name, or in double quotes; numbers, 'texts',
true, false; abs(x), length(x), lower(x). Nothing calls out of this list, so nothing a rule says can reach a file or a
setting. A row fails a rule that is false of it; a rule that is unknown (a null on the way) does not fail, as in SQL's
CHECK: say `is not null` where that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

FUNCTIONS = ("abs", "length", "lower")
DEPTH_AT_MOST = 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|==|[-+*/()=<>]))"""
)
_COMPARISONS = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = ("and", "or", "not", "is", "null", "true", "false")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was read: its own text, the columns it names, and its condition as SQL with parameters."""

    text: str
    columns: tuple[str, ...]
    sql: str
    """With `?` for each parameter and `{n}` for the n-th column."""
    parameters: tuple[str | float | bool, ...] = field(default=())

    def condition(self, expressions: Mapping[str, str] | None = None) -> str:
        """The condition as DuckDB's SQL; `expressions`: the SQL of a column's value, where it is not just its name."""
        known = expressions or {}
        written = [known.get(name) or quote_name(name) for name in self.columns]
        return re.sub(r"\{(\d+)\}", lambda found: written[int(found.group(1))], self.sql)


def quote_name(name: str) -> str:
    """A name as an identifier of SQL's, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def parse_rule(text: str) -> Rule:
    """A rule out of its text.

    Raises:
        ValueError: it is none; the message says where it stops making sense.
    """
    reader = _Reader(text)
    sql = reader.either(0)
    if reader.kind:
        raise reader.wrong("This was not expected here.")
    if not reader.columns:
        raise ValueError("A rule names at least one column.")
    return Rule(text, tuple(reader.columns), sql, tuple(reader.parameters))


class _Reader:
    """Recursive descent, one method a level of precedence; each answers SQL."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.next = text, 0, 0
        self.kind, self.value = "", ""
        self.columns: list[str] = []
        self.parameters: list[str | float | bool] = []
        self.step()

    def step(self) -> None:
        """On to the next token; kind "" at the end."""
        self.place = self.next
        if not self.text[self.place :].strip():
            self.kind, self.value = "", ""
            return
        found = _TOKEN.match(self.text, self.place)
        if found is None:
            raise self.wrong("This cannot be read.")
        self.kind, self.value, self.next = str(found.lastgroup), str(found.group(str(found.lastgroup))), found.end()

    def wrong(self, sentence: str) -> ValueError:
        shown = self.text[self.place :].strip()[:30] or "the end"
        return ValueError(f"At “{shown}”: {sentence}")

    def word(self, *words: str) -> bool:
        """Whether the next token is one of these keywords; if so it is taken."""
        if self.kind == "word" and self.value.lower() in words:
            self.step()
            return True
        return False

    def sign(self, *signs: str) -> str:
        """The next token if it is one of these signs, taken; else ""."""
        found = self.value if self.kind == "sign" and self.value in signs else ""
        if found:
            self.step()
        return found

    def need(self, sign: str) -> None:
        if not self.sign(sign):
            raise self.wrong(f"Expected {sign}.")

    def either(self, depth: int) -> str:
        parts = [self.both(depth)]
        while self.word("or"):
            parts.append(self.both(depth))
        return " OR ".join(f"({one})" for one in parts) if len(parts) > 1 else parts[0]

    def both(self, depth: int) -> str:
        parts = [self.negated(depth)]
        while self.word("and"):
            parts.append(self.negated(depth))
        return " AND ".join(f"({one})" for one in parts) if len(parts) > 1 else parts[0]

    def negated(self, depth: int) -> str:
        if depth > DEPTH_AT_MOST:
            raise self.wrong("Too deep.")
        if self.word("not"):
            return f"NOT ({self.negated(depth + 1)})"
        return self.compared(depth)

    def compared(self, depth: int) -> str:
        left = self.sum(depth)
        if self.word("is"):
            negated = self.word("not")
            if not self.word("null"):
                raise self.wrong("Expected null.")
            return f"({left}) IS {'NOT ' if negated else ''}NULL"
        if sign := self.sign(*_COMPARISONS):
            return f"({left}) {_COMPARISONS[sign]} ({self.sum(depth)})"
        return left

    def sum(self, depth: int) -> str:
        found = self.product(depth)
        while sign := self.sign("+", "-"):
            found = f"({found}) {sign} ({self.product(depth)})"
        return found

    def product(self, depth: int) -> str:
        found = self.one(depth)
        while sign := self.sign("*", "/"):
            found = f"({found}) {sign} ({self.one(depth)})"
        return found

    def one(self, depth: int) -> str:
        if depth > DEPTH_AT_MOST:
            raise self.wrong("Too deep.")
        if self.sign("("):
            found = self.either(depth + 1)
            self.need(")")
            return f"({found})"
        if self.sign("-"):
            return f"-({self.one(depth + 1)})"
        kind, value = self.kind, self.value
        if kind == "word" and value.lower() in FUNCTIONS and self.text[self.next :].lstrip().startswith("("):
            self.step()
            self.need("(")
            inside = self.either(depth + 1)
            self.need(")")
            return f"{value.lower()}({inside})"
        if kind in ("number", "text", "quoted") or (kind == "word" and self._names(value)):
            self.step()
            return self._leaf(kind, value)
        raise self.wrong("Expected a column, a number or a 'text'.")

    @staticmethod
    def _names(word: str) -> bool:
        return word.lower() not in _WORDS or word.lower() in ("true", "false")

    def _leaf(self, kind: str, value: str) -> str:
        if kind == "number":
            return self._parameter(float(value))
        if kind == "text":
            return self._parameter(value[1:-1].replace("''", "'"))
        if kind == "word" and value.lower() in ("true", "false"):
            return self._parameter(value.lower() == "true")
        name = value[1:-1].replace('""', '"') if kind == "quoted" else value
        if name not in self.columns:
            self.columns.append(name)
        return f"{{{self.columns.index(name)}}}"

    def _parameter(self, value: str | float | bool) -> str:
        self.parameters.append(value)
        return "?"
