"""Name the first two administrators of an empty system."""

from argparse import ArgumentParser
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.accounts.actions.bootstrap import FirstAdministrator, bootstrap
from governance.accounts.actions.system import load_system_principal
from governance.errors import Refused


class Command(BaseCommand):
    """Runs under the owner's database login; a recorded act."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Name the first two administrators (under the owner's login; refuses once any grant exists)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--administrator",
            nargs=2,
            action="append",
            metavar=("EMAIL", "NAME"),
            default=[],
            help="give it twice; each then sets a password by the reset mail",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Name them.

        Raises:
            CommandError: not two persons, or the system is not empty.
        """
        named = [FirstAdministrator(email, name) for email, name in options["administrator"]]
        if len(named) != 2:
            raise CommandError("Give --administrator EMAIL NAME twice: approvals need two persons from the start.")
        try:
            bootstrap(actor=load_system_principal(), reason="First start", administrators=(named[0], named[1]))
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        for one in named:
            self.stdout.write(f"{one.display_name} <{one.email}> is an administrator.")
