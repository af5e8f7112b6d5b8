"""The one lock order: facts exclusively, promotions shared, through a fair queue."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from governance import errors
from governance.unit_of_work import recorded_action
from lineage import actions
from lineage.actions import Link
from lineage.models import CollectionTerms, SensitivityFlag
from tests.cast import Cast
from tests.lineage.conftest import WHY, Facts
from tests.waiting import PATIENCE

SHARE = """SELECT muniment.lock_roots(array_agg(r.kind), array_agg(r.id), false)
    FROM muniment.roots_of_model_version(%s) r"""
"""What a promotion does before it asks the gate."""

Raw = Callable[[str], "psycopg.Connection[Any]"]


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start work on a connection of its own; its results or its error."""
    out: list[Any] = []

    def run() -> None:
        try:
            out.append(work())
        except Exception as error:
            out.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, out


def test_a_withdrawal_waits_for_whoever_shares_the_dataset_and_is_dated_after_them(
    own_database: str, facts: Facts, raw: Raw, cast: Cast
) -> None:
    terms = facts.terms(facts.dataset())
    promotion = raw("app")
    promotion.execute("BEGIN")
    promotion.execute("SELECT muniment.lock_roots(ARRAY['dataset'], ARRAY[%s]::bigint[], false)", [terms.dataset_id])
    thread, out = in_thread(lambda: actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=terms))
    time.sleep(0.3)
    assert out == [], "it must wait"
    row = promotion.execute("SELECT clock_timestamp()").fetchone()
    promotion.execute("COMMIT")
    thread.join(PATIENCE)
    assert row is not None
    assert out[0].recorded_at > row[0], "a fact is dated by when it could be decided, not by when it began to wait"


@pytest.mark.parametrize("fact", ["terms", "flag", "output", "input", "version"])
def test_every_fact_waits_for_its_root(own_database: str, facts: Facts, raw: Raw, cast: Cast, fact: str) -> None:
    data, run, model = facts.version(), facts.run(), facts.model()
    pipeline: dict[str, Any] = {"actor": cast.pipeline, "reason": WHY}
    roots: dict[str, tuple[str, int, Callable[[], Any]]] = {
        "terms": ("dataset", data.dataset_id, lambda: facts.terms(data.dataset)),
        "flag": (
            "dataset",
            data.dataset_id,
            lambda: actions.raise_flag(**pipeline, dataset_version=data, category="pd:Age", present="yes"),
        ),
        "output": ("dataset", data.dataset_id, lambda: actions.link_run_output(**pipeline, run=run, item=data)),
        "input": ("run", run.pk, lambda: actions.link_run_input(**pipeline, run=run, item=data)),
        "version": ("model", model.pk, lambda: facts.model_version(model)),
    }
    kind, root, work = roots[fact]
    promotion = raw("app")
    promotion.execute("BEGIN")
    # The row alone, without the queue: it is the row that the rule rests on.
    promotion.execute("SELECT muniment.lock_rows(ARRAY[%s], ARRAY[%s]::bigint[], false)", [kind, root])
    thread, out = in_thread(work)
    time.sleep(0.3)
    assert out == [], "it must wait"
    promotion.execute("COMMIT")
    thread.join(PATIENCE)
    assert not isinstance(out[0], Exception), out


def test_promotions_share_and_do_not_wait_for_each_other(own_database: str, facts: Facts, raw: Raw) -> None:
    version = facts.model_version(source_run=facts.run(inputs=[Link(facts.version(), "training")]))
    for promotion in (raw("app"), raw("app")):
        promotion.execute(f"SET statement_timeout = '{PATIENCE:.0f}s'")
        promotion.execute("BEGIN")
        promotion.execute(SHARE, [version.pk])


def test_a_fact_does_not_starve_behind_a_stream_of_promotions(
    own_database: str, facts: Facts, raw: Raw, cast: Cast
) -> None:
    data = facts.version()
    terms = facts.terms(data.dataset)
    version = facts.model_version(source_run=facts.run(inputs=[Link(data, "training")]))
    stop = threading.Event()

    def promote(app: "psycopg.Connection[Any]") -> None:
        while not stop.is_set():
            with app.transaction():
                app.execute(SHARE, [version.pk])
                time.sleep(0.02)

    threads = [threading.Thread(target=promote, args=(raw("app"),)) for _each in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    thread, out = in_thread(lambda: actions.withdraw_terms(actor=cast.steward, reason=WHY, terms=terms))
    thread.join(PATIENCE)
    through = not thread.is_alive()
    stop.set()
    for one in (*threads, thread):
        one.join(PATIENCE)
    assert through, "it waits for as long as promotions come"
    assert not isinstance(out[0], Exception), out


def test_an_answer_whose_id_was_overtaken_while_it_waited_is_tried_again(
    own_database: str, facts: Facts, raw: Raw, cast: Cast
) -> None:
    """In force is the greatest id: one drawn before the wait and written after it would be overlooked for ever."""
    data = facts.version()
    owner = raw("owner")
    owner.execute("SELECT setval('lineage_sensitivityflag_id_seq', 100)")
    flag = {"dataset_version": data, "category": "pd:Age", "assessment": "declared"}
    with recorded_action(actor=cast.pipeline, reason=WHY):
        SensitivityFlag.objects.create(present="unknown", **flag)
    owner.execute("SELECT setval('lineage_sensitivityflag_id_seq', 50)")  # as if drawn before the other
    with pytest.raises(OperationalError) as caught, recorded_action(actor=cast.pipeline, reason=WHY):
        SensitivityFlag.objects.create(present="yes", **flag)
    assert getattr(caught.value.__cause__, "sqlstate", None) == "40001", "what `action` tries again"


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_fact_is_refused_under_another_isolation(
    own_database: str, facts: Facts, raw: Raw, cast: Cast, level: str
) -> None:
    loans = facts.dataset()
    app = raw("app")
    app.execute(f"BEGIN ISOLATION LEVEL {level}")
    app.execute(
        "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'attack', true),"
        " set_config('muniment.action', gen_random_uuid()::text, true),"
        " set_config('muniment.xid', pg_current_xact_id()::text, true)",
        [str(cast.pipeline.pk)],
    )
    with pytest.raises(psycopg.Error) as caught:
        app.execute("SELECT muniment.lock_roots(ARRAY['dataset'], ARRAY[%s]::bigint[], true)", [loans.pk])
    assert caught.value.diag.message_detail == "isolation"


def test_acts_on_the_same_roots_in_any_order_all_succeed(own_database: str, facts: Facts, cast: Cast) -> None:
    versions = [facts.version(facts.dataset(f"d{place}")) for place in range(5)]
    failed: list[Any] = []

    def register(place: int) -> None:
        try:
            for turn in range(4):
                links = [Link(versions[(place + step) % 5], "output") for step in range(5)]
                facts.run(f"run-{place}-{turn}", outputs=links[:: 1 if place % 2 else -1])
                actions.raise_flag(
                    actor=cast.pipeline, reason=WHY, dataset_version=versions[place % 5], category="pd:Age",
                    present="yes", column=f"c{place}.{turn}",
                )  # fmt: skip
        except errors.Refused as error:
            failed.append(error)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=register, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == []
    assert CollectionTerms.objects.count() == 0
