"""Where data lies that a worker profiles: uploaded, in a folder of the operator's, or behind an https address.

What was uploaded or fetched is kept for as long as its profile takes, in `settings.PROFILE_PLACE`, and never longer
than a day. Web and workers on different machines share that folder, or files are profiled where they lie.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from lineage.models import DatasetVersion
from lineage.tracking.connection import Connection

DAY = 86_400.0
_TOKEN = re.compile(r"[0-9a-f]{32}")

Told = Callable[[int], None]


class FileServer(Connection):
    """A server that data is fetched from: on a public address, or one that the operator lists as the house's own."""

    def _secret_for(self, namespace: str) -> str | None:
        """None: a secret of the house must not go where a registered location says."""
        return None

    def _is_own(self) -> bool:
        return self.server in settings.PROFILE_SERVERS


def place() -> Path:
    """The folder of what is profiled now, for its user alone."""
    found = Path(settings.PROFILE_PLACE)
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def new_token() -> str:
    """Names an upload."""
    return uuid.uuid4().hex


def uploaded(token: str) -> Path:
    """Where an upload lies. Raises errors.Missing for what is no token."""
    if not _TOKEN.fullmatch(token):
        raise errors.Missing(_("There is no such upload."))
    return place() / f"{token}.upload"


def forget(token: str) -> None:
    """Remove an upload, if it is there."""
    if token:
        uploaded(token).unlink(missing_ok=True)


def lying(seconds: float) -> list[str]:
    """Tokens of uploads to which nothing was added for so long."""
    found = []
    for one in place().glob("*.upload"):
        with suppress(FileNotFoundError):  # a worker is done with it
            if one.lstat().st_mtime < time.time() - seconds:
                found.append(one.stem)
    return found


def forget_what_is_old(seconds: float = DAY) -> int:
    """Remove what a worker that died, or an upload nobody asked about, left lying; how many."""
    removed = 0
    for one in place().iterdir():
        try:
            if one.lstat().st_mtime > time.time() - seconds:
                continue
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
            else:
                one.unlink()
            removed += 1
        except FileNotFoundError:  # another worker was faster
            continue
    return removed


def readable_location(version: DatasetVersion) -> bool:
    """Whether the version's own location is one a worker may go to; not whether something lies there."""
    parts = urlsplit(version.location)
    if parts.scheme == "file":
        return bool(_folders(version))
    return parts.scheme == "https" or (parts.scheme == "http" and _server(version.location) in settings.PROFILE_SERVERS)


@contextmanager
def opened(version: DatasetVersion, upload: str, told: Told) -> Iterator[int]:
    """A descriptor of the data, open for reading.

    Args:
        upload: the token of an upload; "" for the version's own location. told: hears the bytes fetched so far.

    Raises:
        errors.Missing: the upload, or the file, is not there. errors.Invalid, errors.Unavailable, errors.TooLarge: the
            location cannot be read from here.
    """
    fetched: Path | None = None
    try:
        if upload:
            path = uploaded(upload)
            if not path.exists():
                raise errors.Missing(
                    _("The upload is not here any more, or web and workers share no folder for profiles. Upload again.")
                )
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        elif urlsplit(version.location).scheme == "file":
            file = _in_folder(version)
        else:
            fetched = _fetched(version, told)
            file = os.open(fetched, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except BaseException:
        if fetched is not None:
            fetched.unlink(missing_ok=True)
        raise
    try:
        yield file
    finally:
        os.close(file)
        if fetched is not None:
            fetched.unlink(missing_ok=True)


def _folders(version: DatasetVersion) -> list[Path]:
    """The operator's folders for all namespaces, and for the version's."""
    own = version.dataset.namespace.name
    return [Path(folder) for name, folder in settings.PROFILE_FOLDERS if name in ("", own)]


def _in_folder(version: DatasetVersion) -> int:
    """Open a file under a folder of the operator's. Looked at once it is open: a link may have led anywhere."""
    parts = urlsplit(version.location)
    nowhere = errors.Missing(
        _(
            "No file lies there, in a folder that the operator lists for profiles of this namespace"
            " (MUNIMENT_PROFILE_FOLDERS)."
        )
    )
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or "\0" in unquote(parts.path):
        raise nowhere
    roots = [folder.resolve() for folder in _folders(version)]
    path = Path(unquote(parts.path))
    if not roots or not any(path.is_relative_to(root) for root in [*roots, *_folders(version)]):
        raise nowhere
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would be waited for
    except OSError:
        raise nowhere from None
    really = Path(os.readlink(f"/proc/self/fd/{file}")) if Path("/proc/self/fd").exists() else path.resolve()
    if not stat.S_ISREG(os.fstat(file).st_mode) or not any(really.is_relative_to(root) for root in roots):
        os.close(file)
        raise nowhere
    return file


def _server(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}"


def _fetched(version: DatasetVersion, told: Told) -> Path:
    if not readable_location(version):
        raise errors.Invalid(
            _("A worker reads https: addresses, and file: under folders that the operator lists. Upload the file, or"
              " profile it where it lies: muniment profile FILE.")
        )  # fmt: skip
    parts = urlsplit(version.location)
    server = FileServer(
        _server(version.location), namespace=version.dataset.namespace.name, field="location",
        max_bytes=settings.PROFILE_MAX_MIB * 2**20, seconds=settings.PROFILE_SECONDS,
    )  # fmt: skip
    number, name = tempfile.mkstemp(prefix="fetched-", dir=place())
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            with server.opened(unquote(parts.path).lstrip("/"), query) as body:
                for part in body:
                    file.write(part)
                    told(server.bytes)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
