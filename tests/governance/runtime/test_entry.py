"""What `manage.py` does before Django: the login by command, the addresses, and refusals in one sentence."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.runtime import entry, environment
from governance.runtime.home import PROJECT, Home, RuntimeProblem
from governance.runtime.lease import keeper_lives
from tests.governance.runtime.stand_in import lone_environment, make_project

NewHome = Callable[..., Home]
URL = "postgresql://app:secret@db/muniment"


@pytest.fixture
def lone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No address of the test run itself."""
    kept = lone_environment()
    for name in set(os.environ) - set(kept):
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize(
    ("command", "login"),
    [
        *[(name, "owner") for name in ("migrate", "bootstrap", "install_guards", "grant_delay", "makemigrations")],
        ("seal_ledger", "sealer"),
        *[(name, "app") for name in ("shell", "dbshell", "loaddata", "verify_ledger", "create_service_account")],
    ],
)
def test_each_command_runs_as_its_login(lone: pytest.MonkeyPatch, command: str, login: str) -> None:
    assert entry.login_for(["manage.py", command, "--verbosity", "2"]) == login


def test_another_login_can_be_asked_for_but_not_for_the_owners_commands(lone: pytest.MonkeyPatch) -> None:
    lone.setenv("MUNIMENT_LOGIN", "auditor")
    assert entry.login_for(["manage.py", "dbshell"]) == "auditor"
    assert entry.login_for(["manage.py", "migrate"]) == "owner"


@pytest.mark.parametrize("words", [[], ["help"], ["migrate", "--help"], ["makemessages"], ["check"], ["--version"]])
def test_what_needs_no_database_starts_none(lone: pytest.MonkeyPatch, words: list[str]) -> None:
    assert not entry.needs_database(["manage.py", *words])


@pytest.mark.parametrize("words", [["migrate"], ["shell"], ["check", "--database", "default"]])
def test_what_needs_a_database_gets_one(lone: pytest.MonkeyPatch, words: list[str]) -> None:
    assert entry.needs_database(["manage.py", *words])


def test_a_process_gets_its_own_logins_address_and_no_other() -> None:
    urls = {name: f"url of {login}" for login, name in environment.DATABASE_VARIABLES.items()}
    urls["CELERY_BROKER_URL"] = "broker"
    assert set(environment.for_login(urls, "sealer")) == {"DATABASE_SEALER_URL", "CELERY_BROKER_URL"}


def test_other_logins_addresses_are_handed_on_without_their_passwords() -> None:
    assert environment.without_password("postgresql://muniment_owner:secret@db/muniment") == "user=muniment_owner"


def test_production_starts_no_service_itself(lone: pytest.MonkeyPatch) -> None:
    lone.setenv("MUNIMENT_ENV", "production")
    with pytest.raises(RuntimeProblem, match="DATABASE_URL and CELERY_BROKER_URL is not set"):
        environment.missing_services()


def test_with_a_database_of_ones_own_the_owners_address_is_asked_for(
    lone: pytest.MonkeyPatch, new_home: NewHome
) -> None:
    lone.setenv("MUNIMENT_HOME", str(new_home().path))
    lone.setenv("DATABASE_URL", URL)
    lone.setenv("CELERY_BROKER_URL", "redis://broker")
    with pytest.raises(RuntimeProblem, match="owner login: set DATABASE_OWNER_URL"), entry.prepared(["m", "migrate"]):
        pass


def test_exported_lines_survive_any_character() -> None:
    value = 'it\'s a $HOME "value" `x`; #'
    script = environment.export_lines({"NAME": value}) + 'printf %s "$NAME"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout == value


def test_manage_py_works_on_its_own_and_stops_what_it_started(tmp_path: Path, new_home: NewHome) -> None:
    home = new_home()
    project = make_project(tmp_path / "project")
    command = (
        "from django.db import connection as c; k = c.cursor(); k.execute('SELECT current_user'); print(k.fetchone())"
    )
    found = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--command", command],
        cwd=project,
        env=lone_environment(MUNIMENT_HOME=str(home.path)),
        capture_output=True,
        text=True,
    )
    assert found.stdout == "('muniment_app',)\n", found.stderr
    assert not keeper_lives(home)


def test_an_unusable_home_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    found = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        cwd=make_project(tmp_path / "project"),
        env=lone_environment(MUNIMENT_HOME=str(tmp_path / "home")),
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "set MUNIMENT_HOME to another folder." in found.stderr


def test_an_address_that_cannot_be_read_is_a_sentence_without_the_password() -> None:
    found = subprocess.run(
        [sys.executable, "manage.py", "check"],
        env={**os.environ, "DATABASE_URL": "postgresql://someone:geheim%zz@host/muniment"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2
    assert "postgresql://user:password@host" in found.stderr
    assert "Traceback" not in found.stderr
    assert "geheim" not in found.stderr
