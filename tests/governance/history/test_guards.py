"""Guards equal their files; a migration that leaves them behind is refused and nothing is lost."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import connection, migrations, models

from governance import errors
from governance.history import builder, guards, table_classes
from governance.history.checks import check_model
from governance.history.migration_rules import check_migration, check_plan
from governance.history.models import BornFinalModel, GovernedModel, governed_models, history_model
from governance.history.operations import Govern
from governance.unit_of_work import recorded_action
from tests import databases
from tests.cast import Cast
from tests.governance.history import lab
from tests.governance.history.lab import Everything, Note

Raw = Callable[[str], "psycopg.Connection[Any]"]


def test_the_installed_guards_equal_their_files(own_database: str) -> None:
    with databases.as_login("owner"):
        assert guards.differences() == []


TAMPERING = {
    "a disabled trigger": "ALTER TABLE governance_namespace DISABLE TRIGGER z_record",
    "a weakened trigger": "ALTER TABLE governance_namespace ENABLE TRIGGER z_record",
    "a dropped trigger": "DROP TRIGGER a_never_removed ON governance_namespace",
    "a replaced function": "CREATE OR REPLACE FUNCTION muniment.actor_id() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "a granted privilege": "GRANT DELETE ON governance_namespace TO muniment_app",
    "a granted column": "GRANT UPDATE (name) ON governance_namespace TO muniment_app",
    "an opened schema": "GRANT CREATE ON SCHEMA public TO PUBLIC",
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_with_a_guard_shows_as_a_difference_and_installing_mends_it(
    name: str, own_database: str, raw: Raw
) -> None:
    raw("owner").execute(TAMPERING[name])
    with databases.as_login("owner"):
        assert guards.differences() != []
        guards.install()
        assert guards.differences() == []


def test_every_table_has_a_class_of_privileges(own_database: str) -> None:
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
    governed = {m._meta.db_table for m in governed_models()}
    histories = {history_model(m)._meta.db_table for m in governed_models()}
    named = governed | histories | set(table_classes.WORKING) | set(table_classes.LEDGER_TABLES)
    assert sorted(tables - named) == []


def test_a_column_added_behind_the_guards_back_stops_writes(laboratory: Cast, raw: Raw) -> None:
    raw("owner").execute("ALTER TABLE lab_note ADD COLUMN added text")
    with (
        pytest.raises(errors.Unavailable, match="recorder has not"),
        recorded_action(actor=laboratory.risk, reason="w"),
    ):
        Note.objects.create(text="x")
    assert not Note.objects.exists()


def test_a_column_retyped_behind_the_guards_back_stops_writes(laboratory: Cast, raw: Raw) -> None:
    raw("owner").execute("ALTER TABLE lab_everything ALTER COLUMN decimal TYPE numeric(12, 6)")
    with pytest.raises(errors.Unavailable), recorded_action(actor=laboratory.risk, reason="precision"):
        Everything.objects.create(decimal="0.834912")
    assert not Everything.objects.exists()


def test_a_history_narrowed_behind_the_guards_back_stops_writes(laboratory: Cast, raw: Raw) -> None:
    raw("owner").execute("ALTER TABLE lab_historicaleverything ALTER COLUMN decimal TYPE numeric(12, 2)")
    with pytest.raises(errors.Unavailable), recorded_action(actor=laboratory.risk, reason="rounding"):
        Everything.objects.create(decimal="0.8349")


def test_the_builder_refuses_a_history_that_would_lose_something(laboratory: Cast, raw: Raw) -> None:
    owner = raw("owner")
    for change, named in (
        ("ALTER TABLE lab_everything ALTER COLUMN decimal TYPE numeric(12, 6)", "decimal"),
        ("ALTER TABLE lab_everything ADD COLUMN extra text", "extra"),
        ("ALTER TABLE lab_everything ADD COLUMN worked_out int GENERATED ALWAYS AS (small + 1) STORED", "worked_out"),
    ):
        with owner.transaction(force_rollback=True):
            owner.execute(change)
            with pytest.raises(builder.GuardsLeftBehind, match=named):
                builder.recorder_sql(owner.cursor(), *builder.tables_of(Everything), 0)


def test_a_rebuilt_recorder_records_the_new_column(laboratory: Cast, raw: Raw) -> None:
    owner = raw("owner")
    for table in builder.tables_of(Note):
        owner.execute(f"ALTER TABLE {table} ADD COLUMN added text DEFAULT 'new'")
    with lab.owner_cursor() as cursor:
        lab.govern(cursor, Note)
    with recorded_action(actor=laboratory.risk, reason="with the column"):
        Note.objects.create(text="x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT added FROM lab_historicalnote")
        assert cursor.fetchall() == [("new",)]


def test_while_migrating_the_app_may_write_nothing_governed(own_database: str, cast: Cast) -> None:
    from django.db import Error

    from governance.accounts.models import Namespace

    with databases.as_login("owner"):
        guards.revoke_writes()
    with pytest.raises(Error, match="permission denied"), recorded_action(actor=cast.admin, reason="meanwhile"):
        Namespace.objects.create(name="meanwhile")
    with databases.as_login("owner"):
        guards.install()
    with recorded_action(actor=cast.admin, reason="afterwards"):
        Namespace.objects.create(name="afterwards")


def migration(*operations: Any) -> Any:
    made = migrations.Migration("0099_test", "governance")
    made.operations = list(operations)
    return made


ADD = migrations.AddField("Namespace", "colour", models.TextField(default=""))
ADD_HISTORY = migrations.AddField("HistoricalNamespace", "colour", models.TextField(default=""))
GOVERN = Govern(mutable=("Namespace",))


def test_a_migration_that_changes_a_governed_table_must_rebuild_its_recorder() -> None:
    assert check_migration(migration(ADD, ADD_HISTORY, GOVERN), governed_models()) == []
    problems = check_migration(migration(ADD, ADD_HISTORY), governed_models())
    assert any("leaves the recorder behind" in sentence and "Namespace" in sentence for sentence in problems)
    with pytest.raises(CommandError, match="End it with Govern"):
        check_plan([(migration(ADD), False)])


def test_a_data_step_may_not_come_before_the_recorder_is_rebuilt() -> None:
    step = migrations.RunSQL("SELECT 1")
    assert any("data step" in s for s in check_migration(migration(ADD, ADD_HISTORY, step, GOVERN), governed_models()))
    assert check_migration(migration(ADD, ADD_HISTORY, GOVERN, step), governed_models()) == []


def test_a_migration_may_not_drop_a_historical_column_or_a_governed_table() -> None:
    drop_column = migrations.RemoveField("HistoricalNamespace", "title")
    drop_table = migrations.DeleteModel("Namespace")
    assert any("keeps its history" in s for s in check_migration(migration(drop_column, GOVERN), governed_models()))
    assert any("are kept" in s for s in check_migration(migration(drop_table), governed_models()))


def test_every_migration_of_the_product_keeps_the_rule() -> None:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection=None)
    check_plan([(one, False) for one in loader.disk_migrations.values()])


@pytest.mark.parametrize("model", governed_models(), ids=lambda m: m.__name__)
def test_every_governed_model_is_governed_whole(model: type[GovernedModel]) -> None:
    assert check_model(model) == []


def test_a_model_cannot_be_governed_by_halves() -> None:
    class Half(BornFinalModel):
        upload = models.FileField()
        tags = models.ManyToManyField("governance.Namespace")
        updatable = ("nothing",)

        class Meta:
            app_label = "lab"

    found = {message.id for message in check_model(Half)}
    assert {"muniment.E001", "muniment.E003", "muniment.E004"} <= found
