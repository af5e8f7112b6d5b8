"""Fill a system that is for trying and measuring with records in numbers."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from approvals.seeding import records, stage
from governance.errors import Refused


class Command(BaseCommand):
    """Runs as the app: what it writes goes through the same guards as everything else."""

    help = (
        "Seed records to measure on: N model versions, N dataset versions, and ten times as many rows of history, in "
        "namespaces of their own. Run again it goes on to the number asked for. Refused in production."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--versions", type=int, default=100_000, metavar="N", help="model versions (100000)")
        parser.add_argument(
            "--beside-others", action="store_true", help="also where records other than seeded ones are kept"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed them.

        Raises:
            CommandError: in production, beside others' records unless told, or without an administrator.
        """
        if settings.PRODUCTION:
            raise CommandError("This is production: no record is made up here.")
        if options["versions"] < 1:
            raise CommandError("Give --versions as a whole number from 1.")
        if stage.others() and not options["beside_others"]:
            raise CommandError(
                "This system holds records of its own, and nothing on record is ever deleted: seed another one, or say "
                "--beside-others."
            )
        start = time.monotonic()
        try:
            added = records.seed(versions=options["versions"], tell=self.stdout.write)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{added:,} model versions and what belongs to them, in {time.monotonic() - start:.0f} s.")
