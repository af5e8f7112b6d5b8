"""Filters, orders and page tokens as MLflow's clients write them: read strictly, one meaning or a refusal.

    name = 'scoring' AND tags.`team` != 'risk' AND version_number > 3
    run_id IN ('a1', 'b2')
    last_updated_timestamp DESC

Grammar as in mlflow/utils/search_utils.py (3.17.2): clauses joined by AND, keywords in any case; values in quotes, a
quote inside written twice. LIKE and ILIKE know % and _ and no escape.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from governance.api.parsers import text_fault
from governance.errors import Invalid

MOST_CLAUSES = 50
LONGEST = 10_000  # characters of a filter
PROMPT_TAG = "mlflow.prompt.is_prompt"

_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|(?P<ticked>`[^`]*`)|(?P<number>-?[0-9]+(?![\w.]))"
    r"|(?P<word>[A-Za-z_][\w\-]*)|(?P<sign>!=|<=|>=|=|<|>|\(|\)|,|\.))"
)
_TEXT_SIGNS = ("=", "!=", "LIKE", "ILIKE")
_LIST_SIGNS = ("IN", "NOT IN")
_NUMBER_SIGNS = ("=", "!=", "<", "<=", ">", ">=")


class Clause(NamedTuple):
    """One condition. `tag`: of a tag of that key, else of a column. `value`: text, a number, or a list of texts."""

    key: str
    sign: str
    value: Any
    tag: bool = False


@dataclass(frozen=True, slots=True)
class Grammar:
    """What may be asked of a kind of record: texts, numbers and lists among its columns, and what orders it."""

    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    lists: tuple[str, ...]
    orders: tuple[str, ...]


MODELS = Grammar(("name",), (), ("name",), ("name", "creation_timestamp", "last_updated_timestamp"))
VERSIONS = Grammar(
    ("name", "run_id", "source_path"),
    ("version_number",),
    ("name", "run_id"),
    ("name", "version_number", "creation_timestamp", "last_updated_timestamp"),
)


class _Tokens:
    """What is left to read of a filter."""

    def __init__(self, text: str) -> None:
        self.found: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise _refused(text, _("it breaks at “%(rest)s”") % {"rest": text[at:].strip()[:40]})
            self.found.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            at = match.end()
        self.text = text
        self.at = 0

    def next(self) -> tuple[str, str]:
        """The next token; ("", "") at the end."""
        if self.at >= len(self.found):
            return "", ""
        self.at += 1
        return self.found[self.at - 1]

    def refused(self, why: str) -> Invalid:
        """The refusal of this filter."""
        return _refused(self.text, why)


def _refused(text: str, why: str) -> Invalid:
    sentence = _("The filter cannot be read: %(why)s. Write clauses such as name = 'scoring', joined by AND.") % {
        "why": why
    }
    return Invalid(sentence, errors={"filter": [sentence]}, params={"filter": text[:200]})


def read_filter(text: str, grammar: Grammar) -> list[Clause]:
    """The clauses of a filter; none for blank text. Raises Invalid (400), naming what it stumbled over."""
    if len(text) > LONGEST:
        raise _refused(text, _("it is longer than %(limit)d characters") % {"limit": LONGEST})
    tokens = _Tokens(text)
    clauses: list[Clause] = []
    while tokens.at < len(tokens.found):
        if clauses:
            kind, joint = tokens.next()
            if kind != "word" or joint.upper() != "AND":
                raise tokens.refused(_("clauses are joined by AND, not by “%(word)s”") % {"word": joint[:40]})
        clauses.append(_clause(tokens, grammar))
        if len(clauses) > MOST_CLAUSES:
            raise tokens.refused(_("it has more than %(limit)d clauses") % {"limit": MOST_CLAUSES})
    return clauses


def _clause(tokens: _Tokens, grammar: Grammar) -> Clause:
    key, tag = _key(tokens, grammar)
    sign = _sign(tokens)
    number = not tag and key in grammar.numbers
    allowed: Sequence[str] = _NUMBER_SIGNS if number else _TEXT_SIGNS
    if not tag and key in grammar.lists:
        allowed = (*allowed, *_LIST_SIGNS)
    if sign not in allowed:
        raise tokens.refused(
            _("%(key)s is compared by %(signs)s, not by “%(sign)s”")
            % {"key": key, "signs": ", ".join(allowed), "sign": sign[:20]}
        )
    return Clause(key, sign, _list(tokens) if sign in _LIST_SIGNS else _value(tokens, key, number=number), tag)


def _key(tokens: _Tokens, grammar: Grammar) -> tuple[str, bool]:
    """What a clause is about, and whether that is a tag."""
    kind, word = tokens.next()
    tag = False
    if kind == "word" and tokens.found[tokens.at : tokens.at + 1] == [("sign", ".")]:
        tokens.next()
        if word not in ("tag", "tags", "attribute", "attributes"):
            raise tokens.refused(_("“%(word)s” is neither tags nor attribute") % {"word": word[:40]})
        tag = word.startswith("tag")
        kind, word = tokens.next()
        while tag and kind == "word" and tokens.found[tokens.at : tokens.at + 1] == [("sign", ".")]:
            tokens.next()
            word += "." + tokens.next()[1]
    if kind == "ticked" or (tag and kind == "quoted"):
        word = word[1:-1]
    elif kind != "word":
        raise tokens.refused(_("a clause begins with what it is about, not with “%(word)s”") % {"word": word[:40]})
    if tag:
        return word, True
    known = (*grammar.texts, *grammar.numbers)
    if word not in known:
        raise tokens.refused(
            _("“%(word)s” is not among %(known)s and tags") % {"word": word[:40], "known": ", ".join(known)}
        )
    return word, False


def _sign(tokens: _Tokens) -> str:
    kind, sign = tokens.next()
    if kind == "word":
        sign = sign.upper()
        if sign == "NOT":
            _kind, following = tokens.next()
            sign = f"NOT {following.upper()}"
    return sign


def _value(tokens: _Tokens, key: str, *, number: bool) -> str | int:
    kind, text = tokens.next()
    if number:
        if kind != "number" or len(text) > 18:
            raise tokens.refused(_("%(key)s is compared with a whole number") % {"key": key})
        return int(text)
    if kind != "quoted":
        raise tokens.refused(_("%(key)s is compared with a text in quotes") % {"key": key})
    return _unquoted(text)


def _list(tokens: _Tokens) -> list[str]:
    values: list[str] = []
    if tokens.next() != ("sign", "("):
        raise tokens.refused(_("IN takes a list: ('a', 'b')"))
    while True:
        kind, text = tokens.next()
        if kind != "quoted":
            raise tokens.refused(_("IN takes a list of texts in quotes: ('a', 'b')"))
        values.append(_unquoted(text))
        follows = tokens.next()
        if follows == ("sign", ")"):
            return values
        if follows != ("sign", ","):
            raise tokens.refused(_("IN takes a list of texts with commas between: ('a', 'b')"))


def _unquoted(text: str) -> str:
    return text[1:-1].replace(text[0] * 2, text[0])


class Order(NamedTuple):
    """A column and its direction."""

    key: str
    descending: bool


def read_order(given: Sequence[str], grammar: Grammar) -> list[Order]:
    """The order asked for. Raises Invalid (400) for what is no column, or named twice."""
    found: list[Order] = []
    for text in given:
        parts = text.strip().split()
        key = parts[0].strip("`\"'") if parts else ""
        way = parts[1].upper() if len(parts) == 2 else "ASC"
        key = key.removeprefix("attribute.").removeprefix("attributes.")
        if key == "timestamp":
            key = "last_updated_timestamp"
        if len(parts) not in (1, 2) or key not in grammar.orders or way not in ("ASC", "DESC"):
            sentence = _("Order by %(known)s, each with ASC or DESC; not by “%(given)s”.") % {
                "known": ", ".join(grammar.orders),
                "given": text[:60],
            }
            raise Invalid(sentence, errors={"order_by": [sentence]})
        if key in (one.key for one in found):
            sentence = _("“%(key)s” orders twice; which direction is meant cannot be known.") % {"key": key}
            raise Invalid(sentence, errors={"order_by": [sentence]})
        found.append(Order(key, way == "DESC"))
    return found


def question_of(*parts: Any) -> str:
    """What a page token belongs to: a filter, an order, a namespace."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def write_token(question: str, last: Sequence[Any]) -> str:
    """The token of the page after a row whose ordering values are `last`."""
    return base64.urlsafe_b64encode(json.dumps([question, *last]).encode()).decode()


