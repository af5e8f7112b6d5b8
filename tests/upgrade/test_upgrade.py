"""From the first release to the newest: migrated with its history in it, verified, read, judged and written on.

`first_release.sql.xz` is a `pg_dump` of what `make demo` of the first release left (commit bc22d99, the last one with the
migrations 0001 alone, PostgreSQL 18): 219 ledger entries, two models' releases, one version live. The checkpoint beside
it is what its sealer signed last. It restores into another cluster than it was made on, which is the harder case: entries
from now on begin a new epoch.
"""

import lzma
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from psycopg import sql

from governance.runtime import account
from governance.runtime.provision import close_database
from tests import databases
from tests.waiting import COMMAND_SECONDS

HERE = Path(__file__).parent
ORIGIN = "muniment/0fa1db64053ec2bf"
KEY = f"{ORIGIN}+53d2b0b8+AdXcSXBp0GZbg/psfttsJH46+T0glkQDOQoirtPV6601"
KEPT = HERE / "first_release.checkpoint"


@pytest.fixture
def first_release(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database as the first release left it; Django's connection uses it, as the app."""
    name = f"muniment_upgrade_{os.getpid()}_{uuid.uuid4().hex[:6]}"
    with psycopg.connect(databases.url("superuser", databases.maintenance_database()), autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} OWNER muniment_owner TEMPLATE template1").format(sql.Identifier(name))
        )
        close_database(server, name)
    psql = account.programs(account.Account(None, None))["psql"]
    done = subprocess.run(
        [psql, "-XqAt", "-v", "ON_ERROR_STOP=1", databases.url("superuser", name)],
        input=lzma.decompress((HERE / "first_release.sql.xz").read_bytes()), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    with django_db_blocker.unblock():
        former = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = name
        try:
            yield name
        finally:
            connection.close()
            connection.settings_dict["NAME"] = former
    databases.drop(name)


def manage(database: str, home: Path, *arguments: str, login: str = "app", expect: int = 0) -> str:
    """A management command on that database; what it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=databases.ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS,
        env={**databases.environment(database), "MUNIMENT_LOGIN": login, "MUNIMENT_HOME": str(home)}, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_first_release_becomes_the_newest_with_everything_it_recorded(first_release: str, tmp_path: Path) -> None:
    verify = ("verify_ledger", "--origin", ORIGIN, "--key", KEY, "--kept", str(KEPT))
    manage(first_release, tmp_path, "migrate", "-v0", login="owner")
    assert "equal their files" in manage(first_release, tmp_path, "install_guards", "--check", login="owner")
    said = manage(first_release, tmp_path, *verify)
    assert "Intact. 219 entries" in said

    from approvals.gate.gate import Status, ask
    from approvals.models import LiveSlot, Release, SignOff
    from governance.accounts.models import Namespace, Principal, User
    from governance.unit_of_work import receipt, recorded_action

    releases = list(Release.objects.order_by("pk"))
    assert len(releases) >= 2 and SignOff.objects.count() >= 6 and LiveSlot.objects.count() == 1
    for release in releases:
        rows = ask(release).requirements
        assert rows and all(row.status != Status.ERROR for row in rows), [row.as_dict() for row in rows]
    live = LiveSlot.objects.select_related("promotion__release").get().promotion
    gate = {row.key: row for row in ask(live.release).requirements}
    facts = ("artifact", "provenance", "terms", "sensitive-data", "evidence-performance", "evidence-fairness")
    assert {gate[key].status for key in facts} == {Status.SATISFIED}
    # What votes bind to is worked out with epochs since: votes of the first release are told as such, never taken as
    # given (docs/operations.md, "Upgrading"). What is live stays live: its decision was taken then.
    assert gate["validator"].status == Status.UNSATISFIED
    assert {one["why"] for one in gate["validator"].params["ignored"]} == {"vote-of-older-form"}

    reader = Client()
    reader.force_login(
        User.objects.get(email="auditor@demo.example"), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    version = live.release.model_version
    for address in ("/", f"/releases/{live.release_id}", f"/models/{version.model_id}", f"/model-versions/{version.pk}",
                    "/datasets", "/policies", "/inbox", "/jobs", f"/promotions/{live.pk}",
                    "/api/v1/history?table=approvals_signoff", "/api/v1/live?model=readmission&environment=production",
                    f"/admin/approvals/release/{live.release_id}/history/"):  # fmt: skip
        answer = reader.get(address)
        assert answer.status_code in (200, 404 if "live?" in address else 200), (address, answer.status_code)

    with recorded_action(actor=Principal.objects.get(name="admin@demo.example"), reason="After the upgrade"):
        made = Namespace.objects.create(name="after-the-upgrade")
    assert receipt(made)["ledger_entry"] > 219
    assert "Intact." in manage(first_release, tmp_path, *verify)
    with psycopg.connect(databases.url("superuser", first_release), autocommit=True) as superuser:
        superuser.execute("ALTER TABLE approvals_signoff DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE approvals_signoff SET comment = 'never said' WHERE id = (SELECT min(id) FROM approvals_signoff)"
        )
    assert "approvals_signoff id" in manage(first_release, tmp_path, *verify, expect=1)
