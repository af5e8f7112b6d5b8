"""A project with the real runtime and nothing else of the product, and copies of it that run."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg

from governance.runtime.home import PROJECT, Home
from tests.waiting import PATIENCE

# What stands in for the product: the runtime is the real one, so that these tests need no other room to be whole.
STAND_IN = {
    "manage.py": """
        import sys
        from governance.runtime.entry import main
        sys.exit(main(sys.argv))
    """,
    "governance/__init__.py": "",
    "governance/settings.py": """
        import os
        from psycopg.conninfo import conninfo_to_dict
        SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
        ALLOWED_HOSTS = ["localhost"]
        ROOT_URLCONF = "governance.urls"
        INSTALLED_APPS = ["django.contrib.contenttypes"]
        USE_TZ = True
        login = os.environ["MUNIMENT_LOGIN"]
        url = os.environ.get({"app": "DATABASE_URL", "owner": "DATABASE_OWNER_URL"}.get(login, "DATABASE_SEALER_URL"))
        parts = conninfo_to_dict(url or "")
        DATABASES = {"default": {
            "ENGINE": "django.db.backends.postgresql", "NAME": parts.get("dbname"), "USER": parts.get("user"),
            "PASSWORD": parts.get("password"), "HOST": parts.get("host"), "PORT": parts.get("port"),
        }}
    """,
    "governance/urls.py": """
        import os
        from django.db import connection
        from django.http import HttpResponse
        from django.urls import path

        def login(request):
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
                return HttpResponse(cursor.fetchone()[0])

        def passwords(request):
            return HttpResponse(" ".join(sorted(name for name in os.environ if name.startswith("DATABASE_"))))

        urlpatterns = [
            path("livez", lambda request: HttpResponse("ok")), path("login", login), path("passwords", passwords),
        ]
    """,
    "governance/wsgi.py": """
        from django.core.wsgi import get_wsgi_application
        application = get_wsgi_application()
    """,
    "governance/celery.py": """
        import os
        from celery import Celery
        app = Celery("standin", broker=os.environ["CELERY_BROKER_URL"])
        app.conf.task_ignore_result = True

        @app.task(name="write")
        def write(path):
            with open(path, "w") as file:
                file.write(os.environ["MUNIMENT_LOGIN"])
    """,
}


def make_project(folder: Path) -> Path:
    """Write the stand-in project into a folder that is not there yet."""
    shutil.copytree(PROJECT / "governance" / "runtime", folder / "governance" / "runtime")
    # The supervisor makes the log's key; these modules are what it takes, and they import no Django.
    (folder / "governance" / "ledger").mkdir()
    for name in ("__init__.py", "keys.py", "note.py", "verifier.py"):
        shutil.copy(PROJECT / "governance" / "ledger" / name, folder / "governance" / "ledger" / name)
    for name, text in STAND_IN.items():
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def lone_environment(**more: str) -> dict[str, str]:
    """The environment without any address, home or login of the test run itself."""
    foreign = ("DATABASE_", "CELERY_", "MUNIMENT_", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def eventually(what: Callable[[], object]) -> None:
    """Wait for something to be true; a test that waits for ever helps nobody."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(psycopg.OperationalError, psutil.Error, OSError, LookupError):
            if what():
                return
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


class Copy:
    """A running `make run` of the stand-in project."""

    def __init__(self, project: Path, home: Home, port: int) -> None:
        self.project = project
        self.home = home
        self.port = port
        self.lines: list[str] = []
        self.process = self.launch()

    def launch(self, *options: str) -> subprocess.Popen[str]:
        variables = lone_environment(MUNIMENT_HOME=str(self.home.path), MUNIMENT_PORT=str(self.port))
        return subprocess.Popen(
            [sys.executable, "-m", "governance.runtime.supervisor", *options],
            cwd=self.project,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, text: str) -> str:
        """The next line of the console that holds a text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                return str(line)
        raise AssertionError(f"{text!r} was never said, but: {''.join(self.lines)}")

    def get(self, path: str, host: str = "127.0.0.1") -> str:
        connection = http.client.HTTPConnection(host, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            return str(connection.getresponse().read(), "utf-8")
        finally:
            connection.close()

    def children(self) -> dict[str, psutil.Process]:
        """The product's processes by their part; without those that are dead right now."""
        marks = {"gunicorn": "web", "beat": "beat", "default": "worker", "jobs": "jobs", "sealer": "sealer"}
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                for mark, part in marks.items():
                    if mark in words:
                        found[part] = child
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status
