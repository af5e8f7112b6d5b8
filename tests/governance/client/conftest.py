"""The command as a pipeline has it: one file, no package of ours, no environment but its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governance.client import muniment
from tests.cast import KEYS
from tests.waiting import PATIENCE


class Pipeline:
    """A folder with the copied file, and how to run it. `url` and `key` are what its environment says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = "http://127.0.0.1:9"
        self.key = KEYS["pipeline"]
        self.environment: dict[str, str] = {}
        shutil.copy(muniment.__file__, folder / "muniment.py")

    def start(self, *arguments: object, **more: Any) -> "subprocess.Popen[str]":
        """Start it. -I -S: no site-packages, so that nothing but the standard library can be imported."""
        environment = {"PATH": os.environ["PATH"], "MUNIMENT_URL": self.url, "MUNIMENT_API_KEY": self.key}
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(self.folder / "muniment.py"), *map(str, arguments)],
            cwd=self.folder, env={**environment, **self.environment}, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
        )  # fmt: skip

    def run(self, *arguments: object, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run it to its end. Whatever happened, the key must not stand in what it printed."""
        with self.start(*arguments) as process:
            out, err = process.communicate(given, timeout=PATIENCE)
        assert self.key not in out + err
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """The command in an empty folder."""
    return Pipeline(tmp_path)
