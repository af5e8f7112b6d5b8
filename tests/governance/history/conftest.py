"""The lab's tables in a database of the test's own."""

import pytest

from tests.cast import Cast
from tests.governance.history import lab


@pytest.fixture
def laboratory(own_database: str, cast: Cast) -> Cast:
    """The cast, in a database that also has the lab's tables."""
    lab.make_tables()
    return cast
