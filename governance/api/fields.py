"""Fields of the native API that REST framework does not have."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_ID = 2**63 - 1


class NameField(serializers.CharField):
    """A name: what others will type, compare and refer to. See strictness.name_fault."""

    is_name = True

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 200)
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)


class TextField(serializers.CharField):
    """Text of several lines, kept word for word; 10,000 characters at most unless said otherwise."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 10_000)
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)


class IdField(serializers.IntegerField):
    """The id of a record: 1 to 2^63 - 1."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", 1)
        kwargs.setdefault("max_value", MAX_ID)
        super().__init__(**kwargs)


class MomentField(serializers.DateTimeField):
    """A moment with its offset from UTC; answered in UTC with microseconds."""


def as_json_number(value: Decimal) -> float:
    """The double that stands for this decimal, or ValueError when writing the double back would show another number."""
    double = float(value)
    if Decimal(repr(double)) != value:
        raise ValueError(value)
    return double


@extend_schema_field(OpenApiTypes.ANY)
class ExactJSONField(serializers.Field[Any, Any, Any, Any]):
    """Free JSON that is kept as it was sent. `kind` may ask for dict or list.

    Numbers that a double cannot hold exactly are refused: they may be sent as text; rounded they would be others.
    """

    default_error_messages = {
        "object": _("Send a JSON object, in braces."),
        "list": _("Send a JSON list, in brackets."),
        "digits": _("{path}: {value} has more digits than a JSON number keeps; send it as text."),
    }

    def __init__(self, *, kind: type[dict[str, Any]] | type[list[Any]] | None = None, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """The value with each Decimal as the double that shows the same digits."""
        if self.kind is dict and not isinstance(data, Mapping):
            self.fail("object")
        if self.kind is list and not isinstance(data, list):
            self.fail("list")
        return self._exact(data, "")

    def _exact(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {key: self._exact(inner, f"{path}.{key}" if path else key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._exact(inner, f"{path}[{index}]") for index, inner in enumerate(value)]
        if isinstance(value, Decimal):
            try:
                return as_json_number(value)
            except (ValueError, OverflowError):
                self.fail("digits", path=path or self.field_name, value=value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_ID:
            self.fail("digits", path=path or self.field_name, value=value)
        return value

    def to_representation(self, value: Any) -> Any:
        """As stored."""
        return value
