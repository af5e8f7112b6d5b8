"""How allauth treats our accounts: nobody signs up; persons are registered by an administrator."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from governance.accounts.actions.credentials import set_own_password
from governance.accounts.models import Principal


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    """No self sign-up; nobody signs in whose principal acts no longer; each new password is on record."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an unknown person has no principal and could act as nobody."""
        return False

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Unreachable while sign-up is closed; stays closed even if a form is posted."""
        raise PermissionError("Accounts are opened by an administrator.")

    def pre_login(self, request: HttpRequest, user: Any, **more: Any) -> HttpResponse | None:
        """After the password was right: only an active person comes in."""
        if not user.is_active or not user.principal.is_active or user.principal.kind != Principal.Kind.PERSON:
            refused: HttpResponse = self.respond_user_inactive(request, user)
            return refused
        answer: HttpResponse | None = super().pre_login(request, user, **more)
        return answer

    def set_password(self, user: Any, password: str) -> None:
        """Called for every new password, by the page or by the link in a mail."""
        page = self.request.resolver_match
        by_mail = page is None or page.url_name != "account_change_password"
        reason = _("Password set by the link sent by mail") if by_mail else _("Password changed by its holder")
        changed = set_own_password(actor=user.principal, reason=reason, password=password, by_mail=by_mail)
        # allauth goes on with its own instance: the session's hash must be that of the new password.
        user.password = changed.password
