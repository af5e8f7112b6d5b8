"""Under the app's login, what is on record stays on record (attacks A01, A02, A06, A07, A08)."""

import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import ProgrammingError

from governance.accounts.models import Namespace
from governance.history.models import governed_models, history_model
from governance.ledger.models import LedgerEntry
from governance.unit_of_work import recorded_action
from tests.cast import Cast

Raw = Callable[[str], "psycopg.Connection[Any]"]

LEDGER = ["governance_ledgerentry", "governance_ledgerposition", "governance_ledgertile", "governance_ledgercheckpoint"]
FINAL = ["approvals_signoff", "approvals_gatedecision", "lineage_collectionterms"]
HISTORIES = sorted(history_model(model)._meta.db_table for model in governed_models())
STAMP = (
    "SELECT set_config('muniment.actor', '1', true), set_config('muniment.reason', 'attack', true),"
    " set_config('muniment.action', gen_random_uuid()::text, true),"
    " set_config('muniment.xid', pg_current_xact_id()::text, true)"
)


def attempt(connection: "psycopg.Connection[Any]", statement: str) -> psycopg.Error | None:
    """Try a statement with a valid actor's stamp; the refusal, or None where it went through."""
    try:
        with connection.transaction():
            connection.execute(STAMP)
            connection.execute(statement)
    except psycopg.Error as refusal:
        return refusal
    return None


def test_A01_history_ledger_and_decisions_take_no_update_delete_or_truncate(raw: Raw) -> None:
    app = raw("app")
    for table in HISTORIES + LEDGER + FINAL:
        column = "history_type" if table in HISTORIES else None
        statements = [f"DELETE FROM {table}", f"TRUNCATE {table}", f"TRUNCATE {table} CASCADE"]
        statements.append(f"UPDATE {table} SET {column or 'ctid'} = {column or 'ctid'}")
        for statement in statements:
            assert attempt(app, statement) is not None, statement


def test_A01_not_even_the_owner_rewrites_history_or_ledger(own_database: str, cast: Cast, raw: Raw) -> None:
    owner = raw("owner")
    for table in ["governance_historicalnamespace", "governance_ledgerentry"]:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            refusal = attempt(owner, statement)
            assert refusal is not None and refusal.sqlstate == "MU002", statement
    refusal = attempt(owner, "UPDATE governance_ledgerentry SET leaf = leaf")
    assert refusal is not None and refusal.sqlstate == "MU003"


def test_A02_history_entries_and_decisions_cannot_be_forged(raw: Raw) -> None:
    app = raw("app")
    for table in [*HISTORIES, *LEDGER, "approvals_gatedecision", "approvals_liveslot"]:
        refusal = attempt(app, f"INSERT INTO {table} SELECT * FROM {table}")
        assert refusal is not None and "permission denied" in str(refusal), table


def test_no_governed_row_is_deleted_or_truncated_by_anyone(raw: Raw) -> None:
    app, owner = raw("app"), raw("owner")
    for model in governed_models():
        table = model._meta.db_table
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            refused_app = attempt(app, statement)
            assert refused_app is not None, statement
    refusal = attempt(owner, "DELETE FROM governance_namespace")
    assert refusal is not None and refusal.sqlstate == "MU002"


def test_A06_loaddata_is_a_write_without_an_actor(own_database: str, tmp_path: Any) -> None:
    fixture = tmp_path / "forged.json"
    fixture.write_text(
        '[{"model": "governance.namespace", "fields": {"name": "forged", "recorded_by": 1, "title": "",'
        ' "description": "", "recorded_at": "2020-01-01T00:00:00Z"}}]'
    )
    with pytest.raises(Exception, match=r"No actor, no write|permission denied"):
        call_command("loaddata", str(fixture), verbosity=0)
    assert not Namespace.objects.filter(name="forged").exists()


@pytest.mark.parametrize("command", ["clean_old_history", "clean_duplicate_history"])
def test_A07_the_history_cleaners_of_simple_history_clean_nothing(command: str, cast: Cast, own_database: str) -> None:
    with recorded_action(actor=cast.admin, reason="twice the same"):
        Namespace.objects.filter(name="retail").update(title="Retail")
        Namespace.objects.filter(name="retail").update(title="Retail")
    before = Namespace.history.count()
    options: dict[str, Any] = {"verbosity": 0}
    if command == "clean_old_history":
        options["days"] = 0
    with contextlib.suppress(ProgrammingError):  # permission denied, where there was something to clean
        call_command(command, "governance.Namespace", **options)
    assert Namespace.history.count() == before


