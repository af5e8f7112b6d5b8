"""Make the demo's people, service accounts and namespace, and write `$MUNIMENT_HOME/demo.env`."""

import json
import os
import shlex
import subprocess
import sys
from argparse import SUPPRESS, ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.accounts import demo
from governance.accounts.actions.bootstrap import FirstAdministrator, bootstrap
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import OperatorSetting
from governance.errors import Refused
from governance.runtime.environment import export_lines
from governance.runtime.home import PROJECT, RuntimeProblem, write_private

DEMO_FILE = "demo.env"


class Command(BaseCommand):
    """Runs as the app, like any operator's command; what only the owner may do is a second process of the owner's."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Make the demo's people and a namespace for it; write their passwords and keys to MUNIMENT_HOME/demo.env."

    def add_arguments(self, parser: ArgumentParser) -> None:
        # The second process: names the first administrators (passwords on standard input), as the owner.
        parser.add_argument("--as-operator", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them, or say why not.

        Raises:
            CommandError: in production, in a system with people of its own, or where new grants have to wait.
        """
        if settings.PRODUCTION:
            raise CommandError("This is production: demo accounts are not made here.")
        try:
            if options["as_operator"]:
                begin(json.load(sys.stdin))
                return
            variables = prepare(settings.MUNIMENT_HOME)
        except (Refused, RuntimeProblem) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{variables['NAMESPACE']} is ready; its keys and passwords are in {demo_file()}.")


def demo_file() -> Path:
    """Where the demo's variables stand."""
    return settings.MUNIMENT_HOME / DEMO_FILE


def prepare(home: Path) -> dict[str, str]:
    """Everything the demo needs, and its file.

    Raises:
        Refused, CommandError: as `Command.handle` says.
    """
    known = read_variables(home / DEMO_FILE)
    variables = {"MUNIMENT_URL": settings.MUNIMENT_URL}
    passwords = {one.key: known.get(f"{one.key}_PASSWORD") or demo.new_password() for one in demo.ADMINISTRATORS}
    both = demo.administrators()
    is_new = both is None
    if is_new or OperatorSetting.objects.get(id=1).voting_grant_delay:
        ask_operator(home, {"passwords": passwords, "begin": is_new, "embedded": is_embedded(home)})
        both = demo.administrators()
    delay = OperatorSetting.objects.get(id=1).voting_grant_delay
    if both is None or delay:
        raise CommandError(
            f"Roles that sign wait {delay} here, the demo does not. On a database that is for nothing else, run "
            "`manage.py grant_delay 0` first; or unset DATABASE_URL and let the demo have the embedded one."
        )
    namespace = demo.open_namespace(both[0])
    people = dict(demo.people(both, namespace, known))
    for one, principal, order in zip(demo.ADMINISTRATORS, both, (both[::-1], both), strict=True):
        people |= dict(demo.credentials(one, principal, passwords[one.key], known, order, is_new=is_new))
    variables |= {"NAMESPACE": namespace.name, **dict(demo.services(both, namespace)), **people}
    write_private(home / DEMO_FILE, export_lines(variables))
    return variables


def begin(order: dict[str, Any]) -> None:
    """The owner's part: no delay in the embedded system, and the first two administrators of an empty one.

    Raises:
        Refused: not the owner's login, or not empty.
    """
    if order["embedded"]:
        OperatorSetting.objects.filter(id=1).update(voting_grant_delay=timedelta(0))
    if order["begin"]:
        first, second = (
            FirstAdministrator(one.email, one.display_name, order["passwords"][one.key]) for one in demo.ADMINISTRATORS
        )
        bootstrap(
            actor=load_system_principal(),
            reason="Demo: the first two administrators",
            administrators=(first, second),
            is_demo=True,
        )


def ask_operator(home: Path, order: dict[str, Any]) -> None:
    """Run this command once more as the owner: one process, one login.

    Raises:
        CommandError: when the owner's login is not known, or it refuses.
    """
    variables = {**read_variables(home / "database.env"), **os.environ} if is_embedded(home) else dict(os.environ)
    if not variables.get("DATABASE_OWNER_URL"):
        raise CommandError("The owner's login names the first administrators: set DATABASE_OWNER_URL.")
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), "demo_accounts", "--as-operator"],
        input=json.dumps(order),
        env={**variables, "MUNIMENT_LOGIN": "owner"},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise CommandError(done.stderr.strip() or "The owner's part of the demo failed without a word.")


def is_embedded(home: Path) -> bool:
    """Whether this process works on the embedded database of its home."""
    return os.environ.get("DATABASE_URL", "") == read_variables(home / "database.env").get("DATABASE_URL", None)


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a file of `export NAME=value` lines; none when there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    words = [shlex.split(line.removeprefix("export ")) for line in lines if line.strip()]
    return dict(word[0].split("=", 1) for word in words if word and "=" in word[0])
