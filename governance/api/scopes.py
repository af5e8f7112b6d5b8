"""What a key is good for, beyond what its account's roles permit: a key may be cut to less, never to more.

A scope is `read` or `write` (everything), or `<collection>:read` or `<collection>:write`. No scopes: all that the
roles permit.
"""

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _

from governance.accounts.models import ApiKey
from governance.errors import Forbidden

FORM = re.compile(r"(?:[a-z][a-z0-9-]*:)?(?:read|write)")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def permits(scopes: Sequence[str], *, collection: str, method: str) -> bool:
    """Whether a key with these scopes may make this call. `write` includes `read` of the same collection."""
    if not scopes:
        return True
    wanted = {"write", f"{collection}:write"}
    if method in _READING:
        wanted |= {"read", f"{collection}:read"}
    return not wanted.isdisjoint(scopes)


def require_scope(key: ApiKey | None, *, collection: str, method: str) -> None:
    """Raises Forbidden when the key was not issued for this call. Sessions have no scopes."""
    if key is None or permits(key.scopes, collection=collection, method=method):
        return
    needed = f"{collection}:{'read' if method in _READING else 'write'}"
    raise Forbidden(
        _("This key was not issued for %(scope)s. Use another key, or have one issued with that scope.")
        % {"scope": needed},
        params={"scope": needed},
    )
