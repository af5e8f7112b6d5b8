"""Figures for operators, in Prometheus' text form, written by hand: so few families do not need a library."""

from collections.abc import Iterator

from django.db import connection

from governance.api import counters
from governance.api.counters import BOUNDS, CLASSES, GATE_CLOSED, GATE_OPEN, Tally

_OUTBOX = """
    SELECT count(*) FILTER (WHERE available_at <= clock_timestamp()), count(*),
           coalesce(extract(epoch FROM clock_timestamp() - min(available_at)), 0),
           (SELECT count(*) FROM governance_outboxmessage WHERE dead_at IS NOT NULL)
    FROM governance_outboxmessage WHERE delivered_at IS NULL AND dead_at IS NULL
"""
_JOBS = """
    SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'running'),
           coalesce(extract(epoch FROM clock_timestamp() - min(asked_at)), 0)
    FROM governance_job WHERE ended_at IS NULL
"""
# Entries have no gaps worth speaking of, so the difference of two maxima costs nothing where a count reads all.
_SEALING = """
    WITH sealed AS (
      SELECT coalesce((SELECT entry_id FROM governance_ledgerposition ORDER BY position DESC LIMIT 1), 0) AS id)
    SELECT greatest(0, coalesce((SELECT max(id) FROM governance_ledgerentry), 0) - id),
           coalesce((SELECT extract(epoch FROM clock_timestamp() - (leaf::jsonb ->> 'time')::timestamptz)
                     FROM governance_ledgerentry WHERE governance_ledgerentry.id > sealed.id
                     ORDER BY governance_ledgerentry.id LIMIT 1), 0),
           coalesce((SELECT max(size) FROM governance_ledgercheckpoint), 0)
    FROM sealed
"""
_HELP = {
    "muniment_outbox_waiting": "Outbox rows that are due and not delivered.",
    "muniment_outbox_pending": "Outbox rows that are not delivered, those that wait for their moment included.",
    "muniment_outbox_oldest_seconds": "How long the oldest of those due has been due.",
    "muniment_outbox_given_up": "Outbox rows given up after too many failures.",
    "muniment_jobs_queued": "Jobs that wait for a worker.",
    "muniment_jobs_running": "Jobs that a worker has taken.",
    "muniment_jobs_oldest_seconds": "How long ago the oldest open job was asked for.",
    "muniment_ledger_unsealed_entries": "Ledger entries that have no place in the log yet (about: by id).",
    "muniment_ledger_sealing_lag_seconds": "Age of the oldest ledger entry that is not sealed.",
    "muniment_ledger_checkpoint_size": "Entries under the newest signed checkpoint.",
}


def database_figures() -> dict[str, float]:
    """What the database knows: outbox, jobs, and how far the sealer is behind."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTBOX)
        waiting, pending, oldest, dead = cursor.fetchone()
        cursor.execute(_JOBS)
        queued, running, since = cursor.fetchone()
        cursor.execute(_SEALING)
        unsealed, lag, size = cursor.fetchone()
    values = (waiting, pending, oldest, dead, queued, running, since, unsealed, lag, size)
    return {name: max(0.0, float(value)) for name, value in zip(_HELP, values, strict=True)}


def exposition() -> Iterator[str]:
    """The lines of /metrics."""
    counted = counters.totals()
    routes = {name: tally for name, tally in counted.items() if name not in (GATE_OPEN, GATE_CLOSED)}
    yield from _head("muniment_http_responses_total", "counter", "Answers by class of status, over all web processes.")
    for place, status_class in enumerate(CLASSES):
        total = sum(tally.classes[place] for tally in routes.values())
        yield f'muniment_http_responses_total{{class="{status_class}xx"}} {total}'
    yield from _head("muniment_http_requests_total", "counter", "Answers by route and class of status.")
    for name, tally in routes.items():
        for place, status_class in enumerate(CLASSES):
            if tally.classes[place]:
                labels = f'route="{_escaped(name)}",class="{status_class}xx"'
                yield f"muniment_http_requests_total{{{labels}}} {tally.classes[place]}"
    yield from _head("muniment_http_request_seconds", "histogram", "How long answers took, by route.")
    for name, tally in routes.items():
        yield from _histogram("muniment_http_request_seconds", f'route="{_escaped(name)}"', tally)
    yield from _head("muniment_gate_seconds", "histogram", "How long the gate took to answer, by its answer.")
    for name in (GATE_OPEN, GATE_CLOSED):
        if name in counted:
            yield from _histogram("muniment_gate_seconds", f'answer="{name.removeprefix("gate:")}"', counted[name])
    for name, value in database_figures().items():
        yield from _head(name, "gauge", _HELP[name])
        yield f"{name} {value:.12g}"


def _head(name: str, kind: str, sentence: str) -> Iterator[str]:
    yield f"# HELP {name} {sentence}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, labels: str, tally: Tally) -> Iterator[str]:
    so_far = 0
    for bound, counted in zip(BOUNDS, tally.buckets, strict=True):
        so_far += counted
        yield f'{name}_bucket{{{labels},le="{bound:g}"}} {so_far}'
    yield f'{name}_bucket{{{labels},le="+Inf"}} {tally.count}'
    yield f"{name}_sum{{{labels}}} {tally.seconds:.6f}"
    yield f"{name}_count{{{labels}}} {tally.count}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
