"""Under the app's login, what a session sets neither hides a write nor bends a rule (attacks A05, A09, A11)."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from governance.accounts.models import Namespace, Principal, RoleGrant
from governance.desk.models import Act
from governance.unit_of_work import recorded_action
from tests.cast import Cast

Raw = Callable[[str], "psycopg.Connection[Any]"]
Connection = psycopg.Connection[Any]

SEARCHED = "SELECT count(*) FROM governance_searchentry WHERE kind = %s AND words @@ %s::tsquery"


@contextmanager
def acting_within(connection: Connection, actor: Principal, action: uuid.UUID) -> Iterator[None]:
    """A transaction that writes as `actor` under the id of an act, whosever that is."""
    with connection.transaction():
        stamp(connection, actor, action)
        yield


def stamp(connection: Connection, actor: Principal, action: uuid.UUID) -> None:
    connection.execute(
        "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'As agreed', true),"
        " set_config('muniment.action', %s, true), set_config('muniment.xid', pg_current_xact_id()::text, true)",
        [str(actor.pk), str(action)],
    )


def retitle(connection: Connection, title: str) -> None:
    connection.execute("UPDATE governance_namespace SET title = %s WHERE name = 'retail'", [title])


def refused(refusal: "pytest.ExceptionInfo[psycopg.Error]") -> tuple[str | None, str | None]:
    return refusal.value.sqlstate, refusal.value.diag.message_detail


def test_A09_no_write_hides_in_the_act_of_another(own_database: str, cast: Cast, raw: Raw) -> None:
    with recorded_action(actor=cast.admin, reason="A title that says more") as theirs:
        Namespace.objects.filter(name="retail").update(title="Retail banking")
    app = raw("app")
    with pytest.raises(psycopg.Error) as refusal, acting_within(app, cast.admin2, theirs.id):
        retitle(app, "Hidden")
    assert refused(refusal) == ("MU001", "act-of-another")
    # Nor does who acted then go on with it: an act is one transaction, and has one reason.
    with pytest.raises(psycopg.Error) as refusal, acting_within(app, cast.admin, theirs.id):
        app.execute("INSERT INTO governance_namespace (name, title, description) VALUES ('behind', '', '')")
    assert refused(refusal) == ("MU001", "act-of-another")
    assert Act.objects.filter(action_id=theirs.id).count() == 1


def test_A09_no_write_slips_into_an_act_that_is_not_yet_committed(own_database: str, cast: Cast, raw: Raw) -> None:
    victim, app, shared = raw("app"), raw("app"), uuid.uuid4()
    app.execute("SET lock_timeout = '200ms'")
    with acting_within(victim, cast.admin, shared):
        retitle(victim, "Retail banking")
        with pytest.raises(psycopg.errors.LockNotAvailable), acting_within(app, cast.admin2, shared):
            app.execute("INSERT INTO governance_namespace (name, title, description) VALUES ('beside', '', '')")
    assert set(Act.objects.filter(action_id=shared).values_list("actor_id", flat=True)) == {cast.admin.pk}


def test_A09_two_who_write_in_one_transaction_have_an_act_each(own_database: str, cast: Cast, raw: Raw) -> None:
    app, shared = raw("app"), uuid.uuid4()
    with pytest.raises(psycopg.Error) as refusal, acting_within(app, cast.admin, shared):
        retitle(app, "By the first")
        stamp(app, cast.admin2, shared)
        retitle(app, "By the second, under the first one's name")
    assert refused(refusal) == ("MU001", "act-of-another")
    with acting_within(app, cast.admin, shared):
        retitle(app, "By the first")
        stamp(app, cast.admin2, uuid.uuid4())
        retitle(app, "By the second")
    assert set(Act.objects.filter(reason="As agreed", lead=True).values_list("actor_id", flat=True)) == {
        cast.admin.pk, cast.admin2.pk,
    }  # fmt: skip


def test_A11_a_setting_of_strings_keeps_no_record_out_of_search(own_database: str, cast: Cast, raw: Raw) -> None:
    app = raw("app")
    app.execute("SET standard_conforming_strings = off")
    with acting_within(app, cast.admin, uuid.uuid4()):
        made = app.execute(
            "INSERT INTO governance_namespace (name, title, description) VALUES ('unseen', 'Unseen', 'Quietly') RETURNING id"
        ).fetchone()
    assert made is not None
    app.execute("RESET standard_conforming_strings")
    found = app.execute(SEARCHED, ["governance_namespace", rf"quietly & \:ns\:{made[0]} & \:t\:unseen"]).fetchone()
    assert found == (1,)


@pytest.mark.parametrize("number", ["0x10", "1_0", "1:0"])
def test_A11_a_setting_of_strings_makes_no_number_of_what_is_none(own_database: str, raw: Raw, number: str) -> None:
    app = raw("app")
    app.execute("SET standard_conforming_strings = off")
    assert app.execute("SELECT muniment.threshold_of(%s)", [number]).fetchone() == (None,)
    assert app.execute(
        'SELECT muniment.parameter_allowed(to_jsonb(%s::text), \'{"min": "1"}\')', [number]
    ).fetchone() == (False,)


def test_no_guard_reads_otherwise_under_another_setting_of_strings(own_database: str, raw: Raw) -> None:
    """PL/pgSQL reads its text in the session that calls it: with the setting off, a backslash would escape."""
    sources = raw("owner").execute(
        "SELECT oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'muniment'::regnamespace"
    )
    escaping = [name for name, source in sources.fetchall() if "\\" in re.sub(r"\bE'(?:[^'\\]|\\.|'')*'", "", source)]
    assert escaping == []


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_A09_who_lost_a_role_does_not_act_on_by_an_older_snapshot(
    own_database: str, cast: Cast, raw: Raw, level: str
) -> None:
    app = raw("app")
    app.execute(f"BEGIN ISOLATION LEVEL {level}")
    app.execute("SELECT count(*) FROM governance_rolegrant")
    with recorded_action(actor=cast.admin, reason="Has left"):
        RoleGrant.objects.filter(principal=cast.admin2, role="administrator").update(ended_by=cast.admin)
    stamp(app, cast.admin2, uuid.uuid4())
    with pytest.raises(psycopg.Error) as refusal:
        app.execute("INSERT INTO governance_rolegrant (principal_id, role) VALUES (%s, 'viewer')", [cast.owner.pk])
    assert refused(refusal) == ("MU009", "isolation")
