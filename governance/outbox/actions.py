"""Acts on the outbox and the inbox."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox.messages import poke_after_commit
from governance.outbox.models import Notice, OutboxMessage, OutboxReplay
from governance.unit_of_work import action

REPLAY_LIMIT = 500


@action
def replay(*, actor: Principal, reason: str, messages: Sequence[OutboxMessage]) -> list[OutboxReplay]:
    """Have messages that were given up tried again from the first try on; all of them or none.

    Raises:
        errors.Forbidden: the actor is no administrator of everything.
        errors.Invalid: none, or more than 500, were named. errors.Conflict: one of them was not given up.
    """
    require(actor, Role.ADMINISTRATOR, namespace=None)
    if not 0 < len(messages) <= REPLAY_LIMIT:
        raise errors.Invalid(_("Name 1 to %(limit)d messages that were given up.") % {"limit": REPLAY_LIMIT})
    # In the order of their ids, as the relay locks them.
    made = [OutboxReplay.objects.create(message=one) for one in sorted(messages, key=lambda one: one.pk)]
    poke_after_commit()
    return made


def mark_read(*, reader: Principal, notices: Sequence[int] | None = None) -> int:
    """Mark one's own notices as read, all of them where none are named; how many were unread. Nothing governed."""
    mine = Notice.objects.filter(recipient=reader, read_at=None)
    if notices is not None:
        mine = mine.filter(pk__in=notices)
    return mine.update(read_at=Now())