def read_token(token: str, question: str, kinds: Sequence[type]) -> list[Any]:
    """The ordering values after which the page begins.

    Args:
        kinds: the types of the values.

    Raises:
        Invalid (400): a token of another question, or of nobody.
    """
    try:
        read = json.loads(base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError, RecursionError):
        read = None
    last: list[Any] = read[1:] if isinstance(read, list) else []
    fits = len(last) == len(kinds) and all(type(value) is kind for value, kind in zip(last, kinds, strict=True))
    small = all(not isinstance(value, int) or abs(value) < 2**62 for value in last)
    clean = all(not isinstance(value, str) or text_fault(value) is None for value in last)
    if not isinstance(read, list) or not fits or not small or not clean or read[0] != question:
        sentence = _("This page token belongs to another search. Ask for the first page again, without a token.")
        raise Invalid(sentence, errors={"page_token": [sentence]})
    return last


def prompt_matches(clause: Clause) -> bool | None:
    """For the clause on prompts, whether it holds of what is no prompt, as nothing here is one; None for any other.

    Clients append ``tag.`mlflow.prompt.is_prompt` != 'true'`` to each search; a model without the tag
    is meant to match.
    """
    if not clause.tag or clause.key != PROMPT_TAG:
        return None
    return (clause.sign, clause.value) in {("!=", "true"), ("=", "false")}
