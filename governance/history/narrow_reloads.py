"""Migrating without rendering every model anew at every step.

Django's migrations keep all models of a moment rendered as classes. When one changes, it renders that one again and
every model related to it, over any number of relations. Here every governed model points at the principals, so that
each added field, index and constraint renders some two hundred classes: eighteen of the twenty-four seconds
of work that a first start took.

A model that gained something, lost an index or a constraint, or changed a field that no key points at, is enough by
itself. Its neighbours keep pointing at the class it had before, of which a migration reads the table's name and the
primary key; both are the same. Whatever takes a field away or renames one keeps Django's own way, on models rendered
afresh; so does Python code of a migration (`is_delayed` is Django's own mark for that). `make soak` compares the
database that comes of it with the one that comes of Django alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.migrations.utils import field_is_referenced

NARROW = ("add_model", "add_field", "add_index", "add_constraint", "alter_model_options", "remove_index",
          "remove_constraint", "alter_field")  # fmt: skip


@contextmanager
def narrow_reloads() -> Iterator[None]:
    """For the time of the block, what its neighbours do not see renders a model alone."""
    usual = {name: getattr(ProjectState, name) for name in ("_find_reload_model", *NARROW)}
    alone: list[bool] = []

    def find(state: Any, app_label: str, model_name: str, delay: bool = False) -> set[tuple[str, str]]:
        if alone and alone[-1]:
            state.is_delayed = True
            return {(app_label, model_name)}
        state.clear_delayed_apps_cache()
        state.is_delayed = False
        found: set[tuple[str, str]] = usual["_find_reload_model"](state, app_label, model_name, delay)
        return found

    def marked(name: str) -> Callable[..., None]:
        def run(state: Any, *args: Any, **kwargs: Any) -> None:
            alone.append(name != "alter_field" or not _pointed_at(state, *args, **kwargs))
            try:
                usual[name](state, *args, **kwargs)
            finally:
                alone.pop()

        return run

    ours: dict[str, Callable[..., Any]] = {"_find_reload_model": find, **{name: marked(name) for name in NARROW}}
    try:
        for name, method in ours.items():
            setattr(ProjectState, name, method)
        yield
    finally:
        for name, method in usual.items():
            setattr(ProjectState, name, method)


def _pointed_at(state: Any, app_label: str, model_name: str, name: str, field: Any, preserve_default: bool) -> bool:
    """Whether a foreign key rests on the field that is altered: the neighbours' columns have its type."""
    return bool(field.primary_key or field_is_referenced(state, (app_label, model_name), (name, field)))
