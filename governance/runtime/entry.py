"""What `manage.py` does before Django: choose the login, join the embedded services, leave them again."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from governance.runtime import account, environment
from governance.runtime.home import Home, RuntimeProblem
from governance.runtime.lease import Lease

# Commands that change the schema, the guards or the first grants. Everything else writes as the app, guarded.
OWNER_COMMANDS = frozenset(
    {"migrate", "makemigrations", "showmigrations", "sqlmigrate", "bootstrap", "install_guards", "grant_delay"}
)
SEALER_COMMANDS = frozenset({"seal_ledger"})
WITHOUT_DATABASE = frozenset(
    {
        *("help", "version", "check", "collectstatic", "compilemessages", "diffsettings", "findstatic"),
        *("makemessages", "spectacular", "startapp", "startproject"),
    }
)


def login_for(argv: Sequence[str]) -> str:
    """The database login that a management command runs as: owner, sealer, or the one asked for (default app)."""
    command = command_in(argv)
    if command in OWNER_COMMANDS:
        return "owner"
    if command in SEALER_COMMANDS:
        return "sealer"
    return os.environ.get("MUNIMENT_LOGIN") or "app"


def command_in(argv: Sequence[str]) -> str:
    """The management command in `manage.py`'s arguments; `help` when there is none."""
    return next((word for word in argv[1:] if not word.startswith("-")), "help")


def needs_database(argv: Sequence[str]) -> bool:
    """Whether a command can use a database at all; asking for help cannot."""
    words = argv[1:]
    if not words or "--help" in words or "-h" in words or "--version" in words:
        return False
    if command_in(argv) == "check":
        return "--database" in words
    return command_in(argv) not in WITHOUT_DATABASE


@contextlib.contextmanager
def prepared(argv: Sequence[str]) -> Iterator[None]:
    """Fill the environment for a management command, and keep the embedded services for as long as it runs.

    Args:
        argv: the whole command line, `manage.py` first.

    Raises:
        RuntimeProblem: when something about the machine must be mended first.
    """
    home = Home.open()
    login = login_for(argv)
    os.environ.update(environment.common(home) | {"MUNIMENT_LOGIN": login})
    missing = environment.missing_services() if needs_database(argv) else ()
    if needs_database(argv) and "database" not in missing:
        _require_login(login)
    if not missing:
        yield
        return
    with Lease(home, services=missing) as lease:
        os.environ.update(environment.for_login(lease.urls, login))
        if command_in(argv) == "dbshell":
            # psql comes with the embedded server; the machine may have none.
            programs = account.programs(account.Account(None, None))
            os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{programs.postgres}"
        yield


def _require_login(login: str) -> None:
    variable = environment.DATABASE_VARIABLES.get(login)
    if variable is None:
        known = ", ".join(environment.DATABASE_VARIABLES)
        raise RuntimeProblem(f"MUNIMENT_LOGIN is {login!r}; it must be one of {known}.")
    if not os.environ.get(variable):
        raise RuntimeProblem(f"This command runs as the {login} login: set {variable} beside DATABASE_URL.")


def main(argv: Sequence[str]) -> int:
    """Run a management command; problems of the machine are one sentence and exit status 2."""
    try:
        with prepared(argv):
            from django.core.exceptions import ImproperlyConfigured
            from django.core.management import execute_from_command_line

            try:
                execute_from_command_line(list(argv))
            except ImproperlyConfigured as problem:
                raise RuntimeProblem(str(problem)) from problem
    except RuntimeProblem as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0
