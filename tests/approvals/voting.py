"""What the tests on votes have in common: roles by two administrators, heads of a role, conditions, and time that passes."""

import datetime
from typing import Any

from django.utils import timezone

from approvals.actions.sign_offs import Condition, declare_conflict, lift_veto
from approvals.models import ConflictOfInterest, Finding, SignOff, VetoLift
from governance.accounts.actions.grants import approve_grant, grant_role
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.roles import Role
from tests.approvals.raw import Connection
from tests.approvals.world import WHY, World


def give(w: World, person: Principal, role: Role, **more: Any) -> RoleGrant:
    """A role in the world's namespace, by two administrators."""
    given = grant_role(actor=w.cast.admin, principal=person, role=role, namespace=w.cast.retail, **more, **WHY)
    return approve_grant(actor=w.cast.admin2, grant=given, **WHY)


def in_days(days: float) -> datetime.datetime:
    """A moment so many days from now."""
    return timezone.now() + datetime.timedelta(days=days)


def condition(w: World, text: str = "Retrain by spring", **more: Any) -> Condition:
    """A condition that the owner answers within 30 days, after which it blocks."""
    given = {"owner": w.cast.owner, "due": in_days(30), "when_overdue": Finding.WhenOverdue.BLOCK, **more}
    return Condition(text=text, **given)


def lift(w: World, person: Principal, veto: SignOff, **more: Any) -> VetoLift:
    """A person lifts a veto, having just proved who they are."""
    return lift_veto(actor=person, sign_off=veto, **{"reauthenticated_at": timezone.now(), **WHY, **more})


def recuse(w: World, person: Principal, **more: Any) -> ConflictOfInterest:
    """A person declares a conflict of interest on the world's model."""
    return declare_conflict(actor=person, model=w.model, text="My sister sells it to us", **more, **WHY)


def insert(connection: Connection, table: str, **values: Any) -> int:
    """INSERT a row; its id."""
    row = connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) RETURNING id",
        list(values.values()),
    ).fetchone()
    assert row is not None
    return int(row[0])


def let_time_pass(superuser: Connection, table: str, column: str, id: int, hours: int) -> None:
    """Move a moment of a final row back. No login of the product can; only a test's superuser, in its own database."""
    superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    superuser.execute(f"UPDATE {table} SET {column} = {column} - make_interval(hours => %s) WHERE id = %s", [hours, id])
    for (name,) in superuser.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]
    ).fetchall():
        superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
