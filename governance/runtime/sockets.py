"""A folder for the services' sockets: short enough for the kernel, closed to everyone else."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from governance.runtime.account import Account
from governance.runtime.home import Home, RuntimeProblem

# `sun_path` holds 108 bytes with the closing zero on Linux, 104 elsewhere.
LONGEST_PATH = 107 if os.uname().sysname == "Linux" else 103
LONGEST_NAME = len("/.s.PGSQL.5432.lock")


def fits(folder: Path) -> bool:
    """Whether sockets in that folder have addresses that the kernel takes."""
    return len(os.fsencode(folder)) + LONGEST_NAME <= LONGEST_PATH


def socket_folder(home: Home, services: Path, account: Account) -> Path:
    """The folder for the sockets, made where it is missing: beside the data, or a short one when that path is too long.

    Raises:
        RuntimeProblem: when no short folder is safe to use.
    """
    beside = services / "socket"
    if fits(beside):
        return _owned(beside, account)
    # The same home always gets the same name, so that a later process finds the running server's sockets.
    name = f"muniment-{os.geteuid()}-{hashlib.sha256(os.fsencode(home.path)).hexdigest()[:16]}"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for parent in ([Path(runtime)] if runtime else []) + [Path(tempfile.gettempdir()), Path("/tmp")]:
        folder = parent / name
        if fits(folder) and parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return _owned(folder, account)
    raise RuntimeProblem(
        f"{home.path} is too long for sockets, and no temporary folder can be written: "
        "set MUNIMENT_HOME to a shorter path."
    )


def _owned(folder: Path, account: Account) -> Path:
    """Make the folder or check the one that is there: in a folder open to all, someone else may have been first."""
    uid = os.geteuid() if account.uid is None else account.uid
    try:
        folder.mkdir(mode=0o700)
        account.give(folder)
    except FileExistsError:
        pass
    except OSError as error:
        raise RuntimeProblem(f"{folder} cannot be made ({error.strerror}): set MUNIMENT_HOME elsewhere.") from error
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or stat.S_IMODE(found.st_mode) != 0o700:
        raise RuntimeProblem(
            f"{folder} is not a folder that only user {uid} may enter: remove it, or set MUNIMENT_HOME elsewhere."
        )
    return folder
