"""Sealing in the background: on its own queue, on a schedule, and never in the way of who asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from governance.celery import app
from governance.ledger import tasks
from tests.databases import as_login
from tests.governance.ledger.conftest import Log


def test_the_task_seals_under_the_sealers_login(log: Log) -> None:
    log.write(2)
    log.wait_for_others()
    with as_login("sealer"):
        tasks.seal()
    size = log.one("SELECT max(size) FROM governance_ledgercheckpoint")
    assert log.one("SELECT count(*) FROM governance_ledgerentry") == size


def test_a_refusal_is_an_error_in_the_log_and_nothing_is_sealed(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    tasks.seal()  # as the app
    assert "Nothing was sealed: The login" in caplog.text
    assert log.one("SELECT count(*) FROM governance_ledgerposition") == 0


def test_it_runs_every_30_seconds_on_the_sealers_queue() -> None:
    (entry,) = tasks.SCHEDULE.values()
    assert entry["schedule"] == entry["options"]["expires"] == 30
    assert entry["task"] == tasks.seal.name
    assert tasks.seal.name in app.tasks
    assert app.amqp.router.route({}, entry["task"])["queue"].name == "sealer"


def test_asking_for_a_seal_never_fails(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def unreachable(**_: Any) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(tasks.seal, "apply_async", unreachable)
    tasks.request_seal()
    assert "ConnectionError: no broker" in caplog.text
