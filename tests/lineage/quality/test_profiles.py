"""A profile on record is of the version's own bytes, and says on whose word it stands."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from governance import errors
from governance.jobs import runner
from governance.jobs.actions import cancel
from governance.jobs.models import Job
from governance.outbox import drain
from lineage import actions
from lineage.digests import Digest
from lineage.models import DataProfile, DatasetVersion
from lineage.quality import files, profiling
from lineage.quality.documents import read_profile
from lineage.quality.profiling import ask_for_profile, edges_before
from lineage.quality.records import newest_profile, profile_of
from tests import databases
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts
from tests.lineage.quality.documents import amounts, document

Door = Callable[[str], Any]
TEXT = b"grade,amount\n" + b"a,1.5\nb,2\n" * 30


def of_bytes(facts: Facts, text: bytes = TEXT, **content: Any) -> DatasetVersion:
    """A version that is these bytes."""
    return facts.version(digest=f"sha256:{hashlib.sha256(text).hexdigest()}", **content)


def described(version: DatasetVersion, **other: Any) -> dict[str, Any]:
    """A document of the version's bytes."""
    return document(digest=f"sha256:{version.digest_value}", **other)


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path) -> Path:
    """Where data lies while it is profiled."""
    settings.PROFILE_PLACE = tmp_path / "profiling"
    return files.place()


# --- Handed in -------------------------------------------------------------------------------------------------------


def test_a_profile_that_is_handed_in_stands_on_the_word_of_whoever_did(cast: Cast, facts: Facts, api: Door) -> None:
    version = of_bytes(facts)
    address = f"/api/v1/dataset-versions/{version.pk}/profiles"
    answer = api("pipeline").post(address, described(version), format="json")
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["how"], told["rows"], told["recorded_by"]) == ("handed-in", 5, cast.pipeline.pk)
    assert told["receipt"]["id"] == told["id"]
    assert told["columns"][0]["edges"] == [10, 20, 30]
    again = api("pipeline").post(address, described(version), format="json")
    assert (again.status_code, again.json()["id"]) == (200, told["id"])
    other = api("tester").post(address, described(version), format="json")
    assert (other.status_code, other.json()["recorded_by"]) == (201, cast.tester.pk), "each vouches by themselves"
    row = DataProfile.objects.get(pk=told["id"])
    assert profile_of(row) == read_profile(described(version))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"profile": 2}, "profile"),
        ({"passed": True}, "passed"),
        ({"digest": "sha256:" + "0" * 64}, "digest"),
        ({"columns": [amounts(edges=[30, 20, 10])]}, "columns[0].edges"),
        ({"columns": [amounts(min=None)]}, "columns[0].max"),
        ({"reason": 7}, "reason"),
        ({"rows": "5"}, "rows"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused_by_name(facts: Facts, api: Door, part: Any, named: str) -> None:
    version = of_bytes(facts)
    answer = api("pipeline").post(
        f"/api/v1/dataset-versions/{version.pk}/profiles", {**described(version), **part}, format="json"
    )
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == [named]
    assert not DataProfile.objects.exists()


@pytest.mark.parametrize("text", ["1e400", "NaN", "-Infinity", "1" * 200])
def test_numbers_that_no_record_can_hold_are_refused(facts: Facts, api: Door, text: str) -> None:
    version = of_bytes(facts)
    body = json.dumps(described(version, columns=[amounts(max=123456)])).replace("123456", text)
    answer = api("pipeline").post(
        f"/api/v1/dataset-versions/{version.pk}/profiles", body, content_type="application/json"
    )
    assert answer.status_code == 400, answer.content


def test_a_profile_of_ten_thousand_columns_is_taken_and_a_larger_body_refused(facts: Facts, api: Door) -> None:
    version = of_bytes(facts)
    many = [{"name": f"c{n}", "type": "other", "count": 5, "nulls": 0, "declared": "x" * 240} for n in range(10_000)]
    address = f"/api/v1/dataset-versions/{version.pk}/profiles"
    answer = api("pipeline").post(address, described(version, columns=many), format="json")
    assert answer.status_code == 201, answer.content[:500]
    body = b" " * (16 * 2**20 + 1)
    assert api("pipeline").post(address, body, content_type="application/json").status_code == 413


def test_the_database_holds_what_a_profile_may_say(facts: Facts, cast: Cast, attack: Any) -> None:
    version = of_bytes(facts)
    columns = (
        "INSERT INTO lineage_dataprofile (namespace_id, dataset_version_id, said_at, content_digest, columns, how, engine,"
        " format, file_digest, complete, stopped_by, rows) VALUES (%s, %s, now(), %s, '[]', %s, '', 'csv', %s, true, '', 1)"
    )
    own, other = f"sha256:{version.digest_value}", "sha256:" + "0" * 64
    for who, how, digest, says in (
        (cast.pipeline, "measured", own, "Only the product"),
        (cast.owner, "measured", own, "Only the product"),
        (cast.system, "measured", other, "of other bytes"),
        (cast.pipeline, "handed-in", other, "of other bytes"),
        (cast.viewer, "handed-in", own, "hand in profiles"),
        (cast.risk, "handed-in", own, "hand in profiles"),
    ):
        with pytest.raises(errors.Refused, match=says), attack(who) as sql:
            sql(columns, version.dataset.namespace_id, version.pk, f"{who}{how}", how, digest)
    with pytest.raises(errors.Refused), attack(cast.pipeline) as sql:
        sql(columns, version.dataset.namespace_id, version.pk, "unknown", "believed", own)


def test_only_the_product_measures(facts: Facts, cast: Cast) -> None:
    version = of_bytes(facts)
    given = {"reason": WHY, "dataset_version": version, "profile": read_profile(described(version))}
    own = Digest(version.digest_algorithm, version.digest_value)
    with pytest.raises(errors.SeparationOfDuties):
        actions.record_measured_profile(actor=cast.pipeline, digest=own, **given)
    with pytest.raises(errors.Refused, match="of other bytes"):
        actions.record_measured_profile(actor=cast.system, digest=Digest("sha256", "0" * 64), **given)
    assert actions.record_measured_profile(actor=cast.system, digest=own, **given).created


def test_the_profile_that_says_most_is_the_one_measured_here(facts: Facts, cast: Cast) -> None:
    version = of_bytes(facts)
    assert newest_profile(version) is None
    given = {"reason": WHY, "dataset_version": version}
    own = Digest(version.digest_algorithm, version.digest_value)
    measured = actions.record_measured_profile(
        actor=cast.system, digest=own, profile=read_profile(described(version)), **given
    ).record
    for rows in (5, 5):
        actions.record_profile(
            actor=cast.pipeline, profile=read_profile(described(version, engine=f"other {rows}")), **given
        )
    found = newest_profile(version)
    assert found is not None and found.pk == measured.pk


# --- Measured by a worker --------------------------------------------------------------------------------------------


def work() -> Job:
    """Work on the newest job until it has ended."""
    drain()
    job = Job.objects.order_by("-pk")[0]
    Job.objects.filter(ended_at=None).update(available_at=timezone.now())
    runner.run(job.pk)
    job.refresh_from_db()
    return job


def sent(text: bytes = TEXT, name: str = "loans.csv", **other: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, text, "text/csv"), "reason": WHY, **other}


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


