"""The votes on a requirement as the release page shows them: which count, which do not, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from approvals.gate.gate import RequirementStatus, Verdict
from approvals.gate.messages import VOTE_WORDINGS
from approvals.gate.voids import Cause, causes
from approvals.models import Aspect, Release, SignOff, Vote
from governance.accounts.models import Principal


@dataclass(slots=True)
class VoteShown:
    """One vote as the page shows it. `why_not`: why it does not count, "" where it does; `causes`: of a stale one."""

    sign_off: SignOff
    mine: bool
    why_not: str
    causes: list[Cause]

    @property
    def withdrawn(self) -> bool:
        return hasattr(self.sign_off, "withdrawal")

    @property
    def stands(self) -> bool:
        """Whether its giver must take it back before giving another: it counts, or it rejects."""
        return self.vetoes or not (self.withdrawn or self.lifted or self.why_not)

    @property
    def vetoes(self) -> bool:
        """Whether it is a rejection that stands."""
        return self.sign_off.vote == Vote.REJECT and not self.withdrawn and not self.lifted

    @property
    def lifted(self) -> bool:
        return hasattr(self.sign_off, "lift")


def stale_causes(release: Release, verdict: Verdict) -> dict[int, list[Cause]]:
    """What made votes stale, by sign-off; asked only where the verdict knows of a stale one."""
    ignored = [one for s in verdict.requirements for one in s.params.get("ignored") or ()]
    return causes(release) if any(one["why"] == "vote-stale" for one in ignored) else {}


def votes_of(
    status: RequirementStatus, votes: Sequence[SignOff], reader: Principal, stale: Mapping[int, list[Cause]]
) -> list[VoteShown]:
    """The votes on one requirement, in order, each with why it does not count and what made it stale."""
    ignored = {one["sign_off"]: one for one in status.params.get("ignored") or ()}
    shown = []
    for vote in votes:
        if vote.requirement.key != status.key:
            continue
        why = ""
        if vote.pk in ignored and ignored[vote.pk]["why"] != "vote-rejected":
            aspects = ", ".join(
                str(Aspect(a).label) for a in ignored[vote.pk].get("aspects") or () if a in Aspect.values
            )
            wording = str(VOTE_WORDINGS.get(ignored[vote.pk]["why"], ""))
            why = wording % {"name": vote.printed_name, "aspects": aspects}
        shown.append(VoteShown(vote, vote.recorded_by_id == reader.pk, why, stale.get(vote.pk, [])))
    return shown
