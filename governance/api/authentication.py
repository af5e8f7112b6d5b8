"""Who is asking: a service account by its key, or a person by their session.

A key travels in the Authorization header and nowhere else: `Bearer <key>`, or `Basic` with the service account's name
and the key as password, as tools that know only user and password send it. Every reason to refuse a key is answered in
the same words, in about the same time: a guesser learns nothing (attack A70).
"""

import base64
import binascii
import hmac
import json
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.signals import request_finished
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DjangoSessionAuthentication
from rest_framework.request import Request

from governance.accounts.actions.principals import KEY_START, PREFIX_LENGTH, hash_key
from governance.accounts.models import ApiKey, Namespace, Principal
from governance.api import rates
from governance.api.principals import ApiKeyIdentity
from governance.errors import Invalid
from governance.history.partial import known_as

LAST_USED_EVERY = timedelta(minutes=1)
_SUSPECT_PARAMETERS = frozenset(
    {"key", "api_key", "apikey", "api-key", "token", "access_token", "authorization", "password"}
)
_used = threading.local()


class Question(NamedTuple):
    """One value of the database about a namespace, to be asked along with who calls: in one journey."""

    sql: str
    """An expression in which `{namespace}` stands for the namespace's id, and %s for each parameter."""
    parameters: Sequence[Any]


class Caller(NamedTuple):
    """Who showed a key, where they are, and where their account stands."""

    key: ApiKey
    namespace: Namespace | None
    """The one named, or the account's home, if it has a role there; None: it has none, or there is none."""
    rate: rates.Rate | None
    """With this call counted; None: no limit is set."""
    answer: Any
    """To the question; None unless the namespace is there."""


def refuse_key_in_address(query: Mapping[str, Any]) -> None:
    """Raises Invalid (400) for a key in the address, even a valid one: addresses end up in logs and histories."""
    for name in query:
        value = str(query[name])
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
        refuse_key_in_address(request.query_params)
        shown = shown_in(request.META.get("HTTP_AUTHORIZATION", ""))
        if shown is None:
            return None
        key = required(find_key(shown[1]), shown[0])
        return ApiKeyIdentity(principal=key.principal, key=key), key

    def authenticate_header(self, request: Request) -> str:
        """The challenge that comes with a 401."""
        return self.realm


def shown_in(header: str) -> tuple[str | None, str] | None:
    """The account's name (None: not said) and the key in an Authorization header; None: no header.

    Raises:
        AuthenticationFailed (401): another scheme, or one that cannot be read.
    """
    if not header:
        return None
    scheme, _blank, given = header.partition(" ")
    if scheme.lower() == "basic":
        name, given = _basic(given)
        return name, given.strip()
    if scheme.lower() != "bearer":
        raise exceptions.AuthenticationFailed(_("Send the key as: Authorization: Bearer <key>."))
    return None, given.strip()


def required(key: ApiKey | None, name: str | None) -> ApiKey:
    """The key, if its account (of that name, where one is said) may act. Raises AuthenticationFailed (401)."""
    if key is None or not may_act(key.principal) or (name is not None and key.principal.name != name):
        raise exceptions.AuthenticationFailed(
            _("This key is not known, has expired, was revoked, or its account acts no longer. Ask for a new one.")
        )
    _note_use(key)
    return key


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
    return _in_force(_row("SELECT c.* FROM muniment.caller(%s, NULL, NULL) c", given, []), given)


#: What is asked where there is no question.
NO_QUESTION = Question("NULL", [])


def find_caller(given: str, workspace: str | None, question: Question = NO_QUESTION) -> Caller | None:
    """As `find_key`, with the namespace of that name (None: the account's home), in one journey to the database.

    The call is counted, and a question answered. A wrong key counts nothing and is answered nothing: the database
    compares too, and what it compares, a guesser cannot steer. The count comes last: until the statement ends, its row
    is locked.
    """
    answered = question.sql.format(namespace="c.namespace")
    row = _row(
        f"SELECT c.*, CASE WHEN c.namespace IS NOT NULL THEN {answered} END, CASE WHEN c.hash = %s AND %s"
        " THEN muniment.count_call(c.principal, %s) END FROM muniment.caller(%s, %s, %s) c",
        given, [*question.parameters, (hashed := hash_key(given)), settings.RATE_LIMIT > 0, rates.WINDOW],
        [hashed, workspace],
    )  # fmt: skip
    key = _in_force(row, given)
    if row is None or key is None:
        return None
    *_key, namespace, answer, counted = row
    named = workspace if workspace is not None else key.principal.home_namespace and key.principal.home_namespace.name
    return Caller(
        key,
        known_as(Namespace, id=namespace, name=named) if namespace is not None else None,
        rates.Rate(settings.RATE_LIMIT, *counted) if counted else None,
        answer,
    )


def _row(sql: str, given: str, before: Sequence[Any], after: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    prefix = given[:PREFIX_LENGTH]
    if "\x00" in prefix:
        return None
    with connection.cursor() as cursor:
        cursor.execute(sql, [*before, prefix, *after])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _in_force(row: tuple[Any, ...] | None, given: str) -> ApiKey | None:
    # Compared even when nothing was found, so that an unknown prefix takes as long as a wrong key.
    same = hmac.compare_digest(row[2] if row else "0" * 64, hash_key(given))
    if row is None or not same:
        return None
    key_id, prefix, hash, scopes, expires_at, revoked_at, last_used_at = row[:7]
    if revoked_at is not None or (expires_at is not None and expires_at <= timezone.now()):
        return None
    principal_id, kind, name, display_name, is_active, responsible, responsible_active, home, home_name = row[7:16]
    principal = known_as(
        Principal, id=principal_id, kind=kind, name=name, display_name=display_name, is_active=is_active,
        responsible_id=responsible, home_namespace_id=home,
    )  # fmt: skip
    principal.responsible = (
        None if responsible is None else known_as(Principal, id=responsible, is_active=responsible_active)
    )
    principal.home_namespace = None if home is None else known_as(Namespace, id=home, name=home_name)
    key = known_as(
        ApiKey, id=key_id, principal_id=principal_id, prefix=prefix, hash=hash, scopes=json.loads(scopes),
        expires_at=expires_at, revoked_at=revoked_at, last_used_at=last_used_at,
    )  # fmt: skip
    key.principal = principal
    return key


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
