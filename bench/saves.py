"""Saving one row at a time: recorded, plain, and recorded by simple-history's own signal."""

import functools
import itertools
import statistics
from collections.abc import Callable
from typing import Any

from django.db import connection, models, transaction
from django.test.utils import override_settings
from simple_history.utils import bulk_create_with_history

from bench.databases import fresh
from bench.figures import Figure, Scale, against, by_round, ratio, spread, table
from bench.people import WHY, namespace, person
from bench.tables import CHANGED, Plain, Recorded, Signalled, make_tables, values
from governance.history.builder import quote
from governance.history.models import history_model
from governance.unit_of_work import recorded_action

_numbers = itertools.count(1)


def measure(scale: Scale) -> list[Figure]:
    """Saves within one action, one action per save, bulk_create; the recorder alone."""
    with fresh("saves"):
        make_tables()
        single = _within_one_action(scale)
        _action_per_save(scale)
        return [*single, _bulk(scale), _recorder(scale)]


def _row(model: type[models.Model]) -> models.Model:
    given: dict[str, Any] = values(next(_numbers), _namespace())
    return model(**given) if model is Recorded else model(**given, recorded_by_id=_actor().pk)


@functools.cache
def _actor() -> Any:
    return person("pipeline")


@functools.cache
def _namespace() -> int:
    return namespace().pk


def _act(model: type[models.Model]) -> Any:
    """The transaction that a save of this model needs."""
    return recorded_action(actor=_actor(), **WHY) if model is Recorded else transaction.atomic()


def _inserts(model: type[models.Model], count: int) -> Callable[[], None]:
    def work() -> None:
        with _act(model), override_settings(SIMPLE_HISTORY_ENABLED=model is Signalled):
            for _ in range(count):
                _row(model).save()

    return work


def _updates(model: type[models.Model], count: int) -> Callable[[], None]:
    def work() -> None:
        rows: list[Any] = list(model._default_manager.order_by("-pk")[:count])
        with _act(model), override_settings(SIMPLE_HISTORY_ENABLED=model is Signalled):
            for row in rows:
                row.score = next(_numbers) / 7
                row.state = "complete"
                row.save(update_fields=CHANGED)

    return work


def _within_one_action(scale: Scale) -> list[Figure]:
    kinds: tuple[type[models.Model], ...] = (Plain, Recorded, Signalled)
    count, rows, figures = scale.saves, [], []
    for what, work in (("insert", _inserts), ("update", _updates)):
        took = by_round({k.__name__: work(k, count) for k in kinds}, scale.rounds)
        for kind, seconds in took.items():
            middle = statistics.median(seconds)
            rows.append((
                what, kind.lower(), f"{count / middle:,.0f}", f"{1e6 * middle / count:.0f}",
                f"{ratio(seconds, took['Plain']):.2f}", f"{spread(seconds):.0%}",
            ))  # fmt: skip
        figures += [
            against(f"{what} within one action, recorded : unrecorded", ratio(took["Recorded"], took["Plain"]), 0.65),
            against(f"{what}, recorded : simple-history's signal", ratio(took["Recorded"], took["Signalled"]), 1.1),
        ]
    check_recorded(Recorded)
    table(
        f"Single saves within one transaction, {count} a round, {scale.rounds} rounds",
        ("save", "table", "saves/s", "µs", "of plain", "spread"), rows,
    )  # fmt: skip
    return figures


def check_recorded(model: type[Any]) -> None:
    """Nothing here counts unless each save left its history row and its ledger entry.

    Raises:
        AssertionError: rows are missing.
    """
    history = history_model(model)._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), count(e.id) FROM {quote(history)} h"
            " LEFT JOIN governance_ledgerentry e ON e.id = h.ledger_entry_id"
        )
        held, entries = cursor.fetchone()
    assert model._default_manager.count() <= held == entries, f"{held} history rows, {entries} entries"


