"""Which JSON value a field takes, before the field itself reads it.

REST framework's fields are kind: "true" is true, 1 is "1", " 0.9 " is 0.9 and True is 1. A record must not be: what a
client sent and what was kept would differ (attack A43). One place decides, whichever field class a serializer uses.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from governance.api.parsers import text_fault

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_TEXT_FIELDS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.UUIDField,
    serializers.SlugRelatedField,
    serializers.DurationField,
)


#: What shows nothing though Unicode files it under letters, marks or symbols: default ignorables, Braille's blank.
_UNSEEN = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0,
              *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip
#: Kinds of other forms of a letter that are read as the letter itself: wide, of another typeface, two in one.
_SAME_LETTER = ("<wide>", "<font>", "<compat>")
_WORD = re.compile(r"[^\W\d_]+")
#: Scripts with letters that are drawn as Latin ones are. Of Greek these alone: αNet and ν-SVM are names people give.
_LIKE_LATIN = frozenset({"CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"})
_GREEK_LIKE_LATIN = frozenset("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο")


def name_fault(value: str) -> str | None:
    """The sentence that says why this text cannot be a name, or None.

    A name is compared, typed and read aloud: two names that look alike must be alike. So no blanks at the ends, no
    line breaks, no invisible or direction-changing characters, no blank but the plain one, one Unicode form (NFC), of
    each Latin letter the plain one, and no word in which a letter of another script passes for a Latin one. Names that
    are wholly of another script are taken as they are.
    """
    if value != value.strip():
        return _("A name neither begins nor ends with a blank.")
    if value.isascii() and value.isprintable():
        return None
    if unicodedata.normalize("NFC", value) != value:
        return _("Write the name in Unicode's composed form (NFC), so that it compares as it looks.")
    before = ""
    for character in value:
        category = unicodedata.category(character)
        chooses = before == "So" and "\ufe00" <= character <= "\ufe0f"  # how a symbol is drawn, as ⚠️: not unseen there
        before = category
        if category in {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"} or (character in _UNSEEN and not chooses):
            return _("A name holds no invisible character; U+%(code)04X is one.") % {"code": ord(character)}
        if category == "Zs" and character != " ":
            return _("Blanks in a name are plain ones; U+%(code)04X is another.") % {"code": ord(character)}
        plain = unicodedata.normalize("NFKC", character)
        if category[0] == "L" and plain.isascii() and unicodedata.decomposition(character).startswith(_SAME_LETTER):
            return _("In a name, write %(plain)s for U+%(code)04X, which looks like it.") % {
                "plain": plain, "code": ord(character),
            }  # fmt: skip
    for word in _WORD.findall(value):
        if stranger := _stranger_in(word):
            return _("In the word %(word)s the letter U+%(code)04X of another script passes for a Latin one.") % {
                "word": word, "code": ord(stranger),
            }  # fmt: skip
    return None


def _stranger_in(word: str) -> str | None:
    """The letter of another script that stands in a Latin word and may be taken for one of its own."""
    scripts = {character: unicodedata.name(character, "").partition(" ")[0] for character in word}
    if "LATIN" not in scripts.values():
        return None
    return next((c for c, script in scripts.items() if script in _LIKE_LATIN or c in _GREEK_LIKE_LATIN), None)


def is_number(value: Any) -> bool:
    """Whether this is a JSON number: true and false are none."""
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def number_in_text(value: str) -> bool:
    """Whether this text is exactly a JSON number: no blanks, no plus sign, no 0x1A, no NaN."""
    return _NUMBER.fullmatch(value) is not None


def value_fault(field: serializers.Field[Any, Any, Any, Any], value: Any) -> str | None:
    """The sentence that says why `value` is not of the kind `field` takes, or None. Looks one level deep."""
    if value is None:
        return None  # whether null is allowed is the field's own question
    if isinstance(field, serializers.BooleanField):
        return None if isinstance(value, bool) else _("Send true or false.")
    if isinstance(field, serializers.IntegerField | serializers.PrimaryKeyRelatedField):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole else _("Send a whole number, not text, true or a fraction.")
    if isinstance(field, serializers.FloatField):
        return None if is_number(value) else _("Send a number, not text or true.")
    if isinstance(field, serializers.DecimalField):
        fits = is_number(value) or (isinstance(value, str) and number_in_text(value))
        return None if fits else _("Send a decimal number such as 0.95, as a number or as text without blanks.")
    if isinstance(field, serializers.DateTimeField):
        fits = isinstance(value, str) and _MOMENT.fullmatch(value) is not None
        return None if fits else _("Send a moment with its offset, such as 2026-03-03T14:00:00Z.")
    if isinstance(field, serializers.DateField):
        fits = isinstance(value, str) and _DATE.fullmatch(value) is not None
        return None if fits else _("Send a date such as 2026-03-03.")
    if isinstance(field, serializers.ListField | serializers.ListSerializer | serializers.ManyRelatedField):
        return None if isinstance(value, list) else _("Send a list: […].")
    if isinstance(field, serializers.DictField | serializers.BaseSerializer):
        return None if isinstance(value, Mapping) else _("Send an object: {…}.")
    if isinstance(field, _TEXT_FIELDS):
        return _text_field_fault(field, value)
    return None


def _text_field_fault(field: Any, value: Any) -> str | None:
    if not isinstance(value, str):
        return _("Send text in quotation marks.")
    if fault := text_fault(value):
        return fault
    if isinstance(field, serializers.CharField) and not value.strip() and not field.allow_blank:
        return _("Say something here, or leave the field out.")
    if isinstance(field, serializers.RegexField) and value.endswith("\n"):
        return _("Leave out the line break at the end.")  # Python's $ lets it pass; nobody else's does
    if getattr(field, "is_name", False) or field.field_name == "name":
        return name_fault(value)
    return None


def element_faults(field: Any, value: Any) -> dict[str, str]:
    """Faults of the elements of a list or the values of an object whose field has a `child`: {"[0]": sentence}."""
    child = getattr(field, "child", None)
    if child is None or isinstance(child, serializers.BaseSerializer):
        return {}  # nested serializers are strict themselves
    if isinstance(value, list):
        items: list[tuple[str, Any]] = [(f"[{index}]", element) for index, element in enumerate(value)]
    elif isinstance(value, Mapping):
        items = [(f".{key}", element) for key, element in value.items()]
    else:
        return {}
    faults: dict[str, str] = {}
    for step, element in items:
        if fault := value_fault(child, element):
            faults[step] = fault
        else:
            faults.update({step + deeper: sentence for deeper, sentence in element_faults(child, element).items()})
    return faults
