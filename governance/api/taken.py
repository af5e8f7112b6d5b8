"""What a body or an address takes, told to OpenAPI as exactly as a pattern can.

What the schema lets pass should not fail on its form. The fields themselves decide (governance/api/strictness.py);
a test compares the two.
"""

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from governance.api.fields import ExactJSONField
from governance.api.serializers import FilterSerializer

#: Controls but tab, line feed and carriage return, as in parsers.text_fault; then those three as well.
_UNKEPT = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
#: What Python's str.strip takes away and text may hold; spelt out, since dialects differ in what \s is.
_BLANKS = r"\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
#: Invisible, private and direction-changing characters below U+10000, blanks but the plain one, and other forms of
#: Latin letters. Characters that are not assigned, Unicode's composed form, what chooses how a symbol is drawn, and a
#: word of two scripts are beyond a pattern: strictness.name_fault refuses them all the same.
_UNSEEN = (
    r"\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u2800\u3164\ue000-\uf8ff\ufeff\uffa0\ufff9-\ufffb"
    r"\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
    r"\u0132-\u0133\u017f\u01c7-\u01cc\u01f1-\u01f3\u2102\u210a-\u210e\u2110-\u2113\u2115\u2119-\u211d\u2124\u2128"
    r"\u212c-\u212d\u212f-\u2131\u2133-\u2134\u2139\u2145-\u2149\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a"
)
TEXT = f"^[^{_UNKEPT}]*$"
SAID = f"^[{_BLANKS}]*[^{_BLANKS}{_UNKEPT}][^{_UNKEPT}]*$"
NAME = f"^[^{_BLANKS}{_CONTROLS}{_UNSEEN}]([^{_CONTROLS}{_UNSEEN}]*[^{_BLANKS}{_CONTROLS}{_UNSEEN}])?$"
ETAG = r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"'
ETAGS = rf"\*|{ETAG}([ \t]*,[ \t]*{ETAG})*"
IDEMPOTENCY_KEY = r'"[\x20\x21\x23-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255}'
#: Of values the fields check themselves.
_TOLD_OTHERWISE = frozenset({"enum", "const", "format", "pattern"})
_JSON = ["object", "array", "string", "number", "boolean"]


def as_taken(field: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a field of a body, or of a parameter, with what is refused besides."""
    if isinstance(field, ExactJSONField):
        kind = "object" if field.kind is dict else "array" if field.kind is list else _JSON
        return {"type": kind, **told}
    if isinstance(field, serializers.DecimalField):
        return _decimal(field, told)
    if isinstance(field, serializers.ListField | serializers.ListSerializer) and not field.allow_empty:
        return {"minItems": 1, **told}
    if isinstance(told.get("type"), list) and told.get("format") in ("date", "date-time"):
        # Said apart: to some readers a format counts for nothing where the type is one of two.
        kind, null = told["type"]
        rest = {name: value for name, value in told.items() if name not in ("type", "format")}
        return {"anyOf": [{"type": kind, "format": told["format"]}, {"type": null}], **rest}
    if not isinstance(field, serializers.CharField) or "string" not in told.get("type", ()):
        return dict(told)
    has_form = any(isinstance(one, RegexValidator) for one in field.validators)  # told with the other validators
    if has_form or _TOLD_OTHERWISE & told.keys():
        return dict(told)
    sought = isinstance(field.parent, FilterSerializer)  # what is looked for need not be a name
    is_name = getattr(field, "is_name", False) or (field.field_name == "name" and not sought)
    pattern = NAME if is_name else TEXT if field.allow_blank else SAID
    return {**told, "pattern": pattern}


def _decimal(field: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """A decimal number, as text that keeps every digit or as a number."""
    whole, places = field.max_digits - field.decimal_places, field.decimal_places
    fraction = rf"(\.[0-9]{{1,{places}}})?" if places else ""
    text = {"type": "string", "format": "decimal", "pattern": f"^-?(0|[1-9][0-9]{{0,{whole - 1}}}){fraction}$"}
    number: dict[str, Any] = {"type": "number", "exclusiveMinimum": -(10**whole), "exclusiveMaximum": 10**whole}
    if field.min_value is not None:
        number["minimum"] = float(field.min_value)
    if field.max_value is not None:
        number["maximum"] = float(field.max_value)
    null = [{"type": "null"}] if field.allow_null else []
    rest = {name: value for name, value in told.items() if name not in ("type", "format", "pattern")}
    return {"anyOf": [text, number, *null], **rest}


def fields_pattern(names: Mapping[str, Any]) -> str:
    """For the parameter `fields`: some of these names, joined by commas."""
    one = "|".join(names)
    return f"^({one})(,({one}))*$"
