"""The embedded server's roles and database. Safe to run again: each start sets what is missing or has drifted.

`muniment_owner` owns the database and migrates; `muniment_app`, `muniment_sealer` and `muniment_auditor` may connect
and are granted the rest by the guards. None but these may connect, and nobody may make temporary tables: a shadow table
in `pg_temp` is a way round a guard (attack A08).
"""

from pathlib import Path

import psycopg
from psycopg import sql

from governance.runtime.keys import Passwords
from governance.runtime.postgres import SUPERUSER

DATABASE = "muniment"
CONNECTING_ROLES = ("muniment_app", "muniment_sealer", "muniment_auditor")
ROLE_OPTIONS = {
    "muniment_owner": "CREATEDB",
    "muniment_app": "NOCREATEDB",
    "muniment_sealer": "NOCREATEDB",
    "muniment_auditor": "NOCREATEDB",
}
# Large objects belong to no table, so no trigger sees them: nobody gets to make or change one.
LARGE_OBJECT_FUNCTIONS = (
    *("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)", "lo_open(oid, integer)"),
    *("lo_put(oid, bigint, bytea)", "lo_truncate(integer, integer)", "lo_truncate64(integer, bigint)"),
    *("lo_unlink(oid)", "lowrite(integer, bytea)"),
)


def connect(sockets: Path, passwords: Passwords, database: str) -> psycopg.Connection:
    """A superuser's connection to the embedded server, in autocommit.

    Raises:
        psycopg.OperationalError: when the server does not take it.
    """
    return psycopg.connect(
        host=str(sockets), user=SUPERUSER, password=passwords["superuser"], dbname=database, autocommit=True
    )


def provision(sockets: Path, passwords: Passwords) -> None:
    """Make the roles and the database, and close what PostgreSQL leaves open to PUBLIC.

    Raises:
        psycopg.Error: when the server refuses.
    """
    # New databases copy the functions' privileges from template1, so it is closed before the first copy is made.
    with connect(sockets, passwords, "template1") as template:
        _close_large_objects(template)
    with connect(sockets, passwords, "postgres") as server:
        for role, options in ROLE_OPTIONS.items():
            _make_role(server, role, options, passwords[role.removeprefix("muniment_")])
        server.execute("ALTER ROLE muniment_auditor SET default_transaction_read_only = on")
        for name in ("template1", "postgres"):
            server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        # Django's test runner and `createdb` connect there to make other databases.
        server.execute("GRANT CONNECT ON DATABASE postgres TO muniment_owner")
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            server.execute(
                sql.SQL("CREATE DATABASE {} OWNER muniment_owner TEMPLATE template1").format(sql.Identifier(DATABASE))
            )
        close_database(server, DATABASE)


def close_database(connection: psycopg.Connection, name: str) -> None:
    """Let the product's logins connect to a database, and nobody else do anything in it. By its owner or a superuser.

    A new database starts with CONNECT and TEMPORARY for PUBLIC, whatever it was copied from: call this for each.

    Raises:
        psycopg.Error: when the connection's login may not.
    """
    database = sql.Identifier(name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    roles = sql.SQL(", ").join(map(sql.Identifier, CONNECTING_ROLES))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, roles))


def _make_role(server: psycopg.Connection, role: str, options: str, password: str) -> None:
    # The verifier is worked out here, so that the password itself never travels or reaches a log.
    verifier = server.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    exists = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    server.execute(
        sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS {} PASSWORD {}").format(
            verb, sql.Identifier(role), sql.SQL(options), sql.Literal(verifier)
        )
    )


def _close_large_objects(connection: psycopg.Connection) -> None:
    for function in LARGE_OBJECT_FUNCTIONS:
        connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION pg_catalog.{} FROM PUBLIC").format(sql.SQL(function)))
