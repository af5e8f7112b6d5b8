"""What the tests of approvals have in common."""

import pytest
from django.db import connection

from tests.approvals.raw import Connection
from tests.approvals.world import World, world
from tests.cast import Cast


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)


@pytest.fixture
def app(w: World) -> Connection:
    """The app's own connection, for raw SQL inside the test's transaction."""
    connection.ensure_connection()
    found: Connection = connection.connection
    return found
