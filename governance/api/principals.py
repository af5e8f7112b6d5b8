"""Who asks, and why: what a door reads off a request before it calls an action."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.request import Request

from governance import logs
from governance.accounts.models import ApiKey, Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.errors import Forbidden, Invalid, Missing, Unauthenticated


@dataclass(frozen=True)
class ApiKeyIdentity:
    """Stands where Django expects a user: a service account that showed a key. It has no session and no password."""

    principal: Principal
    key: ApiKey
    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False

    @property
    def pk(self) -> str:
        """What throttles and logs tell callers apart by."""
        return f"key-{self.key.pk}"

    def __str__(self) -> str:
        return self.principal.name


def principal_of(request: Request | HttpRequest) -> Principal:
    """The principal that asks. Raises Unauthenticated (401) when nobody is named, or one who may act no longer."""
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise Unauthenticated(_("Sign in, or send an API key: Authorization: Bearer <key>."))
    principal = getattr(user, "principal", None)
    if not isinstance(principal, Principal) or not principal.is_active:
        raise Unauthenticated(_("This account acts no longer. Ask an administrator."))
    logs.note(principal_id=principal.pk)
    return principal


def api_key_of(request: Request | HttpRequest) -> ApiKey | None:
    """The API key the request was made with; None for a person's session."""
    key = getattr(request, "auth", None)
    return key if isinstance(key, ApiKey) else None


def person_of(request: Request | HttpRequest) -> Principal:
    """The person who asks, through a session of their own. Raises Forbidden (403) for an API key: keys cannot sign."""
    principal = principal_of(request)
    if api_key_of(request) is not None or principal.kind != Principal.Kind.PERSON:
        raise Forbidden(_("Only a person signed in at this moment may do this; an API key may not."))
    return principal


def reason_of(request: Request, data: dict[str, Any] | None = None) -> str:
    """The reason given in the body, or the call itself as a sentence."""
    body: Any = data if data is not None else request.data
    given = body.get("reason")
    if isinstance(given, str) and given.strip():
        return given
    return f"{request.method} {request.path}"


def namespace_of(principal: Principal, name: str | None, *, field: str = "namespace") -> Namespace:
    """The namespace a body or an address names, or the home of the service account.

    Raises:
        Missing: none of that name, or none the principal may read: told alike.
        Invalid: none named, and the principal has no home.
    """
    if name is None:
        if principal.home_namespace is None:
            raise Invalid(_("Name a namespace."), errors={field: [_("Required: you have no home namespace.")]})
        return principal.home_namespace
    found = readable_namespaces(principal).filter(name=name).first()
    if found is None:
        raise Missing(_("No such namespace, or none that you may read."), errors={field: [_("No such namespace.")]})
    return found
