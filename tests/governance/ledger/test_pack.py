"""Packs made from the real log, checked by the offline verifier, in a process that knows nothing of the server."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from governance.ledger import verifier
from governance.ledger.pack import NotSealed, write_pack
from tests import databases
from tests.governance.ledger.conftest import Log


def entries_of(log: Log, *names: str) -> list[int]:
    rows = log.superuser.execute(
        "SELECT ledger_entry_id FROM governance_historicalnamespace WHERE name = ANY(%s)", [list(names)]
    ).fetchall()
    return [entry for (entry,) in rows]


def check(log: Log, path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "governance.ledger.verifier", str(path), "--origin", log.key.name,
         "--key", str(log.key.verifier), *more],
        cwd=databases.ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_pack_of_the_real_log_verifies_offline(log: Log, tmp_path: Path) -> None:
    log.write(3)
    first = log.seal().size
    (tmp_path / "kept.txt").write_text(log.kept.read_text())
    log.write(3)
    log.seal()
    log.write(3)
    log.seal()
    path = tmp_path / "pack.zip"
    made = write_pack(
        path, entries_of(log, "log-2", "log-5", "log-8", "log-8"),
        about={"release": "churn 3"}, attachments={"release.json": b"{}"}, since=[first],
    )  # fmt: skip
    assert made.entries == 3
    done = check(log, path, "--kept", str(tmp_path / "kept.txt"))
    assert done.returncode == 0, done.stderr
    assert "Intact. 3 records" in done.stdout
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("manifest.json"))["about"] == {"release": "churn 3"}
        body = json.loads(json.loads(archive.read("entries.jsonl").split(b"\n")[0])["body"])
    assert body["columns"]["title"] == "Größe"
    assert body["reason"] == "For the log, 2"


def test_an_entry_changed_in_the_database_spoils_the_pack(log: Log, tmp_path: Path) -> None:
    """The pack is made by a server that may lie; what it cannot do is make the lie fit."""
    log.write(3)
    log.seal()
    (entry,) = entries_of(log, "log-2")
    log.tamper(
        "governance_ledgerentry",
        f"UPDATE governance_ledgerentry SET body = replace(body, 'log-2', 'log-x') WHERE id = {entry}",
    )
    write_pack(tmp_path / "pack.zip", [entry], about={})
    done = check(log, tmp_path / "pack.zip")
    assert done.returncode == 1
    assert done.stderr.startswith("ALTERED. Record 1 (position")
    assert "governance_namespace" in done.stderr


def test_what_is_not_sealed_cannot_be_packed(log: Log, tmp_path: Path) -> None:
    log.write(2)
    entries = entries_of(log, "log-1", "log-2")
    with pytest.raises(NotSealed) as refused:
        write_pack(tmp_path / "pack.zip", entries, about={})
    assert refused.value.entries == tuple(entries)
    log.seal()
    log.write(1)
    (late,) = entries_of(log, "log-3")
    with pytest.raises(NotSealed) as refused:
        write_pack(tmp_path / "pack.zip", [*entries, late], about={})
    assert refused.value.entries == (late,)


def test_wrong_use_of_the_pack_is_told(log: Log, tmp_path: Path) -> None:
    log.seal()
    with pytest.raises(ValueError, match="no checkpoint of size 1"):
        write_pack(tmp_path / "pack.zip", [], about={}, since=[1])
    for name in ("manifest.json", "../x", "/etc/passwd", "a/../b", ".hidden", ""):
        with pytest.raises(ValueError, match="cannot be the name"):
            write_pack(tmp_path / "pack.zip", [], about={}, attachments={name: b""})
    assert verifier.FORMAT == "muniment-evidence/1"
