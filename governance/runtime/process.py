"""Child processes that never outlive their parent unnoticed, and are stopped in a known order."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from governance.runtime.home import RuntimeProblem

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with_parent(death_signal: int) -> None:
    # Runs between fork and exec, after a change of user (which would clear the setting). The kernel then sends the
    # signal when the parent dies, kill -9 included. Elsewhere than on Linux the next start finds and stops leftovers.
    # `make run &` in a script ignores SIGINT and SIGQUIT, and what is ignored is inherited: workers would live on.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def spawn(
    command: Sequence[str],
    *,
    log: Path | None,
    death_signal: signal.Signals | None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    uid: int | None = None,
    gid: int | None = None,
    keep_open: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
    on_console: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its output appended to a log file.

    Must be called from the main thread: the death signal follows the thread that started the child.

    Args:
        death_signal: what the child gets when this process dies; None lets it live on.
        uid, gid: whom to become (only root may); None keeps the current user.
        keep_open: descriptors the child inherits.
        stdin: a subprocess constant, or a descriptor.
        on_console: speak where we speak, instead of into a log.

    Raises:
        RuntimeProblem: when the program cannot be started.
    """
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=None if on_console else output,
            stderr=None if on_console else subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            umask=0o077,
            start_new_session=True,
            pass_fds=keep_open,
            preexec_fn=None if death_signal is None else lambda: _die_with_parent(death_signal),
        )
    except OSError as error:
        raise RuntimeProblem(f"{command[0]} cannot be started ({error.strerror}).") from error
    finally:
        if output != subprocess.DEVNULL:
            os.close(output)


def stop(child: subprocess.Popen[bytes], *signals: tuple[signal.Signals, float], asked: bool = False) -> None:
    """Ask a child to stop, with ever firmer signals, each with the seconds it is given; SIGKILL comes last.

    Args:
        asked: the first signal has been sent already: a second one means "at once" to some programs.
    """
    for place, (number, seconds) in enumerate((*signals, (signal.SIGKILL, 10.0))):
        if child.poll() is not None:
            return
        if place > 0 or not asked:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)


def ending(code: int) -> str:
    """How a child ended, in words: `ended by SIGKILL`, `ended with status 1`."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs, whoever owns it. One that only waits to be reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait for a process that is not a child of ours; False when it still runs after that many seconds."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
