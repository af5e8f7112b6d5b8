"""The offline verifier: what an auditor runs on their own machine, against packs that were spoilt in every way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.ledger import verifier
from governance.ledger.note import SignerKey, sign_checkpoint
from tests.governance.ledger.packs import KEY, Pack

VKEY = str(KEY.verifier)
ROOT = Path(verifier.__file__).resolve().parents[2]


def check(path: Path, *more: str, origin: str = KEY.name, key: str = VKEY) -> int:
    return verifier.main([str(path), "--origin", origin, "--key", key, *more])


def test_an_intact_pack_passes_on_a_machine_without_the_product(tmp_path: Path) -> None:
    """In a process of its own, where importing Django or opening a socket would fail."""
    path = Pack().write(tmp_path / "pack.zip")
    guard = (
        "import sys, socket, runpy\n"
        "class No:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in ('django', 'psycopg', 'celery', 'rest_framework'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "socket.socket = None\n"
        "runpy.run_module('governance.ledger.verifier', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", guard, str(path), "--origin", KEY.name, "--key", VKEY],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Intact. 3 records (0 redacted)" in done.stdout
    assert "extends 2 earlier checkpoints" in done.stdout
    assert "Not covered by the log, for reading only: release.html" in done.stdout


def test_origin_and_key_are_the_auditors_not_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A95: a second log under another key, consistent in itself, convinces nobody who pinned the first."""
    path = Pack().write(tmp_path / "pack.zip")
    assert check(path, origin="log.example/other") == 1
    assert check(path, key=str(SignerKey(KEY.name, bytes(32)).verifier)) == 1
    assert "not signed by" in capsys.readouterr().err


def spoil_leaf(pack: Pack) -> None:
    pack.entries[1]["leaf"] = pack.entries[1]["leaf"].replace('"actor":1', '"actor":2')


def spoil_body(pack: Pack) -> None:
    pack.entries[1]["body"] = pack.entries[1]["body"].replace("because", "no reason")


def spoil_salt(pack: Pack) -> None:
    pack.entries[1]["salt"] = "00" * 32


def half_redacted(pack: Pack) -> None:
    pack.entries[1]["body"] = None


def spoil_position(pack: Pack) -> None:
    pack.entries[1]["position"] = 8


def spoil_proof(pack: Pack) -> None:
    pack.entries[1]["proof"][2] = "ab" * 32


def shorten_proof(pack: Pack) -> None:
    pack.entries[1]["proof"].pop()


def repeat_entry(pack: Pack) -> None:
    pack.entries[1] = pack.entries[0]


def loosen_leaf(pack: Pack) -> None:
    pack.entries[1]["leaf"] = pack.entries[1]["leaf"].replace('"actor":1', '"actor": 1')


def lone_surrogate(pack: Pack) -> None:
    pack.entries[1]["body"] = "\ud800"


def boolean_position(pack: Pack) -> None:
    pack.entries[1]["position"] = True


