"""The same on the brokers of production: Redis and RabbitMQ on their standard ports (make test-services)."""

from pathlib import Path

import pytest
from kombu import Queue, pools

from governance.celery import app
from governance.outbox import Message, enqueue
from governance.unit_of_work import recorded_action
from tests.cast import Cast
from tests.governance.outbox.conftest import Worker, wait_until

pytestmark = pytest.mark.services

BROKERS = ["redis://127.0.0.1:6379/15", "amqp://guest:guest@127.0.0.1:5672//"]


def lose_the_queue() -> int:
    """Empty the queue; how many hints were lost."""
    with app.connection_for_write() as connection:
        queue = Queue("default")(connection.default_channel)
        queue.declare()
        return queue.purge() or 0


@pytest.mark.parametrize("url", BROKERS, ids=["redis", "rabbitmq"])
def test_delivered_on_the_hint_and_after_its_loss(
    own_database: str, cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", url)
    pools.reset()
    worker = Worker(own_database, tmp_path, url)
    try:
        lose_the_queue()
        tell(cast, 1)
        assert lose_the_queue() == 1
        worker.start()
        wait_until(all_delivered)
        tell(cast, 2)
        wait_until(all_delivered)
        assert len(list((tmp_path / "mail").glob("*.eml"))) == 2
    finally:
        worker.kill()
        lose_the_queue()
        pools.reset()
    assert "Warning" not in worker.log.read_text().replace("SecurityWarning", "")


def tell(cast: Cast, number: int) -> None:
    with recorded_action(actor=cast.owner, reason="Test"):
        enqueue("test.tell", {"to": [cast.risk.pk], "what": str(number)}, subject=f"test:{number}")


def all_delivered() -> bool:
    return Message.objects.exists() and not Message.objects.filter(delivered_at=None).exists()
