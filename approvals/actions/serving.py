"""What is done with something live: rolled back, reinstated, kept serving by name, cleared.

The database has the last word (approvals/sql/50_promotions.sql, 70_serving_notices.sql).
"""

from typing import Any

from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.actions.promotions import record_refused_attempt
from approvals.gate.gate import from_rows
from approvals.gate.reading import as_read_by
from approvals.models import LiveSlot, Promotion, Release, ServingNotice, ServingNoticeEnd
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.ledger.tasks import request_seal
from governance.outbox.messages import enqueue
from governance.unit_of_work import action

OVERSEERS = (Role.RISK_MANAGER, Role.COMPLIANCE_OFFICER)
#: Who may say that the cause of a notice is gone; whether it is, the database works out.
CLEARERS = (*OVERSEERS, Role.DATA_STEWARD, Role.MODEL_OWNER)


def roll_back(*, actor: Principal, reason: str, promotion: Promotion, to: Promotion | None = None) -> Promotion:
    """Go back from what `promotion` put into its slot to an earlier version whose approval is still good.

    Args:
        to: the earlier promotion to bring back; None: the newest that may serve.

    Raises:
        errors.GateClosed: that approval is good no more; the attempt is on record. errors.Forbidden: the actor may not.
        errors.Conflict: nothing earlier may serve, or something else went live meanwhile.
    """
    if to is None:
        found = call("last_good", promotion.pk)
        if found is None:
            raise errors.Conflict(
                _("No earlier version of this slot may serve. Open a release, or retire what is live.")
            )
        to = Promotion.objects.select_related("release").get(pk=found)
    return _bring_back(actor=actor, reason=reason, kind=Promotion.Kind.ROLLBACK, earlier=to, place=promotion)


def reinstate(*, actor: Principal, reason: str, promotion: Promotion) -> Promotion:
    """Lift a suspension: the promotion's version serves again, if it still may.

    Raises:
        errors.GateClosed, errors.Forbidden, errors.SeparationOfDuties: the actor had a hand in the version;
        errors.Conflict: it was not suspended.
    """
    return _bring_back(
        actor=actor, reason=reason, kind=Promotion.Kind.REINSTATEMENT, earlier=promotion, place=promotion
    )


def _bring_back(
    *, actor: Principal, reason: str, kind: Promotion.Kind, earlier: Promotion, place: Promotion
) -> Promotion:
    try:
        promotion = promote_again(actor=actor, reason=reason, kind=kind, earlier=earlier, place=place)
    except errors.GateClosed as closed:
        release: Release = earlier.release
        record_refused_attempt(actor=actor, reason=reason, release=release, requirements=closed.requirements)
        verdict = from_rows(closed.requirements)
        raise errors.GateClosed(
            _("It may not serve again. Not met: %(keys)s.") % {"keys": ", ".join(r.key for r in verdict.missing)},
            requirements=[r.as_dict() for r in as_read_by(verdict.requirements, actor)],
            params={"release": release.pk},
        ) from closed
    request_seal()
    return promotion


@action
def promote_again(
    *, actor: Principal, reason: str, kind: Promotion.Kind, earlier: Promotion, place: Promotion
) -> Promotion:
    """Make an earlier promotion's release live once more in the slot of `place`; `kind` says how.

    Raises:
        errors.GateClosed: with the requirements as rows; the attempt is not on record (see `roll_back`, `reinstate`).
        errors.Invalid, errors.Forbidden, errors.Conflict: as there.
    """
    roles = OVERSEERS if kind == Promotion.Kind.REINSTATEMENT else (
        Role.PIPELINE, Role.MODEL_OWNER, Role.RISK_MANAGER)  # fmt: skip
    require(actor, *roles, namespace=place.model.namespace)
    slot: dict[str, Any] = {"model": place.model, "environment": place.environment, "slot": place.slot}
    if (earlier.model_id, earlier.environment_id, earlier.slot) != (place.model_id, place.environment_id, place.slot):
        raise errors.Invalid(errors={"to": [_("Name an earlier promotion of the same model, environment and slot.")]})
    live = LiveSlot.objects.filter(**slot).values_list("promotion_id", flat=True).first()
    promotion = Promotion.objects.create(
        release_id=earlier.release_id, kind=kind, repeats=earlier, replaces_id=live, **slot
    )
    subject = f"release:{promotion.release_id}"
    enqueue("promotion.live", {"promotion": promotion.pk}, subject=subject)
    if live is not None and kind == Promotion.Kind.ROLLBACK:
        enqueue("promotion.ended", {"promotion": live}, subject=subject)
    return promotion


@action
def confirm_notice(*, actor: Principal, reason: str, notice: ServingNotice) -> ServingNoticeEnd:
    """Let a live version keep serving although a fact changed, under one's name, in time.

    Raises:
        errors.Forbidden, errors.SeparationOfDuties: not the role the policy names, or a hand in the version.
        errors.Conflict: the notice has ended or is over.
    """
    role = notice.response["confirm"]
    if role is not None:
        require(actor, Role(role), namespace=notice.promotion.model.namespace)
    return _end(notice, ServingNoticeEnd.Kind.CONFIRMED, reason)


@action
def clear_notice(*, actor: Principal, reason: str, notice: ServingNotice) -> ServingNoticeEnd:
    """Say that what a notice was given for is no longer so; the database asks whether that is true.

    Raises:
        errors.Forbidden: the actor oversees nothing there. errors.Conflict: it is still so, or the notice has ended.
    """
    if actor.kind != Principal.Kind.SYSTEM:
        require(actor, *CLEARERS, namespace=notice.promotion.model.namespace)
    return _end(notice, ServingNoticeEnd.Kind.CLEARED, reason)


@action
def carry_out_notice(*, actor: Principal, reason: str, notice: ServingNotice) -> ServingNoticeEnd:
    """Do what the policy says now that a notice is over: suspend, and let the last good version serve where it says so.

    Raises:
        errors.Conflict: the notice runs or has ended, or its cause is gone.
    """
    return _end(notice, ServingNoticeEnd.Kind.CARRIED_OUT, reason)


def _end(notice: ServingNotice, kind: ServingNoticeEnd.Kind, reason: str) -> ServingNoticeEnd:
    end = ServingNoticeEnd.objects.create(notice=notice, kind=kind, reason=reason)
    end.refresh_from_db()  # the fallback is the database's to set
    enqueue("serving.answered", {"notice": notice.pk}, subject=f"promotion:{notice.promotion_id}")
    return end
