"""Broker and workers killed at random under load: every notice arrives once, in order, and the outbox is empty."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import databases
from tests.cast import Cast
from tests.governance.outbox.chaos import OwnValkey, settle, storm
from tests.governance.outbox.conftest import Worker


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnValkey]:
    made = OwnValkey(tmp_path)
    made.mend()
    yield made
    made.cut()


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_killed_at_random_every_notice_arrives_once(
    own_database: str,
    cast: Cast,
    own_broker: OwnValkey,
    tmp_path: Path,
    raw: Callable[[str], "psycopg.Connection[Any]"],
    seconds: int,
) -> None:
    workers = [Worker(own_database, tmp_path, own_broker.url, name=name) for name in ("one", "two")]
    variables = {**databases.environment(own_database), "CELERY_BROKER_URL": own_broker.url}
    looking = raw("superuser")

    def ask(query: str) -> Any:
        row = looking.execute(query).fetchone()
        return row[0] if row else None

    try:
        for worker in workers:
            worker.start(wait=False)
        sent = storm(seconds, variables=variables, workers=workers, broker=own_broker)
        settle(ask, sent, tmp_path / "mail", 120)
    finally:
        for worker in workers:
            worker.kill()
