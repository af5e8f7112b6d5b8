"""Databases for tests: one template, migrated by the owner and peopled with the cast; copies of it for everything else.

A test never flushes: TRUNCATE is refused to everyone. A test that must commit takes a copy of its own (0.2 s).
"""

import functools
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from governance.runtime.provision import close_database
from tests.waiting import COMMAND_SECONDS

ROOT = Path(__file__).resolve().parent.parent
LOGIN_VARIABLES = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "sealer": "DATABASE_SEALER_URL",
    "auditor": "DATABASE_AUDITOR_URL",
    "superuser": "DATABASE_SUPERUSER_URL",
}
APPS = ("governance", "lineage", "approvals")
# What a migrated database is made of. The rest of the product changes more often, and only who and what is in it.
SCHEMA = (*(f"{app}/{part}" for app in APPS for part in ("apps.py", "**/migrations/*.py", "**/models.py", "**/models/*.py",
          "**/fields.py", "**/*.sql", "**/*.csv")), "governance/history/*.py", "governance/management/commands/*.py",
          "governance/desk/keeping.py", "governance/settings.py", "requirements.txt")  # fmt: skip
CONTENT = (*(f"{app}/**/*.py" for app in APPS), *SCHEMA, "tests/cast.py", "tests/hashing.py",
           "tests/approvals/world.py")  # fmt: skip


def url(login: str, database: str) -> str:
    """The connection string of a login for a database of the test server."""
    parts = conninfo_to_dict(os.environ[LOGIN_VARIABLES[login]])
    return make_conninfo(**{**parts, "dbname": database})


def environment(database: str) -> dict[str, str]:
    """The environment of a subprocess that is to work on a database of the test server."""
    return {**os.environ, **{variable: url(login, database) for login, variable in LOGIN_VARIABLES.items()}}


@functools.cache
def template() -> str:
    """The name of the migrated template with the cast; built when the product's files have changed."""
    schema, content = f"{_prefix()}{_digest(SCHEMA)}", f"{_prefix()}{_digest(SCHEMA)}_{_digest(CONTENT)}"
    with psycopg.connect(url("owner", maintenance_database()), autocommit=True) as owner:
        # Test processes start together; one builds, the others wait.
        owner.execute("SELECT pg_advisory_lock(7234)")
        if not _exists(owner, content):
            _drop_stale(owner, keeping=schema)
            half_made = f"{content}_half"
            if not _exists(owner, schema):
                owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(half_made)))
                close_database(owner, half_made)
                manage(half_made, "migrate", "-v0", login="owner")
                manage(half_made, "grant_delay", "0", login="owner")
                _rename(owner, half_made, schema)
            copy(half_made, schema)
            subprocess.run(
                [sys.executable, "-m", "tests.cast"],
                cwd=ROOT,
                env=environment(half_made),
                check=True,
                timeout=COMMAND_SECONDS,
            )
            _rename(owner, half_made, content)
    return content


def _digest(patterns: tuple[str, ...]) -> str:
    """Eight hexadecimal digits that stand for the files' names and contents."""
    digest = hashlib.sha256()
    for file in sorted({file for pattern in patterns for file in ROOT.glob(pattern)}):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:8]


@functools.cache
def template_with_world() -> str:
    """The name of a copy of the template that holds the world of `tests/approvals/world.py` already."""
    name = f"{template()}_world"
    with psycopg.connect(url("owner", maintenance_database()), autocommit=True) as owner:
        owner.execute("SELECT pg_advisory_lock(7234)")
        if not _exists(owner, name):
            half_made = f"{name}_half"
            drop(half_made)
            copy(half_made)
            subprocess.run(
                [sys.executable, "-m", "tests.approvals.settled"], cwd=ROOT, env=environment(half_made), check=True,
                timeout=COMMAND_SECONDS,
            )  # fmt: skip
            _rename(owner, half_made, name)
    return name


def manage(database: str, *arguments: str, login: str = "app") -> str:
    """Run a management command on a database; its output. Fails the test when the command fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**environment(database), "MUNIMENT_LOGIN": login},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def copy(name: str, source: str | None = None) -> None:
    """Make a database as a copy of the template, or of another one."""
    source = source or template()
    with psycopg.connect(url("owner", maintenance_database()), autocommit=True) as owner:
        owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
        close_database(owner, name)


def drop(name: str) -> None:
    """Drop a database, and whoever is still connected to it."""
    # As a superuser: FORCE must also end a superuser's connection that a test just closed and the server has not yet.
    with psycopg.connect(url("superuser", maintenance_database()), autocommit=True) as superuser:
        superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def maintenance_database() -> str:
    """The database of the environment's own URL: connected to, never written."""
    return str(conninfo_to_dict(os.environ["DATABASE_OWNER_URL"])["dbname"])


def _prefix() -> str:
    """Several checkouts may share one server; each keeps its own templates."""
    return f"template_{maintenance_database()}_"


def _rename(owner: "psycopg.Connection[tuple[object, ...]]", old: str, new: str) -> None:
    owner.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def _exists(owner: "psycopg.Connection[tuple[object, ...]]", name: str) -> bool:
    return owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop_stale(owner: "psycopg.Connection[tuple[object, ...]]", *, keeping: str) -> None:
    rows = owner.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s", [_prefix(), keeping]
    ).fetchall()
    for (stale,) in rows:
        drop(str(stale))


@contextmanager
def as_login(login: str) -> Iterator[None]:
    """Let Django's own connection act as another login of the same database, for the time of the block."""
    from django.db import connection

    settings = connection.settings_dict
    former = {key: settings[key] for key in ("USER", "PASSWORD")}
    parts = conninfo_to_dict(os.environ[LOGIN_VARIABLES[login]])
    connection.close()
    settings.update(USER=parts.get("user", ""), PASSWORD=parts.get("password", ""))
    try:
        yield
    finally:
        connection.close()
        settings.update(former)
