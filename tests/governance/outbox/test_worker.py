"""The broker may lose everything, and any worker may die at any moment: no work is lost, no mail is doubled.

Real worker processes, a real broker, a database of the test's own.
"""

import os
import signal
import time
from pathlib import Path

import pytest

from governance.outbox import Message, enqueue, tasks
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.outbox.conftest import Worker, client, lose_everything, wait_until
from tests.waiting import PATIENCE


def tell_risk(cast: Cast, number: int = 0) -> Message:
    with recorded_action(actor=cast.owner, reason="Test"):
        return enqueue("test.tell", {"to": [cast.risk.pk], "what": f"Thing {number}"}, subject=f"test:{number}")


def all_delivered() -> bool:
    return Message.objects.exists() and not Message.objects.filter(delivered_at=None).exists()


def states() -> object:
    return list(Message.objects.values_list("topic", "attempts", "delivered_at", "last_error"))


def sent_once(home: Path) -> bool:
    return (home / "sent").exists() and (home / "sent").read_text() != ""


def letters(home: Path) -> list[Path]:
    return list((home / "mail").glob("*.eml"))


def test_delivered_at_once_on_the_hint_alone(cast: Cast, worker: Worker, tmp_path: Path) -> None:
    worker.start(sweep=False)
    tell_risk(cast)
    wait_until(all_delivered, states)  # nothing sweeps here
    assert len(letters(tmp_path)) == 1


def test_the_broker_loses_everything_and_the_sweep_delivers(cast: Cast, worker: Worker, tmp_path: Path) -> None:
    for number in range(20):
        tell_risk(cast, number)
    lose_everything()
    with client() as redis:
        assert redis.keys("*") == []
    worker.start()
    wait_until(all_delivered, states)
    assert len(letters(tmp_path)) == 20


def test_without_any_broker_the_act_goes_through_and_is_delivered_later(
    cast: Cast, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setenv("CELERY_BROKER_URL", f"redis+socket://{tmp_path}/no-broker.sock")
        away.setattr(tasks, "_quiet_until", 0.0)
        began = time.monotonic()
        tell_risk(cast)
        assert time.monotonic() - began < PATIENCE, "the act must not wait for the broker, which never comes"
        assert tasks._quiet_until > began, "and this process knows that it is away"
    worker.start()
    wait_until(all_delivered, states)
    assert len(letters(tmp_path)) == 1


def test_the_worker_is_killed_between_mail_and_commit(cast: Cast, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    worker.start()
    tell_risk(cast)
    wait_until(lambda: sent_once(tmp_path), states)
    worker.kill()
    (tmp_path / "hold").unlink()
    mail = Message.objects.get(topic="notice.mail")
    assert (mail.state, mail.attempts, len(letters(tmp_path))) == ("pending", 1, 1)
    worker.start()
    wait_until(all_delivered, states)
    mail.refresh_from_db()
    assert (mail.attempts, len(letters(tmp_path))) == (2, 1)


def test_the_process_in_the_pool_is_killed_and_the_worker_goes_on(cast: Cast, worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    worker.start()
    tell_risk(cast)
    wait_until(lambda: sent_once(tmp_path), states)
    os.kill(int((tmp_path / "sent").read_text()), signal.SIGKILL)
    (tmp_path / "hold").unlink()
    tell_risk(cast, 1)
    wait_until(all_delivered, states)
    assert len(letters(tmp_path)) == 2