def test_a_file_is_profiled_where_it_lies_if_the_operator_lists_the_folder(
    own_database: str, cast: Cast, api: Door, settings: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    path = folder / "deep" / "loans %1.csv"
    path.write_bytes(TEXT)
    facts = Facts(cast)
    version = of_bytes(facts, location=path.as_uri())
    address = f"/api/v1/dataset-versions/{version.pk}/profile-location"
    assert api("pipeline").post(address, {}, format="json").status_code == 409, "no folder is listed"
    settings.PROFILE_FOLDERS = [("corporate", str(folder))]
    assert api("pipeline").post(address, {}, format="json").status_code == 409, "it is another namespace's"
    settings.PROFILE_FOLDERS = [("retail", str(folder))]
    assert api("pipeline").post(address, {}, format="json").status_code == 202
    job = work()
    assert job.state == "done", (job.message, job.fault)
    assert path.exists() and DataProfile.objects.get().rows == 60
    bad = api("pipeline").post(address, {"encoding": 7, "path": "/etc/passwd"}, format="json")
    assert (bad.status_code, set(bad.json()["errors"])) == (400, {"encoding", "path"})


def test_no_location_leads_out_of_the_folder(facts: Facts, settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    secret = tmp_path / "secret.csv"
    secret.write_bytes(TEXT)
    (folder / "link.csv").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    settings.PROFILE_FOLDERS = [("", str(folder))]
    for number, location in enumerate(
        (
            f"file://{folder}/link.csv", f"file://{folder}/../secret.csv", f"file://{folder}/up/secret.csv",
            f"file://{folder}/%2e%2e/secret.csv", f"file://{folder}/pipe", f"file://{folder}", "file:///etc/passwd",
            f"file://elsewhere{folder}/x", f"file://{folder}/x%00y", f"file://{secret}", "file:///proc/self/environ",
        )
    ):  # fmt: skip
        version = of_bytes(facts, label=f"l{number}", location=location)
        with pytest.raises(errors.Missing), files.opened(version, "", lambda _n: None):
            pass


class Serving(http.server.BaseHTTPRequestHandler):
    """Data behind an address."""

    def do_GET(self) -> None:
        """The data, or a way elsewhere."""
        if "moved" in self.path:
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/")
            self.end_headers()
            return
        body = TEXT if self.path == "/data/loans.csv?v=1" else b"x" * 3_000_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def serving() -> Iterator[str]:
    """The base address of a server of data on loopback."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Serving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_file_behind_an_address_is_fetched_and_profiled(
    own_database: str, cast: Cast, api: Door, settings: Any, serving: str, place: Path
) -> None:
    version = of_bytes(Facts(cast), location=f"{serving}/data/loans.csv?v=1")
    address = f"/api/v1/dataset-versions/{version.pk}/profile-location"
    assert api("pipeline").post(address, {}, format="json").status_code == 409, "http, and nobody lists the server"
    settings.PROFILE_SERVERS = [serving]
    assert api("pipeline").post(address, {}, format="json").status_code == 202
    job = work()
    assert job.state == "done", (job.message, job.fault)
    assert DataProfile.objects.get().rows == 60 and list(place.iterdir()) == []


def test_no_address_leads_inside_and_nothing_too_large_is_fetched(
    facts: Facts, settings: Any, serving: str, place: Path
) -> None:
    settings.PROFILE_SERVERS, settings.PROFILE_MAX_MIB = [serving], 1
    for number, (location, refusal) in enumerate(
        (
            ("https://127.0.0.1/x.csv", errors.Invalid),
            ("https://169.254.169.254/latest", errors.Invalid),
            ("https://[::ffff:10.0.0.1]/x.csv", errors.Invalid),
            ("https://user@data.example/x.csv", errors.Invalid),
            ("ftp://data.example/x.csv", errors.Invalid),
            ("s3://bucket/x.csv", errors.Invalid),
            (f"{serving}/moved", errors.Unavailable),
            (f"{serving}/large", errors.TooLarge),
        )
    ):
        version = of_bytes(facts, label=f"l{number}", location=location)
        with pytest.raises(refusal), files.opened(version, "", lambda _n: None):
            pass
    assert list(place.iterdir()) == []


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
        ends = time.monotonic() + 60
        while not children and time.monotonic() < ends and worker.poll() is None:
            children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
            time.sleep(0.02)
        assert children, "its reader never began"
        time.sleep(0.3)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("running", 1)
    ends = time.monotonic() + 10
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


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_the_pages_show_what_was_counted(facts: Facts, cast: Cast, signed_in: Door) -> None:
    version = of_bytes(facts)
    row = actions.record_profile(
        actor=cast.pipeline, reason=WHY, dataset_version=version, profile=read_profile(described(version))
    ).record
    steward = signed_in("steward")
    listed = steward.get(f"/dataset-versions/{version.pk}/profiles").content.decode()
    assert f'href="/profiles/{row.pk}"' in listed and "Upload and profile" in listed
    shown = steward.get(f"/profiles/{row.pk}").content.decode()
    assert "<svg" in shown and "handed in" in shown and "amount" in shown
    assert (
        f'href="/dataset-versions/{version.pk}/profiles"'
        in steward.get(f"/datasets/{version.dataset_id}").content.decode()
    )
    assert (
        "Upload and profile" not in signed_in("viewer").get(f"/dataset-versions/{version.pk}/profiles").content.decode()
    )


def test_a_steward_uploads_on_the_page(own_database: str, cast: Cast, signed_in: Door, place: Path) -> None:
    version = of_bytes(Facts(cast))
    steward = signed_in("steward")
    where = f"/dataset-versions/{version.pk}/profiles"
    assert steward.post(f"{where}/upload", {"reason": WHY}).status_code == 400
    for more, stands in (({"null": "NA"}, "handed in"), ({}, "measured by Muniment")):
        assert "measured by Muniment" not in steward.get(where).content.decode()
        answer = steward.post(f"{where}/upload", sent(**more))
        assert answer.status_code == 302, answer.content
        assert work().state == "done"
        assert stands in steward.get(where).content.decode()
    assert list(place.iterdir()) == []
    strict = type(steward)(enforce_csrf_checks=True)
    strict.cookies = steward.cookies
    assert strict.post(f"{where}/upload", sent()).status_code == 403
    assert list(place.iterdir()) == [], "without its token a form leaves nothing"
