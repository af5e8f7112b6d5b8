"""Policies: a version written by one policy owner, published by another."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.documents import Place, to_yaml
from approvals.models import Environment, Policy, PolicyPublication, PolicyVersion, Requirement, RequirementKind
from approvals.policies import checked_binds, checked_params, contradicting
from approvals.responses import checked_responses
from approvals.strict_yaml import MAX_BYTES
from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox.messages import enqueue
from governance.unit_of_work import action
from lineage.models import RiskTier

MAX_REQUIREMENTS = 100


KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
REQUIREMENT = {"key", "kind", "title", "params", "binds"}


@action
def write_policy_version(
    *,
    actor: Principal,
    reason: str,
    environment: Environment,
    risk_tier: RiskTier,
    requirements: Sequence[Mapping[str, Any]],
    namespace: Namespace | None = None,
    slot: str = "",
    summary: str = "",
    responses: Mapping[str, Any] | None = None,
    review_days: int | None = None,
    review_grace_days: int | None = None,
) -> PolicyVersion:
    """Write a version of the policy of a place; it is in force once another policy owner publishes it.

    Args:
        requirements: in order, each {key, kind, title, params, binds}; see `approvals/policies.py`.
        namespace: whose policy; None: everyone's without one of their own.
        slot: which slot's; "": every slot's without one of its own.
        responses: what is done when a fact changes under a live model, per cause; see `approvals/responses.py`.
        review_days: what is live is reviewed after so many days; None: never.
        review_grace_days: days after which a due review is overdue.

    Raises:
        errors.Forbidden: the actor is no policy owner there. errors.Invalid: naming the requirement that is wrong.
    """
    require(actor, Role.POLICY_OWNER, namespace=namespace)
    asked, answers = check_requirements(requirements), checked_responses(responses or {})
    _check_review(review_days, review_grace_days)
    document = {
        "summary": summary, "responses": answers, "requirements": asked, "review_days": review_days,
        "review_grace_days": review_grace_days,
    }  # fmt: skip
    place = Place(environment.name, risk_tier, namespace.name if namespace else None, slot)
    if len(to_yaml(document, place).encode()) > MAX_BYTES:  # what can be written can be read back
        raise errors.Invalid(_("The policy is larger than %(limit)d bytes.") % {"limit": MAX_BYTES})
    return write_version(
        environment, risk_tier, namespace, asked, summary, answers, slot, review_days, review_grace_days
    )


@action
def publish_policy(
    *, actor: Principal, reason: str, policy_version: PolicyVersion, seen: int | None = None
) -> PolicyPublication:
    """Put a policy version in force; open releases are judged by it from now on.

    Policies of more particular places that ask less lapse, and their people are told.

    Args:
        seen: id of the version the actor saw published last at that place, 0 for none; None: whichever it is.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: the actor is no policy owner there, or wrote it.
        errors.Conflict: it was published before, or another version is in force than the actor saw.
        errors.Invalid: nobody could satisfy it, its bounds contradict, or it asks less than what is above it.
    """
    policy = policy_version.policy
    require(actor, Role.POLICY_OWNER, namespace=policy.namespace)
    call("lock_environment", policy.environment_id)
    if seen is not None and newest_published(policy) != seen:
        raise errors.Conflict(
            _("Another version was published there since you looked. Read again what this one changes."),
            params={"code": "publication-overtaken"},
        )
    publication = PolicyPublication.objects.create(policy_version=policy_version)
    for lapse in publication.lapses_caused.all():
        enqueue(
            "policy.lapsed",
            {"id": lapse.pk},
            subject=f"policy.lapsed:{lapse.pk}",
            dedup_key=f"policy.lapsed:{lapse.pk}",
        )
    return publication


def newest_published(policy: Policy) -> int:
    """Id of the version of a place published last; 0: none ever was."""
    found = PolicyPublication.objects.filter(policy_version__policy=policy).order_by("-id")
    return found.values_list("policy_version_id", flat=True).first() or 0


def check_requirements(requirements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The requirements as they will be kept, in their order.

    Raises:
        errors.Invalid: none, too many, a key twice, or one that is wrong (named by its key).
    """
    if not requirements:
        raise errors.Invalid(errors={"requirements": [_("A policy asks something.")]})
    if len(requirements) > MAX_REQUIREMENTS:
        raise errors.Invalid(errors={"requirements": [_("At most %(most)d.") % {"most": MAX_REQUIREMENTS}]})
    kept: list[dict[str, Any]] = []
    for position, one in enumerate(requirements, start=1):
        key, kind = str(one.get("key", "")), str(one.get("kind", ""))
        if one.keys() - REQUIREMENT or key in {r["key"] for r in kept}:
            raise errors.Invalid(errors={f"requirements.{key}": [_("Given twice, or with a field nobody knows.")]})
        if not KEY.fullmatch(key) or len(key) > 100:
            said = _("A key is lower-case words and digits joined by '-', at most 100 characters.")
            raise errors.Invalid(errors={f"requirements.{key or position}.key": [said]})
        if len(one.get("title") or "") > 200:
            raise errors.Invalid(errors={f"requirements.{key}.title": [_("At most 200 characters.")]})
        try:
            params = checked_params(kind, one.get("params") or {})
            binds = checked_binds(kind, one.get("binds") or [])
        except errors.Invalid as wrong:
            raise errors.Invalid(
                _("Requirement %(key)s is wrong.") % {"key": key or position},
                errors={f"requirements.{key or position}.{name}": why for name, why in wrong.errors.items()},
            ) from wrong
        kept.append(
            {"position": position, "key": key, "kind": kind, "title": one.get("title") or "", "params": params,
             "binds": binds}
        )  # fmt: skip
    bounds = [c for r in kept if r["kind"] == RequirementKind.EVIDENCE for c in r["params"].get("criteria", ())]
    if contradicting(bounds):
        raise errors.Invalid(errors={"requirements": [_("No value can meet all of the policy's bounds.")]})
    return kept


def _check_review(days: Any, grace: Any) -> None:
    """Raises errors.Invalid for a period that is none, or a grace of no review."""
    for name, value, least, most in (("review_days", days, 1, 3650), ("review_grace_days", grace, 0, 365)):
        if value is not None and not (type(value) is int and least <= value <= most):
            raise errors.Invalid(
                errors={name: [_("From %(least)d to %(most)d days.") % {"least": least, "most": most}]}
            )
    if grace is not None and days is None:
        raise errors.Invalid(
            errors={"review_grace_days": [_("Grace is of a review: say after how many days it is due.")]}
        )


def write_version(
    environment: Environment,
    risk_tier: str,
    namespace: Namespace | None,
    requirements: Sequence[Mapping[str, Any]],
    summary: str,
    responses: Mapping[str, Any],
    slot: str = "",
    review_days: int | None = None,
    review_grace_days: int | None = None,
) -> PolicyVersion:
    """Record a policy version with its checked requirements; the running action is whose act it is."""
    policy, _created = Policy.objects.get_or_create(
        environment=environment, risk_tier=risk_tier, namespace=namespace, slot=slot
    )
    version = PolicyVersion.objects.create(
        policy=policy, summary=summary, responses=dict(responses), review_days=review_days,
        review_grace_days=review_grace_days,
    )  # fmt: skip
    Requirement.objects.bulk_create(Requirement(policy_version=version, **one) for one in requirements)
    return version
