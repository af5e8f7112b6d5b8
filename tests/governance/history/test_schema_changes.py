"""A governed table changes with history in it: recorded, refused or explained, never lost, and verified afterwards."""

from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from governance.accounts.models import Namespace
from governance.history.migration_rules import check_plan, prints_alike
from governance.history.operations import Govern
from governance.unit_of_work import recorded_action
from tests.databases import as_login
from tests.governance.ledger.conftest import Log, log

__all__ = ["log"]
GOVERN = Govern(mutable=("Namespace",))
COLOUR = [migrations.AddField(model, "colour", models.CharField(max_length=20, null=True))
          for model in ("Namespace", "HistoricalNamespace")]  # fmt: skip


def step(*operations: Any) -> migrations.Migration:
    made = migrations.Migration("0099_test", "governance")
    made.operations = list(operations)
    return made


@pytest.fixture
def state(log: Log) -> ProjectState:
    """The project as it is migrated, with entries in the log."""
    log.write(2)
    log.seal()
    loader = MigrationExecutor(connection).loader
    return loader.project_state(list(loader.applied_migrations), at_end=True)


def migrated(state: ProjectState, *operations: Any) -> ProjectState:
    """Let the rules look at it, then do it as the owner, as `migrate` would."""
    check_plan([(step(*operations), False)], state.clone())
    with as_login("owner"), connection.schema_editor() as editor:
        return step(*operations).apply(state, editor)


def write(log: Log, name: str, **columns: str) -> None:
    """As the app, with columns that the models in this process do not know."""
    with recorded_action(actor=log.actor, reason="In the new shape"), connection.cursor() as cursor:
        names = ", ".join(["name", "title", "description", *columns])
        marks = ", ".join(["%s"] * (3 + len(columns)))
        cursor.execute(
            f"INSERT INTO governance_namespace ({names}) VALUES ({marks})", [name, "", "", *columns.values()]
        )


def test_added_filled_and_dropped_again_everything_stays_on_record(log: Log, state: ProjectState) -> None:
    wider = migrated(state, *COLOUR, GOVERN)
    log.superuser.execute("GRANT INSERT (colour), UPDATE (colour) ON governance_namespace TO muniment_app")
    write(log, "painted", colour="blue")
    log.seal()
    log.verify()
    migrated(wider, migrations.RemoveField("Namespace", "colour"), GOVERN)
    write(log, "plain")
    log.seal()
    log.verify()
    assert log.one("SELECT colour FROM governance_historicalnamespace WHERE name = 'painted'") == "blue"
    assert log.one("SELECT count(*) FROM governance_historicalnamespace WHERE name LIKE 'log-%'") == 2
    # What was dropped is still proven: changed in the history, it is told.
    log.tamper("governance_historicalnamespace",
               "UPDATE governance_historicalnamespace SET colour = 'red' WHERE name = 'painted'")  # fmt: skip
    assert "field colour" in log.refusal()


def test_widened_where_values_print_alike_it_is_done_and_verified(log: Log, state: ProjectState) -> None:
    wider = migrated(state, *COLOUR, GOVERN)
    log.superuser.execute("GRANT INSERT (colour) ON governance_namespace TO muniment_app")
    write(log, "painted", colour="blue")
    retyped = [migrations.AlterField(model, "colour", models.TextField(null=True))
               for model in ("Namespace", "HistoricalNamespace")]  # fmt: skip
    migrated(wider, *retyped, GOVERN)
    write(log, "painted-at-length", colour="b" * 300)
    log.seal()
    log.verify()


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([migrations.RenameField("Namespace", "title", "heading"),
          migrations.RenameField("HistoricalNamespace", "title", "heading")], "keep the old name"),
        ([migrations.RenameModel("Namespace", "Room")], "keep the old name"),
        ([migrations.AlterModelTable("Namespace", "rooms")], "keep the old name"),
        ([migrations.AlterField("Namespace", "recorded_at", models.DateField())], "prints otherwise"),
        ([migrations.RemoveField("HistoricalNamespace", "title")], "keeps its history"),
        ([migrations.DeleteModel("Namespace")], "are kept"),
    ],
    ids=["rename", "rename the model", "rename the table", "retype", "drop the history", "delete"],
)  # fmt: skip
def test_what_the_log_could_not_follow_is_refused_before_anything_happens(
    log: Log, state: ProjectState, operations: list[Any], told: str
) -> None:
    with pytest.raises(CommandError, match=told):
        migrated(state, *operations, GOVERN)
    log.write()
    log.seal()
    log.verify()
    assert Namespace.objects.filter(name="log-3").exists()


def test_done_behind_our_back_it_is_explained(log: Log, state: ProjectState) -> None:
    """An owner who renames by hand stops writes, and the verification names table and field."""
    for table in ("governance_namespace", "governance_historicalnamespace"):
        log.superuser.execute(f"ALTER TABLE {table} RENAME COLUMN title TO heading")
    told = log.refusal()
    assert "governance_historicalnamespace" in told and "field title" in told
    for table in ("governance_namespace", "governance_historicalnamespace"):
        log.superuser.execute(f"ALTER TABLE {table} RENAME COLUMN heading TO title")
    log.verify()


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        ("varchar(20)", "text", True), ("text", "varchar(20)", True), ("integer", "bigint", True),
        ("numeric(12, 4)", "numeric(12, 6)", False), ("timestamp with time zone", "date", False),
        ("integer", "text", False), ("double precision", "numeric(12, 4)", False), ("jsonb", "text", False),
    ],
)  # fmt: skip
def test_which_types_print_alike(old: str, new: str, alike: bool) -> None:
    assert prints_alike(old, new) is alike
