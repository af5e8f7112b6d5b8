"""Set the delay of two-person grants: a row that only the owner's login can write."""

import datetime
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.accounts.models import OperatorSetting


class Command(BaseCommand):
    """Show or set the time between a two-person grant's approval and its force."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Show or set the delay of two-person grants, in hours (0 is refused in production)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hours", nargs="?", type=float)

    def handle(self, *args: Any, **options: Any) -> None:
        """Set the delay; without hours, print it.

        Raises:
            CommandError: negative, or zero in production.
        """
        hours = options["hours"]
        if hours is not None:
            if not 0 <= hours <= 24 * 365:
                raise CommandError("Give hours between 0 and 8760.")
            if hours == 0 and settings.PRODUCTION:
                raise CommandError("In production a new signature's role waits: give more than 0 hours.")
            OperatorSetting.objects.filter(id=1).update(voting_grant_delay=datetime.timedelta(hours=hours))
        self.stdout.write(f"{OperatorSetting.objects.get(id=1).voting_grant_delay}")
