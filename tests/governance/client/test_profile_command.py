"""`muniment profile` counts where the data lies, and hands in the counts alone."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from governance.client import muniment
from lineage.models import DataProfile
from tests.cast import KEYS, Cast
from tests.governance.client.conftest import Pipeline
from tests.lineage.conftest import Facts
from tests.waiting import PATIENCE

TEXT = b"grade,amount\n" + b"a,1.5\nb,2\n" * 30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of data."""
    found = tmp_path / "loans.csv"
    found.write_bytes(TEXT)
    return found


def test_without_a_version_it_asks_nobody(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert muniment.main(["profile", str(path)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], [one["name"] for one in told["columns"]]) == (60, ["grade", "amount"])
    out = path.with_suffix(".json")
    assert muniment.main(["profile", str(path), "--out", str(out), "--rows", "10"]) == 0
    assert json.loads(out.read_text())["stopped_by"] == "rows"
    assert muniment.main(["profile", str(path), "--against", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["columns"][1]["edges"] == [1.5, 2]


def test_as_make_installs_it_its_own_folder_is_looked_in(path: Path) -> None:
    command = [sys.executable, "-I", str(muniment.__file__), "profile", str(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rows"] == 60


def test_a_version_is_told_what_was_counted_in_its_own_bytes(
    served: str, cast: Cast, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MUNIMENT_URL", served)
    monkeypatch.setenv("MUNIMENT_API_KEY", KEYS["pipeline"])
    facts = Facts(cast)
    version = facts.version(digest=f"sha256:{hashlib.sha256(TEXT).hexdigest()}")
    other = facts.version(label="other", digest="sha256:" + "0" * 64)
    assert muniment.main(["profile", str(path), "--version", str(version.pk)]) == 0
    row = DataProfile.objects.get()
    assert (row.how, row.rows, row.dataset_version_id) == ("handed-in", 60, version.pk)
    assert capsys.readouterr().out == f"profile {row.pk}: 60 rows\n"
    assert muniment.main(["profile", str(path), "--version", str(other.pk)]) == 2
    assert "of other bytes" in capsys.readouterr().err
    assert DataProfile.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (b"a,b\n1\n", (), "Line 2 has 1 values"),
        (b"", (), "empty"),
        (b"a\n1\n", ("--encoding", "rot13"), "no encoding of text"),
        (b"a\n1\n", ("--against", "/dev/null"), "no profile"),
        (b"a\n1\n", ("--delimiter", "ab"), "delimiter"),
    ],
)
def test_what_cannot_be_read_ends_with_2_and_says_why(
    path: Path, capsys: pytest.CaptureFixture[str], text: bytes, options: tuple[str, ...], says: str
) -> None:
    path.write_bytes(text)
    assert muniment.main(["profile", str(path), *options]) == 2
    assert says in capsys.readouterr().err


def test_the_command_copied_alone_says_what_profiling_takes(pipeline: Pipeline) -> None:
    done = pipeline.run("profile", "data.csv")
    assert (done.returncode, "pip install 'muniment[profile]'" in done.stderr) == (2, True)
