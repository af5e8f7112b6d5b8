"""Taking a body in: inflated piece by piece and given up at the limit, and read as JSON with one meaning."""

import json
import math
import zlib
from typing import IO, Any

from django.utils.translation import gettext as _

from governance.errors import Invalid, TooLarge, Unsupported

EVENT_BYTES = 4 * 1024 * 1024
"""The text of one event at most, inflated. A table of 10,000 columns with lineage and metrics has about 3 MB."""
BATCH_BYTES = 16 * 1024 * 1024
"""The text of a batch at most, inflated."""
BATCH_EVENTS = 1_000
MAX_DEPTH = 50
MAX_CONTAINERS = 800_000
"""Objects and lists of a body at most: empty ones take two bytes of text and sixty of memory. A batch of 16 MiB whose
events list columns, lineage and metrics has about 400,000."""
_PIECE = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
WHOLE_BODY = "(body)"


def take_in(stream: IO[bytes], encoding: str, limit: int) -> bytes:
    """The body's bytes, inflated if they are gzip. Never holds more than `limit` and one piece in memory.

    Raises:
        TooLarge: more than `limit` bytes, inflated or as sent; what follows is not read. Invalid: no gzip, or cut off.
        Unsupported: another encoding.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Unsupported(_("Send the body as it is, or with Content-Encoding: gzip."))
    inflate = zlib.decompressobj(_GZIP) if "gzip" in encoding else None
    found = bytearray()
    sent = 0
    while piece := _read(stream):
        # gzip makes nothing much longer: what does is empty members without end, which add nothing to what is found.
        sent += len(piece)
        if sent > limit + _PIECE:
            raise _too_large(limit)
        while piece:
            if inflate is None:
                found += piece
                piece = b""
            else:
                try:
                    found += inflate.decompress(piece, _PIECE)
                except zlib.error:
                    raise _unreadable(_("The body is not gzip, as its Content-Encoding says.")) from None
                piece = inflate.unconsumed_tail
                if inflate.eof:
                    # gzip files may follow one another in a body; what follows is the next one.
                    piece = inflate.unused_data
                    inflate = zlib.decompressobj(_GZIP) if piece else inflate
            if len(found) > limit:
                raise _too_large(limit)
    if inflate is not None and not inflate.eof:
        found += inflate.flush()  # a window's rest at most: all input is consumed
    if inflate is not None and not inflate.eof:
        raise _unreadable(_("The gzip body ends too early."))
    return bytes(found)


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(_PIECE)
    except OSError:
        raise _unreadable(_("The connection broke before the whole body had arrived.")) from None


class _Twice(Exception):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _fraction(text: str) -> Any:
    number = float(text)
    return number if math.isfinite(number) else text


def read_json(body: bytes) -> Any:
    """A body as Python values. What JSON has no number for (NaN, 1e999) is kept as the text it was.

    Raises:
        Invalid: not UTF-8, not JSON, the same key twice in one object, nested deeper than 50 levels, more than 800,000
            objects and lists (brackets within texts count as well).
    """
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        sentence = _("More than %(limit)d objects and lists. Send less at once.") % {"limit": MAX_CONTAINERS}
        raise _unreadable(sentence)
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_pairs, parse_float=_fraction, parse_constant=str)
    except UnicodeDecodeError:
        raise _unreadable(_("The body is not UTF-8.")) from None
    except _Twice:
        raise _unreadable(_("An object gives the same key twice; which value is meant cannot be known.")) from None
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno}
        raise _unreadable(_("The body is not JSON: it breaks at line %(line)d, column %(column)d.") % where) from None
    except ValueError:  # a whole number of thousands of digits
        raise _unreadable(_("A number has too many digits to be kept.")) from None
    if _deeper(value, MAX_DEPTH):
        raise _too_deep()
    return value


def canonical(value: Any) -> str:
    """The one text of a value: keys in order, nothing but ASCII, no blanks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _deeper(value: Any, left: int) -> bool:
    """Whether objects and lists are nested deeper than `left` levels; looks level by level."""
    level = [value]
    while level:
        if left < 0:
            return True
        left -= 1
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
    return False


def _too_large(limit: int) -> TooLarge:
    return TooLarge(_("The body has more than %(limit)d bytes when inflated. Send less at once.") % {"limit": limit})


def _too_deep() -> Invalid:
    return _unreadable(_("Objects and lists are nested deeper than %(limit)d levels.") % {"limit": MAX_DEPTH})


def _unreadable(sentence: str) -> Invalid:
    return Invalid(sentence, errors={WHOLE_BODY: [sentence]})
