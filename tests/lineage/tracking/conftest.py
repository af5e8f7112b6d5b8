"""A real MLflow server for the tests that read one."""

from collections.abc import Iterator

import pytest

from tests.mlflow_server import Server, served


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the session; what was logged to it stays as it is, but for the folders a test says it changes."""
    with served(tmp_path_factory.mktemp("mlflow")) as server:
        yield server
