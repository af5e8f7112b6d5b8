"""The operations document's SQL and commands, run as they stand under other names on the test server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.databases import maintenance_database, url
from tests.docs.documents import ROOT, blocks

LOGINS = ("owner", "app", "sealer", "auditor")


@pytest.fixture
def as_written() -> Iterator[dict[str, str]]:
    """The database and logins made by the document's SQL, as the environment it asks for."""
    mark = f"docs{os.getpid()}"
    logins, closing = (block.replace("muniment", mark) for block in blocks("docs/operations.md", "sql"))
    server = psycopg.connect(url("superuser", maintenance_database()), autocommit=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")}
    environment |= {"MUNIMENT_ENV": "production", "DJANGO_SECRET_KEY": "of this test" * 5}
    for number, login in enumerate(LOGINS, start=1):
        variable = "DATABASE_URL" if login == "app" else f"DATABASE_{login.upper()}_URL"
        environment[variable] = make_conninfo(
            url("superuser", mark), user=f"{mark}_{login}", password=f"change-me-{number}"
        )
    try:
        run_all(server, logins)
        with psycopg.connect(url("superuser", mark), autocommit=True) as inside:
            run_all(inside, closing)
        yield environment
    finally:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(mark)))
        for login in LOGINS:
            server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{mark}_{login}")))
        server.close()


def run_all(connection: "psycopg.Connection[Any]", script: str) -> None:
    for statement in script.split(";"):
        if statement.strip():
            connection.execute(statement.encode())


def run(environment: dict[str, str], script: str) -> str:
    """Run a block of shell lines, with `python` being this one; what it said on standard output."""
    done = subprocess.run(
        ["sh", "-ec", script.replace("python manage.py", f"{sys.executable} manage.py")],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_first_start_as_written(as_written: dict[str, str]) -> None:
    first = next(block for block in blocks("docs/operations.md", "sh") if "bootstrap" in block)
    said = run(as_written, first)
    assert "Anna Adler <anna@bank.example> is an administrator." in said
    assert "Nothing keeps this system from starting in production." in said
    assert "equal their files" in run(as_written, "python manage.py install_guards --check")


def test_the_readme_names_administrators_the_same_way() -> None:
    (line,) = [block for block in blocks("README.md", "sh") if "bootstrap" in block]
    assert line.strip() in "\n".join(blocks("docs/operations.md", "sh"))
