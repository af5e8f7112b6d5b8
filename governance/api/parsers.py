"""Reading a body: one meaning or a refusal.

A record that two readers could read differently is no evidence. JSON leaves room for it (duplicate keys, NaN, numbers
beyond a double, lone surrogates), and Python's own reader takes all of it: the room is closed here (attacks A43, A50).
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from governance.errors import Invalid, TooLarge

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 50
MAX_DIGITS = 100
"""A longer number is refused: no metric has as many digits, and reading them costs the square of the length."""
MAX_EXPONENT = 308
"""The largest power of ten a double holds: beyond it other readers of the same record would see infinity or nothing."""
WHOLE_BODY = "(body)"
_PLAIN_CONTROLS = frozenset("\t\n\r")


class _Duplicate(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


class _BadNumber(Exception):
    def __init__(self, text: str) -> None:
        self.text = text if len(text) <= 40 else text[:40] + "…"


def join_path(path: str, key: str | int) -> str:
    """The path of a part of a body: ``criteria[2].threshold``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def text_fault(value: str) -> str | None:
    """The sentence that says why this text cannot be kept, or None when it can.

    Tab, line feed and carriage return are kept: people write paragraphs. Other control characters, NUL and halves of
    surrogate pairs are refused: PostgreSQL or a terminal would read another text than the one that was signed.
    """
    if value.isprintable():  # by far most texts: no character of theirs is of these kinds
        return None
    for character in value:
        category = unicodedata.category(character)
        if category == "Cs":
            return _("Half of a surrogate pair is no character; send well-formed Unicode.")
        if category == "Cc" and character not in _PLAIN_CONTROLS:
            return _("The control character U+%(code)04X cannot be kept; leave it out.") % {"code": ord(character)}
    return None


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _BadNumber(text)
    return int(text)


def _fraction(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise _BadNumber(text)
    number = Decimal(text)
    if number and abs(number.adjusted()) > MAX_EXPONENT:
        raise _BadNumber(text)
    return number


def _constant(text: str) -> Any:
    raise _BadNumber(text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Duplicate(key)
        found[key] = value
    return found


def too_deep(text: str) -> bool:
    """Whether objects and lists are nested deeper than MAX_DEPTH, found without recursion, before anything is read."""
    depth = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in "]}":
            depth -= 1
    return False


def text_faults(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every (path, sentence) of a text in a read body that cannot be kept, keys of objects included."""
    if isinstance(value, str):
        if fault := text_fault(value):
            yield path or WHOLE_BODY, fault
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if fault := text_fault(key):
                yield path or WHOLE_BODY, _("In a key: ") + fault
            else:
                yield from text_faults(inner, join_path(path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from text_faults(inner, join_path(path, index))


def read_json(body: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """A body as Python values; fractions as Decimal, exactly as written.

    Raises Invalid (400) that names the field path, TooLarge (413) beyond `max_bytes`.
    """
    if len(body) > max_bytes:
        raise TooLarge(_("The body is larger than %(limit)d bytes. Send less at once.") % {"limit": max_bytes})
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable(_("The body is not UTF-8.")) from None
    if too_deep(text):
        raise _unreadable(_("Objects and lists are nested deeper than %(limit)d levels.") % {"limit": MAX_DEPTH})
    try:
        value = json.loads(
            text, parse_int=_whole, parse_float=_fraction, parse_constant=_constant, object_pairs_hook=_pairs
        )
    except _Duplicate as duplicate:
        sentence = _("This key stands twice in one object; which value is meant cannot be known.")
        raise Invalid(_("The body gives the same key twice."), errors={_safe_key(duplicate.key): [sentence]}) from None
    except _BadNumber as number:
        raise _unreadable(_("%(text)s is no number that can be kept exactly.") % {"text": number.text}) from None
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno}
        raise _unreadable(_("The body is not JSON: it breaks at line %(line)d, column %(column)d.") % where) from None
    faults: dict[str, list[str]] = {}
    for path, sentence in text_faults(value):
        faults.setdefault(path, []).append(sentence)
    if faults:
        raise Invalid(_("Some text cannot be kept."), errors=faults)
    return value


def _safe_key(key: str) -> str:
    return WHOLE_BODY if text_fault(key) else key


def _unreadable(sentence: str) -> Invalid:
    return Invalid(sentence, errors={WHOLE_BODY: [sentence]})


class StrictJSONParser(BaseParser):
    """The only parser of the native API. An absent body reads as an empty object, so that acts without fields work."""

    media_type = "application/json"
    max_bytes = MAX_BYTES

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The body as an object. Raises Invalid or TooLarge; see read_json."""
        try:
            body = stream.read(self.max_bytes + 1)
        except RequestDataTooBig:
            raise TooLarge(_("The body is larger than %(limit)d bytes.") % {"limit": self.max_bytes}) from None
        except OSError:
            raise ParseError(_("The connection broke before the whole body had arrived.")) from None
        if not body:
            return {}
        value = read_json(body, self.max_bytes)
        if not isinstance(value, dict):
            raise _unreadable(_("The body must be a JSON object: {…}."))
        return value
