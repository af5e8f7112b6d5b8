"""The mailbox of files."""

import os
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from pytest_django import Settings

from governance.outbox.mailbox import FileMailbox, file_name


def letter(message_id: str = "<a.b@bank.example>", body: str = "Hello") -> EmailMessage:
    return EmailMessage("Subject", body, "from@bank.example", ["to@bank.example"], headers={"Message-ID": message_id})


def test_the_first_one_stays(tmp_path: Path) -> None:
    box = FileMailbox(file_path=tmp_path / "mail")
    assert box.send_messages([letter(body="first"), letter(body="second")]) == 2
    [file] = (tmp_path / "mail").iterdir()
    assert file.name == "a.b@bank.example.eml"
    assert b"first" in file.read_bytes()
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700


def test_many_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    bodies = [f"{number}" * 20_000 for number in range(8)]
    threads = [
        threading.Thread(target=FileMailbox(file_path=tmp_path).send_messages, args=([letter(body=body)],))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [file] = tmp_path.iterdir()
    digits = file.read_bytes().split(b"\r\n\r\n", 1)[1]
    assert len(set(digits.replace(b"\r\n", b"").replace(b"=", b""))) == 1


def test_parts_of_the_killed_are_swept_up_and_parts_of_the_living_are_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".part-1-1", tmp_path / ".part-2-2"
    dead.touch()
    alive.touch()
    os.utime(dead, (0, 0))
    FileMailbox(file_path=tmp_path).send_messages([letter()])
    assert not dead.exists()
    assert alive.exists()


@pytest.mark.parametrize("strange", ["<../../etc/passwd@x>", "<a/b@x>", "<.@x>", "<a b@x>", "<" + "x" * 400 + "@x>"])
def test_a_strange_message_id_is_a_plain_name_of_its_own(strange: str) -> None:
    name = file_name(strange)
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) < 200
    assert name != file_name(strange.replace("x", "y"))


def test_without_a_folder_it_says_what_to_set(settings: Settings) -> None:
    settings.EMAIL_FILE_PATH = None
    with pytest.raises(ImproperlyConfigured, match="EMAIL_FILE_PATH"):
        FileMailbox()
