"""Migration operations: rebuild the recorders inside the migration that changed their tables, before any data step."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.migrations.operations.base import Operation

from governance.history import builder

KERNEL_SQL = Path(__file__).parent / "sql"


class Govern(Operation):
    """Put recorder and triggers of the named models in place as their tables stand now.

    Every migration that changes a governed table ends its schema steps with this operation, before data steps; a
    check refuses one that does not. Privileges are given by `migrate` at its end.

    Args:
        mutable: model names whose rows may change. born_final: model names whose rows never do.
    """

    reversible = True
    reduces_to_sql = False

    def __init__(self, mutable: tuple[str, ...] = (), born_final: tuple[str, ...] = ()) -> None:
        self.mutable = mutable
        self.born_final = born_final

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        # Foreign keys and indexes that the editor still holds back are no concern of the recorder's.
        with schema_editor.connection.cursor() as cursor:
            for file in sorted(KERNEL_SQL.glob("*.sql")):
                cursor.execute(file.read_text())
            for final, names in ((False, self.mutable), (True, self.born_final)):
                for name in names:
                    model = to_state.apps.get_model(app_label, name)
                    historical = to_state.apps.get_model(app_label, f"Historical{name}")
                    builder.govern(
                        cursor, model._meta.db_table, historical._meta.db_table, born_final=final, epoch=_epoch(cursor)
                    )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The recorder of the state gone back to is built by the migration that made that state."""

    def describe(self) -> str:
        return f"Rebuild the recorders of {', '.join(self.mutable + self.born_final)}"


@contextmanager
def acting_as_migration(schema_editor: Any, name: str) -> Iterator[int]:
    """Stamp the migration's transaction so that its data steps are recorded as `migration:<app>.<name>`.

    Args:
        name: `<app>.<migration>`; a system principal of that name is made on first use.

    Yields:
        The principal's id.
    """
    principal = f"migration:{name}"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM governance_principal WHERE name = %s", [principal])
        row = cursor.fetchone()
        if row is None:
            # The row that introduces an actor is its own act: the recorder looks for the actor after the insert.
            cursor.execute("SELECT nextval('governance_principal_id_seq')")
            row = cursor.fetchone()
            _stamp(cursor, row[0], principal)
            cursor.execute(
                "INSERT INTO governance_principal (id, kind, name, display_name, is_active, is_demo)"
                " VALUES (%s, 'system', %s, %s, true, false)",
                [row[0], principal, f"Migration {name}"],
            )
        _stamp(cursor, row[0], principal)
        yield row[0]
        cursor.execute("SELECT set_config('muniment.xid', '', true)")


def _stamp(cursor: Any, actor: int, reason: str) -> None:
    cursor.execute(
        "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', %s, true),"
        " set_config('muniment.action', gen_random_uuid()::text, true),"
        " set_config('muniment.xid', pg_current_xact_id()::text, true)",
        [str(actor), reason],
    )


def _epoch(cursor: Any) -> int:
    """The ledger's epoch; 0 until the first installation opens one."""
    cursor.execute("SELECT to_regclass('public.governance_ledgerepoch') IS NOT NULL")
    if not cursor.fetchone()[0]:
        return 0
    cursor.execute("SELECT coalesce(max(epoch), 0) FROM public.governance_ledgerepoch")
    return int(cursor.fetchone()[0])
