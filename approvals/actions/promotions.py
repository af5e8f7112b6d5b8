"""Going live, and ending it. Whether a promotion passes is the gate's to say (approvals/sql/50_promotions.sql)."""

from typing import Any

from django.utils.translation import gettext as _

from approvals.gate.gate import from_rows
from approvals.gate.reading import as_read_by
from approvals.models import LiveSlot, Promotion, PromotionEnd, RefusedAttempt, Release
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.ledger.tasks import request_seal
from governance.outbox.messages import enqueue
from governance.unit_of_work import action


def ask_for_promotion(*, actor: Principal, reason: str, release: Release) -> Promotion:
    """Promote, or put the refusal on record in a transaction of its own. What every door calls.

    Raises:
        errors.GateClosed: with every requirement, its message in the active language.
        errors.Conflict: the release is closed, or another promotion went live meanwhile.
        errors.Forbidden: the actor promotes nothing there.
    """
    try:
        promotion = promote(actor=actor, reason=reason, release=release)
    except errors.GateClosed as closed:
        record_refused_attempt(actor=actor, reason=reason, release=release, requirements=closed.requirements)
        verdict = from_rows(closed.requirements)
        raise errors.GateClosed(
            _("The gate is closed. Missing: %(keys)s.") % {"keys": ", ".join(r.key for r in verdict.missing)},
            requirements=[r.as_dict() for r in as_read_by(verdict.requirements, actor)],
            params={"release": release.pk},
        ) from closed
    request_seal()  # what went live should be provable soon; the answer does not wait for it
    return promotion


@action
def promote(*, actor: Principal, reason: str, release: Release) -> Promotion:
    """Make a release's version live in its environment and slot; what was live there is superseded.

    Raises:
        errors.GateClosed: the requirements as rows, without messages; the attempt is not on record (see
            `ask_for_promotion`). errors.Conflict: as there.
    """
    model = release.model_version.model
    require(actor, Role.PIPELINE, Role.MODEL_OWNER, Role.RISK_MANAGER, namespace=model.namespace)
    place: dict[str, Any] = {"model": model, "environment": release.environment, "slot": release.slot}
    live = LiveSlot.objects.filter(**place).values_list("promotion_id", flat=True).first()
    promotion = Promotion.objects.create(release=release, replaces_id=live, **place)
    enqueue("promotion.live", {"promotion": promotion.pk}, subject=f"release:{release.pk}")
    enqueue("release.decided", {"release": release.pk}, subject=f"release:{release.pk}")
    return promotion


@action
def record_refused_attempt(
    *, actor: Principal, reason: str, release: Release, requirements: list[dict[str, Any]]
) -> RefusedAttempt:
    """Keep on record that a promotion was asked for and the gate was closed, with its rows as they were answered."""
    return RefusedAttempt.objects.create(release=release, requirements=requirements)


@action
def end_promotion(*, actor: Principal, reason: str, promotion: Promotion, kind: PromotionEnd.Kind) -> PromotionEnd:
    """Suspend or retire a live promotion: nothing serves in its slot until something else is promoted.

    Raises:
        errors.Forbidden: the actor may not. Model owners and risk managers retire; those who oversee suspend.
        errors.Conflict: it has ended.
        errors.Invalid: another kind. `superseded` and `rolled_back` are written by the promotion that follows,
            `recalled` by the recall of its digest.
    """
    roles = {
        PromotionEnd.Kind.SUSPENDED: (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER),
        PromotionEnd.Kind.RETIRED: (Role.MODEL_OWNER, Role.RISK_MANAGER),
    }
    if kind not in roles:
        raise errors.Invalid(errors={"kind": [_("suspended or retired. Roll back and recall by acts of their own.")]})
    require(actor, *roles[kind], namespace=promotion.model.namespace)
    end = PromotionEnd.objects.create(promotion=promotion, kind=kind, reason=reason)
    enqueue("promotion.ended", {"promotion": promotion.pk}, subject=f"release:{promotion.release_id}")
    return end
