"""Migrating quickly makes the same database as Django's own way."""

import subprocess
import sys
import uuid
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from governance.runtime.provision import close_database
from tests import databases
from tests.waiting import COMMAND_SECONDS

OURS = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'migrate', '-v0'])"
DJANGOS = (
    "import contextlib, governance.history.narrow_reloads as ours; ours.narrow_reloads = contextlib.nullcontext; "
    + OURS
)
EVERYTHING = """
SELECT 'column', table_schema, table_name, column_name, data_type, is_nullable, column_default, character_maximum_length,
       numeric_precision, datetime_precision, is_identity
  FROM information_schema.columns WHERE table_schema IN ('public', 'muniment')
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable::text, NULL, NULL,
                 NULL, NULL, NULL, NULL FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM pg_indexes
                 WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled::text, NULL, NULL, NULL, NULL,
                 NULL, NULL FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1, 2, 3, 4, 5"""


def migrated(script: str) -> list[tuple[object, ...]]:
    """What a new database holds after a migration: columns, constraints, indexes, triggers."""
    name = f"muniment_own_{uuid.uuid4().hex[:8]}"
    with closing(psycopg.connect(databases.url("owner", databases.maintenance_database()), autocommit=True)) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        close_database(owner, name)
    environment = {**databases.environment(name), "MUNIMENT_LOGIN": "owner"}
    try:
        subprocess.run(
            [sys.executable, "-c", script], cwd=databases.ROOT, env=environment, check=True, timeout=COMMAND_SECONDS
        )
        with closing(psycopg.connect(databases.url("superuser", name))) as superuser:
            return superuser.execute(EVERYTHING).fetchall()
    finally:
        databases.drop(name)


@pytest.mark.soak
def test_the_database_is_the_one_that_django_makes_by_itself() -> None:
    ours = migrated(OURS)
    assert len(ours) > 3_000
    assert ours == migrated(DJANGOS)
