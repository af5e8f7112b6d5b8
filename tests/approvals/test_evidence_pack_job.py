"""The evidence pack of a release, asked for on its page and over the API, checked by the offline verifier."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from governance.accounts.actions.grants import end_grant
from governance.accounts.models import RoleGrant
from governance.jobs import runner
from governance.jobs.models import Job
from governance.ledger import tasks
from tests import databases
from tests.approvals.world import signature, world
from tests.cast import Cast
from tests.governance.ledger.conftest import Log, log

__all__ = ["log"]


def test_a_pack_is_asked_for_waits_for_the_seal_and_verifies_offline(
    log: Log,
    cast: Cast,
    signed_in: Callable[[str], Any],
    api: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted: list[bool] = []
    monkeypatch.setattr(tasks, "request_seal", lambda: wanted.append(True))
    w = world(cast)
    w.policy(signature("risk", "risk_manager"))
    release = w.release()
    viewer = signed_in("viewer")
    page = viewer.post(f"/releases/{release.pk}/evidence-pack")
    one = Job.objects.get(asked_by=cast.viewer)
    assert page["Location"] == f"/jobs/{one.pk}"
    runner.run(one.pk)
    one.refresh_from_db()
    assert (one.state, wanted) == ("queued", [True])
    assert "to be sealed" in viewer.get(f"/jobs/{one.pk}").content.decode()
    log.seal()
    Job.objects.update(available_at=timezone.now())
    runner.run(one.pk)
    answer = viewer.get(f"/jobs/{one.pk}/file")
    assert answer["Content-Disposition"] == f'attachment; filename="release-{release.pk}-scoring-1.zip"'
    file = tmp_path / "pack.zip"
    file.write_bytes(b"".join(answer.streaming_content))
    done = subprocess.run(
        [sys.executable, "-m", "governance.ledger.verifier", str(file), "--origin", log.key.name,
         "--key", str(log.key.verifier)],
        cwd=databases.ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    accepted = api("pipeline").post(f"/api/v1/releases/{release.pk}/evidence-pack", {"reason": "For the file"})
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "queued" and accepted.json()["reason"] == "For the file"
    assert accepted["Location"] == f"/api/v1/jobs/{accepted.json()['id']}"
    for grant in RoleGrant.objects.filter(principal=cast.viewer):
        end_grant(actor=cast.admin, reason="Left", grant=grant)
    assert viewer.get(f"/jobs/{one.pk}/file").status_code == 403, "who may read the release no more gets no file of it"
