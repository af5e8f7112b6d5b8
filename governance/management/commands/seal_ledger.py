"""Seal the log's waiting entries now, in this process; the worker of the sealer's queue does the same every 30 s."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from governance.ledger import keys, sealer


class Command(BaseCommand):
    """`manage.py seal_ledger`, under the sealer's login."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Give waiting ledger entries their positions and sign a checkpoint. Runs as the sealer."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal and say what was done.

        Raises:
            CommandError: the key cannot be used, or sealing would sign something it must not.
        """
        try:
            done = sealer.seal(keys.log_key(settings.MUNIMENT_HOME), keys.kept_path(settings.MUNIMENT_HOME))
        except (keys.KeyUnusable, sealer.SealingRefused) as error:
            raise CommandError(str(error)) from error
        if done.busy:
            self.stdout.write("Another sealer is at work; it takes these entries too.")
        self.stdout.write(
            f"{done.added} entries sealed; the log has {done.size}."
            + (f" {done.waiting.entries} wait for transactions that are still open." if done.waiting.entries else "")
        )
