"""For operators: is the process alive, can it serve, how is it doing. A stranger learns nothing but that."""

import hmac
import logging
import os
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from kombu import Connection

from governance.api import metrics
from governance.outbox.relay import stalled

log = logging.getLogger(__name__)
BROKER_TIMEOUT = 2  # seconds
_migrated = threading.Event()


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so that a database that is away does not get the web restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    if _migrated.is_set():
        return  # migrations do not come undone under a running process
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise RuntimeError("migrations are waiting: run manage.py migrate")
    _migrated.set()


def _guards() -> None:
    """Cheaply: the app may write governed tables, which only the last step of install_guards grants."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('public.governance_namespace', 'SELECT'), to_regnamespace('muniment')"
        )
        readable, schema = cursor.fetchone()
        cursor.execute("SELECT has_any_column_privilege('public.governance_namespace', 'INSERT')")
        (writable,) = cursor.fetchone()
    if not readable or schema is None or not writable:
        raise RuntimeError("the guards are not installed: run manage.py install_guards")


def _broker() -> None:
    with Connection(settings.CELERY_BROKER_URL, connect_timeout=BROKER_TIMEOUT) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT)


def _outbox() -> None:
    if waited := stalled():
        raise RuntimeError(f"the oldest due message has waited for {waited:.0f} s: is a worker for `default` running?")


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "guards": _guards,
    "broker": _broker,
    "outbox": _outbox,
}
#: Told, and no reason to send requests elsewhere: a broker that is away or a worker that is down delays notices only.
TOLD_ONLY = ("broker", "outbox")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests should be sent here: 200, or 503 that names the part and leaves the reason to the log."""
    found: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            check()
        except Exception as error:
            log.warning("not ready: %s: %s", name, error)
            found[name] = "failed"
        else:
            found[name] = "ok"
    ready = all(answer == "ok" for name, answer in found.items() if name not in TOLD_ONLY)
    return JsonResponse({"ready": ready, "checks": found}, status=200 if ready else 503)


def _may_scrape(request: HttpRequest) -> bool:
    token = os.environ.get("MUNIMENT_METRICS_TOKEN", "")
    if token:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(shown.encode(), token.encode())
    return request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers


@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text form; from this machine, or with MUNIMENT_METRICS_TOKEN as Bearer from elsewhere."""
    if not _may_scrape(request):
        return HttpResponse(
            "Set MUNIMENT_METRICS_TOKEN and send it as a Bearer token.\n", status=403, content_type="text/plain"
        )
    body = "\n".join(metrics.exposition()) + "\n"
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")
