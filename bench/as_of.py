"""A page of 50 objects as they stood at a moment: one index step each, against simple-history's stock query."""

import datetime
import random
import statistics
import time
from typing import Any

from django.db import connection, models

from bench.databases import django_as, fresh
from bench.figures import Figure, Scale, against, ratio, table
from bench.people import namespace, person
from bench.tables import Recorded, Signalled, make_tables
from governance.history.as_of import page_as_of
from governance.history.models import history_model

PAGE = 50
VERSIONS = 20  # history rows per object
OURS = "page_as_of"
FILTERED = "stock as_of, filtered to the ids"
OWN_INDEX = f"{FILTERED}, on this project's index"
SLICED = "stock as_of, ordered by name and sliced"
NEWEST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def measure(scale: Scale) -> list[Figure]:
    """The same rows under both histories, the same pages and moments, in turns."""
    objects = scale.history // VERSIONS
    with fresh("as_of"):
        make_tables()
        start = time.perf_counter()
        _seed(objects)
        print(f"\n{2 * scale.history:,} history rows seeded by INSERT … SELECT in {time.perf_counter() - start:.0f} s")
        return _compare(objects, scale)


def _seed(objects: int) -> None:
    """History of `objects` rows, each changed once a day; the rows themselves are not asked for."""
    moment = f"timestamptz '{NEWEST.isoformat()}' - make_interval(days => {VERSIONS} - v, secs => o %% 86400)"
    shared = (
        "'customers-' || o, 'Customers of the retail branches, extract ' || o, 'running', v / 7.0, o * 1000,"
        ' \'{"income": "float", "age": "int"}\', ARRAY[\'retail\', \'credit\'], now(), %s, now(), %s, o,'
        f" {moment}, CASE v WHEN 1 THEN '+' ELSE '~' END"
    )
    columns = (
        "name, title, state, score, rows, schema, labels, happened_at, namespace_id, recorded_at, recorded_by_id, id,"
        " history_date, history_type"
    )
    # By version, then object: an object's history lies spread over the table, as it does in life.
    series = f"generate_series(1, {VERSIONS}) v, generate_series(1, {objects}) o ORDER BY v, o"
    given = [namespace().pk, person("pipeline").pk]
    governed, stock = history_model(Recorded)._meta.db_table, _stock()._meta.db_table
    with django_as("owner"), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {governed} ({columns}, history_change_reason, history_user_id, action_id, ledger_entry_id)"
            f" SELECT {shared}, 'Seeded', %s, gen_random_uuid(), o FROM {series}", [*given, given[1]],
        )  # fmt: skip
        cursor.execute(f"INSERT INTO {stock} ({columns}) SELECT {shared} FROM {series}", given)
        for name in (governed, stock):
            cursor.execute(f"VACUUM ANALYZE {name}")


def _stock() -> type[models.Model]:
    found: type[models.Model] = Signalled.history.model
    return found


def _compare(objects: int, scale: Scale) -> list[Figure]:
    chance = random.Random(1)
    took: dict[str, list[float]] = {OURS: [], FILTERED: [], OWN_INDEX: [], SLICED: []}
    for number in range(2 * scale.rounds + 1):
        ids = chance.sample(range(1, objects + 1), PAGE)
        moment = NEWEST - datetime.timedelta(days=chance.uniform(0, VERSIONS - 2))
        answers = {}
        for kind, seconds in took.items():
            start = time.perf_counter()
            answers[kind] = _ask(kind, ids, moment)
            if number:  # the first warms the connection
                seconds.append(time.perf_counter() - start)
        ours = {(row.id, row.score) for row in answers[OURS]}  # a historical row's own key is another
        assert ours == {(row.pk, row.score) for row in answers[FILTERED]}, "the two answer differently"
        assert len(ours) == len(answers[SLICED]) == PAGE, "not a page of objects"
    rows = [(kind, f"{1000 * statistics.median(s):.1f}", f"{1000 * max(s):.1f}") for kind, s in took.items()]
    table(f"{PAGE} objects as of a moment, {scale.history:,} history rows", ("query", "median ms", "slowest ms"), rows)
    return [
        against(f"as of a moment, a page of {PAGE}: times faster than {kind}", ratio(took[OURS], took[kind]), 10)
        for kind in (FILTERED, SLICED)
    ]


def _ask(kind: str, ids: list[int], moment: datetime.datetime) -> list[Any]:
    if kind == OURS:
        return page_as_of(Recorded, ids, moment)
    model: Any = Recorded if kind == OWN_INDEX else Signalled
    stock = model.history.as_of(moment)
    # Sliced: the page is the stock query's to find, by name; page_as_of is told its ids.
    return list(stock.order_by("name")[:PAGE] if kind == SLICED else stock.filter(id__in=ids))
