"""A real MLflow server, as its users run it (.venv-mlflow3), with a run and a model that its own client logged."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import databases
from tests.serving import free_port
from tests.waiting import COMMAND_SECONDS, PATIENCE

BIN = databases.ROOT / ".venv-mlflow3" / "bin"
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}

#: What a data scientist does: nothing of it knows us.
LOG = """
import json, sys
import mlflow
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.data.meta_dataset import MetaDataset

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[float]) -> list[float]:
        return model_input

mlflow.set_tracking_uri(sys.argv[1])
data = MetaDataset(HTTPDatasetSource("https://bank.example/loans.csv"), name="loans")
with mlflow.start_run(tags={"mlflow.source.git.commit": "abc123"}) as run:
    mlflow.log_metric("auc", 0.9)
    mlflow.log_metric("auc", 0.91, step=2)
    mlflow.log_param("depth", 3)
    mlflow.log_input(data, context="training")
    mlflow.log_text("hello", "extra/notes \\u00e4.txt")
    mlflow.log_text("there", "extra/deeper/more.txt")
    info = mlflow.pyfunc.log_model(name="model", python_model=Echo(), pip_requirements=["mlflow"])
client = mlflow.MlflowClient()
client.create_registered_model("scoring", description="Who pays back")
client.create_model_version("scoring", info.model_uri, run.info.run_id, model_id=info.model_id)
client.create_model_version("scoring", f"runs:/{run.info.run_id}/extra", run.info.run_id)
client.set_registered_model_alias("scoring", "champion", 1)
client.transition_model_version_stage("scoring", 2, "Staging")
print(json.dumps({"run": run.info.run_id, "model": info.model_id}))
"""


@dataclass(frozen=True)
class Server:
    """Where it answers, where its artifacts lie on disk, and the ids of what was logged."""

    uri: str
    artifacts: Path
    run: str
    model: str

    def model_folder(self) -> Path:
        """The logged model's files."""
        return self.artifacts / "0" / "models" / self.model / "artifacts"

    def run_folder(self) -> Path:
        """The run's artifacts."""
        return self.artifacts / "0" / self.run / "artifacts"


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Start it on loopback with a database of its own, log to it, and stop it."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "DJANGO"))}, **QUIET}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [BIN / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{folder}/store.db", "--artifacts-destination", str(folder / "artifacts")],
            cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(uri, server)
            done = subprocess.run(
                [BIN / "python", "-W", "ignore", "-c", LOG, uri], cwd=folder, env=environment, capture_output=True,
                text=True, check=False, timeout=COMMAND_SECONDS,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
            yield Server(uri, folder / "artifacts", told["run"], told["model"])
        finally:
            os.killpg(server.pid, 15)
            server.wait(timeout=PATIENCE)


def _wait(uri: str, server: "subprocess.Popen[bytes]") -> None:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        assert server.poll() is None, "the MLflow server ended as it started"
        try:
            with urllib.request.urlopen(f"{uri}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"MLflow does not answer at {uri}")
