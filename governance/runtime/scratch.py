"""`python -m governance.runtime.scratch "COMMAND …" …`: management commands against a fresh, migrated database.

For checks that need a database and must not depend on, or touch, the records of `make run`. The database lies in the
tests' home and is dropped afterwards. Each argument is one command with its options; the first that fails ends it.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from governance.runtime.environment import DATABASE_VARIABLES
from governance.runtime.home import PROJECT, RuntimeProblem
from governance.runtime.provision import close_database
from governance.runtime.testing import test_environment


def run(commands: Sequence[str]) -> int:
    """Make the database, migrate it, run the commands, drop it; the first exit status that is not 0, or 0.

    Raises:
        RuntimeProblem: when the embedded services do not come up.
    """
    name = f"scratch_{os.getpid()}"
    with test_environment():
        owner = os.environ["DATABASE_OWNER_URL"]
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            close_database(connection, name)
        variables = {
            variable: make_conninfo(os.environ[variable], dbname=name)
            for variable in DATABASE_VARIABLES.values()
            if os.environ.get(variable)
        }
        try:
            return _first_failure(["migrate --noinput --verbosity 0", *commands], variables)
        finally:
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _first_failure(commands: Sequence[str], variables: Mapping[str, str]) -> int:
    for command in commands:
        status = subprocess.run(
            [sys.executable, "manage.py", *shlex.split(command)], cwd=PROJECT, env={**os.environ, **variables}
        ).returncode
        if status:
            print(f"manage.py {command}: exit status {status}", file=sys.stderr)
            return status
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except RuntimeProblem as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
