"""The log's signing key: made once under `$MUNIMENT_HOME/keys`, or given by path; its public half told to others."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import stat
from pathlib import Path
from typing import Final

from governance.ledger.note import SignerKey

PATH_VARIABLE: Final = "MUNIMENT_LOG_KEY"
IDENTITY_FILE: Final = "log-identity.env"


class KeyUnusable(Exception):
    """The key cannot be used; the message says what to do, and never holds the key."""


def key_path(home: Path) -> Path:
    """Where the signing key is: `MUNIMENT_LOG_KEY`, or `keys/log.skey` under `home`."""
    given = os.environ.get(PATH_VARIABLE)
    return Path(given) if given else home / "keys" / "log.skey"


def kept_path(home: Path) -> Path:
    """Where the sealer keeps the checkpoint it signed last: beside the key, outside the database."""
    return key_path(home).with_suffix(".checkpoint")


def log_key(home: Path) -> SignerKey:
    """The signing key, made on first use; also sees that `log-identity.env` holds its public half.

    Safe when several processes start at once: the first to finish wins, all read the same key.
    Raises KeyUnusable when the key is malformed, readable by others, or a given path has none.
    """
    path = key_path(home)
    if not path.exists():
        if os.environ.get(PATH_VARIABLE):
            raise KeyUnusable(
                f"{PATH_VARIABLE} names {path}, which does not exist. Put the log's key there, or unset it."
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The name is the log's origin: one that no other log has, and no address that would go stale.
        _create(path, SignerKey.generate(f"muniment/{secrets.token_hex(8)}").export() + "\n")
    key = _load(path)
    _publish(home, key)
    return key


def _load(path: Path) -> SignerKey:
    try:
        if path.stat().st_mode & stat.S_IRWXO:
            raise KeyUnusable(f"The log's key {path} is open to others. Run: chmod 600 {shlex.quote(str(path))}")
        return SignerKey.parse(path.read_text("utf-8").strip())
    except OSError as error:
        raise KeyUnusable(f"The log's key {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise KeyUnusable(f"{path} does not hold a log key: {error}") from error


def _create(path: Path, text: str) -> None:
    """Write a whole file under its name, or leave the one that another process put there first."""
    draft = _draft(path, text)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # unlike rename, never replaces
    finally:
        draft.unlink()


def write_atomically(path: Path, text: str) -> None:
    """Replace a file (mode 600) so that readers see the old or the new text, never a part."""
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _publish(home: Path, key: SignerKey) -> None:
    identity = home / IDENTITY_FILE
    text = f"export LOG_ORIGIN={shlex.quote(key.name)}\nexport LOG_KEY={shlex.quote(str(key.verifier))}\n"
    with contextlib.suppress(FileNotFoundError):
        if identity.read_text("utf-8") == text:
            return
    home.mkdir(parents=True, exist_ok=True)
    write_atomically(identity, text)


def public_identity(home: Path) -> tuple[str, str] | None:
    """(origin, vkey) from `log-identity.env`, for those who may not read the key; None before the first start."""
    try:
        lines = (home / IDENTITY_FILE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return None
    found: dict[str, str] = {}
    for line in lines:
        words = shlex.split(line)
        if len(words) == 2 and words[0] == "export" and "=" in words[1]:
            name, _, value = words[1].partition("=")
            found[name] = value
    if not found.keys() >= {"LOG_ORIGIN", "LOG_KEY"}:
        raise KeyUnusable(f"{home / IDENTITY_FILE} lacks LOG_ORIGIN or LOG_KEY; delete it and start again.")
    return found["LOG_ORIGIN"], found["LOG_KEY"]
