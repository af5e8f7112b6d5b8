"""Terms as people read them: when they end, and how one differs from another."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lineage.models import CollectionTerms

#: Days ahead from which an end is shown as near.
NEAR_DAYS = 30
_NEVER_DAYS = 1_000_000  # as muniment.kept_until: no clock shows what lies beyond


class Ending(NamedTuple):
    """When terms are known to end, and why: `withdrawn`, `retention` (of the data) or `period` (of the terms)."""

    at: datetime
    why: str

    @property
    def days_left(self) -> int:
        """Whole days until then; negative once it is over."""
        return (self.at - datetime.now(UTC)).days

    @property
    def over(self) -> bool:
        """Whether the end has come."""
        return self.at <= datetime.now(UTC)

    @property
    def near(self) -> bool:
        """Whether it comes within `NEAR_DAYS`, or has come."""
        return self.days_left < NEAR_DAYS


def kept_until(terms: CollectionTerms) -> datetime | None:
    """When retention is over; None: never. As `muniment.kept_until`."""
    days = terms.storage_duration_days
    if days is None or days > _NEVER_DAYS:
        return None
    try:
        return terms.effective_from.astimezone(UTC) + timedelta(days=days)
    except OverflowError:
        return None


def ending(terms: CollectionTerms) -> Ending | None:
    """The first end on record; None: no end is known. A withdrawal ends terms at once."""
    found = [(at, why) for at, why in ((terms.effective_to, "period"), (kept_until(terms), "retention")) if at]
    withdrawal = getattr(terms, "withdrawal", None)
    if withdrawal is not None:
        found.append((withdrawal.recorded_at, "withdrawn"))
    return Ending(*min(found)) if found else None
