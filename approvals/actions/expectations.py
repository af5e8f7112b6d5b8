"""Recording what is expected of a dataset: the set, and the plans its blocking items become, in one act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from approvals.actions.plans import MAX_CRITERIA, lock_plan
from approvals.models import ExpectationPlan, Plan, PlanKind
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.outbox import enqueue
from governance.unit_of_work import action, part
from lineage.actions.registering import lock_roots
from lineage.models import Dataset, ExpectationSet
from lineage.quality.expectations import BLOCKING, DRIFT, QUALITY, Expectation, as_items, read_expectations

RECORDED = "expectations.recorded"
SETTERS = (Role.DATA_STEWARD, Role.VALIDATOR, Role.MODEL_OWNER, Role.RISK_MANAGER)
"""Who says what is expected. A pipeline does not set the bar for its own data."""
PLANS = {QUALITY: PlanKind.DATA_QUALITY, DRIFT: PlanKind.DRIFT}
TITLES = {QUALITY: "Expectations {number} of {name}: quality", DRIFT: "Expectations {number} of {name}: drift"}


@action
def record_expectations(
    *, actor: Principal, reason: str, dataset: Dataset, items: Sequence[Mapping[str, Any]]
) -> tuple[ExpectationSet, bool]:
    """Record what is expected of a dataset's versions from now on; the same as the newest set is that set.

    Versions that have a profile are held against it by a worker. What failed under an earlier set stays failed there.

    Args:
        items: what is asked (lineage.quality.expectations, docs/checks.md).

    Raises:
        errors.Forbidden: the actor sets no expectations there.
        errors.Invalid: an item that is none; `errors` names it.
    """
    require(actor, *SETTERS, namespace=dataset.namespace)
    expected = read_expectations(items)
    kept = as_items(expected)
    lock_roots(("dataset", dataset.pk))
    newest = dataset.expectation_sets.order_by("-pk").first()
    if newest is not None and newest.items == kept:
        return newest, False
    made = ExpectationSet.objects.create(dataset=dataset, items=kept)
    for kind in PLANS:
        _lock(actor, reason, made, kind, expected)
    enqueue(RECORDED, {"expectation_set": made.pk}, subject=f"dataset:{dataset.pk}")
    return made, True


def _lock(
    actor: Principal, reason: str, made: ExpectationSet, kind: str, expected: Sequence[Expectation]
) -> Plan | None:
    criteria = [
        {"metric": b.metric, "comparator": b.comparator, "threshold": format(b.threshold, "f"), "slice": b.slice}
        for one in expected
        if one.kind.plan == kind and one.severity == BLOCKING
        for b in one.bounds
    ]
    if not criteria:
        return None
    if len(criteria) > MAX_CRITERIA:
        raise errors.Invalid(
            errors={
                "items": [_("At most %(most)d bounds of one kind (%(kind)s).") % {"most": MAX_CRITERIA, "kind": kind}]
            }
        )
    title = TITLES[kind].format(number=made.number, name=made.dataset.name)[:200]
    plan, created = part(lock_plan)(
        actor=actor, reason=reason, subject=made.dataset, kind=PLANS[kind], title=title, criteria=criteria,
        description=_("What is expected of each version, worked out by the server from its profile."),
    )  # fmt: skip
    if not created:
        raise errors.Conflict(
            _("A plan “%(title)s” that asks exactly this is on record already. Change an item, or its key.")
            % {"title": title}
        )
    ExpectationPlan.objects.create(expectation_set=made, plan=plan)
    return plan
