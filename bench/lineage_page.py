"""The lineage page in a graph of 100,000 edges, around records in its middle and at both ends, for an auditor of all.

In CPU time, of this process and of PostgreSQL's for it, so that it says the same on a busy machine; and in queries.
"""

import os
import statistics
import time
from pathlib import Path
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from bench.databases import fresh
from bench.desk import auditor_of_everything, signed_in
from bench.figures import Figure, Scale, table, within
from bench.lineage import seed
from bench.registry import FIRST

EDGES = 100_000
STEPS = (2, 4, 10)
MILLISECONDS = 100
TIMES = 7


def measure(scale: Scale) -> list[Figure]:
    """Each page of three records, by how far it goes."""
    told: list[tuple[Any, ...]] = []
    slowest, most = 0.0, 0
    with fresh("lineage_page") as name:
        edges = EDGES if scale.versions > 100_000 else EDGES // 10
        wide, last = seed(name, edges)
        starts = {
            "first data": f"dataset-versions/{FIRST}",
            "data in the middle": f"dataset-versions/{FIRST + last // 2}",
            "run in the middle": f"runs/{FIRST + last // 2}",
            "last data": f"dataset-versions/{FIRST + last - wide}",
        }
        with override_settings(ALLOWED_HOSTS=["*"], RATE_LIMIT=0):
            auditor_of_everything()
            browser = signed_in("auditor")
            for what, record in starts.items():
                for steps in STEPS:
                    address = f"/{record}/lineage?up={steps}&down={steps}"
                    browser.get(address)
                    with CaptureQueriesContext(connection) as counted:
                        answer = browser.get(address)
                    assert answer.status_code == 200, address
                    queries, drawn = len(counted), answer.content.decode().count('class="box box--')
                    ours, theirs = _cpu(lambda address=address: browser.get(address))
                    slowest, most = max(slowest, ours + theirs), max(most, queries)
                    told.append((what, steps, drawn, queries, f"{ours:.0f}", f"{theirs:.0f}", f"{ours + theirs:.0f}"))
    table(
        f"The lineage page in a graph of {edges:,} edges, server and template, no network",
        ("around", "steps up and down", "records drawn", "queries", "CPU ms of Python", "of PostgreSQL", "both"),
        told,
    )
    return [
        within("the lineage page, most CPU of one", slowest, MILLISECONDS, " ms"),
        within("the lineage page, most queries", most, 15),
    ]


def _cpu(ask: Any) -> tuple[float, float]:
    """CPU milliseconds of one call, medians: of this process, and of the PostgreSQL process that serves it.

    The kernel counts a process's time in hundredths of a second, so PostgreSQL's is that of all calls, divided.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    mine = []
    before = _of_process(pid)
    for _time in range(TIMES):
        start = time.process_time()
        ask()
        mine.append(time.process_time() - start)
    return 1000 * statistics.median(mine), 1000 * (_of_process(pid) - before) / TIMES


def _of_process(pid: int) -> float:
    """CPU seconds that a process has used so far, its own and the kernel's for it (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
