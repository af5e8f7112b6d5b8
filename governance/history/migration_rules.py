"""A migration that changes a governed table rebuilds its recorder, or it does not run.

The recorder's own fence would refuse the writes; this refuses the migration before it has changed anything, and says
what to add.
"""

import re
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.operations import (
    AlterField,
    AlterModelTable,
    RemoveField,
    RenameField,
    RenameModel,
    RunPython,
    RunSQL,
)
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
        elif isinstance(operation, RenameField) and _governed_name(operation.model_name, names):
            problems.append(
                f"{label} renames {operation.model_name}.{operation.old_name}: entries in the log keep the old name, "
                "and would be told as altered. Add the new field, fill it by a data step, then drop the old one."
            )
        elif isinstance(operation, (RenameModel, AlterModelTable)) and _governed_name(_subject(operation), names):
            problems.append(
                f"{label} renames {_subject(operation)} or its table: entries in the log keep the old name."
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


def _subject(operation: RenameModel | AlterModelTable) -> str:
    return str(operation.old_name if isinstance(operation, RenameModel) else operation.name)


def check_retypes(migration: Any, state: Any, governed: Iterable[type[GovernedModel]]) -> list[str]:
    """Columns of governed tables whose type would change so that old values print otherwise than they were recorded.

    Args:
        state: Django's project state before the migration; changed to the one after it.
    """
    names = {m.__name__.lower(): m.__name__ for m in governed if m._meta.app_label == migration.app_label}
    problems: list[str] = []
    for operation in migration.operations:
        if isinstance(operation, AlterField) and _governed_name(operation.model_name, names):
            key = (migration.app_label, operation.model_name.lower())
            before = state.models[key].fields[operation.name].clone()
            old, new = _column_type(before), _column_type(operation.field)
            if old is not None and new is not None and not prints_alike(old, new):
                where = f"{operation.model_name}.{operation.name}"
                problems.append(
                    f"{migration.app_label}.{migration.name} retypes {where} from {old} to {new}: what is recorded "
                    "prints otherwise then, and would be told as altered. Add a field of the new type, fill it by "
                    "a data step, then drop the old one."
                )
        operation.state_forwards(migration.app_label, state)
    return problems


def prints_alike(old: str, new: str) -> bool:
    """Whether every value of the old column type prints the same as text in the new one."""
    if old == new:
        return True
    text, whole = re.compile(r"varchar(\(\d+\))?$|text$"), ("smallint", "integer", "bigint")
    if text.match(old) and text.match(new):
        return True
    return old in whole and new in whole


def _column_type(field: Any) -> str | None:
    """The column's type, or None for a relation: its column takes the type of the key it points to."""
    return None if field.is_relation else field.db_type(connection)


def check_plan(plan: Iterable[tuple[Any, bool]], state: Any = None) -> None:
    """Refuse a plan with a migration that would leave a guard behind, or the log's entries without their columns.

    Args:
        plan: migrations and whether they are undone. state: the project's state before the first of them.

    Raises:
        CommandError: naming each migration and what it lacks.
    """
    governed = governed_models()
    problems: list[str] = []
    for migration, backwards in plan:
        if backwards:
            state = None  # undone: what stood before is known to the migrations themselves
        elif migration.app_label in OWN_APPS:
            problems += check_migration(migration, governed)
            problems += check_retypes(migration, state, governed) if state is not None else []
        elif state is not None:
            for operation in migration.operations:
                operation.state_forwards(migration.app_label, state)
    if problems:
        raise CommandError("\n".join(problems))
