"""What must leave the system: kept as rows with their cause, delivered by Celery, lost by nobody.

`enqueue` in an action, `handles` and `notify` in a handler, `drain` in tests. `handlers` begins with a worked example.
"""

from governance.outbox.handlers import handles
from governance.outbox.messages import enqueue
from governance.outbox.models import OutboxMessage as Message
from governance.outbox.notices import notify, reader_of, register_kind
from governance.outbox.relay import drain

__all__ = ["Message", "drain", "enqueue", "handles", "notify", "reader_of", "register_kind"]
