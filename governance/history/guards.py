"""Installs everything the database enforces, and compares what is installed with what should be.

`install` runs as the owner after migrating: the schema's functions, a recorder for each governed model, the rooms' own
SQL, and at last the privileges. Until the last step the app's login may write nothing that is governed, so a migration
that fails half-way, or leaves the guards behind, stops writes instead of losing history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

from governance.desk import keeping
from governance.history import builder, table_classes
from governance.history.builder import quote
from governance.history.models import GovernedModel, governed_models, history_model

ADVISORY_KEY = 0x6D756E69  # one installer at a time


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the installed guards differ from their files."""

    subject: str
    problem: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}"


def sql_files() -> Iterator[Path]:
    """The rooms' guard files, in the order of the rooms and then by name."""
    for config in apps.get_app_configs():
        for folder in getattr(config, "guard_sql", ()):
            yield from sorted((Path(config.path) / folder).glob("*.sql"))


def revoke_writes() -> None:
    """Take the right to write governed tables away from every login but the owner, until `install` gives it back."""
    with connection.cursor() as cursor:
        tables, logins = connection.introspection.table_names(cursor), _existing_logins(cursor)
        if tables and logins:
            on, whom = ", ".join(f"public.{quote(table)}" for table in tables), ", ".join(map(quote, logins))
            cursor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {on} FROM {whom}")


