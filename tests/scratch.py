"""`python -m tests.scratch "COMMAND …" …`: management commands against a migrated database of their own.

For checks that need a database and must not depend on, or touch, the records of `make run`. The database lies in the
tests' home, a copy of the tests' template, and is dropped afterwards. Each argument is one command with its options; the
first that fails ends it.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

from governance.runtime.home import PROJECT, RuntimeProblem
from governance.runtime.testing import test_environment
from tests import databases


def run(commands: Sequence[str]) -> int:
    """Copy the template, run the commands, drop the copy; the first exit status that is not 0, or 0.

    Raises:
        RuntimeProblem: when the embedded services do not come up.
    """
    name = f"scratch_{os.getpid()}"
    with test_environment():
        databases.copy(name)
        try:
            return _first_failure(commands, databases.environment(name))
        finally:
            databases.drop(name)


def _first_failure(commands: Sequence[str], variables: dict[str, str]) -> int:
    for command in commands:
        status = subprocess.run(
            [sys.executable, "manage.py", *shlex.split(command)], cwd=PROJECT, env=variables
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
