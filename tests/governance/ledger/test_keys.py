"""The log's key: made once, whoever starts first, and never open to others."""

from __future__ import annotations

import shlex
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governance.ledger.keys import IDENTITY_FILE, KeyUnusable, key_path, log_key, public_identity
from governance.ledger.note import SignerKey, VerifierKey


@pytest.fixture(autouse=True)
def no_key_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUNIMENT_LOG_KEY", raising=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_key_and_tells_its_public_half(tmp_path: Path) -> None:
    assert public_identity(tmp_path) is None
    key = log_key(tmp_path)
    assert mode(key_path(tmp_path)) == 0o600
    assert mode(key_path(tmp_path).parent) == 0o700
    assert mode(tmp_path / IDENTITY_FILE) == 0o600
    assert public_identity(tmp_path) == (key.name, str(key.verifier))
    assert log_key(tmp_path) == key
    shell = f'set -e; . {shlex.quote(str(tmp_path / IDENTITY_FILE))}; printf \'%s|%s\' "$LOG_ORIGIN" "$LOG_KEY"'
    told = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout
    origin, vkey = told.split("|")
    assert (origin, VerifierKey.parse(vkey)) == (key.name, key.verifier)
    assert sorted(p.name for p in key_path(tmp_path).parent.iterdir()) == ["log.skey"]  # no drafts left


def test_starters_that_race_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _number: log_key(tmp_path), range(64)))
    assert len(found) == 1
    assert sorted(p.name for p in key_path(tmp_path).parent.iterdir()) == ["log.skey"]


def test_a_given_key_is_used_and_never_invented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "elsewhere.skey"
    monkeypatch.setenv("MUNIMENT_LOG_KEY", str(given))
    with pytest.raises(KeyUnusable, match="does not exist"):
        log_key(tmp_path)
    key = SignerKey.generate("log.example/ours")
    given.write_text(key.export())
    given.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        log_key(tmp_path)
    given.chmod(0o600)
    assert log_key(tmp_path) == key
    given.write_text("PRIVATE+KEY+nonsense")
    with pytest.raises(KeyUnusable, match="does not hold a log key") as refusal:
        log_key(tmp_path)
    assert "nonsense" not in str(refusal.value)