def install() -> None:
    """Put all guards and privileges in place, in one transaction.

    Raises:
        builder.GuardsLeftBehind: a history cannot hold what its table holds.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_KEY])
        # Functions call one another across files; which file comes first must not matter.
        cursor.execute("SET LOCAL check_function_bodies = off")
        files = list(sql_files())
        kernel = [f for f in files if f.parent.name == "sql" and f.parent.parent.name == "history"]
        for file in kernel:
            cursor.execute(file.read_text())
        epoch = _epoch(cursor)
        for model in governed_models():
            builder.govern(cursor, *builder.tables_of(model), born_final=model.born_final, epoch=epoch)
        for file in files:
            if file not in kernel:
                cursor.execute(file.read_text())
        keeping.install(cursor)
        for table in table_classes.LEDGER_TABLES:
            builder.run(cursor, builder.frozen_sql(table))
        _grant(cursor)


def differences() -> list[Difference]:
    """How the installed guards and privileges differ from what the files and models ask for.

    Works by installing into a transaction that is rolled back, as the owner, and comparing the catalogue before and
    after: what the installer would change is what differs.
    """

    class Undo(Exception):
        pass

    found: list[Difference] = []
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                before = fingerprint(cursor)
                install()
                after = fingerprint(cursor)
            for subject in sorted(before.keys() | after.keys()):
                if subject not in before:
                    found.append(Difference(subject, "is not installed"))
                elif subject not in after:
                    found.append(Difference(subject, "is installed and no file asks for it"))
                elif before[subject] != after[subject]:
                    found.append(Difference(subject, "differs from its file"))
            raise Undo
    except Undo:
        return found


def fingerprint(cursor: Any) -> dict[str, str]:
    """Every guard in the catalogue: functions, views, triggers (with how they are enabled), owners, privileges."""
    cursor.execute(
        """
        SELECT 'function ' || p.oid::regprocedure, md5(pg_get_functiondef(p.oid) || pg_get_userbyid(p.proowner)
               || coalesce((SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(p.proacl) acl), ''))
          FROM pg_proc p WHERE pronamespace = to_regnamespace('muniment')
        UNION ALL
        SELECT 'trigger ' || tgrelid::regclass || '.' || tgname, md5(pg_get_triggerdef(oid) || tgenabled::text)
          FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'table ' || c.oid::regclass, md5(pg_get_userbyid(c.relowner)
               || coalesce((SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(c.relacl) acl), '')
               || coalesce((SELECT string_agg(a.attname || acl::text, ',' ORDER BY a.attname, acl::text)
                              FROM pg_attribute a, unnest(a.attacl) acl WHERE a.attrelid = c.oid), ''))
          FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
        UNION ALL
        SELECT 'view ' || c.oid::regclass, md5(pg_get_viewdef(c.oid) || coalesce(array_to_string(c.reloptions, ','), '')
               || pg_get_userbyid(c.relowner)
               || coalesce((SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(c.relacl) acl), ''))
          FROM pg_class c WHERE relnamespace = to_regnamespace('muniment') AND relkind = 'v'
        UNION ALL
        SELECT 'schema ' || nspname, md5(pg_get_userbyid(nspowner)
               || coalesce((SELECT string_agg(acl::text, ',' ORDER BY acl::text) FROM unnest(nspacl) acl), ''))
          FROM pg_namespace WHERE nspname IN ('public', 'muniment')
        """
    )
    return dict(cursor.fetchall())


def _epoch(cursor: Any) -> int:
    """The ledger's epoch in this cluster; the ledger's own file opens a new one after a restore."""
    for file in sql_files():
        if file.name == "10_epoch.sql":
            cursor.execute(file.read_text())
    cursor.execute("SELECT coalesce(max(epoch), 0) FROM public.governance_ledgerepoch")
    return int(cursor.fetchone()[0])


def _existing_logins(cursor: Any) -> list[str]:
    logins = [role for login, role in settings.DATABASE_LOGINS.items() if login != "owner"]
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [logins])
    return [row[0] for row in cursor.fetchall()]


def _grant(cursor: Any) -> None:
    """Set every privilege anew, from nothing, by class of table."""
    present = set(_existing_logins(cursor))
    roles = {login: role for login, role in settings.DATABASE_LOGINS.items() if role in present}
    governed: dict[str, type[GovernedModel]] = {m._meta.db_table: m for m in governed_models()}
    histories = {history_model(m)._meta.db_table for m in governed.values()}
    statements = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA muniment FROM PUBLIC",
    ]
    for role in roles.values():
        if role != settings.DATABASE_LOGINS["owner"]:
            statements.append(f"GRANT USAGE ON SCHEMA public, muniment TO {quote(role)}")
            statements.append(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quote(role)}")
    for table in connection.introspection.table_names(cursor):
        on = f"public.{quote(table)}"
        if table in governed:
            statements += _grant_governed(governed[table], roles)
        elif table in table_classes.LEDGER_TABLES:
            for login, privileges in table_classes.LEDGER_TABLES[table].items():
                if login in roles:
                    statements.append(f"GRANT {', '.join(privileges)} ON {on} TO {quote(roles[login])}")
            continue
        elif "app" in roles:
            privileges = ("SELECT",) if table in histories else table_classes.WORKING.get(table, ("SELECT",))
            statements.append(f"GRANT {', '.join(privileges)} ON {on} TO {quote(roles['app'])}")
        if "auditor" in roles and table not in table_classes.HIDDEN_FROM_AUDITOR:
            statements.append(f"GRANT SELECT ON {on} TO {quote(roles['auditor'])}")
    builder.run(cursor, statements)
    _grant_functions(cursor, roles)


def _grant_governed(model: type[GovernedModel], roles: dict[str, str]) -> list[str]:
    """SELECT; INSERT in every column but the id; UPDATE in the updatable columns, and in the id so that rows lock."""
    if "app" not in roles:
        return []
    on, role = f"public.{quote(model._meta.db_table)}", quote(roles["app"])
    fields: list[models.Field[Any, Any]] = list(model._meta.concrete_fields)
    insert = ", ".join(quote(str(f.column)) for f in fields if not f.primary_key)
    update = ", ".join(quote(str(f.column)) for f in fields if f.name in model.updatable or f.primary_key)
    read = f"GRANT SELECT, UPDATE ({update}) ON {on} TO {role}"
    return [read] if model.written_by_database else [read, f"GRANT INSERT ({insert}) ON {on} TO {role}"]


def _grant_functions(cursor: Any, roles: dict[str, str]) -> None:
    """Functions that run with the caller's own rights are for all logins; SECURITY DEFINER ones for triggers only."""
    cursor.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = to_regnamespace('muniment')"
        " AND NOT prosecdef AND prokind = 'f'"
    )
    functions = [row[0] for row in cursor.fetchall()]
    whom = [quote(role) for role in roles.values() if role != settings.DATABASE_LOGINS["owner"]]
    if whom:
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {', '.join(functions)} TO {', '.join(whom)}")
