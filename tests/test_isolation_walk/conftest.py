"""The scene and a client of each walker, built once for all walks: they only read, or are refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from governance.accounts.models import User
from tests.cast import KEYS, email
from tests.test_isolation_walk.scene import Scene, scene
from tests.test_isolation_walk.walkers import EVERYONE


@pytest.fixture(scope="package")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Scene]:
    """The scene, once for all walks: they only read, or are refused."""
    with django_db_blocker.unblock(), scene() as found:
        yield found


@pytest.fixture(scope="package")
def doors(seeded: Scene) -> dict[str, Any]:
    """A client of each walker."""
    found: dict[str, Any] = {"anonymous": Client()}
    for name in EVERYONE:
        if name in KEYS:
            found[name] = APIClient()
            found[name].credentials(HTTP_AUTHORIZATION=f"Bearer {KEYS[name]}")
        else:
            found[name] = Client()
            user = User.objects.get(email=email(name))
            found[name].force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return found
