"""Databases for measuring: one migrated template with the people, and a copy of it for each measurement.

The embedded server runs in a home of its own, durable as the product's: a commit waits for the disk.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from governance.runtime import environment
from governance.runtime.environment import DATABASE_VARIABLES
from governance.runtime.home import PROJECT, Home
from governance.runtime.lease import Lease
from governance.runtime.provision import close_database

PREFIX = f"bench_{os.getpid()}"
#: The server's own addresses, as found: databases are made and dropped from there.
_server: dict[str, str] = {}


@contextmanager
def services() -> Iterator[None]:
    """Start PostgreSQL (or take DATABASE_URL's, with all five logins), make the template, and point Django at it.

    Raises:
        RuntimeProblem: when the embedded server does not come up.
    """
    with ExitStack() as stack:
        missing = environment.missing_services()
        home = Home.open(Home.open().path / "bench")
        os.environ.update(environment.common(home))
        if missing:
            os.environ.update(stack.enter_context(Lease(home, services=missing)).urls)
        _server.update({variable: os.environ[variable] for variable in DATABASE_VARIABLES.values()})
        try:
            _make_template()
            os.environ.update(_urls(f"{PREFIX}_template"), MUNIMENT_LOGIN="app")
            yield
        finally:
            _drop(PREFIX)


@contextmanager
def fresh(name: str, source: str = "template") -> Iterator[str]:
    """A copy of the template (or of another bench database), used by Django as the app; dropped afterwards."""
    from django.db import connection

    full = f"{PREFIX}_{name}"
    connection.close()
    _copy(full, f"{PREFIX}_{source}")
    former = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = full
    try:
        yield full
    finally:
        connection.close()
        connection.settings_dict["NAME"] = former
        _drop(full)


@contextmanager
def django_as(login: str) -> Iterator[None]:
    """Let Django's connection act as another login of the same database, for the time of the block."""
    from django.db import connection

    settings = connection.settings_dict
    former = {key: settings[key] for key in ("USER", "PASSWORD")}
    parts = conninfo_to_dict(os.environ[DATABASE_VARIABLES[login]])
    connection.close()
    settings.update(USER=parts.get("user", ""), PASSWORD=parts.get("password", ""))
    try:
        yield
    finally:
        connection.close()
        settings.update(former)


def connect(login: str, name: str) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection of one's own to a bench database, in autocommit."""
    return psycopg.connect(make_conninfo(os.environ[DATABASE_VARIABLES[login]], dbname=name), autocommit=True)


def manage(name: str, *arguments: str, login: str) -> None:
    """Run a management command on a bench database.

    Raises:
        subprocess.CalledProcessError: when it fails; its output has been shown.
    """
    _run([sys.executable, "manage.py", *arguments], name, login)


def _run(command: list[str], name: str, login: str) -> None:
    variables = {**os.environ, **_urls(name), "MUNIMENT_LOGIN": login}
    subprocess.run(command, cwd=PROJECT, env=variables, check=True)


def _urls(name: str) -> dict[str, str]:
    return {variable: make_conninfo(os.environ[variable], dbname=name) for variable in DATABASE_VARIABLES.values()}


def _make_template() -> None:
    name = f"{PREFIX}_template"
    with psycopg.connect(_server["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        close_database(owner, name)
    manage(name, "migrate", "-v0", login="owner")
    manage(name, "grant_delay", "0", login="owner")
    for login in ("owner", "app"):
        _run([sys.executable, "-m", "bench.people"], name, login)


def _copy(name: str, source: str) -> None:
    with psycopg.connect(_server["DATABASE_OWNER_URL"], autocommit=True) as owner:
        # FILE_COPY: what was seeded lies in files already, and need not go through the log once more.
        owner.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(source)
            )
        )
        close_database(owner, name)


def _drop(prefix: str) -> None:
    """Drop the databases of this run whose names start so, and whoever is still connected to them."""
    with psycopg.connect(_server["DATABASE_SUPERUSER_URL"], autocommit=True) as superuser:
        rows = superuser.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
        for (name,) in rows:
            superuser.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name))))
