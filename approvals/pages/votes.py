"""The votes on a requirement as the release page shows them: which count, which do not, and what the reader may add."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.actions.statements import Statement
from approvals.gate.gate import RequirementStatus, Verdict
from approvals.gate.messages import VOTE_WORDINGS
from approvals.gate.voids import Cause, causes
from approvals.models import Aspect, Release, Requirement, SignOff, Vote
from governance.accounts.models import Principal
from governance.accounts.roles import Role
from lineage.pages import facts

CONFLICT = "conflict of interest"
HANDS = {
    **facts.HANDS,
    "reported evidence": gettext_lazy("reported evidence on it"),
    "wrote its envelope": gettext_lazy("wrote its retraining envelope"),
    CONFLICT: gettext_lazy("recused: declared a conflict of interest"),
}


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


@dataclass(slots=True)
class Signing:
    """What the reader may do about one signature: sign one of the statements, or be told why not."""

    role: str
    role_name: str
    statements: dict[str, Statement] = field(default_factory=dict)
    refusal: str = ""
    mine: SignOff | None = None

    @property
    def may_sign(self) -> bool:
        return not self.refusal and self.mine is None


def stale_causes(release: Release, verdict: Verdict, reader: Principal) -> dict[int, list[Cause]]:
    """What made votes stale, by sign-off, as someone may read it; asked only where the verdict knows of a stale one."""
    ignored = [one for s in verdict.requirements for one in s.params.get("ignored") or ()]
    return causes(release, reader) if any(one["why"] == "vote-stale" for one in ignored) else {}


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


def signing_of(
    requirement: Requirement,
    reader: Principal,
    involved: Mapping[int, list[str]],
    votes: Sequence[VoteShown],
    *,
    suspended: bool,
) -> Signing:
    """What a reader who holds the role may do about one signature; the statements come later.

    Args:
        involved: who had a hand in it, and how. suspended: whether the reader's signing is, since a password was reset.
    """
    role = Role(requirement.params["role"])
    signing = Signing(role.value, str(role.label))
    signing.mine = next((v.sign_off for v in votes if v.mine and v.stands), None)
    if signing.mine is not None:
        pass
    elif reader.kind != Principal.Kind.PERSON:
        signing.refusal = _("Only persons sign.")
    elif suspended:
        signing.refusal = _(
            "Your password was reset, and signing is suspended until an administrator who did not reset it restores it."
        )
    elif involved.get(reader.pk) == [CONFLICT]:
        signing.refusal = _(
            "You are recused: you declared a conflict of interest on this model."
            " Someone else with the role %(role)s signs."
        ) % {"role": role.label}
    elif reader.pk in involved:
        hands = ", ".join(str(HANDS.get(w, w)) for w in involved[reader.pk])
        signing.refusal = _(
            "You cannot sign this: nobody judges their own work, and you had a hand in it (you: %(hands)s)."
            " Someone else with the role %(role)s signs."
        ) % {"hands": hands, "role": role.label}
    return signing


_READ = "I have read the statement and the evidence beside it"


def meaning_of(vote: str, role: str) -> str:
    """What a signature means, in words that go on record with it [P11 11.50(a)(3)]. In English, as the statement is."""
    label = Role(role).value.replace("_", " ")
    if vote == Vote.APPROVE:
        return f"Approval as {label}: {_READ}, and I answer for this judgement."
    return f"Rejection as {label}: {_READ}, and this must not go ahead as it is."
