"""Moments in the addresses of the API."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.errors import Invalid
from governance.history.moments import read_moment


@extend_schema_field(OpenApiTypes.DATETIME)
class PastMomentField(serializers.Field[datetime, str, str, Any]):
    """A query parameter: a moment that is over, as a day (its first instant in UTC) or a date-time with its offset."""

    def to_internal_value(self, data: str) -> datetime:
        """Raises ValidationError for what is no moment, or is in the future."""
        try:
            return read_moment(data)
        except Invalid as refusal:
            raise serializers.ValidationError([s for all_ in refusal.errors.values() for s in all_]) from None

    def to_representation(self, value: datetime) -> str:
        """ISO 8601."""
        return value.isoformat()
