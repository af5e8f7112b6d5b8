"""Plans are kept from a connection's first event on, when the tables are empty: they must do for a full one, too."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.cast import Cast
from tests.lineage.openlineage import streams
from tests.lineage.openlineage.conftest import kept

READ = """
SELECT relname, pg_stat_get_tuples_returned(c.oid) + coalesce((
         SELECT sum(pg_stat_get_tuples_returned(i.indexrelid)) FROM pg_index i WHERE i.indrelid = c.oid), 0)
FROM pg_class c WHERE c.relname = ANY (%s)
"""
TABLES = ["lineage_openlineageevent", "lineage_historicalopenlineageevent", "lineage_openlineageintake"]


def rows_read() -> dict[str, int]:
    """What has been read of each table and its indices by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(READ, [TABLES])
        return {name: int(count) for name, count in cursor.fetchall()}


@pytest.mark.usefixtures("own_database")
def test_an_event_reads_as_many_rows_after_hundreds_as_after_none(cast: Cast) -> None:
    events = [streams.event("START", f"run {number}", "load", "10:00:00") for number in range(320)]
    read = []
    for number in range(8):  # from the sixth call on a plan is kept
        kept(cast.pipeline, events[number])
    for first in range(20, 320, 100):
        before = rows_read()
        kept(cast.pipeline, *events[first : first + 100])
        read.append({name: count - before[name] for name, count in rows_read().items()})
    assert 100 <= sum(read[0].values()) < 100 * 20, read
    assert max(sum(one.values()) for one in read[1:]) <= sum(read[0].values()) + 100, read
