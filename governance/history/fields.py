"""Fields whose values the database sets, whatever the caller sends."""

from django.db import models


class RecordedAtField(models.DateTimeField):
    """Moment of recording (UTC, microseconds); `muniment.stamp_row` sets it and INSERT returns it."""

    # DateTimeField would add itself to every `update_fields` for its auto_now, which this field has not.
    pre_save = models.Field.pre_save

    db_returning = True


class RecordedByField(models.ForeignKey):
    """Principal of the action that recorded the row; `muniment.stamp_row` sets it and INSERT returns it."""

    db_returning = True


class NumberedField(models.PositiveIntegerField):
    """A number that a trigger gives, one by one under its root (terms of a dataset, versions of a model)."""

    db_returning = True
