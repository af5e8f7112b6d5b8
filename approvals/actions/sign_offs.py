"""Signing, taking a signature back, lifting a veto, stepping aside. Who may is the database's rule (approvals/sql)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.actions.statements import find_requirement, statement
from approvals.models import (
    ConflictOfInterest,
    Finding,
    ReauthenticationMethod,
    Release,
    SignOff,
    SignOffWithdrawal,
    VetoLift,
    Vote,
)
from governance import errors
from governance.accounts.models import Principal, RoleGrant
from governance.accounts.permissions import grants_in_force, require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.models import Model

MAX_CONDITIONS = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """What an approval is subject to. Line breaks in the text become spaces: it is one paragraph of a statement."""

    text: str
    owner: Principal
    due: datetime
    when_overdue: Finding.WhenOverdue = Finding.WhenOverdue.NOTHING

    def as_dict(self) -> dict[str, Any]:
        """As the sign-off keeps it."""
        due = self.due.astimezone(UTC).isoformat()
        text = " ".join(self.text.split())
        return {"text": text, "owner": self.owner.pk, "due": due, "when_overdue": self.when_overdue.value}


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
    conditions: Sequence[Condition] = (),
) -> SignOff:
    """Sign a vote on one requirement of a release.

    Args:
        requirement: its key in the policy in force.
        statement_digest: SHA-256, hex, of the statement the person was shown, without the conditions they add.
        reauthenticated_at: when they proved again who they are; at most five minutes ago.
        meaning: what the signature means (P11 11.50); "": the vote and the role in words.
        conditions: of an approval; they are added to the statement word for word, and each opens a finding.

    Raises:
        errors.Conflict: what they were shown has changed, they voted already, or the release is closed.
        errors.SeparationOfDuties: their own work, no person, no such grant, or no fresh proof of who they are.
        errors.Forbidden: they do not hold the role. errors.Invalid: no such requirement; a rejection without comment; a
            condition that is wrong.
    """
    if actor.kind != Principal.Kind.PERSON:
        raise errors.SeparationOfDuties(
            _("Only persons sign. Let a person with the role sign in and sign."), params={"code": "not-a-person"}
        )
    if vote == Vote.REJECT and not comment.strip():
        raise errors.Invalid(errors={"comment": [_("Say why you reject it.")]})
    # Before the statement is built: no vote may pass another.
    call("lock_signing", release.pk, bool(conditions))
    asked = find_requirement(release, requirement)
    shown = statement(person=actor, release=release, requirement=asked, vote=vote)
    if shown.digest != statement_digest:
        raise errors.Conflict(
            _("What you were shown has changed since. Read the release again and sign what it says now."),
            params={"code": "statement-outdated"},
        )
    text, digest = shown.text, shown.digest
    kept = [one.as_dict() for one in conditions]
    if kept:
        text = f"{text}\n{call('condition_lines', json.dumps(kept))}"
        digest = hashlib.sha256(text.encode()).hexdigest()
    return SignOff.objects.create(
        release=release,
        requirement=asked,
        vote=vote,
        meaning=meaning.strip() or f"{vote.value} as {shown.grant.role}",
        comment=comment,
        statement=text,
        statement_digest=digest,
        evidence_seen=shown.evidence_seen,
        role_grant=shown.grant,
        conditions=kept,
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


def head_grant(person: Principal, sign_off: SignOff) -> RoleGrant | None:
    """The grant as head of the role a vote was given as, in its namespace; None: they are not its head."""
    namespace = sign_off.release.model_version.model.namespace
    held = grants_in_force(person).filter(role=sign_off.role_grant.role, is_head=True)
    return (held.filter(namespace=namespace) | held.filter(namespace__isnull=True)).order_by("id").first()


@action
def lift_veto(
    *,
    actor: Principal,
    reason: str,
    sign_off: SignOff,
    reauthenticated_at: datetime,
    reauthentication_method: ReauthenticationMethod = ReauthenticationMethod.PASSWORD,
) -> VetoLift:
    """Lift another's veto as the head of its role, once the policy's delay is over.

    Raises:
        errors.Forbidden: the actor is not the head of that role there.
        errors.SeparationOfDuties: their own veto or work, or no fresh proof of who they are.
        errors.Conflict: too early, no veto stands there, or the release is closed.
    """
    grant = head_grant(actor, sign_off)
    if grant is None:
        role = Role(sign_off.role_grant.role)
        raise errors.Forbidden(
            _("A veto is lifted by the head of the role %(role)s. Ask them, or its author to take it back.")
            % {"role": role.label},
            params={"code": "not-the-head", "roles": [role.value]},
        )
    return VetoLift.objects.create(
        sign_off=sign_off,
        role_grant=grant,
        reason=reason,
        reauthenticated_at=reauthenticated_at,
        reauthentication_method=reauthentication_method,
    )


@action
def declare_conflict(
    *, actor: Principal, reason: str, model: Model, text: str, until: datetime | None = None
) -> ConflictOfInterest:
    """Step aside: the actor judges no version of the model while the conflict lasts; votes given before are void.

    Raises:
        errors.Forbidden: the actor has nothing to do with that namespace.
        errors.SeparationOfDuties: no person. errors.Invalid: nothing said, or an end that is past.
    """
    require(actor, *Role, namespace=model.namespace)
    return ConflictOfInterest.objects.create(model=model, text=text, until=until)
