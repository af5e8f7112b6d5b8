"""Make a service account with its role and an API key, as an administrator."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import authenticate
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.http import HttpRequest

from governance.accounts.actions.grants import grant_role
from governance.accounts.actions.namespaces import create_namespace
from governance.accounts.actions.principals import create_service_account, issue_api_key
from governance.accounts.models import Namespace, Principal, User
from governance.accounts.roles import PERSON_ROLES, TWO_PERSON_ROLES, Role
from governance.errors import Refused

SERVICE_ROLES = sorted(set(Role) - PERSON_ROLES)


class Command(BaseCommand):
    """An administrator's act at a terminal: their name goes on record, so their password is asked for."""

    requires_system_checks = [Tags.models]  # those of addresses import every page
    help = "Make a service account with a role in a namespace, and print its API key (this once, on standard output)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, where, as what, and in whose name."""
        parser.add_argument("name", help="unique, such as retail-training")
        parser.add_argument("--namespace", required=True, help="its home; opened when there is none of that name")
        parser.add_argument("--role", choices=SERVICE_ROLES, default=Role.PIPELINE.value)
        parser.add_argument("--responsible", required=True, metavar="EMAIL", help="the person who answers for it")
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the administrator who does this")
        parser.add_argument("--reason", default="Service account made at the operator's terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it and print the key.

        Raises:
            CommandError: a wrong password, no such person, or a refusal.
        """
        actor = self._administrator(options["by"])
        responsible = Principal.objects.filter(kind=Principal.Kind.PERSON, name=options["responsible"].lower()).first()
        if responsible is None:
            raise CommandError(f"There is no person {options['responsible']}: an administrator registers them first.")
        why: dict[str, Any] = {"actor": actor, "reason": options["reason"]}
        try:
            home = Namespace.objects.filter(name=options["namespace"]).first()
            home = home or create_namespace(name=options["namespace"], **why)[0]
            account = create_service_account(
                name=options["name"], display_name=options["name"], responsible=responsible, home_namespace=home, **why
            )
            grant = grant_role(principal=account, role=Role(options["role"]), namespace=home, **why)
            _stored, key = issue_api_key(principal=account, **why)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        if Role(options["role"]) in TWO_PERSON_ROLES:
            self.stderr.write(
                f"The role waits for a second administrator: POST /api/v1/role-grants/{grant.pk}/approve."
            )
        self.stdout.write(key)

    def _administrator(self, email: str) -> Principal:
        """The administrator, who proves it.

        Raises:
            CommandError: the password is wrong.
        """
        ask = f"Password of {email}: "
        password = getpass.getpass(ask) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        # A request is what counts failed tries against the limit of the sign-in page.
        user = authenticate(HttpRequest(), email=email.lower(), password=password)
        if not isinstance(user, User) or not user.principal.is_active:
            raise CommandError("That is not the password, or the account is closed.")
        return user.principal
