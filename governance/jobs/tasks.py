"""The Celery side of jobs: a hint that starts one, and the sweep that takes up what was left lying."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Principal
from governance.celery import app
from governance.jobs import runner
from governance.jobs.actions import ASKED
from governance.jobs.kinds import title_of
from governance.jobs.models import Job
from governance.outbox import Message, handles, notify, register_kind

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0

SCHEDULE: dict[str, dict[str, Any]] = {
    "jobs-sweep": {
        "task": "governance.jobs.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},
    },
}

register_kind(
    "job-done",
    title=_("Done: %(title)s"),
    body=_("%(message)s"),
    link=_("Open the job"),
)
register_kind(
    "job-cancelled",
    title=_("Cancelled: %(title)s"),
    body=_("%(message)s"),
    link=_("Open the job"),
)
register_kind(
    "job-failed",
    title=_("Failed: %(title)s"),
    body=_("%(message)s"),
    link=_("Open the job"),
)


@app.task(name="governance.jobs.run")
def run(job: int) -> None:
    """Work on one job. In the queue `jobs`: long work must not stand in the way of the relay.

    Of a kind with a limit the next one is started then: what was hinted at meanwhile found no room.
    """
    if runner.run(job):
        for number in runner.next_of(Job.objects.values_list("kind", flat=True).get(pk=job)):
            start(number)


@app.task(name="governance.jobs.sweep")
def sweep() -> None:
    """Start what is due and nobody works on: a lost hint, a killed worker, a wait that is over. Drop old files."""
    for number in runner.startable(100):
        start(number)
    runner.drop_old_files(settings.JOB_FILE_DAYS)


def start(number: int) -> None:
    """Hint that a job is due. Never raises: a hint that is lost costs at most one sweep."""
    try:
        run.apply_async((number,), retry=False, ignore_result=True, expires=3600)
    except Exception as error:  # kombu, redis, amqp and socket errors share no base class
        logger.warning("job %s could not be hinted at (%s: %s); the sweep will", number, type(error).__name__, error)


@handles(ASKED)
def start_it(message: Message) -> None:
    """Hint to the workers for jobs, once this message is marked as delivered."""
    transaction.on_commit(partial(start, message.payload["job"]), robust=True)


@handles(runner.ENDED)
def tell_who_asked(message: Message) -> None:
    """A line in the inbox of the person who asked; no mail, they are waiting for it anyhow."""
    job = Job.objects.select_related("asked_by").get(pk=message.payload["job"])
    if job.asked_by.kind != Principal.Kind.PERSON or job.cancelled_by_id == job.asked_by_id:
        return  # nobody is told what they did themselves
    kind = f"job-{job.state}"
    params = {"title": title_of(job.kind), "message": job.message or str(job)}
    notify([job.asked_by], kind, params, f"/jobs/{job.pk}", message, mail=False)
