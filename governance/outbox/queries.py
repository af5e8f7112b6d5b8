"""What may be seen of outbox and inbox."""

from __future__ import annotations

from django.db.models import QuerySet

from governance.accounts.models import Principal
from governance.accounts.permissions import holds, require
from governance.accounts.roles import Role
from governance.outbox.models import PENDING, Notice, OutboxMessage

OVERSIGHT = (Role.ADMINISTRATOR, Role.AUDITOR)
STATES = ("dead", "waiting", "delivered")


def messages_for(reader: Principal) -> QuerySet[OutboxMessage]:
    """The outbox: for administrators and auditors of everything, nobody else. Raises Forbidden."""
    require(reader, *OVERSIGHT, namespace=None)
    return OutboxMessage.objects.all()


def in_state(messages: QuerySet[OutboxMessage], state: str) -> QuerySet[OutboxMessage]:
    """Those given up ("dead"), not delivered yet ("waiting"), or "delivered"."""
    if state == "dead":
        return messages.filter(dead_at__isnull=False)
    return messages.filter(PENDING) if state == "waiting" else messages.filter(delivered_at__isnull=False)


def may_replay(reader: Principal) -> bool:
    """Whether the reader may have messages tried again."""
    return holds(reader, Role.ADMINISTRATOR, namespace=None)


def inbox_of(reader: Principal) -> QuerySet[Notice]:
    """The reader's own notices."""
    return Notice.objects.filter(recipient=reader)
