"""Every way of writing is recorded or refused (attacks A03, A04, A05, A09, A10)."""

import itertools
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import Error, connection, transaction

from governance import errors
from governance.accounts.models import Namespace
from governance.history.models import history_model
from governance.ledger.models import LedgerEntry
from governance.unit_of_work import receipt, recorded_action
from tests.cast import Cast
from tests.governance.history.lab import Fact, Note


def test_a_write_inside_an_action_is_recorded_with_actor_reason_and_entry(cast: Cast) -> None:
    with recorded_action(actor=cast.admin, reason="A new desk opens") as action:
        made = Namespace.objects.create(name="treasury", title="Treasury")
    assert made.recorded_by_id == cast.admin.pk
    assert made.recorded_at is not None
    history = Namespace.history.get(id=made.pk)
    assert (history.history_type, history.history_user_id, history.history_change_reason) == (
        "+",
        cast.admin.pk,
        "A new desk opens",
    )
    assert history.action_id == action.id
    assert receipt(made)["ledger_entry"] == history.ledger_entry_id


def sql(statement: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return run


def copy_in() -> None:
    with connection.cursor() as cursor, cursor.cursor.copy("COPY lab_note (text, secret) FROM STDIN") as copying:
        copying.write_row(("copied", "fixed"))


def bulk_update() -> None:
    note = Note.objects.get(text="seed")
    note.text = "bulk updated"
    Note.objects.bulk_update([note], ["text"])


#: Each way of writing `lab_note`, which has one row ("seed") before: name, the act, the history rows it leaves.
WAYS: list[tuple[str, Callable[[], Any], int]] = [
    ("create()", lambda: Note.objects.create(text="created"), 1),
    ("save()", lambda: Note(text="saved").save(), 1),
    ("bulk_create()", lambda: Note.objects.bulk_create([Note(text="b1"), Note(text="b2")]), 2),
    ("bulk_create() ignoring conflicts", lambda: Note.objects.bulk_create([Note(text="seed"), Note(text="b3")], ignore_conflicts=True), 1),
    ("bulk_create() updating conflicts", lambda: Note.objects.bulk_create([Note(text="seed")], update_conflicts=True, unique_fields=["text"], update_fields=["text"]), 1),
    ("update()", lambda: Note.objects.filter(text="seed").update(text="updated"), 1),
    ("bulk_update()", bulk_update, 1),
    ("update_or_create()", lambda: Note.objects.update_or_create(text="seed", defaults={"text": "uoc"}), 1),
    ("get_or_create()", lambda: Note.objects.get_or_create(text="goc"), 1),
    ("raw INSERT", sql("INSERT INTO lab_note (text, secret) VALUES ('raw', '')"), 1),
    ("raw UPDATE", sql("UPDATE lab_note SET text = 'raw'"), 1),
    ("INSERT … SELECT", sql("INSERT INTO lab_note (text, secret) SELECT 's' || n, '' FROM generate_series(1, 3) n"), 3),
    ("upsert", sql("INSERT INTO lab_note (text, secret) VALUES ('seed', '') ON CONFLICT (text) DO UPDATE SET text = 'up'"), 1),
    ("MERGE", sql("MERGE INTO lab_note n USING (VALUES ('seed'), ('m')) v(t) ON n.text = v.t WHEN MATCHED THEN UPDATE SET text = 'merged' WHEN NOT MATCHED THEN INSERT (text, secret) VALUES (v.t, '')"), 2),
    ("writable CTE", sql("WITH w AS (INSERT INTO lab_note (text, secret) VALUES ('cte', '') RETURNING id) SELECT * FROM w"), 1),
    ("COPY", copy_in, 1),
    ("a DO block", sql("DO $$ BEGIN UPDATE lab_note SET text = 'do'; END $$"), 1),
]  # fmt: skip
NAMES = [name for name, _act, _rows in WAYS]


@pytest.fixture
def seeded(laboratory: Cast) -> Cast:
    with recorded_action(actor=laboratory.admin, reason="seed"):
        Note.objects.create(text="seed")
    return laboratory


def state() -> tuple[Any, ...]:
    return (
        list(Note.objects.order_by("id").values_list("id", "text")),
        history_model(Note)._default_manager.count(),
        LedgerEntry.objects.count(),
    )


def test_A03_no_way_of_writing_passes_without_an_actor(seeded: Cast) -> None:
    before = state()
    for name, act, _rows in WAYS:
        with pytest.raises((Error, psycopg.Error)) as refusal:  # COPY goes past Django's wrapper
            act()
        assert "No actor, no write" in str(refusal.value), name
        assert state() == before, name


def test_A04_every_way_of_writing_inside_an_action_is_recorded(seeded: Cast) -> None:
    class Rollback(Exception):
        pass

    for name, act, rows in WAYS:
        _notes, history_before, entries_before = state()
        with pytest.raises(Rollback), recorded_action(actor=seeded.risk, reason=name) as action:
            act()
            written = list(history_model(Note)._default_manager.order_by("-history_id")[:rows])
            assert history_model(Note)._default_manager.count() == history_before + rows, name
            assert LedgerEntry.objects.count() == entries_before + rows, name
            for row in written:
                assert (row.history_user_id, row.history_change_reason, row.action_id) == (
                    seeded.risk.pk,
                    name,
                    action.id,
                ), name
                assert Note.objects.get(pk=row.id).text == row.text, name
            raise Rollback


def test_A05_what_an_instance_claims_about_its_history_is_ignored(seeded: Cast) -> None:
    with recorded_action(actor=seeded.risk, reason="the true reason"):
        note = Note(text="claims")
        note.skip_history_when_saving = True  # type: ignore[attr-defined]  # what a caller might try
        note._history_user = seeded.admin  # type: ignore[attr-defined]
        note._change_reason = "a false reason"  # type: ignore[attr-defined]
        note._history_date = "1999-01-01"  # type: ignore[attr-defined]
        note.save()
    row = Note.history.get(id=note.pk)
    assert (row.history_user_id, row.history_change_reason) == (seeded.risk.pk, "the true reason")
    assert row.history_date.year >= 2026


def test_who_and_when_cannot_be_sent(seeded: Cast) -> None:
    with recorded_action(actor=seeded.risk, reason="back-dating"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO lab_note (text, secret, recorded_at, recorded_by_id) VALUES ('old', '', '1999-01-01', %s)",
            [seeded.admin.pk],
        )
    note = Note.objects.get(text="old")
    assert note.recorded_by_id == seeded.risk.pk
    assert note.recorded_at.year >= 2026


@pytest.mark.parametrize("column", ["secret", "recorded_at", "recorded_by_id"])
def test_columns_that_are_not_updatable_cannot_be_updated(column: str, seeded: Cast) -> None:
    with pytest.raises(Error, match="permission denied"), recorded_action(actor=seeded.risk, reason="try"):
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE lab_note SET {column} = {column}")


def test_a_save_of_an_existing_record_writes_its_updatable_columns_only(seeded: Cast) -> None:
    note = Note.objects.get(text="seed")
    note.text, note.secret = "changed", "changed"
    with recorded_action(actor=seeded.risk, reason="edit"):
        note.save()
    note.refresh_from_db()
    assert (note.text, note.secret) == ("changed", "fixed")


def test_a_born_final_record_takes_no_update(seeded: Cast) -> None:
    with recorded_action(actor=seeded.risk, reason="fact"):
        fact = Fact.objects.create(text="so it is")
    fact.text = "or not"
    with pytest.raises(errors.Conflict), recorded_action(actor=seeded.risk, reason="edit"):
        fact.save()
    with pytest.raises(Error, match="permission denied"), recorded_action(actor=seeded.risk, reason="edit"):
        Fact.objects.update(text="or not")
    with pytest.raises(errors.Conflict, match="final once recorded"), recorded_action(actor=seeded.risk, reason="id"):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE lab_fact SET id = id")
    with transaction.atomic():
        assert Fact.objects.select_for_update().get(pk=fact.pk).text == "so it is"


def test_A10_ids_are_the_databases_to_give(seeded: Cast) -> None:
    with pytest.raises(Error, match="permission denied"), recorded_action(actor=seeded.risk, reason="my own id"):
        Note.objects.create(id=4711, text="mine")
    with pytest.raises(errors.Conflict, match="id of a governed record never changes"):
        with recorded_action(actor=seeded.risk, reason="another id"), connection.cursor() as cursor:
            cursor.execute("UPDATE lab_note SET id = id + 1000")


def stamped(connection: "psycopg.Connection[Any]", principal: int, scope: str, xid: str) -> None:
    connection.execute(
        "SELECT set_config('muniment.actor', %s, %s), set_config('muniment.reason', 'r', %s),"
        f" set_config('muniment.action', gen_random_uuid()::text, %s), set_config('muniment.xid', {xid}, %s)",
        [str(principal), scope == "local", scope == "local", scope == "local", scope == "local"],
    )


INSERT = "INSERT INTO lab_note (text, secret) VALUES ('x', '')"


def test_A09_a_session_level_actor_does_not_count(seeded: Cast, raw: Callable[[str], Any]) -> None:
    app = raw("app")
    stamped(app, seeded.risk.pk, "session", "pg_current_xact_id()::text")
    with pytest.raises(psycopg.Error, match="No actor, no write"):
        app.execute(INSERT)


def test_A09_an_actor_left_on_a_connection_does_not_count_for_the_next_transaction(
    seeded: Cast, raw: Callable[[str], Any]
) -> None:
    app = raw("app")
    with app.transaction():
        stamped(app, seeded.risk.pk, "session", "pg_current_xact_id()::text")
        app.execute(INSERT)
    with pytest.raises(psycopg.Error, match="No actor, no write"), app.transaction():
        app.execute("INSERT INTO lab_note (text, secret) VALUES ('y', '')")


def test_A09_an_actor_set_in_a_savepoint_that_was_rolled_back_does_not_count(
    seeded: Cast, raw: Callable[[str], Any]
) -> None:
    app = raw("app")
    with pytest.raises(psycopg.Error, match="No actor, no write"), app.transaction():
        with app.transaction(force_rollback=True):
            stamped(app, seeded.risk.pk, "local", "pg_current_xact_id()::text")
        app.execute(INSERT)


def test_A09_a_principal_that_does_not_exist_or_has_left_does_not_count(
    seeded: Cast, raw: Callable[[str], Any]
) -> None:
    app = raw("app")
    with pytest.raises(psycopg.Error), app.transaction():
        stamped(app, 999_999, "local", "pg_current_xact_id()::text")
        app.execute(INSERT)
    from governance.accounts.actions.principals import deactivate_principal

    deactivate_principal(actor=seeded.admin, reason="left", principal=seeded.viewer)
    with pytest.raises(psycopg.Error, match="not active"), app.transaction():
        stamped(app, seeded.viewer.pk, "local", "pg_current_xact_id()::text")
        app.execute(INSERT)


def test_an_action_does_not_leak_its_actor_into_what_follows(cast: Cast) -> None:
    with recorded_action(actor=cast.admin, reason="inside"):
        Namespace.objects.create(name="inside")
    with pytest.raises(Error, match="No actor"), transaction.atomic():
        Namespace.objects.create(name="outside")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
def test_an_action_without_a_reason_is_refused(reason: str, cast: Cast) -> None:
    with pytest.raises(errors.Invalid) as refusal, recorded_action(actor=cast.admin, reason=reason):
        pass
    assert "reason" in refusal.value.errors


def test_history_dates_of_one_record_strictly_increase_within_a_transaction(seeded: Cast) -> None:
    note = Note.objects.get(text="seed")
    with recorded_action(actor=seeded.risk, reason="many"):
        for number in range(50):
            Note.objects.filter(pk=note.pk).update(text=f"n{number}")
    dates = list(Note.history.filter(id=note.pk).order_by("history_id").values_list("history_date", flat=True))
    assert len(dates) == 51
    assert all(earlier < later for earlier, later in itertools.pairwise(dates))


def test_every_moment_that_can_be_given_is_held_to_the_calendar(db: None) -> None:
    """PostgreSQL knows infinity and the year 294276; a list in which one stands could be read by nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE t.tgname = 'z_record' AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'recorded_at'"
            " AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)"
        )
        rows = cursor.fetchall()
    assert len(rows) > 30
    assert [(table, column) for table, column, source in rows if f'NEW."{column}" >= \'10000-01-01' not in source] == []
