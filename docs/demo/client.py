"""The demo's way to the product: HTTP with an API key, HTTP with a person's session, and psql. Nothing else."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
from telling import StoryBroken

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60


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


def manage(*arguments: str, standard_input: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of the operator's commands."""
    return subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *arguments],
        cwd=PROJECT,
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ),
    )


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a command said."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines[-1].strip() if lines else "nothing"


def psql(*scripts: str) -> list[list[str]]:
    """Run each script with psql under the app's own login, one after another; what it complains of, script by script.

    Raises:
        StoryBroken: psql does not run.
    """
    mark = "-- next --"
    done = manage("dbshell", "--", "--no-psqlrc", "--quiet", "--output=/dev/null", "--file=-",
                  standard_input="".join(f"\\warn '{mark}'\n{script}\nROLLBACK;\n" for script in scripts))  # fmt: skip
    parts = done.stderr.split(mark)[1:]
    if len(parts) != len(scripts):
        raise StoryBroken(f"psql (manage.py dbshell) says: {last_words(done)}")
    ignored = ("there is no transaction in progress",)
    return [
        [line for line in part.splitlines() if line.strip() and not any(one in line for one in ignored)]
        for part in parts
    ]
