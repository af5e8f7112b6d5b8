"""The world of the approvals' tests: pages on facts show what judgements say of them."""

import pytest

from tests.approvals.world import World, world
from tests.cast import Cast


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)
