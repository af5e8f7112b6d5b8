"""Fields whose values the database sets or bounds."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from governance.history.fields import NumberedField, RecordedAtField

__all__ = [
    "BoundAspectsField",
    "ExactNumberField",
    "GivenNumberField",
    "GivenTextField",
    "MomentSetField",
    "NumberedField",
    "TransactionField",
    "finite",
    "text_list",
]

#: Beyond this a metric is a mistake. NaN sorts above every number in PostgreSQL, so the bound keeps it out as well.
NUMBER_LIMIT = Decimal("1e30")


class MomentSetField(RecordedAtField):
    """A moment (UTC) that a trigger takes from the database's clock, whatever the caller sends."""


class TransactionField(models.BigIntegerField):  # type: ignore[type-arg]  # Django's fields take no type arguments at run time
    """Id of the transaction that wrote the row, set by trigger: what completes the row must come in the same one."""

    db_returning = True


class GivenTextField(models.TextField):  # type: ignore[type-arg]  # Django's fields take no type arguments at run time
    """Text that a trigger sets from what is on record, whatever the caller sends."""

    db_returning = True


class GivenNumberField(models.BigIntegerField):  # type: ignore[type-arg]  # Django's fields take no type arguments at run time
    """A whole number that a trigger sets from what is on record, whatever the caller sends."""

    db_returning = True


class BoundAspectsField(models.JSONField):
    """Aspect -> digest, set by trigger: the content that a vote binds to."""

    db_returning = True


class ExactNumberField(models.DecimalField):  # type: ignore[type-arg]  # Django's fields take no type arguments at run time
    """A finite number kept exactly as given: `numeric` without a scale, since a scale would round 0.8999… up to 0.9.

    Pair it with `finite()`: `NaN >= 0.9` and `Infinity >= 0.9` are true in PostgreSQL. Python checks 60 digits, 30 of
    them after the point.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 60)
        kwargs.setdefault("decimal_places", 30)
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return "numeric"


def finite(field: str, *, null: bool = False) -> Q:
    """The CHECK that keeps NaN, infinity and 1e400 out of a number."""
    inside = Q(**{f"{field}__gt": -NUMBER_LIMIT, f"{field}__lt": NUMBER_LIMIT})
    return Q(**{f"{field}__isnull": True}) | inside if null else inside


def text_list(verbose_name: Any, help_text: Any, *, max_length: int = 200) -> ArrayField:  # type: ignore[type-arg]  # stubs
    """A list of short texts; empty by default."""
    return ArrayField(
        models.CharField(max_length=max_length),
        default=list,
        blank=True,
        verbose_name=verbose_name,
        help_text=help_text,
    )
