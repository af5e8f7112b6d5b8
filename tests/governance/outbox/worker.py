"""What the worker processes of these tests run: `celery -A tests.governance.outbox.worker`, the product's own app."""

from datetime import timedelta

from celery.signals import import_modules

from governance.celery import app

__all__ = ["app"]


@import_modules.connect(sender=app, weak=False)
def prepare(**_: object) -> None:
    """Once Django is ready: the tests' topic, and a sweep they need not wait ten seconds for."""
    from governance.jobs import runner
    from governance.outbox import relay
    from lineage.openlineage import working
    from tests.governance.jobs import counting
    from tests.governance.outbox import topics

    topics.register()
    counting.register()
    # A message whose worker was killed comes back after this; the product waits longer.
    relay.FIRST_WAIT = timedelta(seconds=0.3)
    working.FIRST_WAIT = timedelta(seconds=0.3)
    runner.SILENCE = timedelta(seconds=3)
    app.conf.beat_schedule["jobs-sweep"]["schedule"] = 1.0
    app.conf.beat_schedule["outbox-sweep"]["schedule"] = 1.0
    app.conf.beat_schedule["openlineage-sweep"]["schedule"] = 1.0
