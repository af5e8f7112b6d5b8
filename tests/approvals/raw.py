"""Writing past every door: raw SQL under a login of the database, with an actor stamped as the product would."""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from approvals.models import Release, Requirement
from governance.accounts.models import Principal, RoleGrant

Connection = psycopg.Connection[Any]


@contextmanager
def acting(connection: Connection, actor: Principal, *, isolation: str | None = None) -> Iterator[Connection]:
    """A transaction (or, inside a test's own, a savepoint) that names its actor, the way `recorded_action` does."""
    with connection.transaction():
        if isolation:
            connection.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        connection.execute(
            "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', 'Raw SQL', true),"
            " set_config('muniment.action', %s, true),"
            " set_config('muniment.xid', pg_current_xact_id()::text, true)",
            [str(actor.pk), str(uuid.uuid4())],
        )
        yield connection
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the end is still the actor's
        connection.execute("SELECT set_config('muniment.xid', '', true)")  # a savepoint would leak it


@contextmanager
def refuses(state: str, code: str | None = None) -> Iterator[None]:
    """Check that the database refuses with a SQLSTATE and, for a guard, its code."""
    with pytest.raises(psycopg.Error) as refusal:
        yield
    found = (refusal.value.sqlstate, refusal.value.diag.message_detail)
    assert found[0] == state, f"{found} {refusal.value}"
    if code is not None:
        assert found[1] == code, f"{found} {refusal.value}"


def promote(connection: Connection, release: Release, replaces: int | None = None) -> int:
    """INSERT a promotion; its id."""
    row = connection.execute(
        "INSERT INTO approvals_promotion (release_id, model_id, environment_id, slot, replaces_id)"
        " SELECT r.id, v.model_id, r.environment_id, r.slot, %s FROM approvals_release r"
        " JOIN lineage_modelversion v ON v.id = r.model_version_id WHERE r.id = %s RETURNING id",
        [replaces, release.pk],
    ).fetchone()
    assert row is not None
    return int(row[0])


def vote(connection: Connection, release: Release, requirement: Requirement, grant: RoleGrant, **fields: Any) -> int:
    """INSERT a sign-off with a statement that is about what the database would bind it to; its id."""
    if "statement" not in fields:
        row = connection.execute(
            "SELECT muniment.digest_of(muniment.vote_binding(%s, %s, '{}', %s))", [release.pk, requirement.pk, grant.pk]
        ).fetchone()
        assert row is not None
        fields["statement"] = f"Content: {row[0]}"
    fields.setdefault("statement_digest", hashlib.sha256(fields["statement"].encode()).hexdigest())
    age = fields.pop("reauthenticated", "0 seconds")
    values = {
        "release_id": release.pk, "requirement_id": requirement.pk, "vote": "approve", "meaning": "Approved",
        "comment": "", "evidence_seen": [], "role_grant_id": grant.pk, "reauthentication_method": "password",
        "signature": "", "bound": "{}", "conditions": "[]", "printed_name": "Someone else", **fields,
    }  # fmt: skip
    columns = ", ".join(values)
    row = connection.execute(
        f"INSERT INTO approvals_signoff ({columns}, reauthenticated_at)"
        f" VALUES ({', '.join(['%s'] * len(values))}, clock_timestamp() - %s::interval) RETURNING id",
        [*values.values(), age],
    ).fetchone()
    assert row is not None
    return int(row[0])
