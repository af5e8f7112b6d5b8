"""A model cannot be governed by halves: what a governed model may not be, said before anything runs."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import models
from django.db.models.fields.generated import GeneratedField

from governance.history.models import GovernedModel, governed_models, history_model

FORBIDDEN_FIELDS = (models.ManyToManyField, models.FileField, GeneratedField)


@register(Tags.models)
def governed_whole(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Each governed model can be recorded in full and states which columns may change."""
    return [message for model in governed_models() for message in check_model(model)]


def check_model(model: type[GovernedModel]) -> list[CheckMessage]:
    """What keeps one model from being governed whole; nothing where all is well."""
    found: list[CheckMessage] = []

    def refuse(number: int, sentence: str, hint: str) -> None:
        found.append(Error(f"{model._meta.label}: {sentence}", hint=hint, obj=model, id=f"muniment.E{number:03d}"))

    own = [*model._meta.local_fields, *model._meta.local_many_to_many]
    for field in own:
        if isinstance(field, FORBIDDEN_FIELDS):
            refuse(1, f"{field.name} cannot be recorded.", "Use rows of their own, a URI with a digest, a column.")
    if model._meta.pk is None or model._meta.pk.name != "id" or not isinstance(model._meta.pk, models.BigAutoField):
        refuse(2, "its primary key is not the inherited id.", "Leave the key to GovernedModel.")
    names = {field.name for field in model._meta.concrete_fields}
    unknown = set(model.updatable) - names | {"id", "recorded_at", "recorded_by"} & set(model.updatable)
    if unknown:
        refuse(3, f"updatable names {', '.join(sorted(unknown))}.", "Name its own columns; id and stamp never change.")
    if model.born_final and model.updatable:
        refuse(4, "it is final from birth and names updatable columns.", "Choose one.")
    if model._meta.proxy or model._meta.parents:
        refuse(5, "it inherits from a concrete model.", "A governed model has one table.")
    tracked = {str(field.column) for field in history_model(model)._meta.concrete_fields}
    lost = {str(field.column) for field in model._meta.concrete_fields} - tracked
    if lost:
        refuse(6, f"its history lacks {', '.join(sorted(lost))}.", "Exclude no field from the history.")
    return found


@register(Tags.database)
def guards_equal_files(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """The installed guards equal their files (`check --database default`, as the owner)."""
    if not databases:
        return []
    from governance.history.guards import differences

    return [
        Error(str(one), hint="Run manage.py install_guards as the owner.", id="muniment.E010") for one in differences()
    ]
