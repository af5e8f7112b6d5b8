"""The home: closed to others, and a sentence instead of a traceback when it is not usable."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.runtime import account
from governance.runtime.home import Home, RuntimeProblem, last_lines, write_private
from governance.runtime.keys import django_secret, passwords

NewHome = Callable[..., Home]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_home_and_its_folders_let_only_their_user_in(new_home: NewHome) -> None:
    home = new_home()
    assert {mode(path) for path in (home.path, home.keys, home.log, home.run)} == {0o700}


def test_files_are_readable_by_their_user_alone_whatever_the_umask(new_home: NewHome) -> None:
    home = new_home()
    before = os.umask(0)
    try:
        write_private(home.path / "secret", "x")
        log = home.log_file("web")
        django_secret(home)
    finally:
        os.umask(before)
    assert [mode(path) for path in (home.path / "secret", log, home.keys / "django-secret")] == [0o600] * 3


def test_an_open_but_empty_folder_is_taken_and_closed(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir(mode=0o755)
    Home.open(folder)
    assert mode(folder) == 0o700


def test_a_folder_that_holds_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "letter.txt").write_text("dear")
    with pytest.raises(RuntimeProblem, match="not Muniment's: set MUNIMENT_HOME"):
        Home.open(folder)
    assert mode(folder) == 0o755


def test_a_file_in_the_place_of_the_home_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(RuntimeProblem, match=r"cannot be used.*set MUNIMENT_HOME"):
        Home.open(tmp_path / "home")


def test_a_file_in_the_place_of_a_folder_inside_gets_a_sentence(new_home: NewHome) -> None:
    home = new_home()
    home.run.rmdir()
    home.run.write_text("")
    with pytest.raises(RuntimeProblem, match="run cannot be used"):
        Home.open(home.path)


def test_damaged_passwords_get_a_sentence(new_home: NewHome) -> None:
    home = new_home()
    passwords(home, may_make=True)
    (home.keys / "services.json").write_text('{"owner"')
    with pytest.raises(RuntimeProblem, match="is damaged: restore it"):
        passwords(home, may_make=False)


def test_passwords_are_not_made_anew_beside_a_database_that_knows_others(new_home: NewHome) -> None:
    with pytest.raises(RuntimeProblem, match="restore that file from a backup"):
        passwords(new_home(), may_make=False)


def test_the_secret_key_stays_the_same(new_home: NewHome) -> None:
    home = new_home()
    assert django_secret(home) == django_secret(home)


def test_the_last_lines_of_a_log_skip_empty_ones(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\n\ntwo\nthree\n\n")
    assert last_lines(log, 2) == "two\nthree"
    assert last_lines(tmp_path / "none") == ""


def test_a_log_past_its_size_steps_aside(new_home: NewHome) -> None:
    home = new_home()
    home.log_file("web").write_text("0123456789")
    assert home.log_file("web", keep=5).read_text() == ""
    assert (home.log / "web.log.1").read_text() == "0123456789"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the machine's memory, with room enough."""
    monkeypatch.setattr(account, "MEMORY", tmp_path)
    monkeypatch.setattr(account, "ROOM_IN_MEMORY", 0)
    return tmp_path


def test_data_of_tests_lie_in_memory_and_no_other(new_home: NewHome, memory: Path) -> None:
    tests, kept = new_home("tests"), new_home("kept")
    for home, durable in ((tests, False), (kept, True)):
        where = account.services_folder(home, account.service_account(), durable=durable)
        assert stat.S_IMODE(where.stat().st_mode) == 0o700
        assert where.is_relative_to(memory) is not durable
        assert account.services_folder(home, account.service_account(), durable=durable) == where


def test_data_of_tests_lie_on_the_disk_where_memory_has_no_room(
    new_home: NewHome, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ROOM_IN_MEMORY", 2**60)
    where = account.services_folder(new_home(), account.service_account(), durable=False)
    assert not where.is_relative_to(memory)


def test_tests_begin_anew_when_memory_is_gone_and_records_never(new_home: NewHome, memory: Path) -> None:
    home = new_home()
    gone = account.services_folder(home, account.service_account(), durable=False)
    gone.rmdir()
    with pytest.raises(RuntimeProblem, match="which is gone"):
        account.services_folder(home, account.service_account())
    assert account.services_folder(home, account.service_account(), durable=False) != gone


def test_the_data_of_a_vanished_home_are_removed_when_the_next_tests_start(new_home: NewHome, memory: Path) -> None:
    vanished, standing = new_home("vanished"), new_home("standing")
    left, kept = (account.services_folder(h, account.service_account(), durable=False) for h in (vanished, standing))
    shutil.rmtree(vanished.path)
    account.services_folder(new_home("next"), account.service_account(), durable=False)
    assert not left.exists() and kept.exists()
