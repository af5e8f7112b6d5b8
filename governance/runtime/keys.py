"""Generated passwords and keys, each made once and kept in files that only their user may read."""

import json
import secrets
from dataclasses import dataclass

from governance.runtime.home import Home, RuntimeProblem, locked, said_plainly, write_private

NAMES = ("superuser", "owner", "app", "sealer", "auditor", "broker")


@dataclass(frozen=True)
class Passwords:
    """The passwords of the embedded services, by login; hexadecimal, so that no URL or shell changes them."""

    by_name: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.by_name[name]


def passwords(home: Home, *, may_make: bool) -> Passwords:
    """The passwords of a home's services.

    Args:
        may_make: whether missing ones may be generated: not once a database exists that knows others.

    Raises:
        RuntimeProblem: when the file is missing though it must be there, or is not what was written.
    """
    path = home.keys / "services.json"
    with said_plainly(path):
        if not path.exists():
            if not may_make:
                raise RuntimeProblem(
                    f"{path} is missing, and the database in {home.services} has passwords that only it knows: "
                    "restore that file from a backup."
                )
            made = {name: secrets.token_hex(24) for name in NAMES}
            write_private(path, json.dumps(made, indent=1) + "\n")
            return Passwords(made)
        text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
        return Passwords({name: str(found[name]) for name in NAMES})
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeProblem(f"{path} is damaged: restore it from a backup.") from error


def django_secret(home: Home) -> str:
    """Django's secret key for this home, made on first use.

    Raises:
        RuntimeProblem: when it cannot be read or written.
    """
    path = home.keys / "django-secret"
    with said_plainly(path), locked(home.run / "keys.lock"):
        if not path.exists() or not path.read_text(encoding="utf-8").strip():
            write_private(path, secrets.token_urlsafe(48) + "\n")
        return path.read_text(encoding="utf-8").strip()
