"""How many calls an account has: counted in the database, so that all web processes agree; told in every answer.

Headers as in draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "account";q=6000;w=60` and
`RateLimit: "account";r=5994;t=31` (remaining calls; seconds until they are full again). Beyond it 429 with Retry-After.
"""

from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from governance.accounts.models import Principal
from governance.errors import TooManyRequests

WINDOW = 60  # s


class Rate(NamedTuple):
    """Where an account stands in the running window."""

    limit: int
    calls: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """What an answer says of it."""
        return {
            "RateLimit-Policy": f'"account";q={self.limit};w={WINDOW}',
            "RateLimit": f'"account";r={max(self.limit - self.calls, 0)};t={self.seconds}',
        }

    def require(self) -> None:
        """Raises TooManyRequests (429) when the call is one too many."""
        if self.calls > self.limit:
            raise TooManyRequests(
                _("This account has %(limit)d calls a minute. Wait %(seconds)d s.")
                % {"limit": self.limit, "seconds": self.seconds},
                params={"retry_after": self.seconds},
            )


def count(principal: Principal) -> Rate | None:
    """Count a call of an account; None where no limit is set (RATE_LIMIT = 0)."""
    limit: int = settings.RATE_LIMIT
    if not limit:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.count_call(%s, %s)", [principal.pk, WINDOW])
        return Rate(limit, *cursor.fetchone()[0])
