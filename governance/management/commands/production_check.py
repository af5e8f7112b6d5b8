"""Say what would keep a production start from starting."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.production import faults


class Command(BaseCommand):
    """Runs as the app; of use before a switch to production as well."""

    help = "Say what keeps this system from starting in production: exit 0 nothing, 1 something."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, and say so.

        Raises:
            CommandError: something must be mended first; each sentence says what.
        """
        if found := faults():
            raise CommandError("A production start is refused. " + " ".join(found))
        self.stdout.write("Nothing keeps this system from starting in production.")
