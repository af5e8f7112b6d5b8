"""Findings: raised, answered, closed, reopened."""

from datetime import datetime
from typing import Any

from approvals.models import Finding, FindingEvent, Promotion
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.models import Dataset, Model, ModelVersion

Subject = Model | ModelVersion | Dataset | Promotion
FREEING = (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER)
OVERSEERS = (Role.AUDITOR, *FREEING)
RAISING = (*OVERSEERS, Role.VALIDATOR, Role.DATA_STEWARD, Role.MODEL_OWNER)
ANSWERING = (*RAISING, Role.BUSINESS_OWNER)


@action
def raise_finding(
    *,
    actor: Principal,
    reason: str,
    subject: Subject,
    kind: Finding.Kind,
    text: str,
    severity: Finding.Severity,
    blocks: bool,
    owner: Principal | None = None,
    due: datetime | None = None,
    when_overdue: Finding.WhenOverdue = Finding.WhenOverdue.NOTHING,
) -> Finding:
    """Put a finding on record; while open and blocking it closes the gate for what it is about.

    Raises:
        errors.Forbidden: the actor raises no findings there.
    """
    namespace = _namespace(subject)
    require(actor, *RAISING, namespace=namespace)
    finding = Finding.objects.create(
        namespace=namespace, kind=kind, text=text, severity=severity, blocks=blocks, owner=owner, due=due,
        when_overdue=when_overdue, **_place(subject),
    )  # fmt: skip
    return finding


@action
def answer_finding(*, actor: Principal, reason: str, finding: Finding, text: str) -> FindingEvent:
    """Answer a finding. Answering closes nothing.

    Raises:
        errors.Forbidden: the actor is neither its owner nor someone who works on it.
    """
    if finding.owner_id != actor.pk:
        require(actor, *ANSWERING, namespace=finding.namespace)
    return _event(finding, FindingEvent.Kind.ANSWERED, text)


@action
def close_finding(*, actor: Principal, reason: str, finding: Finding, text: str) -> FindingEvent:
    """Close a finding. Never by who has to answer it; see docs/decisions/0004.

    Raises:
        errors.Forbidden: another role closes it. errors.Conflict: it is closed.
        errors.SeparationOfDuties: their own to answer; or it may hold up a release, and they raised it or had a hand in
            what it is about.
    """
    require(actor, *closing_roles(finding), namespace=finding.namespace)
    return _event(finding, FindingEvent.Kind.CLOSED, text)


@action
def reopen_finding(*, actor: Principal, reason: str, finding: Finding, text: str) -> FindingEvent:
    """Reopen a closed finding.

    Raises:
        errors.Forbidden: the actor is no overseer. errors.Conflict: it is open.
    """
    require(actor, *reopening_roles(finding), namespace=finding.namespace)
    return _event(finding, FindingEvent.Kind.REOPENED, text)


def holds_up(finding: Finding) -> bool:
    """Whether it closes the gate, or may once it is overdue."""
    return finding.blocks or finding.when_overdue != Finding.WhenOverdue.NOTHING


def closing_roles(finding: Finding) -> tuple[Role, ...]:
    """Who closes it: what may hold up a release, a voting role; a condition, the role that set it as well."""
    roles = FREEING if holds_up(finding) else OVERSEERS
    return (*roles, Role(finding.sign_off.role_grant.role)) if finding.sign_off else roles


def reopening_roles(finding: Finding) -> tuple[Role, ...]:
    """Who reopens it: every overseer; a condition, the role that set it as well."""
    return (*OVERSEERS, Role(finding.sign_off.role_grant.role)) if finding.sign_off else OVERSEERS


def _event(finding: Finding, kind: FindingEvent.Kind, text: str) -> FindingEvent:
    return FindingEvent.objects.create(finding=finding, kind=kind, text=text)


def _namespace(subject: Subject) -> Namespace:
    match subject:
        case Model() | Dataset():
            return subject.namespace
        case _:
            return subject.model.namespace


def _place(subject: Subject) -> dict[str, Any]:
    names = {Model: "model", ModelVersion: "model_version", Dataset: "dataset", Promotion: "promotion"}
    return {names[type(subject)]: subject}
