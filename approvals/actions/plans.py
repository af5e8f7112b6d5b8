"""Locking plans: what will be measured and what will count as good."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from approvals.actions._common import person_behind
from approvals.models import Plan, PlanCriterion, PlanKind
from approvals.policies import contradicting, criterion_faults, number
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.models import Dataset, Model

MAX_CRITERIA = 200
MAX_CHECKLIST = 100
CRITERION = ("metric", "comparator", "threshold", "slice", "dataset_role")


@action
def lock_plan(
    *,
    actor: Principal,
    reason: str,
    subject: Model | Dataset,
    kind: PlanKind,
    title: str,
    description: str = "",
    criteria: Sequence[Mapping[str, Any]] = (),
    checklist: Sequence[str] = (),
    owner: Principal | None = None,
    expected_every_minutes: int | None = None,
) -> tuple[Plan, bool]:
    """Record a plan, locked from that moment; the same plan locked before is found again.

    Args:
        criteria: bounds {metric, comparator, threshold as decimal text, slice, dataset_role}.
        checklist: statements that a validator answers.
        owner: who answers for it; None: the actor, or the person behind it.
        expected_every_minutes: of monitoring: how often a window is to end, 1 to 525,600; None: no such rule.

    Returns:
        the plan, and whether it is new.

    Raises:
        errors.Forbidden: the actor locks no plans there.
        errors.Invalid: nothing to judge by, a wrong bound, or bounds that no value meets.
    """
    require(
        actor, Role.PIPELINE, Role.MODEL_OWNER, Role.VALIDATOR, Role.DATA_STEWARD, Role.RISK_MANAGER,
        namespace=subject.namespace,
    )  # fmt: skip
    _check(criteria, checklist)
    if expected_every_minutes is not None and not kind.startswith("monitoring_"):
        raise errors.Invalid(errors={"expected_every_minutes": [_("Only plans of monitoring expect windows.")]})
    wanted = {_bound(one) for one in criteria}
    place = {"model": subject} if isinstance(subject, Model) else {"dataset": subject}
    owner = owner or person_behind(actor)
    fixed: dict[str, Any] = {
        **place, "kind": kind, "title": title, "description": description, "checklist": list(checklist), "owner": owner,
        "expected_every_minutes": expected_every_minutes,
    }  # fmt: skip
    for found in Plan.objects.filter(**fixed).prefetch_related("criteria").order_by("-id"):
        if {_bound({name: getattr(one, name) for name in CRITERION}) for one in found.criteria.all()} == wanted:
            return found, False
    plan = Plan.objects.create(namespace=subject.namespace, **fixed)
    PlanCriterion.objects.bulk_create(
        PlanCriterion(plan=plan, **dict(zip(CRITERION, bound, strict=True)))
        for bound in sorted(wanted, key=lambda b: (b[0], b[3], b[4], b[1]))
    )
    return plan, True


def _bound(criterion: Mapping[str, Any]) -> tuple[Any, ...]:
    threshold = number(criterion["threshold"])
    return (
        criterion["metric"], str(criterion["comparator"]), threshold, criterion.get("slice") or "",
        criterion.get("dataset_role") or "",
    )  # fmt: skip


def _check(criteria: Sequence[Mapping[str, Any]], checklist: Sequence[str]) -> None:
    if not criteria and not checklist:
        raise errors.Invalid(
            _("A plan says what will count as good."), errors={"criteria": [_("Give criteria, a checklist, or both.")]}
        )
    if len(criteria) > MAX_CRITERIA or len(checklist) > MAX_CHECKLIST:
        raise errors.Invalid(errors={"criteria": [_("Too many. Split the plan.")]})
    faults = [fault for one in criteria for fault in criterion_faults(one)]
    if not faults and contradicting(criteria):
        faults = [_("No value can meet all of these bounds.")]
    if faults:
        raise errors.Invalid(errors={"criteria": faults})
    if any(not item.strip() for item in checklist):
        raise errors.Invalid(errors={"checklist": [_("An item says something.")]})