def _action_per_save(scale: Scale) -> None:
    """The price of a transaction for each save, printed and not judged."""

    def recorded() -> None:
        for _ in range(scale.saves):
            with recorded_action(actor=_actor(), **WHY):
                _row(Recorded).save()

    def plain() -> None:
        for _ in range(scale.saves):
            with transaction.atomic():
                _row(Plain).save()

    took = by_round({"plain, a transaction each": plain, "recorded, an action each": recorded}, scale.rounds)
    middle = {kind: statistics.median(seconds) for kind, seconds in took.items()}
    rows = [(k, f"{scale.saves / s:,.0f}", f"{1000 * s / scale.saves:.2f}", f"{spread(took[k]):.0%}")
            for k, s in middle.items()]  # fmt: skip
    table("One transaction per save (each waits for the disk)", ("save", "saves/s", "ms each", "spread"), rows)


def _bulk(scale: Scale) -> Figure:
    def create(model: type[Any]) -> Callable[[], None]:
        def work() -> None:
            rows = [_row(model) for _ in range(scale.bulk)]
            with _act(model):
                model._default_manager.bulk_create(rows)

        return work

    def with_history() -> None:
        rows = [_row(Signalled) for _ in range(scale.bulk)]
        with override_settings(SIMPLE_HISTORY_ENABLED=True):
            bulk_create_with_history(rows, Signalled)

    kinds = {"plain": create(Plain), "recorded": create(Recorded), "simple-history's helper": with_history}
    took = by_round(kinds, max(3, scale.rounds // 2))
    rows = [(kind, f"{statistics.median(s):.2f}", f"{scale.bulk / statistics.median(s):,.0f}",
             f"{ratio(s, took['plain']):.2f}", f"{spread(s):.0%}") for kind, s in took.items()]  # fmt: skip
    check_recorded(Recorded)
    table(f"bulk_create of {scale.bulk:,}", ("table", "s", "rows/s", "of plain", "spread"), rows)
    return against("bulk_create, recorded : unrecorded", ratio(took["recorded"], took["plain"]), 0.40)


def _recorder(scale: Scale) -> Figure:
    """What the database does for a row, without Django: INSERT … SELECT and UPDATE of the same rows."""
    columns = "name, title, state, score, rows, schema, labels, happened_at, namespace_id"
    chosen = (
        "'customers-' || g, 'Customers of the retail branches, extract ' || g, 'running', g / 7.0, g * 1000,"
        """ '{"income": "float", "age": "int"}', ARRAY['retail', 'credit'], now(), %s"""
    )

    def insert(model: type[models.Model]) -> Callable[[], None]:
        more, filled = ("", "") if model is Recorded else (", recorded_at, recorded_by_id", ", now(), %s")
        given = [_namespace()] if model is Recorded else [_namespace(), _actor().pk]

        def work() -> None:
            with _act(model), connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {model._meta.db_table} ({columns}{more})"
                    f" SELECT {chosen}{filled} FROM generate_series(1, {scale.bulk}) g", given,
                )  # fmt: skip

        return work

    def update(model: type[models.Model]) -> Callable[[], None]:
        def work() -> None:
            name = model._meta.db_table
            with _act(model), connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {name} SET score = score + 1 WHERE id > (SELECT max(id) FROM {name}) - {scale.bulk}"
                )

        return work

    rows, micros = [], {}
    for what, work in (("insert", insert), ("update", update)):
        took = by_round({"plain": work(Plain), "recorded": work(Recorded)}, scale.rounds)
        each = {kind: 1e6 * statistics.median(seconds) / scale.bulk for kind, seconds in took.items()}
        micros[what] = each["recorded"] - each["plain"]
        rows.append((what, f"{each['plain']:.1f}", f"{each['recorded']:.1f}", f"{micros[what]:.1f}"))
    table("The recorder in SQL, µs a row", ("statement", "plain", "recorded", "difference"), rows)
    return Figure("recorder, µs a row over plain: insert / update", f"{micros['insert']:.0f} / {micros['update']:.0f}")
