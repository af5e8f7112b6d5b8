"""Where data lies while it is profiled."""

from pathlib import Path
from typing import Any

import pytest

from lineage.quality import files


@pytest.fixture
def place(settings: Any, tmp_path: Path) -> Path:
    """Where data lies while it is profiled."""
    settings.PROFILE_PLACE = tmp_path / "profiling"
    return files.place()
