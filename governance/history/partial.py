"""Rows of which only some columns were read: what a hot path needs, without a query set's building and planning."""

from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

R = TypeVar("R", bound=Model)


def known_as(model: type[R], **columns: Any) -> R:
    """A stored row from these of its columns, as they stand in the database; any other is read when it is asked for.

    Args:
        columns: by column attribute (`model_id`, not `model`); the primary key among them.
    """
    names = [field.attname for field in model._meta.concrete_fields if field.attname in columns]
    return model.from_db(DEFAULT_DB_ALIAS, names, [columns[name] for name in names])
