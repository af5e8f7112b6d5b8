"""A migration that changes a governed table rebuilds its recorder, or it does not run.

The recorder's own fence would refuse the writes; this refuses the migration before it has changed anything, and says
what to add.
"""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError
from django.db.migrations.operations import RemoveField, RunPython, RunSQL
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import CreateModel, DeleteModel, ModelOperation

from governance.history.models import GovernedModel, governed_models
from governance.history.operations import Govern

OWN_APPS = ("governance", "lineage", "approvals")


def check_migration(migration: Any, governed: Iterable[type[GovernedModel]]) -> list[str]:
    """What is wrong with one migration, as sentences; none where all is well."""
    names = {m.__name__.lower(): m.__name__ for m in governed if m._meta.app_label == migration.app_label}
    touched: set[str] = set()
    problems: list[str] = []
    label = f"{migration.app_label}.{migration.name}"
    for operation in migration.operations:
        if isinstance(operation, Govern):
            touched -= {name.lower() for name in operation.mutable + operation.born_final}
        elif isinstance(operation, DeleteModel) and _governed_name(operation.name, names):
            problems.append(f"{label} drops {operation.name}: governed records and their history are kept.")
        elif isinstance(operation, RemoveField) and operation.model_name.lower().startswith("historical"):
            problems.append(
                f"{label} drops {operation.model_name}.{operation.name}: a dropped field keeps its history. "
                "Use SeparateDatabaseAndState and make the historical column nullable."
            )
        elif isinstance(operation, (FieldOperation, CreateModel, ModelOperation)):
            subject = operation.model_name if isinstance(operation, FieldOperation) else operation.name
            known = _governed_name(subject, names)
            if known and isinstance(operation, (FieldOperation, CreateModel)):
                touched.add(known)
        elif isinstance(operation, (RunPython, RunSQL)) and touched:
            problems.append(
                f"{label} has a data step while the recorders of {', '.join(sorted(touched))} are left behind. "
                "Put Govern(…) before it."
            )
    if touched:
        named = ", ".join(names[name] for name in sorted(touched))
        problems.append(f"{label} changes {named} and leaves the recorder behind. End it with Govern(…).")
    return problems


def _governed_name(name: str, names: dict[str, str]) -> str | None:
    """The governed model that an operation on `name` (or on its history) concerns."""
    lowered = name.lower().removeprefix("historical")
    return lowered if lowered in names else None


def check_plan(plan: Iterable[tuple[Any, bool]]) -> None:
    """Refuse a plan with a migration that would leave a guard behind.

    Raises:
        CommandError: naming each migration and what it lacks.
    """
    governed = governed_models()
    problems = [
        sentence
        for migration, backwards in plan
        if migration.app_label in OWN_APPS and not backwards
        for sentence in check_migration(migration, governed)
    ]
    if problems:
        raise CommandError("\n".join(problems))
