"""Bring in an inventory at a terminal, in the name of a person who proves who they are."""

import getpass
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import authenticate
from django.core.management.base import BaseCommand, CommandError
from django.http import HttpRequest

from approvals.actions.imports import import_inventory, prepare_import, remainder_of
from governance.accounts.models import Namespace, User
from governance.errors import Refused
from lineage.imports.layouts import LAYOUTS, OWN
from lineage.imports.reading import ENCODINGS, MAX_BYTES
from lineage.models import ImportFormat

SUFFIXES = {".csv": ImportFormat.CSV, ".json": ImportFormat.JSON, ".jsonl": ImportFormat.JSON_LINES,
            ".ndjson": ImportFormat.JSON_LINES}  # fmt: skip
FAULTS_TOLD = 50


class Command(BaseCommand):
    """Looks first; brings in only what it is told to. Exit status 1: refused, or faulty rows kept it out."""

    help = "Look at an inventory file row by row, and bring it in with --all-or-nothing or --good-rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which file, where, in whose name, and whether to bring it in."""
        parser.add_argument("file", help="CSV, a list of JSON objects, or JSON lines (docs/import.md)")
        parser.add_argument("--namespace", required=True)
        parser.add_argument(
            "--by", required=True, metavar="EMAIL", help="the person who does this; asks for the password"
        )
        parser.add_argument("--format", choices=sorted(set(SUFFIXES.values())), help="else by the file's name")
        parser.add_argument("--layout", choices=sorted(LAYOUTS), default=OWN)
        parser.add_argument("--encoding", choices=ENCODINGS, default="utf-8")
        parser.add_argument("--reason", default="Inventory brought in at the operator's terminal")
        parser.add_argument("--remainder", metavar="FILE", help="write the faulty rows there")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--all-or-nothing", dest="whole", action="store_true", default=None)
        how.add_argument("--good-rows", dest="whole", action="store_false")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, tell, and bring in if told to.

        Raises:
            CommandError: a refusal, or faulty rows where nothing was brought in.
        """
        content = self._read(Path(options["file"]))
        format = options["format"] or SUFFIXES.get(Path(options["file"]).suffix.lower(), ImportFormat.CSV)
        namespace = Namespace.objects.filter(name=options["namespace"]).first()
        actor = self._person(options["by"])
        if namespace is None:
            raise CommandError(f"There is no namespace {options['namespace']}.")
        try:
            draft = prepare_import(
                actor=actor, namespace=namespace, content=content, name=Path(options["file"]).name, format=format,
                layout=options["layout"], encoding=options["encoding"],
            )  # fmt: skip
            self._tell(draft.report)
            if options["remainder"]:
                Path(options["remainder"]).write_bytes(remainder_of(draft))
            if options["whole"] is not None:
                made = import_inventory(actor=actor, reason=options["reason"], draft=draft, whole=options["whole"])
                self.stdout.write(
                    f"On record: {made.models_made} models, {made.versions_made} versions, "
                    f"{made.as_found_made} as found; import {made.pk}."
                )
                return
        except Refused as refusal:
            told = [f"  {field}: {one}" for field, several in refusal.errors.items() for one in several]
            raise CommandError("\n".join([str(refusal), *told[:FAULTS_TOLD]])) from refusal
        if draft.report["counts"]["faulty"]:
            raise CommandError("Nothing was brought in. Mend the faulty rows, or say --good-rows.")
        self.stdout.write("Nothing is faulty. Say --all-or-nothing to bring it in.")

    def _read(self, file: Path) -> bytes:
        try:
            with file.open("rb") as opened:
                return opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error

    def _tell(self, report: dict[str, Any]) -> None:
        counts = report["counts"]
        self.stdout.write(
            f"{counts['rows']} rows: {counts['models']} new models, {counts['versions']} new versions, "
            f"{counts['as_found']} as found, {counts['unchanged']} unchanged, {counts['faulty']} faulty."
        )
        faulty = [row for row in report["rows"] if row["faults"]]
        for row in faulty[:FAULTS_TOLD]:
            for fault in row["faults"]:
                self.stdout.write(f"row {row['row']}, {fault['field']}: {fault['message']}")
        if len(faulty) > FAULTS_TOLD:
            self.stdout.write(f"… and {len(faulty) - FAULTS_TOLD} rows more; --remainder FILE holds them all.")

    def _person(self, email: str) -> Any:
        ask = f"Password of {email}: "
        password = getpass.getpass(ask) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        # A request is what counts failed tries against the limit of the sign-in page.
        user = authenticate(HttpRequest(), email=email.lower(), password=password)
        if not isinstance(user, User) or not user.principal.is_active:
            raise CommandError("That is not the password, or the account is closed.")
        return user.principal
