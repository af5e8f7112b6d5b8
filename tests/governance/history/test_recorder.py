"""Every way of writing is recorded or refused; nothing on record can be rewritten (attacks A01 to A11)."""

import pytest
from django.db import connection

from governance.accounts.models import Namespace
from governance.errors import Refused
from governance.unit_of_work import receipt, recorded_action
from tests.cast import Cast


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
