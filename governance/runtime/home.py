"""`MUNIMENT_HOME`: the one folder that a copy of the product keeps its services, keys and logs in.

Only its user may enter: folders are of mode 0700, files of mode 0600. A folder that already holds something else is
left alone, because taking it over would change its mode.
"""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
MARKER = "ABOUT-THIS-FOLDER.txt"
ABOUT = (
    "Muniment keeps its embedded database, its broker, its generated keys and its logs here.\n"
    "Only the user who runs it may enter. Removing this folder removes every record in it. Where `services` is a\n"
    "link, the database lies in the folder it names (PostgreSQL does not run as root): remove that one, too.\n"
)


class RuntimeProblem(Exception):
    """Something about the machine that a person must mend; its text is one sentence that says what and how."""


def located() -> Path:
    """The home that the environment names, or `var` in the project's root; absolute, not yet made."""
    return Path(os.environ.get("MUNIMENT_HOME") or PROJECT / "var").expanduser().absolute()


@contextlib.contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal into one sentence that names the path.

    Raises:
        RuntimeProblem: for any OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RuntimeProblem(
            f"{error.filename or path} cannot be used ({reason}): mend it, or set MUNIMENT_HOME to another folder."
        ) from error


def make_private_folder(path: Path) -> Path:
    """Make a folder that only the current user may enter, or take one that is theirs and close it to others.

    Raises:
        RuntimeProblem: when it is no folder, belongs to someone else, or cannot be written.
    """
    with said_plainly(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise RuntimeProblem(
                f"{path} belongs to user {found.st_uid}, not to you ({os.geteuid()}): "
                "run as that user, or set MUNIMENT_HOME to another folder."
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
        if not os.access(path, os.W_OK | os.X_OK):
            raise RuntimeProblem(f"{path} cannot be written: set MUNIMENT_HOME to a folder on a writable disk.")
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 so that a reader sees the old text or the new one, never a half.

    Raises:
        RuntimeProblem: when it cannot be written.
    """
    with said_plainly(path):
        # mkstemp makes files of mode 0600 and of a name that nobody can guess.
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file for as long as the block runs; the kernel lets go of it when the process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Home:
    """The folders of one copy. Make it with `Home.open`, which sees to it that they exist and are closed to others."""

    path: Path

    @property
    def keys(self) -> Path:
        """Generated passwords and keys."""
        return self.path / "keys"

    @property
    def log(self) -> Path:
        """One file for each process."""
        return self.path / "log"

    @property
    def run(self) -> Path:
        """Locks and the state of what runs now."""
        return self.path / "run"

    @property
    def services(self) -> Path:
        """Data of PostgreSQL and Valkey; under root a link to a folder that the services' own user may enter."""
        return self.path / "services"

    @classmethod
    def open(cls, path: Path | None = None) -> "Home":
        """The home at a path (default: `located()`), its folders made where they are missing.

        Raises:
            RuntimeProblem: when the folder is not usable, or holds something that Muniment did not put there.
        """
        home = cls((path or located()).absolute())
        home._claim()
        for folder in (home.keys, home.log, home.run):
            make_private_folder(folder)
        return home

    def _claim(self) -> None:
        with said_plainly(self.path):
            foreign = (
                self.path.is_dir()
                and stat.S_IMODE(self.path.stat().st_mode) & 0o077 != 0
                and not (self.path / MARKER).exists()
                and any(self.path.iterdir())
            )
        if foreign:
            raise RuntimeProblem(
                f"{self.path} is open to others and holds files that are not Muniment's: "
                "set MUNIMENT_HOME to a new or empty folder."
            )
        make_private_folder(self.path)
        if not (self.path / MARKER).exists():
            write_private(self.path / MARKER, ABOUT)

    def log_file(self, name: str, *, keep: int = 10_000_000) -> Path:
        """The log of one process, of mode 0600; past `keep` bytes the old one steps aside as `NAME.log.1`.

        Raises:
            RuntimeProblem: when it cannot be written.
        """
        path = self.log / f"{name}.log"
        with said_plainly(path):
            if path.exists() and path.stat().st_size > keep:
                os.replace(path, path.with_suffix(".log.1"))
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
            path.chmod(0o600)
        return path


def last_lines(path: Path, count: int = 5) -> str:
    """The last lines of a log, for a message; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join([line for line in lines if line.strip()][-count:])
