"""Fixtures for all tests: the app's login on a copy of the template database, the cast, and doors for each of them."""

import datetime
import gc
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from hypothesis import HealthCheck, settings

from tests import databases
from tests.cast import KEYS, Cast, email, load
from tests.hashing import HASHERS

# What lands must not hang on chance: the same examples each time. `make soak` draws new ones. Nor on how busy the machine is.
_any_machine: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("landing", derandomize=True, database=None, **_any_machine)
settings.register_profile("soak", print_blob=True, **_any_machine)
settings.load_profile("soak" if os.environ.get("MUNIMENT_SOAK") else "landing")


# A million objects of modules and tests live as long as the process: looking through them again and again for garbage
# took a fifth of its time. What a test leaves is still found, at the session's end at the latest.
gc.disable()


#: What takes half a minute and longer goes first, or one process works on it at the end while the others wait.
LONGEST = ("tests/docs/test_demo.py", "tests/upgrade/", "tests/docs/test_operations.py", "tests/backup/",
           "tests/governance/runtime/test_supervisor.py", "tests/test_fuzz.py")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, the rest in their order."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What registers itself has done so before a test puts a register of its own in the place: it does so but once.

    And look for garbage again, but no more among what was imported and collected.
    """
    from governance.outbox import handlers

    handlers.load()
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    """At the end everything counts again: DuckDB tells what is left of it as leaked."""
    gc.unfreeze()


class Copies:
    """Copies of the templates for this test process, each made when first asked for.

    Each keeps a connection of its own while tests of the other one run: a new one would read the schema, and compile
    the triggers, again.
    """

    def __init__(self) -> None:
        self._made: dict[bool, tuple[str, BaseDatabaseWrapper]] = {}

    def use(self, *, with_world: bool) -> None:
        """Lead Django to a copy: as the product is first met, or with the world of tests/approvals/world.py in it."""
        if with_world not in self._made:
            name = f"muniment_test_{os.getpid()}_{uuid.uuid4().hex[:6]}"
            databases.copy(name, databases.template_with_world() if with_world else None)
            self._made[with_world] = name, connections.create_connection("default")
        lead(*self._made[with_world])

    def drop(self) -> None:
        for name, wrapper in self._made.values():
            wrapper.close()
            databases.drop(name)


def lead(name: str, wrapper: BaseDatabaseWrapper) -> None:
    """Make this Django's connection in this thread, and the database the one that it and other threads connect to."""
    connections.settings["default"]["NAME"] = name
    connections["default"] = wrapper


_copies = Copies()


def pytest_configure() -> None:
    """What costs each test and is another's subject: passwords' strength, a limit of calls, a list of the static files."""
    from django.conf import settings

    settings.RATE_LIMIT = 0  # a query a call: what tests count are those of the pages and lists
    settings.PASSWORD_HASHERS = HASHERS
    settings.WHITENOISE_AUTOREFRESH = True  # each test client would go through all of them


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Django's connection leads to copies of the templates, as the app's login (tests roll back)."""
    with django_db_blocker.unblock():
        yield
    _copies.drop()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Who takes `w` and rolls back finds it there: building it takes longer than many a test. Before any fixture."""
    asked = set(getattr(item, "fixturenames", ()))
    if not asked & {"db", "cast", "own_database"} and item.get_closest_marker("django_db") is None:
        return
    _copies.use(with_world="w" in asked and "own_database" not in asked)


@pytest.fixture
def transactional_db() -> None:
    """Refused: flushing would mean TRUNCATE. Take `own_database`."""
    raise pytest.UsageError("Use the fixture own_database: governed tables cannot be flushed.")


@pytest.fixture
def own_database(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database of the test's own, for what must commit or connects twice; Django's connection uses it as the app."""
    name = f"muniment_own_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    databases.copy(name, databases.template_with_world() if "w" in request.fixturenames else None)
    former = connections.settings["default"]["NAME"], connections["default"]
    own = connections.create_connection("default")
    with django_db_blocker.unblock():
        lead(name, own)
        try:
            yield name
        finally:
            own.close()
            lead(*former)
    databases.drop(name)


@pytest.fixture
def raw(own_database: str) -> Iterator[Callable[[str], "psycopg.Connection[Any]"]]:
    """Raw connections to the test's own database: raw("app"), raw("owner"), raw("superuser"), …"""
    opened: list[psycopg.Connection[Any]] = []

    def connect(login: str) -> "psycopg.Connection[Any]":
        connection = psycopg.connect(databases.url(login, own_database), autocommit=True)
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    """The cast, in whichever database the test uses."""
    request.getfixturevalue("own_database" if "own_database" in request.fixturenames else "db")
    return load()


@pytest.fixture
def api(cast: Cast) -> Callable[[str], Any]:
    """An API client that sends a service account's key: api("pipeline").post(...)."""
    from rest_framework.test import APIClient

    def client(name: str) -> Any:
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {KEYS[name]}")
        return made

    return client


@pytest.fixture
def served(own_database: str, cast: Cast) -> Iterator[str]:
    """The address of the product, on the test's own database."""
    from tests.serving import product, serving

    with serving(product()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def signed_in(cast: Cast) -> Callable[[str], Any]:
    """A browser of a member of the cast, signed in: signed_in("risk").get("/").

    With the session that signing in leaves, in one statement: Django's `force_login` takes a dozen, a sixth of many a
    test's time.
    """
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.models import Session
    from django.test import Client
    from django.utils import timezone
    from django.utils.crypto import get_random_string

    from governance.accounts.models import User

    def client(name: str) -> Any:
        user = User.objects.get(email=email(name))
        content = {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: "allauth.account.auth_backends.AuthenticationBackend",
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
        session = Session.objects.create(
            session_key=get_random_string(32, "abcdefghijklmnopqrstuvwxyz0123456789"),
            session_data=Session.objects.encode(content),
            expire_date=timezone.now() + datetime.timedelta(seconds=settings.SESSION_COOKIE_AGE),
        )
        made = Client()
        made.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
        return made

    return client
