"""Check the whole record: log, checkpoints, and every governed table against the log."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from governance.ledger import keys
from governance.ledger.check_log import check_log
from governance.ledger.check_tables import check_tables
from governance.ledger.verifier import Altered, VerifierKey


class Command(BaseCommand):
    """`manage.py verify_ledger`: exit 0 intact, 1 altered (the first bad record is named), 2 cannot be asked."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Check the log and replay the tables against it. Exit 0 intact, 1 altered, 2 wrong use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--origin", help="the log's name; default: log-identity.env")
        parser.add_argument("--key", help="the log's public key (vkey); default: log-identity.env")
        parser.add_argument(
            "--kept", type=Path, action="append", default=[], help="a signed checkpoint kept elsewhere (repeatable)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, with progress on stderr.

        Raises:
            CommandError: status 1 with the first bad record, 2 when origin, key or a kept checkpoint are unusable.
        """
        try:
            origin, key = self._identity(options)
            kept = [path.read_bytes() for path in options["kept"]]
            own = keys.kept_path(settings.MUNIMENT_HOME)
            if own.exists():  # what the sealer signed last, outside the database
                kept.append(own.read_bytes())
            with transaction.atomic():
                with connection.cursor() as cursor:
                    # One moment for all of it, while others go on writing.
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                log = check_log(origin, key, kept, self._progress)
                rows = check_tables(log.entries, self._progress)
        except Altered as error:
            raise CommandError(f"ALTERED. {error}", returncode=1) from error
        except (ValueError, OSError, keys.KeyUnusable) as error:
            raise CommandError(f"Cannot verify. {error}", returncode=2) from error
        self.stdout.write(
            f"Intact. {log.size} entries under {log.checkpoints} signed checkpoints of {origin}, "
            f"{rows} history rows and their current rows equal to them, {log.redacted} redacted, "
            f"{log.unsealed} not sealed yet."
        )

    def _identity(self, options: dict[str, Any]) -> tuple[str, VerifierKey]:
        given = (options["origin"], options["key"])
        known = None if all(given) else keys.public_identity(settings.MUNIMENT_HOME)
        if known is None and not all(given):
            raise ValueError(
                "There is no log-identity.env yet: run `manage.py seal_ledger`, or give --origin and --key."
            )
        origin, key = (mine or theirs for mine, theirs in zip(given, known or given, strict=True))
        return origin, VerifierKey.parse(key)

    def _progress(self, line: str) -> None:
        self.stderr.write(line)
