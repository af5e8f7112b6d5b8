"""What the tests of the retraining envelope have in common."""

import pytest

from tests.approvals.envelope.scene import Scene, scene
from tests.approvals.world import World


@pytest.fixture
def s(w: World) -> Scene:
    """A base version that may be released with an envelope."""
    return scene(w)
