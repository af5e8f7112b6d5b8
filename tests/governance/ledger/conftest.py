"""A log of the test's own: its key, its sealer, and someone who can switch the triggers off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from governance.accounts.models import Namespace, Principal
from governance.ledger import keys, sealer
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.databases import as_login
from tests.waiting import OTHERS_SECONDS

Raw = Callable[[str], "psycopg.Connection[Any]"]


class Log:
    """The log of one test database."""

    def __init__(self, home: Path, raw: Raw, actor: Principal) -> None:
        self.home, self.raw, self.actor = home, raw, actor
        self.key = keys.log_key(home)
        self.kept = keys.kept_path(home)
        self.superuser = raw("superuser")
        self._number = 0

    def write(self, count: int = 1) -> list[Namespace]:
        """Recorded changes: so many new namespaces, one action each."""
        made: list[Namespace] = []
        for _ in range(count):
            self._number += 1
            with recorded_action(actor=self.actor, reason=f"For the log, {self._number}"):
                made.append(Namespace.objects.create(name=f"log-{self._number}", title="Größe"))
        return made

    def seal(self, *, batch: int = sealer.BATCH, kept: bool = True) -> sealer.Sealed:
        """Seal as the sealer's login, once the transactions of other tests' databases no longer hold sealing up."""
        self.wait_for_others()
        with as_login("sealer"):
            return sealer.seal(self.key, self.kept if kept else None, batch)

    def wait_for_others(self) -> None:
        """Until no older transaction is open elsewhere.

        What is sealable is decided by the oldest transaction of the whole cluster, and other test processes share it.
        """
        newest = self.one("SELECT coalesce(max(xid), 0) FROM governance_ledgerentry")
        until = time.monotonic() + OTHERS_SECONDS
        while self.one(f"""SELECT count(*) FROM pg_stat_activity WHERE datname <> current_database()
                           AND backend_xid::text::bigint <= {newest}"""):
            assert time.monotonic() < until, "another test's database holds a transaction open for a quarter of an hour"
            time.sleep(0.02)

    def verify(self, *arguments: str) -> None:
        """`verify_ledger` as the app's login. Raises CommandError as the command does."""
        call_command("verify_ledger", *arguments)

    def refusal(self, *arguments: str) -> str:
        """What verify_ledger says of an altered record."""
        with pytest.raises(CommandError) as refused:
            self.verify(*arguments)
        assert refused.value.returncode == 1
        return str(refused.value)

    def tamper(self, table: str, *statements: str) -> None:
        """As a superuser: triggers off, the deed, triggers back as they were (A90)."""
        with self.superuser.transaction():
            enabled = self.superuser.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]
            ).fetchall()
            self.superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            for statement in statements:
                self.superuser.execute(statement)
            self.superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            for (name,) in enabled:
                self.superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

    @contextmanager
    def tampered(self, table: str, statement: str) -> Iterator[None]:
        """Tamper for the length of a block, then put the table's rows back: many deeds in one database."""
        self.superuser.execute(f"CREATE TEMP TABLE kept_rows AS SELECT * FROM {table}")
        self.tamper(table, statement)
        try:
            yield
        finally:
            self.tamper(
                table,
                f"DELETE FROM {table}",
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_rows",
                "DROP TABLE kept_rows",
            )

    def cut_back(self, size: int) -> None:
        """The newest entries gone, with their history and rows, as if they had never been (A92) or not yet (A93)."""
        first = self.one(f"SELECT entry_id FROM governance_ledgerposition WHERE position = {size}")
        for table, gone in (
            ("governance_ledgertile", f"index * 256 + width > {size}"),
            ("governance_ledgercheckpoint", f"size > {size}"),
            ("governance_ledgerposition", f"position >= {size}"),
            ("governance_ledgerentry", f"id >= {first}"),
            ("governance_historicalnamespace", f"ledger_entry_id >= {first}"),
            ("governance_namespace", "id NOT IN (SELECT id FROM governance_historicalnamespace)"),
        ):
            self.tamper(table, f"DELETE FROM {table} WHERE {gone}")

    def one(self, query: str) -> Any:
        """The first field of a query's first row, as a superuser."""
        row = self.superuser.execute(query).fetchone()
        return row[0] if row else None


@pytest.fixture
def log(own_database: str, raw: Raw, cast: Cast, tmp_path: Path, settings: Any) -> Log:
    """The log of the test's own database, with what the cast's making left unsealed."""
    settings.MUNIMENT_HOME = tmp_path
    return Log(tmp_path, raw, cast.admin)
