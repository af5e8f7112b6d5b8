"""What the serializers of this room share."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers, status
from rest_framework.fields import empty
from rest_framework.response import Response

from approvals.models.fields import NUMBER_LIMIT
from governance.api.fields import TextField
from governance.api.serializers import WriteSerializer, with_receipt
from governance.history.models import GovernedModel


class ExactNumberSerializerField(serializers.DecimalField):
    """A finite decimal, read as JSON number or decimal text, answered as decimal text with the digits it has."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 60)
        kwargs.setdefault("decimal_places", 30)
        kwargs.setdefault("min_value", -NUMBER_LIMIT)
        kwargs.setdefault("max_value", NUMBER_LIMIT)
        super().__init__(**kwargs)

    def quantize(self, value: Decimal) -> Decimal:
        """As it is: rounding or padding would show another number."""
        return value

    def to_representation(self, value: Any) -> str:
        """Plain decimal text without trailing zeros."""
        text = format(Decimal(value), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text


class FlagField(serializers.BooleanField):
    """true or false as a query parameter. Left out it is left out; REST framework would read it as false."""

    default_empty_html = empty


def named(**more: Any) -> "serializers.SlugRelatedField[Any]":
    """A relation shown by its name."""
    return serializers.SlugRelatedField(slug_field="name", read_only=True, **more)


class ActSerializer(WriteSerializer):
    """An act that takes nothing but its reason."""


class ReasonedActSerializer(WriteSerializer):
    """An act whose reason becomes part of the record, and is asked for."""

    reason = TextField(max_length=2000, help_text=_("Why; kept in the record."))


def recorded(
    record: GovernedModel,
    shown: type[serializers.BaseSerializer[Any]],
    *,
    created: bool = True,
    context: Mapping[str, Any] | None = None,
) -> Response:
    """The answer of an act that makes a record of another kind than the one it is done to.

    Args:
        context: the view's, for what is shown to each reader as they may read it.
    """
    code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
    return Response(with_receipt(shown)(record, context=dict(context or {})).data, status=code)
