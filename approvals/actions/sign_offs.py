"""Signing, and taking a signature back. Who may is the database's rule (approvals/sql/40_sign_offs.sql)."""

from datetime import datetime

from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.actions.statements import find_requirement, statement
from approvals.models import ReauthenticationMethod, Release, SignOff, SignOffWithdrawal, Vote
from governance import errors
from governance.accounts.models import Principal
from governance.unit_of_work import action


@action
def sign(
    *,
    actor: Principal,
    reason: str,
    release: Release,
    requirement: str,
    vote: Vote,
    statement_digest: str,
    reauthenticated_at: datetime,
    reauthentication_method: ReauthenticationMethod = ReauthenticationMethod.PASSWORD,
    meaning: str = "",
    comment: str = "",
) -> SignOff:
    """Sign a vote on one requirement of a release.

    Args:
        requirement: its key in the policy in force.
        statement_digest: SHA-256, hex, of the statement the person was shown.
        reauthenticated_at: when they proved again who they are; at most five minutes ago.
        meaning: what the signature means (P11 11.50); "": the vote and the role in words.

    Raises:
        errors.Conflict: what they were shown has changed, they voted already, or the release is closed.
        errors.SeparationOfDuties: their own work, no person, no such grant, or no fresh proof of who they are.
        errors.Forbidden: they do not hold the role. errors.Invalid: no such requirement; a rejection without comment.
    """
    if actor.kind != Principal.Kind.PERSON:
        raise errors.SeparationOfDuties(
            _("Only persons sign. Let a person with the role sign in and sign."), params={"code": "not-a-person"}
        )
    if vote == Vote.REJECT and not comment.strip():
        raise errors.Invalid(errors={"comment": [_("Say why you reject it.")]})
    call("lock_release", release.pk)  # before the statement is built: no vote may pass another
    asked = find_requirement(release, requirement)
    shown = statement(person=actor, release=release, requirement=asked, vote=vote)
    if shown.digest != statement_digest:
        raise errors.Conflict(
            _("What you were shown has changed since. Read the release again and sign what it says now."),
            params={"code": "statement-outdated"},
        )
    return SignOff.objects.create(
        release=release,
        requirement=asked,
        vote=vote,
        meaning=meaning.strip() or f"{vote.value} as {shown.grant.role}",
        comment=comment,
        statement=shown.text,
        statement_digest=shown.digest,
        evidence_seen=shown.evidence_seen,
        role_grant=shown.grant,
        reauthenticated_at=reauthenticated_at,
        reauthentication_method=reauthentication_method,
    )


@action
def withdraw_sign_off(*, actor: Principal, reason: str, sign_off: SignOff) -> SignOffWithdrawal:
    """Take one's own vote back, while the release is open.

    Raises:
        errors.SeparationOfDuties: another's vote. errors.Conflict: the release is closed, or it was taken back.
    """
    return SignOffWithdrawal.objects.create(sign_off=sign_off, reason=reason)
