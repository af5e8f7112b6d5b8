"""`make demo`, from an empty folder to the last step, and what it refuses."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.runtime import account
from governance.runtime.home import Home
from governance.runtime.lease import Lease
from tests.cast import Cast
from tests.docs.documents import ROOT
from tests.serving import free_port

OURS = ("DATABASE_", "CELERY_", "MUNIMENT_", "DJANGO_")
CONTRACT = {
    "MUNIMENT_URL", "NAMESPACE", "PIPELINE_API_KEY", "VALIDATOR_API_KEY", "AUDITOR_API_KEY",
    *(f"{who}_{what}" for what in ("USER", "PASSWORD")
      for who in ("RISK", "RISK2", "COMPLIANCE", "STEWARD", "VALIDATOR", "BUSINESS", "OWNER", "POLICY", "POLICY2",
                  "AUDITOR", "ADMIN", "ADMIN2")),
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home.open(tmp_path / "home")
    yield made
    account.destroy(made)


def test_the_story_goes_as_it_must(home: Home) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    environment |= {"MUNIMENT_HOME": str(home.path), "MUNIMENT_PORT": str(free_port())}
    # Begun here, its data are a test's and need not outlast the machine: nothing waits for the disk.
    with Lease(home, durable=False), subprocess.Popen(
        [sys.executable, "-m", "governance.runtime.supervisor", "--demo"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as demo:  # fmt: skip
        try:
            said, _nothing = demo.communicate(timeout=600)
        finally:
            demo.send_signal(signal.SIGTERM)
    assert demo.returncode == 0, said
    assert re.search(r"^All \d+ steps went as they must", said, re.MULTILINE), said
    assert re.search(r"live since .* on one signature, use 1 of 2", said), said
    flat = " ".join(said.split())
    assert re.search(r"drift bad answered 200, crossed: psi", flat), said
    assert re.search(r"rmse [0-9.]+ °C, bad .* 201, confirmed: .* version 2 serves on", flat), said
    assert re.search(r"✗ trial: .* 201, champion in production: version 2", flat), said
    assert "\x1b[" not in said, "colours are for a person who watches"
    # The story's own lines are indented; what the supervisor says beside them may hold a path of any length.
    too_long = [line for line in said.splitlines() if line.startswith("  ") and len(line) > 100]
    assert [line for line in too_long if str(home.path) not in line] == []
    written = home.path / "demo.env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    lines = written.read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("export ").split("=")[0] for line in lines} == CONTRACT


def test_a_system_with_people_of_its_own_gets_no_demo_accounts(cast: Cast) -> None:
    with pytest.raises(CommandError, match="people of its own"):
        call_command("demo_accounts")


def test_production_gets_no_demo_accounts(db: None, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("demo_accounts")
