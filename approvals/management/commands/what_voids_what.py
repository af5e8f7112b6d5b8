"""Write the table of what voids what."""

from typing import Any

from django.core.management.base import BaseCommand

from approvals.gate.voids import table


class Command(BaseCommand):
    """The table in docs/what-voids-what.md, made from the rules as they stand in the database."""

    help = "Print the table of what voids which votes: what_voids_what > part of docs/what-voids-what.md"

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(table())
