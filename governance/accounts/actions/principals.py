"""Persons, service accounts and their credentials. Credentials are not governed; what happens to them is."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import ApiKey, CredentialEvent, Namespace, Principal, User
from governance.accounts.permissions import holds_anywhere, require
from governance.accounts.roles import Role
from governance.unit_of_work import action

KEY_START = "mun_"
PREFIX_LENGTH = 12  # of the key's characters, kept readable to tell keys apart


def hash_key(key: str) -> str:
    """SHA-256 of an API key, hex. The key has 256 random bits, so a fast hash is enough (no dictionary to try)."""
    return hashlib.sha256(key.encode()).hexdigest()


def _require_administrator(actor: Principal) -> None:
    """The operator's own login (bootstrap) or an administrator.

    Raises:
        errors.Forbidden: neither.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.is_operator()")
        if cursor.fetchone()[0]:
            return
    if not holds_anywhere(actor, Role.ADMINISTRATOR):
        raise errors.Forbidden(_("Only an administrator may do this."), params={"roles": [Role.ADMINISTRATOR.value]})


@action
def create_person(
    *, actor: Principal, reason: str, email: str, display_name: str, password: str | None = None, is_demo: bool = False
) -> Principal:
    """Register a person and open their sign-in account.

    Args:
        email: the person's unique key. password: initial one; None leaves the account without (they reset it by mail).

    Raises:
        errors.Forbidden: the actor is no administrator. errors.Conflict: the address is taken.
    """
    _require_administrator(actor)
    email = email.strip().lower()
    person = Principal.objects.create(
        kind=Principal.Kind.PERSON, name=email, display_name=display_name, is_demo=is_demo
    )
    User.objects.create(email=email, principal=person, password=make_password(password))
    CredentialEvent.objects.create(principal=person, kind=CredentialEvent.Kind.ACCOUNT_OPENED)
    return person


@action
def create_service_account(
    *,
    actor: Principal,
    reason: str,
    name: str,
    display_name: str,
    responsible: Principal,
    home_namespace: Namespace,
    is_demo: bool = False,
) -> Principal:
    """Register a service account; the person `responsible` answers for what it does.

    Raises:
        errors.Forbidden: the actor is no administrator of its home namespace. errors.Conflict: the name is taken.
    """
    require(actor, Role.ADMINISTRATOR, namespace=home_namespace)
    return Principal.objects.create(
        kind=Principal.Kind.SERVICE,
        name=name,
        display_name=display_name,
        responsible=responsible,
        home_namespace=home_namespace,
        is_demo=is_demo,
    )


@action
def deactivate_principal(*, actor: Principal, reason: str, principal: Principal) -> Principal:
    """Close a principal's access: sign-in, keys and grants count no more; the record keeps their name.

    Raises:
        errors.Forbidden: the actor is no administrator everywhere.
    """
    require(actor, Role.ADMINISTRATOR, namespace=None)
    principal.is_active = False
    principal.save(update_fields=["is_active"])
    User.objects.filter(principal=principal).update(is_active=False)
    return principal


@action
def issue_api_key(
    *,
    actor: Principal,
    reason: str,
    principal: Principal,
    expires_at: datetime | None = None,
    scopes: list[str] | None = None,
) -> tuple[ApiKey, str]:
    """Issue a key for a service account. The key itself is returned once and kept nowhere.

    Raises:
        errors.Forbidden: the actor is no administrator of the account's home namespace.
        errors.Invalid: the account is no service account, or the key would be expired at birth.
    """
    if principal.kind != Principal.Kind.SERVICE:
        raise errors.Invalid(_("API keys belong to service accounts. A person signs in."))
    require(actor, Role.ADMINISTRATOR, namespace=principal.home_namespace)
    if expires_at is not None and expires_at <= timezone.now():
        raise errors.Invalid(errors={"expires_at": [_("Give a moment in the future.")]})
    key = KEY_START + secrets.token_urlsafe(32)
    stored = ApiKey.objects.create(
        principal=principal,
        prefix=key[:PREFIX_LENGTH],
        hash=hash_key(key),
        scopes=scopes or [],
        expires_at=expires_at,
    )
    CredentialEvent.objects.create(principal=principal, kind=CredentialEvent.Kind.KEY_ISSUED, key_prefix=stored.prefix)
    return stored, key


@action
def revoke_api_key(*, actor: Principal, reason: str, key: ApiKey) -> ApiKey:
    """Revoke a key at once; revoking it again changes nothing.

    Raises:
        errors.Forbidden: the actor is no administrator of the account's home namespace.
    """
    require(actor, Role.ADMINISTRATOR, namespace=key.principal.home_namespace)
    if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        CredentialEvent.objects.create(
            principal=key.principal, kind=CredentialEvent.Kind.KEY_REVOKED, key_prefix=key.prefix
        )
    key.refresh_from_db()
    return key
