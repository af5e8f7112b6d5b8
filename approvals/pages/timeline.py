"""A release's history in sentences, from the rows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from approvals.gate.gate import from_rows
from approvals.models import Promotion, RefusedAttempt, Release, SignOff, Vote
from approvals.pages.evidence import EvidenceItem


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the release's history."""

    at: datetime
    who: str
    text: str
    detail: str = ""
    good: bool | None = None


def timeline(
    release: Release,
    items: Sequence[EvidenceItem],
    votes: Sequence[SignOff],
    attempts: Sequence[RefusedAttempt],
    promotion: Promotion | None,
) -> list[Event]:
    """Everything that happened, oldest first."""
    place = {"environment": release.environment.name, "slot": release.get_slot_display()}
    found = [Event(release.recorded_at, release.recorded_by.display_name,
                   _("opened the release into %(environment)s, slot %(slot)s") % place)]  # fmt: skip
    for item in items:
        # Measured before the release was opened: it stands beside its requirement, it is no part of this history.
        if item.recorded_at >= release.recorded_at:
            says = {"good": _("it is good"), "bad": _("it failed"), "reported": _("reported only")}[item.verdict]
            found.append(Event(item.recorded_at, item.reporter, _("reported evidence: %(plan)s") % {"plan": item.plan},
                               says, item.verdict == "good"))  # fmt: skip
    for vote in votes:
        approved = vote.vote == Vote.APPROVE
        text = _("approved “%(requirement)s”") if approved else _("rejected “%(requirement)s”")
        found.append(Event(vote.signed_at, vote.printed_name, text % {"requirement": vote.requirement},
                           vote.comment, approved))  # fmt: skip
        if hasattr(vote, "withdrawal"):
            found.append(Event(vote.withdrawal.recorded_at, vote.printed_name,
                               _("took back the vote on “%(requirement)s”") % {"requirement": vote.requirement},
                               vote.withdrawal.reason))  # fmt: skip
    for attempt in attempts:
        missing = from_rows(attempt.requirements).missing
        found.append(Event(attempt.recorded_at, attempt.recorded_by.display_name,
                           _("asked for promotion and was refused"),
                           _("Missing: %(keys)s") % {"keys": ", ".join(r.key for r in missing)}, False))  # fmt: skip
    if promotion is not None:
        found.append(Event(promotion.started_at, promotion.recorded_by.display_name,
                           _("promoted it: live in %(environment)s, slot %(slot)s") % place, "", True))  # fmt: skip
        if hasattr(promotion, "end"):
            end = promotion.end
            found.append(Event(end.ended_at, end.recorded_by.display_name,
                               _("ended the promotion: %(kind)s") % {"kind": end.get_kind_display()}, end.reason))  # fmt: skip
    elif hasattr(release, "closure"):
        closure: Any = release.closure
        found.append(Event(closure.recorded_at, closure.recorded_by.display_name,
                           _("closed the release: %(kind)s") % {"kind": closure.get_kind_display()},
                           closure.reason, False))  # fmt: skip
    return sorted(found, key=lambda event: event.at)
