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


def name_fault(value: str) -> str | None:
    """The sentence that says why this text cannot be a name, or None.

    A name is compared, typed and read aloud: two names that look alike must be alike. So no blanks at the ends, no line
    breaks, no invisible or direction-changing characters, and one Unicode form (NFC).
    """
    if value != value.strip():
        return _("A name neither begins nor ends with a blank.")
    if unicodedata.normalize("NFC", value) != value:
        return _("Write the name in Unicode's composed form (NFC), so that it compares as it looks.")
    for character in value:
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Co", "Cn"}:
            return _("A name holds no invisible character; U+%(code)04X is one.") % {"code": ord(character)}
    return None


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
