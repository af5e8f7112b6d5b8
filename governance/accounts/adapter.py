"""How allauth treats our accounts: nobody signs up; persons are registered by an administrator."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """No self sign-up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an unknown person has no principal and could act as nobody."""
        return False

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Unreachable while sign-up is closed; stays closed even if a form is posted."""
        raise PermissionError("Accounts are opened by an administrator.")
