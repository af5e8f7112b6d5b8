"""Sealing and verifying: entries written by the recorder, under the sealer's and the auditor's own logins."""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection, transaction

from bench.databases import django_as, fresh
from bench.figures import Figure, Scale, table
from bench.people import WHY, namespace, person
from governance.ledger import keys, sealer
from governance.ledger.check_log import check_log
from governance.ledger.check_tables import check_tables
from governance.ledger.verifier import VerifierKey
from governance.unit_of_work import recorded_action


def measure(scale: Scale) -> list[Figure]:
    """Entries per second of each step; one pass each, since a log is sealed once."""
    # A log of its own: the sealer refuses a log that is shorter than the one it last signed.
    settings.MUNIMENT_HOME = settings.MUNIMENT_HOME / f"log-{time.time_ns()}"
    settings.MUNIMENT_HOME.mkdir(mode=0o700)
    with fresh("ledger"):
        seconds = {"record (INSERT … SELECT, 10,000 an action)": _timed(lambda: _write(scale.entries))}
        sealed = 0

        def seal() -> None:
            nonlocal sealed
            sealed = sealer.seal(keys.log_key(settings.MUNIMENT_HOME), keys.kept_path(settings.MUNIMENT_HOME)).size

        with django_as("sealer"):
            seconds["seal"] = _timed(seal)
        assert sealed >= scale.entries, f"{sealed} entries sealed"
        with django_as("auditor"):
            seconds |= _verify()
    rates = {step: sealed / took for step, took in seconds.items()}
    rows = [(step, f"{seconds[step]:.2f}", f"{rate:,.0f}") for step, rate in rates.items()]
    table(f"The ledger, {sealed:,} entries", ("step", "s", "entries/s"), rows)
    both = sealed / (seconds["verify the log"] + seconds["verify the tables against it"])
    return [
        Figure("sealing, entries/s", f"{rates['seal']:,.0f}"),
        Figure("verifying all (log and tables), entries/s", f"{both:,.0f}"),
    ]


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _write(count: int) -> None:
    actor, place = person("pipeline"), namespace()
    for start in range(0, count, 10_000):
        with recorded_action(actor=actor, **WHY), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO lineage_dataset (namespace_id, name, title, description, is_live)"
                " SELECT %s, 'extract-' || g, 'Extract ' || g, 'As delivered by the core banking system', false"
                " FROM generate_series(%s::bigint, %s::bigint) g",
                [place.pk, start + 1, min(start + 10_000, count)],
            )


def _verify() -> dict[str, float]:
    found = keys.public_identity(settings.MUNIMENT_HOME)
    assert found is not None, "the sealer publishes its identity"
    origin, key = found[0], VerifierKey.parse(found[1])
    with transaction.atomic():
        start = time.perf_counter()
        log = check_log(origin, key, [keys.kept_path(settings.MUNIMENT_HOME).read_bytes()], lambda line: None)
        middle = time.perf_counter()
        check_tables(log.entries, lambda line: None)
        return {"verify the log": middle - start, "verify the tables against it": time.perf_counter() - middle}