GUARD_ATTACKS = {
    "disable a trigger": "ALTER TABLE governance_namespace DISABLE TRIGGER z_record",
    "drop a trigger": "DROP TRIGGER z_record ON governance_namespace",
    "replica role": "SET session_replication_role = replica",
    "replace a guard": "CREATE OR REPLACE FUNCTION muniment.stamp_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "replace the actor": "CREATE OR REPLACE FUNCTION muniment.actor_id() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "a function in public": "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
    "a function in the guards' schema": "CREATE FUNCTION muniment.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a shadow table": "CREATE TEMP TABLE governance_principal (id bigint, is_active boolean)",
    "a shadow operator": "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)",
    "a schema of one's own": "CREATE SCHEMA mine",
    "a cast": "CREATE CAST (text AS bigint) WITH INOUT AS IMPLICIT",
    "a rule": "CREATE RULE r AS ON INSERT TO governance_namespace DO INSTEAD NOTHING",
    "another role": "SET ROLE muniment_owner",
    "a large object": "SELECT lo_create(0)",
    "the recorder called directly": "SELECT muniment.record_governance_namespace()",
    "the delay of grants": "UPDATE governance_operatorsetting SET voting_grant_delay = '0'",
}


@pytest.mark.parametrize("name", GUARD_ATTACKS)
def test_A08_the_guards_cannot_be_switched_off_replaced_or_shadowed(name: str, raw: Raw) -> None:
    app = raw("app")
    refusal = attempt(app, GUARD_ATTACKS[name])
    assert refusal is not None, name


def test_A08_a_hostile_search_path_changes_nothing(own_database: str, cast: Cast, raw: Raw) -> None:
    superuser, app = raw("superuser"), raw("app")
    superuser.execute("CREATE SCHEMA hostile")
    superuser.execute(
        "CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''1999-01-01'''"
    )
    superuser.execute("CREATE FUNCTION hostile.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea'")
    superuser.execute("CREATE TABLE hostile.governance_principal (id bigint, is_active boolean)")
    superuser.execute("GRANT USAGE ON SCHEMA hostile TO muniment_app")
    app.execute("SET search_path = hostile, pg_catalog, public")
    with app.transaction():
        app.execute(STAMP.replace("'1'", f"'{cast.admin.pk}'"))
        app.execute("INSERT INTO public.governance_namespace (name, title, description) VALUES ('honest', '', '')")
    row = Namespace.history.get(name="honest")
    entry = LedgerEntry.objects.get(pk=row.ledger_entry_id)
    assert row.history_date.year >= 2026
    assert '"digest":"00"' not in entry.leaf


@pytest.mark.parametrize(
    "table", [*LEDGER, "governance_namespace", "governance_historicalnamespace", "lineage_dataset"]
)
def test_the_auditors_login_reads_and_writes_nothing(table: str, raw: Raw) -> None:
    auditor = raw("auditor")
    auditor.execute(f"SELECT * FROM {table} LIMIT 1")
    for statement in (f"INSERT INTO {table} DEFAULT VALUES", f"DELETE FROM {table}"):
        with pytest.raises(psycopg.Error):
            auditor.execute(statement)


def test_the_auditors_login_sees_no_credentials(raw: Raw) -> None:
    auditor = raw("auditor")
    for table in ("governance_user", "governance_apikey", "django_session", "mfa_authenticator"):
        with pytest.raises(psycopg.Error, match="permission denied"):
            auditor.execute(f"SELECT * FROM {table}")


def test_the_sealers_login_writes_the_sequence_and_nothing_governed(raw: Raw) -> None:
    sealer = raw("sealer")
    for table in (
        "governance_ledgerentry",
        "governance_namespace",
        "governance_historicalnamespace",
        "lineage_dataset",
    ):
        refusal = attempt(sealer, f"INSERT INTO {table} DEFAULT VALUES")
        assert refusal is not None and "permission denied" in str(refusal), table
