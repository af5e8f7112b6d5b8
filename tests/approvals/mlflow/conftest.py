"""The real clients, each in a process of its own that lives as long as the tests: importing MLflow takes seconds."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.approvals.world import World, world
from tests.cast import KEYS, Cast
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = {"3.17": ROOT / ".venv-mlflow3/bin/python", "2.22": ROOT / ".venv-mlflow2/bin/python"}


class Refused(Exception):
    """What a client raised: its kind, MLflow's code, the message, and how long it took (s)."""

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said["message"])
        self.kind, self.code, self.message = said["error"], said["code"], said["message"]
        self.seconds: float = said["seconds"]


@dataclass
class Client:
    """A process with a client of MLflow in it."""

    process: "subprocess.Popen[str]"
    version: str = ""

    def __call__(self, source: str) -> Any:
        """The value of an expression, or None of statements, evaluated over there. Raises Refused."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(source) + "\n")
        self.process.stdin.flush()
        said = self.read()
        if "error" in said:
            raise Refused(said)
        return said["value"]

    def read(self) -> dict[str, Any]:
        """Its next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the client's process has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def refused(self, source: str) -> Refused:
        """What it raises; that it raised nothing is the test's failure."""
        with pytest.raises(Refused) as caught:
            self(source)
        return caught.value


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Client]]:
    """The clients that were asked for, by version."""
    started: dict[str, Client] = {}
    yield started
    for client in started.values():
        assert client.process.stdin is not None and client.process.stdout is not None
        client.process.stdin.close()
        client.process.wait(timeout=PATIENCE)
        client.process.stdout.close()


@pytest.fixture
def mlflow_client(
    request: pytest.FixtureRequest, served: str, processes: dict[str, Client], tmp_path_factory: pytest.TempPathFactory
) -> Client:
    """A client of the version in the test's parameter, whose registry is the served product and whose tracking is a file."""
    version: str = request.param
    if version not in processes:
        folder = tmp_path_factory.mktemp("mlflow")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MUNIMENT", "DJANGO"))}
        log = (folder / "log").open("w")
        process = subprocess.Popen(
            [CLIENTS[version], Path(__file__).parent / "driver.py"], cwd=folder, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log,
            env={**environment, "MLFLOW_ALLOW_FILE_STORE": "true", "GIT_PYTHON_REFRESH": "quiet",
                 "MLFLOW_DISABLE_TELEMETRY": "true"},
        )  # fmt: skip
        log.close()
        processes[version] = Client(process)
        processes[version].version = processes[version].read()["value"]
    client = processes[version]
    client(
        f"mlflow.set_tracking_uri('file:' + os.getcwd() + '/mlruns'); mlflow.set_registry_uri({served!r});"
        f"os.environ['MLFLOW_TRACKING_TOKEN'] = {KEYS['pipeline']!r}; client = MlflowClient()"
    )
    return client


@pytest.fixture
def w(cast: Cast) -> World:
    """A model version with everything in order, and no release yet."""
    return world(cast)
