"""Showing once more who one is, at the moment of signing (21 CFR 11.200: a signature is executed by its owner).

A door that takes a signature asks `recent`, or checks a password with `verify_password`, and hands the answer (when,
and by which method) to the action, which puts it on record with the signature.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from governance.accounts.models import Principal, User
from governance.errors import Forbidden, Refused, Unauthenticated

TRIES = 5
"""Wrong passwords at the signing prompt before it closes for a while (attack A83)."""
CLOSED_FOR = timedelta(minutes=15)
PASSWORD = "password"


class TooManyTries(Refused):
    """The signing prompt is closed for a while; the session stays."""

    slug, status, title = "too-many-tries", 429, _("Too many tries")


def recent(request: HttpRequest) -> tuple[datetime, str] | None:
    """When and how the person last confirmed who they are in this session; None if that is too long ago, or never.

    Signing in is not enough: the session may have been left open. The limit (s): ACCOUNT_REAUTHENTICATION_TIMEOUT.
    """
    request = _django(request)
    user: Any = request.user
    if not user.is_authenticated or not _may_sign_in(user):
        return None
    confirmed = [one for one in get_authentication_records(request, user) if one.get("reauthenticated")]
    if not confirmed:
        return None
    at = datetime.fromtimestamp(confirmed[-1]["at"], tz=UTC)
    age = timezone.now() - at
    if not timedelta(0) <= age <= timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT):
        return None
    return at, str(confirmed[-1]["method"])


def verify_password(request: HttpRequest, password: str) -> tuple[datetime, str]:
    """Check the password of the person signed in; when and how it was confirmed.

    Raises:
        Unauthenticated: nobody is signed in, or their account is closed.
        Forbidden: the password is wrong.
        TooManyTries: five wrong ones within a quarter of an hour, counted over all sessions of the person.
    """
    request = _django(request)
    user: Any = request.user
    if not user.is_authenticated or not isinstance(user, User) or not _may_sign_in(user):
        raise Unauthenticated(_("Sign in again."))
    slots = [f"muniment.signing.{user.pk}.{number}" for number in range(TRIES)]
    # A try is paid for before it is made, with an insert that only one can win: guesses sent at once count as well.
    if not any(cache.add(slot, 1, timeout=CLOSED_FOR.total_seconds()) for slot in slots):
        raise TooManyTries(
            _("Too many wrong passwords. Wait %(minutes)d minutes, or have your password reset.")
            % {"minutes": CLOSED_FOR.total_seconds() // 60}
        )
    # The row as it is now: a password that was reset a moment ago must not pass by the session's copy.
    current = User.objects.filter(pk=user.pk, is_active=True).values_list("password", flat=True).first()
    if current is None or not check_password(password, current):
        raise Forbidden(_("The password is wrong. Nothing was signed."), errors={"password": [_("Wrong.")]})
    cache.delete_many(slots)
    record_authentication(request, user, method=PASSWORD, reauthenticated=True)
    return timezone.now(), PASSWORD


def _django(request: Any) -> HttpRequest:
    """Django's own request inside REST framework's."""
    inner: HttpRequest = getattr(request, "_request", request)
    return inner


def _may_sign_in(user: Any) -> bool:
    principal = user.principal
    return bool(user.is_active and principal.is_active and principal.kind == Principal.Kind.PERSON)
