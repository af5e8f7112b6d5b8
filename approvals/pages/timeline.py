"""A release's history in sentences, from the rows themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from approvals.gate.gate import from_rows
from approvals.models import Promotion, Release, SignOff, Vote
from approvals.pages.evidence import EvidenceItem
from approvals.pages.standing import Attempt


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
    attempts: Sequence[Attempt],
    promotion: Promotion | None,
) -> list[Event]:
    """Everything that happened, oldest first."""
    place = {"environment": release.environment.name, "slot": release.get_slot_display()}
    found: list[Event] = []

    def add(at: datetime, who: Any, text: str, detail: str = "", good: bool | None = None) -> None:
        found.append(Event(at, str(who), text, detail, good))

    opened = _("opened the release into %(environment)s, slot %(slot)s") % place
    add(release.recorded_at, release.recorded_by, opened)
    for item in items:
        # Measured before the release was opened: it stands beside its requirement, it is no part of this history.
        if item.recorded_at >= release.recorded_at:
            says = {"good": _("it is good"), "bad": _("it failed"), "reported": _("reported only")}[item.verdict]
            text = _("reported evidence: %(plan)s") % {"plan": item.plan}
            add(item.recorded_at, item.reporter, text, says, item.verdict == "good")
    for vote in votes:
        approved = vote.vote == Vote.APPROVE
        about = {"requirement": vote.requirement}
        text = _("approved “%(requirement)s”") if approved else _("rejected “%(requirement)s”")
        add(vote.signed_at, vote.printed_name, text % about, vote.comment, approved)
        if hasattr(vote, "withdrawal"):
            text = _("took back the vote on “%(requirement)s”") % about
            add(vote.withdrawal.recorded_at, vote.printed_name, text, vote.withdrawal.reason)
        if hasattr(vote, "lift"):
            text = _("lifted the veto of %(who)s on “%(requirement)s”") % {"who": vote.printed_name, **about}
            add(vote.lift.recorded_at, vote.lift.recorded_by, text, vote.lift.reason)
    for attempt in attempts:
        keys = ", ".join(r.key for r in from_rows(attempt.requirements).missing)
        missing = _("Missing: %(keys)s") % {"keys": keys}
        add(attempt.recorded_at, attempt.recorded_by, _("asked for promotion and was refused"), missing, False)
    if promotion is not None:
        text = _("promoted it: live in %(environment)s, slot %(slot)s") % place
        add(promotion.started_at, promotion.recorded_by, text, "", True)
        if hasattr(promotion, "end"):
            text = _("ended the promotion: %(kind)s") % {"kind": promotion.end.get_kind_display()}
            add(promotion.end.ended_at, promotion.end.recorded_by, text, promotion.end.reason)
    elif hasattr(release, "closure"):
        closure: Any = release.closure
        text = _("closed the release: %(kind)s") % {"kind": closure.get_kind_display()}
        add(closure.recorded_at, closure.recorded_by, text, closure.reason, False)
    return sorted(found, key=lambda event: event.at)
