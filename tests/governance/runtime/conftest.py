"""Homes that a test may break, and a stand-in project for the supervisor."""

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.runtime import account
from governance.runtime.home import PROJECT, Home

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


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address and no home of the test run itself: what is started here stands alone."""
    for name in list(os.environ):
        if name.startswith(("DATABASE_", "CELERY_", "MUNIMENT_", "DJANGO_")):
            monkeypatch.delenv(name)


@pytest.fixture
def new_home(tmp_path: Path, own_environment: None) -> Iterator[Callable[[str], Home]]:
    """Make homes by name; each is removed with its data at the end, wherever they lie."""
    made: list[Home] = []

    def make(name: str = "home") -> Home:
        made.append(Home.open(tmp_path / name))
        return made[-1]

    yield make
    for home in made:
        account.destroy(home)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A project with the real runtime and nothing else of the product."""
    project = tmp_path / "project"
    shutil.copytree(PROJECT / "governance" / "runtime", project / "governance" / "runtime")
    for name, text in STAND_IN.items():
        (project / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return project
