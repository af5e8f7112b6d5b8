"""What each MLflow server wants to be shown, kept outside the record: a file of the operator's, one entry per server.

    {"https://mlflow.bank.example": {"token": "…", "namespaces": ["retail"]},
     "https://other.example": {"username": "muniment", "password": "…"}}

Found by the server's base address alone: whoever names another server in the record cannot have a secret sent there.
"namespaces" are those whose administrators may have the server read; without it, those of every namespace may. An entry
may consist of it alone, for a server that wants no secret.
"""

import base64
import json
import stat
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors


def secret_of(server: str, namespace: str) -> str | None:
    """The value of the Authorization header for a server that is read for a namespace; None: the operator gave none.

    Raises:
        errors.Invalid: the operator keeps the server for other namespaces.
        errors.Unavailable: the file cannot be read, others than its owner may read it, or it is not of its form.
    """
    if not settings.MLFLOW_SECRETS:
        return None
    entry = _entries(Path(settings.MLFLOW_SECRETS)).get(server)
    if entry is None:
        return None
    if isinstance(entry, Mapping):
        secret = {key: value for key, value in entry.items() if key != "namespaces"}
        if "namespaces" in entry:
            _check(entry["namespaces"], namespace)
            if not secret:
                return None
        if set(secret) == {"token"} and _plain(secret["token"]):
            return f"Bearer {secret['token']}"
        if set(secret) == {"username", "password"} and all(_plain(one) for one in secret.values()):
            pair = f"{secret['username']}:{secret['password']}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
    raise _unusable(_("an entry is {token} or {username, password}, and may have {namespaces}"))


def _check(listed: object, namespace: str) -> None:
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _unusable(_("namespaces are a list of names"))
    if namespace not in listed:
        raise errors.Invalid(
            _("The operator has not listed the namespace %(namespace)s for this server.") % {"namespace": namespace}
        )


def _plain(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable() and value.isascii()


def _entries(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
                raise _unusable(_("others than its owner may read it (chmod 600)"))
            found = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise _unusable(type(error).__name__) from error
    if not isinstance(found, Mapping):
        raise _unusable(_("it is no object of servers"))
    return found


def _unusable(why: str) -> errors.Unavailable:
    """The same to everyone: neither the file's place nor what it holds is theirs to know."""
    sentence = _("The operator's file of secrets for MLflow servers cannot be used: %(why)s.") % {"why": why}
    return errors.Unavailable(sentence, errors={"server": [sentence]})
