"""Who is asking: a service account by its key, or a person by their session.

A key travels in the Authorization header and nowhere else: `Bearer <key>`, or `Basic` with the service account's name
and the key as password, as tools that know only user and password send it. Every reason to refuse a key is answered in
the same words, in about the same time: a guesser learns nothing (attack A70).
"""

import base64
import binascii
import hmac
import threading
from datetime import timedelta
from typing import Any

from django.core.signals import request_finished
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DjangoSessionAuthentication
from rest_framework.request import Request

from governance.accounts.actions.principals import KEY_START, PREFIX_LENGTH, hash_key
from governance.accounts.models import ApiKey, Principal
from governance.api.principals import ApiKeyIdentity
from governance.errors import Invalid

LAST_USED_EVERY = timedelta(minutes=1)
_SUSPECT_PARAMETERS = frozenset(
    {"key", "api_key", "apikey", "api-key", "token", "access_token", "authorization", "password"}
)
_used = threading.local()


def refuse_key_in_address(request: Request) -> None:
    """Raises Invalid (400) for a key in the address, even a valid one: addresses end up in logs and histories."""
    for name in request.query_params:
        value = str(request.query_params[name])
        if name.lower() in _SUSPECT_PARAMETERS or value.startswith(KEY_START) or name.startswith(KEY_START):
            sentence = _(
                "A key never belongs into an address: addresses are logged. Send it as Authorization: Bearer <key>."
            )
            raise Invalid(
                sentence + " " + _("If this one was real, have it revoked."),
                errors={"(address)": [sentence]},
                params={"code": "key-in-address"},
            )


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>` or `Basic base64(<service account>:<key>)`."""

    realm = 'Bearer realm="muniment"'

    def authenticate(self, request: Request) -> tuple[ApiKeyIdentity, ApiKey] | None:
        """The identity and its key; None when the request shows no key. Raises AuthenticationFailed (401)."""
        refuse_key_in_address(request)
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _blank, given = header.partition(" ")
        name: str | None = None
        if scheme.lower() == "basic":
            name, given = _basic(given)
        elif scheme.lower() != "bearer":
            raise exceptions.AuthenticationFailed(_("Send the key as: Authorization: Bearer <key>."))
        key = find_key(given.strip())
        if key is None or not may_act(key.principal) or (name is not None and key.principal.name != name):
            raise exceptions.AuthenticationFailed(
                _("This key is not known, has expired, was revoked, or its account acts no longer. Ask for a new one.")
            )
        _note_use(key)
        return ApiKeyIdentity(principal=key.principal, key=key), key

    def authenticate_header(self, request: Request) -> str:
        """The challenge that comes with a 401."""
        return self.realm


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, colon, key = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise exceptions.AuthenticationFailed(_("Basic credentials are the base64 of <service account>:<key>."))
    return name, key


def find_key(given: str) -> ApiKey | None:
    """The key in force that was shown, found by its public prefix and compared in constant time."""
    now = timezone.now()
    prefix = given[:PREFIX_LENGTH]
    found = (
        ApiKey.objects.select_related("principal__responsible", "principal__home_namespace")
        .filter(prefix=prefix)
        .first()
        if "\x00" not in prefix
        else None
    )
    # Compared even when nothing was found, so that an unknown prefix takes as long as a wrong key.
    same = hmac.compare_digest(found.hash if found else "0" * 64, hash_key(given))
    if found is None or not same or found.revoked_at is not None:
        return None
    return None if found.expires_at is not None and found.expires_at <= now else found


def may_act(principal: Principal) -> bool:
    """Whether a principal is active and, for a service account, somebody active still answers for it."""
    if not principal.is_active:
        return False
    if principal.kind == Principal.Kind.SERVICE:
        return principal.responsible is not None and principal.responsible.is_active
    return principal.kind == Principal.Kind.PERSON


def _note_use(key: ApiKey) -> None:
    if key.last_used_at is None or timezone.now() - key.last_used_at >= LAST_USED_EVERY:
        _used.key_id = key.pk


def _write_use(**_signal: Any) -> None:
    """After the answer has left: once a minute at most, however many threads and processes see the same key."""
    key_id = _used.__dict__.pop("key_id", None)
    if key_id is None:
        return
    now = timezone.now()
    due = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USED_EVERY)
    ApiKey.objects.filter(due, pk=key_id).update(last_used_at=now)


request_finished.connect(_write_use, dispatch_uid="muniment.api_key_last_used")


class SessionAuthentication(DjangoSessionAuthentication):
    """A person's session, with the CSRF token that Django asks for. Who is suspended is out of the API at once."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """The signed-in user. Raises AuthenticationFailed (401) when their principal acts no longer."""
        found = super().authenticate(request)
        if found is not None and not may_act(found[0].principal):
            raise exceptions.AuthenticationFailed(_("This account acts no longer. Ask an administrator."))
        return found
