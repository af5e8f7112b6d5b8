"""Answers that show masked columns (`GovernedModel.masked`) as their reader reads them: one query for a whole page."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rest_framework import serializers

from governance.api.principals import principal_of
from governance.history.masking import as_read_by


class MaskedListSerializer(serializers.ListSerializer[Any]):
    """A page of records of a `MaskedSerializer`."""

    child: Any

    def to_representation(self, data: Any) -> list[Any]:
        """The rows, masked together."""
        rows: list[Any] = super().to_representation(data)
        self.child.mask(rows)
        return rows


class MaskedSerializer(serializers.BaseSerializer[Any]):
    """Mixed into the serializer of a record; needs the request in its context, and MaskedListSerializer in its Meta."""

    masked: ClassVar[Mapping[str, str]] = {}
    """Where in an answer a masked column stands, as `name` or `holder.name` -> the database's function."""

    def to_representation(self, instance: Any) -> Any:
        """The record; as one of a page it is masked with the others."""
        shown = super().to_representation(instance)
        if not isinstance(self.parent, MaskedListSerializer):
            self.mask([shown])
        return shown

    def mask(self, rows: Sequence[dict[str, Any]]) -> None:
        """Put what the reader may read into rows of the answer."""
        for path, function in self.masked.items():
            *way, name = path.split(".")
            holders = [holder for row in rows for holder in [_at(row, way)] if holder and holder.get(name) is not None]
            read = as_read_by(principal_of(self.context["request"]), function, [one[name] for one in holders])
            for holder, value in zip(holders, read, strict=True):
                holder[name] = value


def _at(row: dict[str, Any], way: Sequence[str]) -> dict[str, Any] | None:
    """What lies there; None: nothing, or it was not asked for."""
    for step in way:
        found = row.get(step)
        if found is None:
            return None
        row = found
    return row
