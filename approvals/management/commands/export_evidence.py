"""Write the evidence pack of a release."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals.exports.evidence_pack import write_evidence_pack
from approvals.models import Release
from governance.ledger.pack import NotSealed


class Command(BaseCommand):
    """One file with everything about a release and its proofs; `python -m governance.ledger.verifier` checks it."""

    help = "Write a release's evidence pack: export_evidence RELEASE --out FILE"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("release", type=int, help="the release's id")
        parser.add_argument("--out", type=Path, required=True, help="the file to write (ZIP)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it.

        Raises:
            CommandError: no such release, entries not sealed yet, or the file cannot be written.
        """
        release = Release.objects.filter(pk=options["release"]).first()
        if release is None:
            raise CommandError(f"There is no release {options['release']}.")
        try:
            packed = write_evidence_pack(release, options["out"])
        except NotSealed as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            raise CommandError(f"{options['out']} cannot be written: {problem.strerror}.") from problem
        self.stdout.write(f"{packed.entries} entries under a checkpoint of size {packed.size}: {options['out']}")
