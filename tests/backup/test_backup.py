"""Backup and restore by the document's own steps: nothing is lost, guards are back, yesterday's is told from today's."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from governance.runtime import account
from governance.runtime.lease import Lease
from tests import databases
from tests.docs.documents import blocks
from tests.governance.ledger.conftest import Log, log
from tests.governance.runtime.conftest import new_home
from tests.waiting import COMMAND_SECONDS, PATIENCE

__all__ = ["log", "new_home"]


def programs() -> Path:
    """The folder of the embedded server's programs."""
    return account.programs(account.Account(None, None)).postgres


def shell(script: str, variables: dict[str, str], folder: Path, *, expect: int = 0) -> str:
    """Run lines of the document in a folder, with `python` being this one; what was said."""
    lines = script.replace("python manage.py", f"{sys.executable} {databases.ROOT}/manage.py")
    environment = {**variables, "PATH": f"{programs()}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-ec", lines],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def written(start: str) -> str:
    """The document's block of shell lines that begins so."""
    return next(block for block in blocks("docs/operations.md", "sh") if block.strip().startswith(start))


@pytest.fixture
def another_server(new_home: Callable[..., Any]) -> Iterator[dict[str, str]]:
    """The variables of a cluster of its own, as empty as the document wants it."""
    with Lease(new_home("another"), services=("database",), durable=False) as lease:
        yield lease.urls


def test_a_dump_restored_into_another_server_is_whole_guarded_and_verified(
    log: Log, own_database: str, another_server: dict[str, str], tmp_path: Path
) -> None:
    log.write(3)
    log.seal()
    kept = tmp_path / "checkpoint-of-your-own"
    kept.write_text(log.kept.read_text())
    variables = {**databases.environment(own_database), "MUNIMENT_HOME": str(tmp_path)}
    shell(written("pg_dump"), variables, tmp_path)
    elsewhere = {**variables, **another_server, "MUNIMENT_LOGIN": "app"}
    said = shell(written("pg_restore"), elsewhere, tmp_path)
    assert "equal their files" in said
    size = log.one("SELECT count(*) FROM governance_ledgerposition")
    assert f"Intact. {size} entries" in said
    fingerprint = "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'"
    with psycopg.connect(another_server["DATABASE_SUPERUSER_URL"], autocommit=True) as there:
        assert there.execute(fingerprint).fetchone() == (log.one(fingerprint),)
        epochs = there.execute("SELECT count(DISTINCT system_identifier) FROM governance_ledgerepoch").fetchone()
        assert epochs == (2,), "transactions are numbered anew there, and the log says so"
    with psycopg.connect(another_server["DATABASE_URL"], autocommit=True) as app:
        for statement in ("DELETE FROM governance_namespace", "UPDATE governance_historicalnamespace SET title = 'x'"):
            with pytest.raises(psycopg.Error):
                app.execute(statement)
    # The day after: something more is recorded and sealed; whoever puts the dump back in its place is found out (A93).
    log.write(2)
    log.seal()
    later = tmp_path / "later"
    later.write_text(log.kept.read_text())
    log.kept.unlink()
    told = shell("python manage.py verify_ledger --kept later", elsewhere, tmp_path, expect=1)
    assert "ALTERED" in told


@pytest.mark.soak
def test_a_base_backup_comes_back_as_it_was_and_an_old_one_is_told(
    new_home: Callable[..., Any], tmp_path: Path
) -> None:
    """A whole cluster: copied while it is written, put back, started; then an old copy in the place of a newer state."""
    home = new_home("whole")
    variables = {**os.environ, "MUNIMENT_HOME": str(home.path), "MUNIMENT_ENV": "embedded"}
    with Lease(home) as lease:
        variables |= lease.urls
        for arguments, login in ((("migrate", "-v0"), "owner"), (("grant_delay", "0"), "owner")):
            _manage(variables, *arguments, login=login)
        subprocess.run(
            [sys.executable, "-m", "tests.cast"], cwd=databases.ROOT, env=variables, check=True, timeout=COMMAND_SECONDS
        )
        _manage(variables, "seal_ledger", login="sealer")
        shell(written("pg_basebackup"), variables, tmp_path)
        (tmp_path / "then").write_text((home.path / "keys" / "log.checkpoint").read_text())
        subprocess.run([sys.executable, "-m", "tests.services.prepare"], cwd=databases.ROOT, env=variables, check=True)
        _manage(variables, "seal_ledger", login="sealer")
        newest = tmp_path / "now"
        newest.write_text((home.path / "keys" / "log.checkpoint").read_text())
        assert "Intact." in _manage(variables, "verify_ledger", "--kept", str(newest))
    _until_stopped(home)
    data = home.services.resolve() / "database"
    owner = data.stat()
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "base", data)
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    data.chmod(0o700)
    (home.path / "keys" / "log.checkpoint").unlink()
    with Lease(home) as lease:
        variables |= lease.urls
        assert "equal their files" in _manage(variables, "install_guards", "--check", login="owner")
        assert "Intact." in _manage(variables, "verify_ledger", "--kept", str(tmp_path / "then"))
        assert "ALTERED" in _manage(variables, "verify_ledger", "--kept", str(newest), expect=1)


def _manage(variables: dict[str, str], *arguments: str, login: str = "app", expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=databases.ROOT, env={**variables, "MUNIMENT_LOGIN": login},
        capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def _until_stopped(home: Any) -> None:
    limit = time.monotonic() + PATIENCE
    while (home.services / "database" / "postmaster.pid").exists():
        assert time.monotonic() < limit
        time.sleep(0.1)
