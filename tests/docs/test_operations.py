"""The operations document's SQL and commands, run as they stand under other names on the test server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.databases import maintenance_database, url
from tests.docs.documents import ROOT, blocks, text_of
from tests.waiting import COMMAND_SECONDS

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
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_first_start_as_written(as_written: dict[str, str]) -> None:
    first = next(block for block in blocks("docs/operations.md", "sh") if "bootstrap" in block)
    said = run(as_written, first)
    assert "Anna Adler <anna@bank.example> is an administrator." in said
    assert "Nothing keeps this system from starting in production." in said
    assert "equal their files" in run(as_written, "python manage.py install_guards --check")


def read_of_the_environment() -> set[str]:
    """The names of the variables that the product's code asks the environment for, itself or by a constant."""
    asked = re.compile(
        r'environ(?:\.get\(|\[)"(\w+)"|^[A-Z_]*VARIABLES?\b[^=\n]*= (?:"(\w+)"|\{(.*?)^\})', re.MULTILINE | re.DOTALL
    )
    found = set()
    for package in ("governance", "lineage", "approvals"):
        for file in (ROOT / package).rglob("*.py"):
            for name, constant, several in asked.findall(file.read_text(encoding="utf-8")):
                found |= {name, constant, *re.findall(r'": "(\w+)"', several)} - {""}
    return found


def test_every_variable_that_is_read_is_told_of_and_none_besides() -> None:
    of_the_machine = {"PATH", "XDG_RUNTIME_DIR"}
    text = text_of("docs/operations.md")
    read = read_of_the_environment() - of_the_machine
    assert {"DATABASE_AUDITOR_URL", "MUNIMENT_LOG_KEY", "MUNIMENT_PROFILE_PLACE", "MUNIMENT_ALLOW_HTTP"} < read
    assert not {name for name in read if f"`{name}" not in text and f"${name}" not in text}
    told = set(re.findall(r"\b(?:MUNIMENT|DATABASE|CELERY|DJANGO|EMAIL)_[A-Z_]+\b", text))
    assert not told - read, "docs/operations.md tells of variables that nothing reads"


def test_the_readme_names_administrators_the_same_way() -> None:
    (line,) = [block for block in blocks("README.md", "sh") if "bootstrap" in block]
    assert line.strip() in "\n".join(blocks("docs/operations.md", "sh"))