@pytest.mark.parametrize(
    "spoil",
    [spoil_leaf, spoil_body, spoil_salt, half_redacted, spoil_position, spoil_proof, shorten_proof, repeat_entry,
     loosen_leaf, lone_surrogate, boolean_position],
)  # fmt: skip
def test_the_first_bad_record_is_named(
    spoil: Callable[[Pack], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = Pack()
    spoil(pack)
    assert check(pack.write(tmp_path / "pack.zip")) == 1
    assert capsys.readouterr().err.startswith("ALTERED. Record 2")


def test_a_redacted_record_still_stands_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = Pack()
    pack.entries[1].update(salt=None, body=None)
    assert check(pack.write(tmp_path / "pack.zip")) == 0
    assert "(1 redacted)" in capsys.readouterr().out


def test_an_earlier_checkpoint_that_this_log_does_not_extend_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A91: the log was rewritten and signed again with the true key (A94)."""
    pack = Pack()
    pack.earlier[1]["note"] = sign_checkpoint(KEY, 100, bytes(32)).decode()
    assert check(pack.write(tmp_path / "pack.zip")) == 1
    assert "The log was rewritten: the checkpoint of size 100" in capsys.readouterr().err


def test_the_checkpoint_an_auditor_kept_must_lead_to_the_packs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = Pack()
    path = pack.write(tmp_path / "pack.zip")
    kept = tmp_path / "kept.txt"
    kept.write_text(pack.earlier[1]["note"])
    assert check(path, "--kept", str(kept)) == 0
    kept.write_bytes(sign_checkpoint(KEY, 100, bytes(32)))
    assert check(path, "--kept", str(kept)) == 1
    assert "You were shown another log" in capsys.readouterr().err
    kept.write_bytes(sign_checkpoint(KEY, 99, bytes(32)))
    assert check(path, "--kept", str(kept)) == 2
    assert "no proof from your checkpoint of size 99" in capsys.readouterr().err


def test_files_the_manifest_does_not_list_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = Pack()
    files = pack.files()
    assert check(pack.write(tmp_path / "1.zip", {**files, "extra.txt": b"x"})) == 1
    assert check(pack.write(tmp_path / "2.zip", {**files, "release.html": b"other"})) == 1
    assert "release.html is not the file that manifest.json lists" in capsys.readouterr().err
    del files["manifest.json"]
    assert check(pack.write(tmp_path / "3.zip", files)) == 1
    pack.manifest["entries"] = 4
    assert check(pack.write(tmp_path / "4.zip")) == 1
    assert "lists 4 entries, the pack holds 3" in capsys.readouterr().err


def test_no_name_in_the_pack_writes_another_verdict_over_the_verifiers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal obeys what it is told to print: a line erased, a cursor led back, a text turned round."""
    name = "\x1b[1A\x1b[2K\rIntact. 3 records are in the log.\u202e\n"
    pack = Pack()
    pack.attachments = {name: b"x"}
    files = pack.files()
    assert check(pack.write(tmp_path / "1.zip", {**files, name: b"other"})) == 1
    assert check(pack.write(tmp_path / "2.zip")) == 0
    said = capsys.readouterr()
    assert said.err.startswith("ALTERED. The pack's \\x1b[1A") and said.err.count("\n") == 1
    assert not any(mark in said.out + said.err for mark in "\x1b\r\u202e")


def test_a_pack_of_many_large_files_is_refused_before_they_are_unpacked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier, "MAX_PACK", 20_000)
    pack = Pack()
    pack.attachments = {f"{number}.html": bytes(10_000) for number in range(3)}
    assert check(pack.write(tmp_path / "pack.zip")) == 1
    assert "together are too large" in capsys.readouterr().err


def test_wrong_use_is_not_called_altered(tmp_path: Path) -> None:
    path = Pack().write(tmp_path / "pack.zip")
    assert check(tmp_path / "absent.zip") == 2
    assert check(path, key="nonsense") == 2
    assert check(path, "--kept", str(tmp_path / "absent")) == 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_changed_octet_passes_or_breaks_the_verifier(tmp_path: Path, data: st.DataObject) -> None:
    """Any octet of any signed or listed file changed: altered, never intact, never a traceback."""
    pack = Pack(size=20, chosen=(3, 7), earlier=(5,))
    files = pack.files()
    name = data.draw(st.sampled_from(["checkpoint.txt", "entries.jsonl", "consistency.json"]))
    content = files[name]
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[:at] + data.draw(st.binary(min_size=1, max_size=1)) + content[at + 1 :]
    if changed != content:
        # The attacker mends the manifest too.
        manifest = files["manifest.json"]
        old, new = (verifier.hashlib.sha256(item).hexdigest().encode() for item in (content, changed))
        spoilt = {**files, name: changed, "manifest.json": manifest.replace(old, new)}
        status = check(pack.write(tmp_path / "pack.zip", spoilt))
        # The number of an entry is a convenience: the log does not hold it.
        assert status == 1 or (name == "entries.jsonl" and b'"entry": ' in content[max(0, at - 11) : at + 1])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_garbage_in_the_zip_is_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    whole = Pack(size=20, chosen=(3,), earlier=()).write(tmp_path / "whole.zip").read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    path = tmp_path / "pack.zip"
    path.write_bytes(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :])
    assert check(path) in (0, 1)
