"""Migrating without rendering every model anew at every step.

Django's migrations keep all models of a moment rendered as classes. When one changes, it renders that one again and
every model related to it, over any number of relations. Here every governed model points at the principals, so that
each added field, index and constraint renders some two hundred classes: eighteen of the twenty-four seconds
of work that a first start took.

A model that only gained something is enough by itself. Its neighbours keep pointing at the class it had before, of
which a migration reads the table's name and the primary key; both are the same. Whatever changes or takes away a field
keeps Django's own way, on models rendered afresh; so does Python code of a migration (`is_delayed` is Django's own mark
for that). `make soak` compares the database that comes of it with the one that comes of Django alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState

ADDING = ("add_model", "add_field", "add_index", "add_constraint", "alter_model_options")


@contextmanager
def narrow_reloads() -> Iterator[None]:
    """For the time of the block, what only adds to a model renders that model alone."""
    usual = {name: getattr(ProjectState, name) for name in ("_find_reload_model", *ADDING)}
    adding: list[str] = []

    def find(state: Any, app_label: str, model_name: str, delay: bool = False) -> set[tuple[str, str]]:
        if adding:
            state.is_delayed = True
            return {(app_label, model_name)}
        state.clear_delayed_apps_cache()
        state.is_delayed = False
        found: set[tuple[str, str]] = usual["_find_reload_model"](state, app_label, model_name, delay)
        return found

    def marked(name: str) -> Callable[..., None]:
        def run(state: Any, *args: Any, **kwargs: Any) -> None:
            adding.append(name)
            try:
                usual[name](state, *args, **kwargs)
            finally:
                adding.pop()

        return run

    ours: dict[str, Callable[..., Any]] = {"_find_reload_model": find, **{name: marked(name) for name in ADDING}}
    try:
        for name, method in ours.items():
            setattr(ProjectState, name, method)
        yield
    finally:
        for name, method in usual.items():
            setattr(ProjectState, name, method)
