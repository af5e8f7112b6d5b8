"""What a database login may do that the app's must not: a production start refuses while this finds anything."""

from typing import Any, Protocol

# Each question is one way round the guards; the answer NULL means that it is closed.
QUESTIONS = """
SELECT unnest(ARRAY[
    CASE WHEN r.rolsuper THEN 'is a superuser' END,
    CASE WHEN r.rolcreaterole THEN 'may make roles' END,
    CASE WHEN r.rolcreatedb THEN 'may make databases' END,
    CASE WHEN r.rolreplication THEN 'may replicate' END,
    CASE WHEN r.rolbypassrls THEN 'bypasses row security' END,
    CASE WHEN pg_has_role(r.oid, d.datdba, 'USAGE') THEN 'owns the database' END,
    CASE WHEN has_database_privilege(r.oid, d.oid, 'TEMPORARY') THEN 'may make temporary tables' END,
    CASE WHEN has_database_privilege(r.oid, d.oid, 'CREATE') THEN 'may make schemas' END,
    CASE WHEN EXISTS (
        SELECT FROM pg_namespace n
        WHERE n.nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(r.oid, n.oid, 'CREATE')
    ) THEN 'may make tables' END,
    CASE WHEN EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'muniment') AND c.relkind IN ('r', 'p')
              AND pg_has_role(r.oid, c.relowner, 'USAGE')
    ) THEN 'owns tables' END,
    CASE WHEN EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
        WHERE pg_has_role(r.oid, m.roleid, 'USAGE') AND g.rolname LIKE 'pg\\_%' AND g.rolname <> 'pg_database_owner'
              AND m.member = r.oid
    ) THEN 'is a member of a built-in role' END
])
FROM pg_roles r, pg_database d
WHERE r.rolname = session_user AND d.datname = current_database()
"""


class Cursor(Protocol):
    """What is needed of a cursor: psycopg's and Django's both have it."""

    def execute(self, query: Any, params: Any = None, /) -> Any:
        """Run a query."""

    def fetchall(self) -> list[Any]:
        """The rows of the last query."""


def excessive(cursor: Cursor) -> list[str]:
    """Why the cursor's login is too powerful to run the app, in words that follow "it …"; empty when it is not.

    Superusers pass every question, so that they are told the first reason alone.

    Raises:
        the driver's errors, when the database does not answer.
    """
    cursor.execute(QUESTIONS)
    found = [str(row[0]) for row in cursor.fetchall() if row[0] is not None]
    return found[:1] if found[:1] == ["is a superuser"] else found
