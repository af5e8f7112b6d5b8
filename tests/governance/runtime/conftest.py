"""Homes that a test may break."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.runtime import account
from governance.runtime.home import Home


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Make homes by name; each is removed with its data at the end, wherever they lie."""
    made: list[Home] = []

    def make(name: str = "home") -> Home:
        made.append(Home.open(tmp_path / name))
        return made[-1]

    yield make
    for home in made:
        account.destroy(home)
