"""The sockets' folder: short enough, and never one that somebody else laid out."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.runtime.account import Account
from governance.runtime.home import Home, RuntimeProblem
from governance.runtime.sockets import LONGEST_NAME, LONGEST_PATH, fits, socket_folder

NewHome = Callable[..., Home]
OURSELVES = Account(None, None)


def deep(new_home: NewHome) -> Home:
    return new_home("/".join(["a-rather-long-name-for-a-folder"] * 5))


def test_a_short_home_keeps_its_sockets(tmp_path: Path) -> None:
    home = Home(Path("/tmp") / "h")
    services = tmp_path if fits(tmp_path / "socket") else Path("/tmp")
    assert socket_folder(home, services, OURSELVES) == services / "socket"
    (services / "socket").rmdir()


def test_a_deep_home_gets_a_short_folder_and_always_the_same(
    new_home: NewHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    home = deep(new_home)
    folder = socket_folder(home, home.path / "services", OURSELVES)
    assert len(os.fsencode(folder)) + LONGEST_NAME <= LONGEST_PATH
    assert folder.stat().st_mode & 0o777 == 0o700
    assert socket_folder(home, home.path / "services", OURSELVES) == folder
    folder.rmdir()


@pytest.mark.parametrize("trap", ["open", "link", "file"])
def test_a_folder_that_someone_laid_out_before_us_is_refused(
    new_home: NewHome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trap: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    home = deep(new_home)
    folder = socket_folder(home, home.path / "services", OURSELVES)
    folder.rmdir()
    if trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.touch()
    try:
        with pytest.raises(RuntimeProblem, match="is not a folder that only user"):
            socket_folder(home, home.path / "services", OURSELVES)
    finally:
        folder.rmdir() if trap == "open" else folder.unlink()
