"""The embedded services for the tests, as a pytest plugin (`-p governance.runtime.testing` in pyproject.toml).

It runs before pytest-django reads the settings, which must find the addresses. Tests have a home of their own inside
the copy's, so that they never meet the records of `make run`; several test processes share it and end it together.
Their data may be lost with the machine: without waiting for the disk they are made several times faster.
"""

import contextlib
import os
from collections.abc import Iterator

import pytest

from governance.runtime import environment
from governance.runtime.home import Home, RuntimeProblem
from governance.runtime.lease import Lease

_entered = contextlib.ExitStack()


@contextlib.contextmanager
def test_environment() -> Iterator[dict[str, str]]:
    """Run the services for tests and put all their addresses into the environment; what was put there.

    With `DATABASE_URL` and `CELERY_BROKER_URL` already set, those are used and nothing is started.

    Raises:
        RuntimeProblem: when the services do not come up.
    """
    before = dict(os.environ)
    with contextlib.ExitStack() as stack:
        parent = Home.open()
        missing = environment.missing_services()
        home = Home.open(parent.path / "test")
        found = environment.common(home) | {"MUNIMENT_LOGIN": os.environ.get("MUNIMENT_LOGIN") or "app"}
        if missing:
            found |= stack.enter_context(Lease(home, services=missing, durable=False)).urls
        os.environ.update(found)
        try:
            yield found
        finally:
            os.environ.clear()
            os.environ.update(before)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Enter the test environment before pytest-django imports the settings."""
    try:
        _entered.enter_context(test_environment())
    except RuntimeProblem as problem:
        raise pytest.UsageError(str(problem)) from problem


def pytest_unconfigure() -> None:
    """Leave it; the last test process stops the services."""
    _entered.close()
