"""The system's own principal: it acts in tasks and defaults, on behalf of a cause, and never signs."""

import uuid

from django.db import connection, transaction

from governance.accounts.models import Principal

SYSTEM = "system"


def load_system_principal() -> Principal:
    """The system principal; made on first use by itself, under the owner's login.

    The recorder looks for the actor after the insert, so the row that introduces it may name itself.
    """
    found = Principal.objects.filter(name=SYSTEM).first()
    if found is not None:
        return found
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT nextval('governance_principal_id_seq')")
        number = cursor.fetchone()[0]
        cursor.execute(
            "SELECT set_config('muniment.actor', %s, true), set_config('muniment.reason', %s, true),"
            " set_config('muniment.action', %s, true), set_config('muniment.xid', pg_current_xact_id()::text, true)",
            [str(number), "First start: the system introduces itself", str(uuid.uuid4())],
        )
        cursor.execute(
            "INSERT INTO governance_principal (id, kind, name, display_name, is_active, is_demo)"
            " VALUES (%s, 'system', %s, 'Muniment', true, false)",
            [number, SYSTEM],
        )
    return Principal.objects.get(pk=number)
