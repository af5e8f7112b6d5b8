"""Retraining envelopes: proposing one, releasing its base version with it, revoking it.

What an envelope may say and when it is in force is the database's to say (approvals/sql/36_change_plans.sql,
approvals/gate/18_envelope.sql).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from approvals.actions.releases import open_release
from approvals.models import ChangePlan, ChangePlanRevocation, Environment, Release, Slot
from approvals.policies import number
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox import enqueue
from governance.unit_of_work import action, part
from lineage.models import ModelVersion

PROPOSERS = (Role.MODEL_OWNER, Role.PIPELINE)
REVOKERS = (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER)
LIMITS = ("low", "high", "change_low", "change_high")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What may change by retraining, as it is proposed.

    Args:
        parameters: {name: {min, max} or {one_of: [values]}}; limits as decimal text or exact numbers.
        code_commits: commits that may train it, beside the base version's own.
        new_data: whether newer versions of its training datasets may be used.
        bands: [{plan, metric, slice, dataset_role, low, high, change_low, change_high, whole_interval, independent}].
        keeps: keys of the sign-off requirements that a retrain inside still needs.
        uses: how many retrains may go live on it. ends_at: when it is over.
    """

    title: str
    bands: Sequence[Mapping[str, Any]]
    uses: int
    ends_at: datetime
    description: str = ""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    code_commits: Sequence[str] = ()
    new_data: bool = False
    keeps: Sequence[str] = ()


@action
def propose_change_plan(
    *,
    actor: Principal,
    reason: str,
    model_version: ModelVersion,
    environment: Environment,
    envelope: Envelope,
    slot: Slot = Slot.CHAMPION,
) -> tuple[ChangePlan, bool]:
    """Record what may change about a version by retraining. It is in force when the version's release, which carries
    it, goes live on everyone's signature; the same proposal made before by the same actor is found again.

    Returns:
        the envelope, and whether it is new.

    Raises:
        errors.Forbidden: the actor proposes none there. errors.Invalid: it says what cannot be compared.
    """
    require(actor, *PROPOSERS, namespace=model_version.model.namespace)
    fixed: dict[str, Any] = {
        "model_version": model_version, "environment": environment, "slot": slot, "title": envelope.title,
        "description": envelope.description,
        "parameters": {name: _spec(name, spec) for name, spec in envelope.parameters.items()},
        "code_commits": sorted(set(envelope.code_commits)), "new_data": envelope.new_data,
        "bands": [_band(n, one) for n, one in enumerate(envelope.bands)], "keeps": sorted(set(envelope.keeps)),
        "uses": envelope.uses, "ends_at": envelope.ends_at,
    }  # fmt: skip
    found = ChangePlan.objects.filter(recorded_by=actor, promotions=None, revocation=None, **fixed).order_by("-id")
    if (same := found.first()) is not None:
        return same, False
    return ChangePlan.objects.create(**fixed), True


@action
def open_release_with_envelope(
    *,
    actor: Principal,
    reason: str,
    model_version: ModelVersion,
    environment: Environment,
    envelope: Envelope,
    slot: Slot = Slot.CHAMPION,
) -> Release:
    """Propose an envelope and open the release that carries it, both or neither.

    Raises:
        errors.AlreadyDifferent: a release without it is open there. Else as `propose_change_plan` and `open_release`.
    """
    place: dict[str, Any] = {"model_version": model_version, "environment": environment, "slot": slot}
    plan, _new = part(propose_change_plan)(actor=actor, reason=reason, envelope=envelope, **place)
    release, _new = part(open_release)(actor=actor, reason=reason, change_plan=plan, **place)
    return release


@action
def revoke_change_plan(*, actor: Principal, reason: str, change_plan: ChangePlan) -> ChangePlanRevocation:
    """End an envelope before its time, for good. What went live on it stays live, until something else ends it.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: the actor may not. errors.Conflict: it is revoked already.
    """
    require(actor, *REVOKERS, namespace=change_plan.model_version.model.namespace)
    made = ChangePlanRevocation.objects.create(change_plan=change_plan, reason=reason)
    enqueue("change_plan.revoked", {"change_plan": change_plan.pk}, subject=f"change_plan:{change_plan.pk}")
    return made


def _text(value: Any, path: str) -> str:
    found = number(value)
    if found is None:
        raise errors.Invalid(errors={path: [_("A finite decimal number is asked for.")]})
    text = format(found, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _spec(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in spec.items() if value is not None}
    limits: dict[str, Any] = {
        key: _text(given[key], f"parameters.{name}.{key}") for key in ("min", "max") if key in given
    }
    return {**given, **limits}


def _band(place: int, band: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in band.items() if value not in (None, "")}
    limits = {key: _text(given[key], f"bands[{place}].{key}") for key in LIMITS if key in given}
    return {**given, **limits}
