"""A file is uploaded, profiled by a worker and forgotten, whatever becomes of the worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from governance.jobs import runner
from governance.jobs.actions import cancel
from governance.jobs.models import Job
from lineage import actions
from lineage.models import DataProfile
from lineage.quality import files, profiling
from lineage.quality.documents import read_profile
from lineage.quality.profiling import ask_for_profile, edges_before
from tests import databases
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts
from tests.lineage.quality.bytes import TEXT, Door, described, of_bytes, sent, work
from tests.lineage.quality.documents import amounts
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("place")


def test_an_uploaded_file_is_profiled_and_forgotten(own_database: str, cast: Cast, api: Door, place: Path) -> None:
    version = of_bytes(Facts(cast))
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    answer = api("pipeline").post(address, sent(), format="multipart")
    assert answer.status_code == 202, answer.content
    assert len(list(place.iterdir())) == 1
    job = work()
    assert (job.state, job.result.get("rows")) == ("done", 60), (job.message, job.fault)
    row = DataProfile.objects.get()
    assert (row.how, row.recorded_by.kind, row.complete, row.duplicate_rows) == ("measured", "system", True, 58)
    assert job.url == f"/profiles/{row.pk}"
    assert list(place.iterdir()) == [], "nothing of it is kept"
    assert [one["value"] for one in row.columns[0]["top"]] == ["a", "b"]
    again = api("pipeline").post(address, sent(), format="multipart")
    assert again.status_code == 202 and work().state == "done"
    assert DataProfile.objects.count() == 1, "the same again is the same"
    assert api("pipeline").get(f"/api/v1/data-profiles?how=measured&dataset_version={version.pk}").json()["results"]


@pytest.mark.parametrize(
    "how", [{"null": "b"}, {"delimiter": "semicolon"}, {"header": "false"}, {"encoding": "cp1252"}]
)
def test_a_reading_that_somebody_chose_is_on_that_ones_word(
    own_database: str, cast: Cast, api: Door, place: Path, how: dict[str, str]
) -> None:
    """A pipeline that has its bad values read as blanks is no server that measured."""
    version = of_bytes(Facts(cast))
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    assert api("pipeline").post(address, sent(**how), format="multipart").status_code == 202
    job = work()
    assert job.state == "done" and "stands on the word of" in job.message, (job.message, job.fault)
    row = DataProfile.objects.get()
    assert (row.how, row.recorded_by, row.file_digest) == ("handed-in", cast.pipeline, f"sha256:{version.digest_value}")
    assert list(place.iterdir()) == []


def test_the_edges_of_versions_before_are_bounded_together(
    own_database: str, cast: Cast, api: Door, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts(cast)
    before = of_bytes(facts, b"amount\n1\n", label="before")
    far = amounts(type="integer", max=10**30, edges=[10, 20, 10**30], sum=None, mean=None, stddev=None)
    actions.record_profile(
        actor=cast.pipeline, reason=WHY, dataset_version=before, profile=read_profile(described(before, columns=[far]))
    )
    version = of_bytes(facts, b"amount\n" + b"1\n2\n" * 30, label="after")
    assert edges_before(version) == {"amount": [10, 20, 10**30]}
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    assert api("pipeline").post(address, sent(b"amount\n" + b"1\n2\n" * 30), format="multipart").status_code == 202
    job = work()
    assert job.state == "done", (job.message, job.fault)
    monkeypatch.setattr(profiling, "EDGES_OF_ALL", 2)
    assert edges_before(version) == {"amount": [10, 20]}


def test_other_bytes_are_no_profile_of_the_version(own_database: str, cast: Cast, api: Door, place: Path) -> None:
    version = of_bytes(Facts(cast))
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    assert api("pipeline").post(address, sent(TEXT + b"b,9\n"), format="multipart").status_code == 202
    job = work()
    assert job.state == "failed" and "another digest" in job.message
    assert not DataProfile.objects.exists() and list(place.iterdir()) == []


def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing(
    own_database: str, cast: Cast, api: Door, place: Path
) -> None:
    ragged = b"a,b\n1,2\n3\n"
    version = of_bytes(Facts(cast), ragged)
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    assert api("pipeline").post(address, sent(ragged), format="multipart").status_code == 202
    job = work()
    assert (job.state, job.message) == ("failed", "Line 3 has 1 values, the first line has 2.")
    assert not DataProfile.objects.exists() and list(place.iterdir()) == []


def test_an_upload_has_its_limits(cast: Cast, facts: Facts, api: Door, settings: Any, place: Path) -> None:
    version = of_bytes(facts)
    address = f"/api/v1/dataset-versions/{version.pk}/profile-file"
    settings.PROFILE_UPLOAD_MIB = 1
    for size in (2**20 + 1, 2 * 2**20):
        answer = api("pipeline").post(address, sent(b"x" * size), format="multipart")
        assert answer.status_code == 413, answer.content
    for body, named in (
        ({"reason": WHY}, "file"),
        ({"file": "text", "reason": WHY}, "file"),
        (sent(delimiter="x"), "delimiter"),
        (sent(header="perhaps"), "header"),
        (sent(passed="true"), "passed"),
    ):
        answer = api("pipeline").post(address, body, format="multipart")
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [named]), answer.content
    keyed = api("pipeline").post(address, sent(), format="multipart", HTTP_IDEMPOTENCY_KEY="k" * 20)
    assert keyed.status_code == 400
    assert api("pipeline").post(address, {"a": 1}, format="json").status_code == 415
    assert list(place.iterdir()) == [] and not Job.objects.exists()


def test_a_version_without_a_digest_cannot_be_told_to_be_a_file(cast: Cast, facts: Facts, api: Door) -> None:
    version = facts.version(digest="")
    answer = api("pipeline").post(f"/api/v1/dataset-versions/{version.pk}/profile-file", sent(), format="multipart")
    assert (answer.status_code, "no digest" in answer.json()["detail"]) == (409, True)
    odd = facts.version(label="odd", digest="blake3:" + "0" * 64)
    answer = api("pipeline").post(f"/api/v1/dataset-versions/{odd.pk}/profile-file", sent(), format="multipart")
    assert answer.status_code == 409


KILLED = """
import django
django.setup()
from governance.jobs import runner
runner.run({job})
"""


def test_a_worker_killed_in_the_middle_is_followed_by_another(own_database: str, cast: Cast, place: Path) -> None:
    """A real process, killed by SIGKILL while its reader counts; the reader ends with it, the next worker finishes."""
    text = b"x,y\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 1_000_003) for n in range(1_000_000))
    version = of_bytes(Facts(cast), text)
    token = files.new_token()
    files.uploaded(token).write_bytes(text)
    job, _new = ask_for_profile(asked_by=cast.pipeline, reason=WHY, dataset_version=version, upload=token)
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(job=job.pk)], cwd=Path(__file__).parents[3],
        env={**databases.environment(own_database), "DJANGO_SETTINGS_MODULE": "governance.settings",
             "MUNIMENT_PROFILE_PLACE": str(place)},
    )  # fmt: skip
    try:
        children: list[str] = []
        ends = time.monotonic() + PATIENCE
        while not children and time.monotonic() < ends and worker.poll() is None:
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            time.sleep(0.02)
        assert children, "its reader never began"
        time.sleep(0.3)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(PATIENCE)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("running", 1)
    ends = time.monotonic() + PATIENCE
    while Path(f"/proc/{children[0]}").exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not Path(f"/proc/{children[0]}").exists(), "the reader outlived its worker"
    Job.objects.update(heartbeat_at=timezone.now() - runner.SILENCE * 2)
    assert runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("done", 2), (job.message, job.fault)
    assert DataProfile.objects.get().rows == 1_000_000
    assert files.forget_what_is_old(0) >= 0 and list(place.iterdir()) == []


def test_what_was_left_lying_is_removed_after_a_day(place: Path) -> None:
    (place / "profile-old").mkdir()
    (place / "profile-old" / "unpacked").write_bytes(b"x")
    (place / f"{'a' * 32}.upload").write_bytes(b"x")
    (place / "new.upload").write_bytes(b"x")
    for one in ("profile-old", f"{'a' * 32}.upload"):
        os.utime(place / one, (1, 1))
    assert files.forget_what_is_old() == 2
    assert [one.name for one in place.iterdir()] == ["new.upload"]


def test_uploading_and_cancelling_does_not_fill_the_disk(cast: Cast, facts: Facts, api: Door, place: Path) -> None:
    addresses = []
    for label in ("cancelled", "waiting", "next"):
        version = of_bytes(facts, label.encode(), label=label)
        addresses.append(f"/api/v1/dataset-versions/{version.pk}/profile-file")
    told = [api("pipeline").post(one, sent(), format="multipart") for one in addresses[:2]]
    first, second = (Job.objects.get(pk=one.json()["id"]) for one in told)
    cancel(actor=cast.pipeline, reason=WHY, job=first)
    for one in place.iterdir():
        os.utime(one, (1, time.time() - 3_600))
    assert len(list(place.iterdir())) == 2
    third = Job.objects.get(pk=api("pipeline").post(addresses[2], sent(), format="multipart").json()["id"])
    assert {one.stem for one in place.iterdir()} == {second.params["upload"], third.params["upload"]}
