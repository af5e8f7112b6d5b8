"""Deliver what is due in the outbox, here and now, without broker or worker."""

from argparse import ArgumentParser
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.outbox import drain


class Command(BaseCommand):
    """`manage.py drain_outbox`: exit 0 when everything due was delivered, 1 when a try failed."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Deliver every due outbox message in this process. Safe beside running workers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--limit", type=int, help="Stop after this many tries.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Drain and say what was done."""
        tally = drain(limit=options["limit"])
        self.stdout.write(f"{tally.delivered} delivered, {tally.failed} tries failed, {tally.dead} given up.")
        if tally.failed or tally.dead:
            raise CommandError("Some messages were not delivered; the reason is in last_error of each.")
