"""Workers killed and the wire to the broker cut at random, on Redis and RabbitMQ with a real PostgreSQL."""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.governance.outbox.chaos import Wire, settle, storm
from tests.governance.outbox.conftest import Worker
from tests.services.conftest import Site

pytestmark = pytest.mark.services


@pytest.mark.parametrize("broker", ["redis_url", "rabbit_url"])
@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.soak)])
def test_every_notice_arrives_once(
    prepared: Site, broker: str, seconds: int, request: pytest.FixtureRequest, own_site: Callable[[], Site]
) -> None:
    site = own_site()
    parts = urlsplit(request.getfixturevalue(broker))
    wire = Wire("127.0.0.1", parts.port or 0)
    wire.mend()
    place = parts.netloc.rpartition("@")[0]
    url = urlunsplit(parts._replace(netloc=f"{place}@127.0.0.1:{wire.port}" if place else f"127.0.0.1:{wire.port}"))
    variables = {**site.variables, "CELERY_BROKER_URL": url, "MUNIMENT_ENV": "production"}
    workers = [Worker("", site.home, url, name=f"{broker}-{name}", variables=variables) for name in ("one", "two")]
    try:
        for worker in workers:
            worker.start(wait=False)
        sent = storm(seconds, variables=variables, workers=workers, broker=wire)
        settle(site.ask, sent, site.home / "mail", 120)
    finally:
        for worker in workers:
            worker.kill()
        wire.cut()
