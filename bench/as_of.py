"""A page of 50 objects as they stood at a moment: one index step each, against simple-history's stock query."""

import datetime
import random
import statistics
import time
from typing import Any

from django.db import connection, models

from bench.databases import django_as, fresh
from bench.figures import Figure, Scale, against, table
from bench.people import namespace, person
from bench.tables import Recorded, Signalled, make_tables
from governance.history.as_of import page_as_of
from governance.history.models import history_model

PAGE = 50
VERSIONS = 20  # history rows per object
NEWEST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def measure(scale: Scale) -> list[Figure]:
    """The same rows under both histories, the same pages and moments, in turns."""
    objects = scale.history // VERSIONS
    with fresh("as_of"):
        make_tables()
        start = time.perf_counter()
        _seed(objects)
        print(f"\n{2 * scale.history:,} history rows seeded by INSERT … SELECT in {time.perf_counter() - start:.0f} s")
        return [_compare(objects, scale)]


def _seed(objects: int) -> None:
    """History of `objects` rows, each changed once a day; the rows themselves are not asked for."""
    moment = f"timestamptz '{NEWEST.isoformat()}' - make_interval(days => {VERSIONS} - v, secs => o %% 86400)"
    shared = (
        "'customers-' || o, 'Customers of the retail branches, extract ' || o, 'running', v / 7.0, o * 1000,"
        " '{\"income\": \"float\", \"age\": \"int\"}', ARRAY['retail', 'credit'], now(), %s, now(), %s, o,"
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


def _compare(objects: int, scale: Scale) -> Figure:
    chance = random.Random(1)
    took: dict[str, list[float]] = {"page_as_of": [], "stock as_of": [], "stock as_of on this project's index": []}
    ratios = []
    for number in range(3 * scale.rounds + 1):
        ids = chance.sample(range(1, objects + 1), PAGE)
        moment = NEWEST - datetime.timedelta(days=chance.uniform(0, VERSIONS - 2))
        round_: dict[str, tuple[float, list[Any]]] = {}
        for kind in took:
            start = time.perf_counter()
            rows = _ask(kind, ids, moment)
            round_[kind] = (time.perf_counter() - start, rows)
        answers = {kind: {(row.pk, row.score) for row in rows} for kind, (_, rows) in round_.items()}
        same = {(row.id, row.score) for row in round_["page_as_of"][1]}  # its own rows' key is the history's
        assert same == answers["stock as_of"] and len(same) == PAGE, "the two answer differently"
        if number:  # the first warms the connection
            for kind, (seconds, _) in round_.items():
                took[kind].append(seconds)
            ratios.append(round_["stock as_of"][0] / round_["page_as_of"][0])
    rows = [(kind, f"{1000 * statistics.median(s):.1f}", f"{1000 * max(s):.1f}") for kind, s in took.items()]
    table(f"{PAGE} objects as of a moment, {scale.history:,} history rows", ("query", "median ms", "slowest ms"), rows)
    return against("a page of 50 as of a moment, times faster than stock", statistics.median(ratios), 10)


def _ask(kind: str, ids: list[int], moment: datetime.datetime) -> list[Any]:
    if kind == "page_as_of":
        return page_as_of(Recorded, ids, moment)
    model: Any = Signalled if kind == "stock as_of" else Recorded
    return list(model.history.as_of(moment).filter(id__in=ids))
