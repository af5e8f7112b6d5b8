"""A row of the table, and what many rows share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.permission_table.things import Things

Body = Callable[["Things"], dict[str, Any]]
WHY = {"reason": "A row of the permission table"}
SOON = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


@dataclass(frozen=True)
class Row:
    """Who may (answer below 400, or `allowed`), and the status of who may not."""

    may: tuple[str, ...]
    may_not: dict[str, int] = field(default_factory=dict)
    body: Body = lambda _things: dict(WHY)
    query: Body = lambda _things: {}


READERS = ("auditor", "viewer", "pipeline")
PAGE_READERS = ("auditor", "viewer", "owner", "risk")
NOBODY = {"anonymous": 401}
#: Who may may only after a delay of days; the test that lets them pass stands with the rule.
AFTER_DAYS: tuple[str, ...] = ()
HIDDEN = {"anonymous": 401, "outsider": 404}
TO_SIGN_IN = {"anonymous": 302}
PAGE_HIDDEN = {"anonymous": 302, "outsider": 404}
