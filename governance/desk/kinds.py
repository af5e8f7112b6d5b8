"""Kinds of records by their table's name: what people call them, and the page each has."""

from __future__ import annotations

import functools
import re
from typing import Any

from django.urls import NoReverseMatch, reverse

from governance.desk.models import Act, Sample
from governance.history.models import GovernedModel, governed_models

#: Pages whose address is not called like their model.
_PAGES = {"approvals_promotion": "serving", "governance_sample": "audit-sample"}


@functools.cache
def models_by_kind() -> dict[str, type[GovernedModel]]:
    """Every governed model by its table's name."""
    return {model._meta.db_table: model for model in governed_models()}


def name_of(kind: str) -> str:
    """What people call a record of this kind, in their language."""
    model = models_by_kind().get(kind)
    return str(model._meta.verbose_name) if model else kind


def names_of(kind: str) -> str:
    """The same, of many."""
    model = Act if kind == Sample.ACTS else models_by_kind().get(kind)
    return str(model._meta.verbose_name_plural) if model else kind


def choices() -> list[tuple[str, str]]:
    """Every kind and its name, by name."""
    return sorted(((kind, names_of(kind)) for kind in models_by_kind()), key=lambda pair: pair[1])


def populations() -> list[tuple[str, str]]:
    """What a sample can be drawn of: acts, then every kind."""
    return [(Sample.ACTS, names_of(Sample.ACTS)), *choices()]


def page_of(kind: str, number: int) -> str:
    """The address of a record's own page; empty where its kind has none."""
    model = models_by_kind().get(kind)
    if model is None:
        return ""
    name = _PAGES.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", model.__name__).lower()
    try:
        return reverse(name, args=[number])
    except NoReverseMatch:
        return ""


def history_page_of(kind: str, number: int) -> str:
    """The address of a record's history in the admin; empty for an unknown kind."""
    model = models_by_kind().get(kind)
    if model is None:
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_history", args=[number])


def columns_of(kind: str) -> dict[str, Any]:
    """The names for people of a kind's columns, in their order."""
    model = models_by_kind()[kind]
    return {str(field.column): field.verbose_name for field in model._meta.concrete_fields}
