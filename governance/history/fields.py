"""Fields whose values the database sets, whatever the caller sends."""

from typing import TYPE_CHECKING, Any

from django.db import models

# Django's fields are generic to the type checker only.
if TYPE_CHECKING:
    DateTimeField = models.DateTimeField[Any, Any]
    ForeignKey = models.ForeignKey[Any, Any]
    PositiveIntegerField = models.PositiveIntegerField[Any, Any]
    BooleanField = models.BooleanField[Any, Any]
else:
    BooleanField, DateTimeField, ForeignKey, PositiveIntegerField = (
        models.BooleanField,
        models.DateTimeField,
        models.ForeignKey,
        models.PositiveIntegerField,
    )


class RecordedAtField(DateTimeField):
    """Moment of recording (UTC, microseconds); `muniment.stamp_row` sets it and INSERT returns it."""

    # DateTimeField would add itself to every `update_fields` for its auto_now, which this field has not.
    pre_save = models.Field.pre_save

    db_returning = True


class RecordedByField(ForeignKey):
    """Principal of the action that recorded the row; `muniment.stamp_row` sets it and INSERT returns it."""

    db_returning = True


class NumberedField(PositiveIntegerField):
    """A number that a trigger gives, one by one under its root (terms of a dataset, versions of a model)."""

    db_returning = True


class DeterminedField(BooleanField):
    """A yes or no that a trigger works out from the row and the rows before it."""

    db_returning = True
