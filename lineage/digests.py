"""Reading digests, however a client writes them."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from governance import errors
from lineage.models.fields import DIGEST_HEX_LENGTHS

_HEX = re.compile(r"[0-9a-f]+")


class Digest(NamedTuple):
    """An algorithm's name as SPDX writes it, and lowercase hexadecimal of its length."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


def algorithm_of(name: str) -> str | None:
    """The stored name of an algorithm: ``SHA-256``, ``sha_256`` and ``sha256`` are one. None if it is not taken."""
    plain = name.strip().lower().replace("-", "").replace("_", "")
    names = {stored.replace("_", ""): stored for stored in DIGEST_HEX_LENGTHS} | {"blake2b": "blake2b512"}
    return names.get(plain)


def parse_digest(given: str | Mapping[str, Any] | Digest | None, *, field: str = "digest") -> Digest:
    """The digest in ``sha256:…`` or ``{"algorithm", "value"}``; blank when none is given.

    Raises:
        errors.Invalid: an algorithm that is not taken (MD5, SHA-1), or a value that is not its hexadecimal.
    """
    if given is None or given == "":
        return Digest("", "")
    if isinstance(given, Digest):
        return given
    if isinstance(given, str):
        algorithm, separator, value = given.partition(":")
        if not separator:
            raise _refusal(field, _("Write it as sha256: followed by hexadecimal digits."))
    else:
        algorithm, value = given.get("algorithm"), given.get("value")  # type: ignore[assignment]  # checked next
        if not isinstance(algorithm, str) or not isinstance(value, str) or set(given) != {"algorithm", "value"}:
            raise _refusal(field, _('Write it as {"algorithm": "sha256", "value": hexadecimal digits}.'))
    stored = algorithm_of(algorithm)
    if stored is None:
        known = ", ".join(DIGEST_HEX_LENGTHS)
        raise _refusal(field, _("This algorithm is not taken. Use one of %(known)s.") % {"known": known})
    value = value.lower()
    length = DIGEST_HEX_LENGTHS[stored]
    if len(value) != length or not _HEX.fullmatch(value):
        raise _refusal(
            field,
            _("A %(algorithm)s digest is %(length)d hexadecimal digits.") % {"algorithm": stored, "length": length},
        )
    return Digest(stored, value)


def _refusal(field: str, sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={field: [sentence]})
