"""Reading a document part by part: each value is of its type and within its bound, or the refusal names its path."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from governance import errors

COUNT_AT_MOST = 2**63 - 1
WHOLE = "(body)"
_CONTROLS = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))


class Part:
    """One object of a document."""

    def __init__(self, given: Any, path: str) -> None:
        """Raises errors.Invalid: no object."""
        self.path = path
        self._read: set[str] = set()
        if not isinstance(given, Mapping):
            raise _fault(path, _("This must be an object."))
        self.given: Mapping[str, Any] = given

    def fault(self, key: str, sentence: str) -> errors.Invalid:
        """The refusal of one of its parts."""
        return _fault(self._at(key), sentence)

    def has(self, key: str) -> bool:
        """Whether it is there, and not null. It counts as read."""
        self._read.add(key)
        return self.given.get(key) is not None

    def nothing_else(self) -> None:
        """Raises errors.Invalid: a key that nobody has asked for."""
        for key in self.given:
            if key not in self._read:
                shown = str(key)[:64] if str(key).isprintable() else "?"
                raise _fault(self._at(shown), _("There is no such part of a profile."))

    def text(self, key: str, limit: int, *, blank: bool = False) -> str:
        """At most `limit` characters, none of them a control; "" only where it may be blank."""
        if not self.has(key):
            if blank:
                return ""
            raise self.fault(key, _("This is missing."))
        return self._text(key, self.given[key], limit, blank=blank)

    def texts(self, key: str, most: int, limit: int) -> tuple[str, ...]:
        """A list of texts; left out, none."""
        return tuple(self._text(f"{key}[{n}]", one, limit) for n, one in enumerate(self._list(key, most, blank=True)))

    def choice(self, key: str, allowed: Sequence[str], *, blank: bool = False) -> str:
        """One of those allowed."""
        found = self.text(key, 64, blank=blank)
        if found not in allowed and not (blank and not found):
            raise self.fault(key, _("This is none of: %(allowed)s.") % {"allowed": ", ".join(allowed)})
        return found

    def flag(self, key: str, *, blank: bool = False) -> bool:
        """True or false."""
        if not self.has(key) and blank:
            return False
        found = self.given.get(key)
        if not isinstance(found, bool):
            raise self.fault(key, _("This must be true or false."))
        return found

    def count(self, key: str, *, blank: bool = False) -> Any:
        """A whole number from 0 to 2^63 - 1; None only where it may be blank."""
        if not self.has(key):
            if blank:
                return None
            raise self.fault(key, _("This is missing."))
        return self._count(key, self.given[key])

    def counts(self, key: str, most: int) -> tuple[int, ...]:
        """A list of counts; left out, none."""
        return tuple(self._count(f"{key}[{n}]", one) for n, one in enumerate(self._list(key, most, blank=True)))

    def number(self, key: str, *, blank: bool = False) -> int | float | None:
        """A finite number; a fraction as the nearest double, a whole number exactly."""
        if not self.has(key):
            if blank:
                return None
            raise self.fault(key, _("This is missing."))
        return self._number(key, self.given[key])

    def fraction(self, key: str) -> float | None:
        """A finite number as a double; None where it is left out."""
        found = self.number(key, blank=True)
        return None if found is None else float(found)

    def numbers(self, key: str, most: int) -> tuple[int | float, ...]:
        """A list of numbers; left out, none."""
        return tuple(self._number(f"{key}[{n}]", one) for n, one in enumerate(self._list(key, most, blank=True)))

    def part(self, key: str) -> Part | None:
        """An object of its own; None where it is left out."""
        return Part(self.given[key], self._at(key)) if self.has(key) else None

    def parts(self, key: str, most: int, *, blank: bool = False) -> list[Part]:
        """A list of objects."""
        return [Part(one, self._at(f"{key}[{n}]")) for n, one in enumerate(self._list(key, most, blank=blank))]

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _list(self, key: str, most: int, *, blank: bool) -> Sequence[Any]:
        if not self.has(key) and blank:
            return ()
        found = self.given.get(key)
        if not isinstance(found, list | tuple):
            raise self.fault(key, _("This must be a list."))
        if len(found) > most:
            raise self.fault(key, _("At most %(most)d.") % {"most": most})
        return found

    def _text(self, key: str, found: Any, limit: int, *, blank: bool = False) -> str:
        if not isinstance(found, str) or (not found and not blank):
            raise self.fault(key, _("This must be a text."))
        if len(found) > limit:
            raise self.fault(key, _("At most %(limit)d characters.") % {"limit": limit})
        if not _CONTROLS.isdisjoint(found) or any("\ud800" <= character <= "\udfff" for character in found):
            raise self.fault(key, _("Control characters and halves of characters cannot be kept."))
        return found

    def _count(self, key: str, found: Any) -> int:
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= COUNT_AT_MOST:
            raise self.fault(key, _("This must be a whole number, 0 or above."))
        return found

    def _number(self, key: str, found: Any) -> int | float:
        if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
            raise self.fault(key, _("This must be a number."))
        try:
            if math.isfinite(as_double := float(found)):
                return found if isinstance(found, int) else as_double
        except OverflowError:
            pass
        raise self.fault(key, _("This must be a finite number."))


def _fault(path: str, sentence: str) -> errors.Invalid:
    where = path or WHOLE
    return errors.Invalid(
        _("This is no profile: %(where)s. ") % {"where": where} + sentence, errors={where: [sentence]}
    )
