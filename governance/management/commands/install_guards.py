"""Rebuild the database's guards, or compare them with their files."""

from argparse import ArgumentParser
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.history import guards
from governance.history.builder import GuardsLeftBehind


class Command(BaseCommand):
    """Install recorders, triggers, functions and privileges; as the owner's login."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Rebuild the database's guards from their files. --check only compares (exit 1 on a difference)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Install, or with --check list every difference.

        Raises:
            CommandError: the guards differ, or a history cannot hold what its table holds.
        """
        try:
            if not options["check"]:
                guards.install()
                self.stdout.write("Guards installed.")
                return
            found = guards.differences()
        except GuardsLeftBehind as problem:
            raise CommandError(str(problem)) from problem
        for difference in found:
            self.stdout.write(str(difference))
        if found:
            raise CommandError(f"{len(found)} guards differ from their files. Run manage.py install_guards.")
        self.stdout.write("The installed guards equal their files.")
