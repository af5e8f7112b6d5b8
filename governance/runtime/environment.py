"""The addresses by which the rest of the product, and people with `psql`, reach the embedded services."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from governance.runtime.home import Home, RuntimeProblem, write_private
from governance.runtime.keys import Passwords, django_secret
from governance.runtime.valkey import broker_url

DATABASE_VARIABLES = {
    "app": "DATABASE_URL",
    "owner": "DATABASE_OWNER_URL",
    "sealer": "DATABASE_SEALER_URL",
    "auditor": "DATABASE_AUDITOR_URL",
    "superuser": "DATABASE_SUPERUSER_URL",
}


def database_urls(sockets: Path, passwords: Passwords, database: str = "muniment") -> dict[str, str]:
    """The embedded database's addresses by environment variable; psycopg, psql and libpq's parser all take them."""
    # The port is named because PGPORT, set on many machines, would otherwise name the socket.
    where = f"@/{database}?host={quote(str(sockets), safe='')}&port=5432"
    return {
        variable: f"postgresql://muniment_{login}:{passwords[login]}{where}"
        for login, variable in DATABASE_VARIABLES.items()
    }


def service_urls(sockets: Path, passwords: Passwords) -> dict[str, str]:
    """All addresses of the embedded services, the broker's included."""
    return database_urls(sockets, passwords) | {"CELERY_BROKER_URL": broker_url(sockets, passwords["broker"])}


def export_lines(variables: Mapping[str, str]) -> str:
    """Shell lines `export NAME=value`, quoted so that `source` takes them as they are."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def write_environment_files(home: Home, sockets: Path, passwords: Passwords) -> None:
    """Write `database.env` and `broker.env` into the home, of mode 0600.

    Raises:
        RuntimeProblem: when they cannot be written.
    """
    write_private(home.path / "database.env", export_lines(database_urls(sockets, passwords)))
    broker = {"CELERY_BROKER_URL": broker_url(sockets, passwords["broker"])}
    write_private(home.path / "broker.env", export_lines(broker))


def is_production() -> bool:
    """Whether this is a production start, which invents nothing."""
    return os.environ.get("MUNIMENT_ENV") == "production"


def missing_services() -> tuple[str, ...]:
    """Which services the environment names no address of: some of `database`, `broker`.

    Raises:
        RuntimeProblem: in production, where an embedded service would be a surprise.
    """
    wanted = {"database": "DATABASE_URL", "broker": "CELERY_BROKER_URL"}
    missing = tuple(service for service, variable in wanted.items() if not os.environ.get(variable))
    if missing and is_production():
        names = " and ".join(wanted[service] for service in missing)
        raise RuntimeProblem(f"MUNIMENT_ENV is production and {names} is not set: production starts no service itself.")
    return missing


def for_login(urls: Mapping[str, str], login: str) -> dict[str, str]:
    """What one process gets of the embedded addresses: its own login's and the broker's, nobody else's password."""
    own = DATABASE_VARIABLES[login]
    return {name: value for name, value in urls.items() if name in (own, "CELERY_BROKER_URL")}


def without_password(url: str) -> str:
    """A PostgreSQL address that still names its role, and opens nothing."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    return make_conninfo(user=str(conninfo_to_dict(url).get("user", "")))


def common(home: Home) -> dict[str, str]:
    """What every process of a home needs beside the addresses.

    Raises:
        RuntimeProblem: when the secret key can neither be read nor made.
    """
    found = {"MUNIMENT_HOME": str(home.path), "DJANGO_SETTINGS_MODULE": "governance.settings"}
    if not os.environ.get("DJANGO_SECRET_KEY") and not is_production():
        found["DJANGO_SECRET_KEY"] = django_secret(home)
    return found
