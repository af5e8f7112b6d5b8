"""A file is read where it lies: in the operator's folders and at public addresses, and nowhere else."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governance import errors
from lineage.models import DataProfile
from lineage.quality import files
from tests.cast import Cast
from tests.lineage.conftest import Facts
from tests.lineage.quality.bytes import TEXT, Door, of_bytes, work

pytestmark = pytest.mark.usefixtures("place")


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
