"""An inventory is brought in by a worker: seen while it runs, done once however often its worker dies."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from approvals import jobs
from approvals.jobs import IMPORT
from governance.jobs import runner
from governance.jobs.models import Job
from governance.outbox import drain
from lineage.models import InventoryImport, Model
from tests.approvals.imports.conftest import sent
from tests.cast import Cast

Door = Callable[[str], Any]


def test_page_and_api_ask_for_a_job_and_say_what_came_of_it(
    own_database: str, cast: Cast, signed_in: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = signed_in("owner")
    draft = sent(cast, "name,personal_data\na,yes\nb,perhaps\n")
    asked = {"mode": "all_or_nothing", "reason": "Inventory of 2026"}
    answer = owner.post(f"/api/v1/imports/{draft.pk}/confirm", asked, content_type="application/json")
    job = Job.objects.get(kind=IMPORT)
    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/jobs/{job.pk}")
    drain()
    runner.run(job.pk)
    told = owner.get(f"/api/v1/jobs/{job.pk}").json()
    assert (told["state"], list(told["result"]["errors"])) == ("failed", ["rows[3].personal_data"])
    assert not Model.objects.exists()
    assert "all or nothing" in owner.get(f"/imports/{draft.pk}").content.decode()

    page = owner.post(f"/imports/{draft.pk}", {"mode": "good_rows", "reason": "The good ones"})
    job = Job.objects.filter(kind=IMPORT).latest("pk")
    assert page["Location"] == f"/jobs/{job.pk}"
    assert "being brought in" in owner.get(f"/imports/{draft.pk}").content.decode()

    def dies(*_args: Any, **_more: Any) -> None:
        raise SystemExit

    seen: list[tuple[int, int | None]] = []
    progress = runner.Run.progress

    def noted(run: runner.Run, done: int, total: int | None = None, said: Any = "") -> None:
        seen.append((done, total))
        progress(run, done, total, said)

    monkeypatch.setattr(runner.Run, "progress", noted)
    with monkeypatch.context() as broken, pytest.raises(SystemExit):
        broken.setattr(runner.Run, "finish", dies)
        runner.run(job.pk)
    Job.objects.update(heartbeat_at=timezone.now() - runner.SILENCE * 2)
    assert runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.url) == ("done", 2, f"/imports/{draft.pk}")
    assert seen[:4] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert (InventoryImport.objects.count(), Model.objects.count()) == (1, 1), "once, though two workers did it"
    assert job.result["faulty"] == 1
    again = owner.post(f"/api/v1/imports/{draft.pk}/confirm", asked, content_type="application/json")
    assert again.status_code == 409
    assert jobs.may_read_import(cast.owner, job.params)
    assert not jobs.may_read_import(cast.outsider, job.params)
