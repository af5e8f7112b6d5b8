"""A01, A02: what each login may do with the log's tables, tried by doing it."""

from __future__ import annotations

import psycopg
import pytest

from governance.ledger.privileges import TABLES
from tests.governance.ledger.conftest import Log, Raw

FORGED = {
    "governance_ledgerepoch": "(epoch, system_identifier, started) VALUES (9, 9, now())",
    "governance_ledgerentry": "(epoch, xid, leaf) VALUES (0, 3, '{}')",
    "governance_ledgerposition": "(position, entry_id, leaf_hash) VALUES (0, 1, '\\x00')",
    "governance_ledgertile": "(level, index, width, hashes) VALUES (0, 0, 1, '\\x00')",
    "governance_ledgercheckpoint": "(size, root, note, recorded) VALUES (1, '\\x00', 'x', now())",
}


def deeds(table: str) -> dict[str, str]:
    """One statement for each way to change the table."""
    column = "epoch" if table == "governance_ledgerepoch" else "position" if "position" in table else "id"
    return {
        "INSERT": f"INSERT INTO {table} {FORGED[table]}",
        "UPDATE": f"UPDATE {table} SET {column} = {column}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }


def test_a01_a02_no_login_holds_more_than_its_list(log: Log, raw: Raw) -> None:
    """The sealer inserts what sealing needs; nobody inserts entries; nobody changes or removes anything."""
    assert FORGED.keys() == TABLES.keys()
    log.seal()
    for login in ("app", "sealer", "auditor"):
        connection = raw(login)
        for table, privileges in TABLES.items():
            connection.execute(f"SELECT count(*) FROM {table}")
            for privilege, statement in deeds(table).items():
                if privilege in privileges.get(login, ()):
                    continue
                # The auditor's sessions are read-only before privileges are asked.
                with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                    connection.execute(statement)
    assert [(table, login) for table, rights in TABLES.items() for login in rights if "INSERT" in rights[login]] == [
        ("governance_ledgerposition", "sealer"),
        ("governance_ledgertile", "sealer"),
        ("governance_ledgercheckpoint", "sealer"),
    ]


def test_a01_not_even_the_owner_changes_or_removes(log: Log, raw: Raw) -> None:
    log.seal()
    owner = raw("owner")
    for table in TABLES:
        for privilege, code in (("UPDATE", "MU003"), ("DELETE", "MU002"), ("TRUNCATE", "MU002")):
            with pytest.raises(psycopg.Error) as refused:
                owner.execute(deeds(table)[privilege])
            assert refused.value.sqlstate == code, (table, privilege)
