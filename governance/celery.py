"""Celery's wiring: broker, queues, and the schedule put together from the rooms.

Wiring may know all rooms; it knows them by name only, so that nothing is imported before Django is ready.
The broker carries hints, the outbox row is the truth (governance/outbox/relay.py): nothing here is needed for work
not to be lost, only for it to be done soon.
"""

from __future__ import annotations

import logging.config
import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from celery import Celery
from celery.signals import beat_init, import_modules, setup_logging, task_prerun, worker_init
from django.conf import settings
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
# Celery would run Django's checks at each start of a worker and heed nothing they find, and those of addresses import
# every page. What makes a production start unfit is looked for below.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

from governance import logs

ROOMS = (
    "governance.api",
    "governance.outbox",
    "governance.jobs",
    "governance.ledger",
    "lineage",
    "lineage.openlineage",
    "approvals",
)

# Redis only. A task whose worker was killed comes back after: visibility timeout + restore interval times throttle.
# Kombu's defaults make that an hour, or 104 s at best with a short timeout alone (measured: shared/measured.md); these
# make it about 65 s at worst, and no work waits for it: the sweep finds the row after 10.
REDIS_OPTIONS = {
    "visibility_timeout": 60,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # A web process that pokes a broker that hangs must not hang with it.
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
AMQP_OPTIONS = {"confirm_publish": True}


def on_redis() -> bool:
    """Whether the broker is Redis or Valkey; else it is RabbitMQ."""
    # The environment first, as Celery itself reads it.
    url = os.environ.get("CELERY_BROKER_URL") or str(getattr(settings, "CELERY_BROKER_URL", ""))
    return not url.startswith(("amqp", "pyamqp"))


def hint_options() -> dict[str, Any]:
    """Transport options for who only drops a hint: one try, and a broker that hangs is left alone after a second."""
    once: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
    return once | {"socket_timeout": 1} if on_redis() else once


def configuration() -> dict[str, Any]:
    """Defaults beneath the settings (`CELERY_…` in settings.py wins); worked out late, when the settings are there."""
    return {
        "broker_transport_options": REDIS_OPTIONS if on_redis() else AMQP_OPTIONS,
        "broker_connection_timeout": 1.0,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a broker that is away for a day is waited for
        "task_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "result_backend": None,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # what runs holds its row lock: let it finish
        "worker_enable_remote_control": False,  # nobody steers workers through the broker
        "worker_hijack_root_logger": False,
        "task_default_queue": "default",
        "task_queues": [Queue("default"), Queue("jobs"), Queue("sealer")],
        "task_create_missing_queues": False,  # a misspelt queue is an error, not a place where work rests unseen
        "task_routes": {"governance.ledger.*": {"queue": "sealer"}, "governance.jobs.run": {"queue": "jobs"}},
        "task_publish_retry": False,
        "timezone": "UTC",
        "beat_max_loop_interval": 5,
        "beat_schedule_filename": str(getattr(settings, "MUNIMENT_HOME", ".")) + "/celerybeat-schedule",
    }


app = Celery("governance", set_as_current=True)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.add_defaults(configuration)
app.autodiscover_tasks()
app.autodiscover_tasks(
    ["governance.api", "governance.outbox", "governance.jobs", "governance.ledger", "lineage.openlineage"]
)


@setup_logging.connect(weak=False)
def _log_as_the_web_does(loglevel: int | str | None = None, **_: Any) -> None:
    """The settings' log form in workers and beat, too; their own lines at the level the command line asks for."""
    logging.config.dictConfig(settings.LOGGING)
    logging.getLogger("celery").setLevel(loglevel or logging.WARNING)


@task_prerun.connect(weak=False)
def _note_the_task(task: Any = None, **_: Any) -> None:
    """Which task a log line belongs to; what an earlier one noted in this process is forgotten."""
    logs.forget()
    logs.note(task=getattr(task, "name", None))


@worker_init.connect(weak=False)
@beat_init.connect(weak=False)
def _require_fitness(**_: Any) -> None:
    """A production start that is unfit ends here; Celery's own signals swallow all but SystemExit."""
    from django.core.exceptions import ImproperlyConfigured

    from governance.production import require_fitness

    try:
        require_fitness()
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error


@import_modules.connect(sender=app, weak=False)
def _assemble_schedule(**_: Any) -> None:
    """Collect `SCHEDULE` from each room's tasks: after Django's set-up, before beat reads it."""
    schedule: dict[str, Any] = {}
    for room in ROOMS:
        if find_spec(f"{room}.tasks") is not None:
            schedule.update(getattr(import_module(f"{room}.tasks"), "SCHEDULE", {}))
    app.conf.beat_schedule = schedule


@task_prerun.connect(weak=False)
def _name_the_door(**_: Any) -> None:
    """Acts of a task say so (governance.unit_of_work.door)."""
    from governance.unit_of_work import door

    door.set("task")
