"""The web's pool asks a connection whether it lives after it has rested, and never takes a dead one for a living one."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from governance.runtime import pooled
from governance.runtime.pooled import PooledConnection
from tests import databases


def test_it_answers_from_memory_for_a_second_and_then_asks(
    own_database: str, raw: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with PooledConnection.connect(databases.url("app", own_database), autocommit=True) as connection:
        connection.execute("")
        raw("superuser").execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        connection.execute("")
        monkeypatch.setattr(pooled, "RESTED", 0.0)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("")
        monkeypatch.undo()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("")  # known to be closed by now


def test_queries_are_its_own_as_ever(own_database: str) -> None:
    with PooledConnection.connect(databases.url("app", own_database), autocommit=True) as connection:
        assert connection.execute("SELECT %s::int + 1", [41]).fetchone() == (42,)
