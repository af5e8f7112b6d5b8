"""What falls due: trials that are over end, reviews that are due are opened, what a trial showed is on record.

Nothing that serves or is promoted waits for it: `/live` and the gate compare with the clock when they are asked.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.actions._common import call
from approvals.actions.trial_conclusions import record_conclusion
from approvals.models import (
    AsFound,
    AsFoundEnd,
    Evidence,
    Finding,
    LiveSlot,
    Promotion,
    PromotionEnd,
    Release,
    Slot,
    Trial,
)
from governance import errors
from governance.accounts.actions.system import SYSTEM
from governance.accounts.models import Principal
from governance.outbox import enqueue
from governance.unit_of_work import action
from lineage.actions.registering import lock_roots

LATE = " is past the date by which it was to be governed, and has not ended: it may not serve."
BATCH = 500


def end_trials() -> int:
    """End as retired every live challenger whose trial is over; how many. Safe to run twice at once."""
    over = Promotion.objects.filter(live_slot__slot=Slot.CHALLENGER).extra(
        where=["muniment.trial_over(approvals_promotion.release_id, clock_timestamp())"]
    )
    return sum(_unless_overtaken(retire_trial, promotion) for promotion in over.order_by("pk"))


def open_reviews() -> int:
    """Open a release for each live promotion whose review is due; how many. Safe to run twice at once."""
    due = [promotion for promotion, at in due_reviews().items() if at]
    promotions = Promotion.objects.filter(pk__in=due).select_related("release")
    return sum(_unless_overtaken(open_review, promotion) for promotion in promotions.order_by("pk"))


def report_overdue_reviews() -> int:
    """Raise a finding for each live promotion whose review is overdue; how many. The policy answers it."""
    live = list(LiveSlot.objects.exclude(slot=Slot.CHALLENGER).values_list("promotion_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.promotion_id FROM muniment.reviews_of(%s) v WHERE v.overdue_at <= clock_timestamp()"
            " AND NOT EXISTS (SELECT 1 FROM approvals_finding f"
            " WHERE f.promotion_id = v.promotion_id AND f.kind = 'review_due')",
            [live],
        )
        late = [row[0] for row in cursor.fetchall()]
    promotions = Promotion.objects.filter(pk__in=late).select_related("model")
    return sum(_unless_overtaken(report_overdue_review, promotion) for promotion in promotions.order_by("pk"))


def record_lost_conclusions() -> int:
    """Record what a concluded trial shows where the process that concluded it went no further; how many there were.

    Safe to run twice at once: the trial is locked, and what is there is found.
    """
    lost = Trial.objects.filter(conclusion__isnull=False).exclude(
        Exists(Evidence.objects.filter(plan=OuterRef("plan")))
    )
    system, found = (
        Principal.objects.get(name=SYSTEM),
        list(lost.select_related("plan__namespace").order_by("pk")[:BATCH]),
    )
    for trial in found:
        record_conclusion(actor=system, reason=_("What a concluded trial shows"), trial=trial)
    return len(found)


def report_late_found(now: datetime | None = None) -> int:
    """Raise a finding for each entry as found that is past its date and has not ended; how many.

    Safe to run twice at once: the version is locked while it is looked at.
    """
    late = AsFound.objects.filter(end__isnull=True, govern_by__lte=now or timezone.now())
    said = Finding.objects.filter(text=_late_text(OuterRef("pk")), model_version=OuterRef("model_version"))
    system, raised = Principal.objects.get(name=SYSTEM), 0
    for entry in late.filter(~Exists(said)).select_related("model").order_by("pk")[:BATCH]:
        raised += report_found_late(actor=system, reason=_("Past its date"), entry=entry) is not None
    return raised


def due_reviews() -> dict[int, bool]:
    """Live promotions that are reviewed at all, and whether the review is due and no release for it is open."""
    live = list(LiveSlot.objects.exclude(slot=Slot.CHALLENGER).values_list("promotion_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.promotion_id, v.due_at <= clock_timestamp() AND NOT EXISTS (SELECT 1 FROM approvals_release o"
            " JOIN approvals_promotion p ON p.id = v.promotion_id JOIN approvals_release r ON r.id = p.release_id"
            " WHERE o.model_version_id = r.model_version_id AND o.environment_id = r.environment_id AND o.slot = r.slot"
            " AND NOT EXISTS (SELECT 1 FROM approvals_releaseclosure c WHERE c.release_id = o.id))"
            " FROM muniment.reviews_of(%s) v",
            [live],
        )
        return dict(cursor.fetchall())


def _unless_overtaken(act: Callable[..., Any], promotion: Promotion) -> bool:
    system = Principal.objects.get(name=SYSTEM)
    try:
        act(actor=system, reason=_("Fell due"), promotion=promotion)
    except (errors.Conflict, errors.Invalid):
        return False  # somebody ended it, or opened the release, in the meantime
    return True


@action
def retire_trial(*, actor: Principal, reason: str, promotion: Promotion) -> PromotionEnd:
    """End a challenger whose trial is over.

    Raises:
        errors.Conflict: it has ended, or its trial is not over.
    """
    if not call("trial_over", promotion.release_id, timezone.now()):
        raise errors.Conflict(_("The trial is not over."))
    end = PromotionEnd.objects.create(
        promotion=promotion, kind=PromotionEnd.Kind.RETIRED, reason=_("The trial is over.")
    )
    enqueue("promotion.ended", {"promotion": promotion.pk}, subject=f"release:{promotion.release_id}")
    return end


@action
def open_review(*, actor: Principal, reason: str, promotion: Promotion) -> Release:
    """Ask for the same version there anew: votes of the release before do not carry over. Who may sign is told.

    Raises:
        errors.Conflict: a release of it is open there already. errors.Invalid: it is not live any more.
    """
    former = promotion.release
    release = Release.objects.create(
        model_version_id=former.model_version_id, environment_id=former.environment_id, slot=former.slot,
        purpose=former.purpose, review_of=promotion,
    )  # fmt: skip
    enqueue("release.opened", {"release": release.pk}, subject=f"release:{release.pk}")
    return release


def _late_text(entry: Any) -> Concat:
    """The finding's text, by which it is found again: in the product's language, whoever reads it."""
    return Concat(Value("Entry as found "), Cast(entry, CharField()), Value(LATE))


@action
def report_found_late(*, actor: Principal, reason: str, entry: AsFound) -> Finding | None:
    """Put on record that what came in as found serves past its date ungoverned; None where it was said already.

    It blocks nothing: the way out is a release, which the gate judges as any other.
    """
    lock_roots(
        ("model_version", entry.model_version_id)
    )  # as the finding itself does, so that nobody says it beside us
    text = f"Entry as found {entry.pk}{LATE}"
    known = Finding.objects.filter(model_version=entry.model_version_id, text=text)
    if known.exists() or AsFoundEnd.objects.filter(as_found=entry).exists():
        return None
    return Finding.objects.create(
        namespace_id=entry.model.namespace_id, kind=Finding.Kind.INCIDENT, model_version_id=entry.model_version_id,
        owner_id=entry.model.owner_id, text=text, severity=Finding.Severity.HIGH, blocks=False,
    )  # fmt: skip


@action
def report_overdue_review(*, actor: Principal, reason: str, promotion: Promotion) -> Finding:
    """Put on record that a review is overdue; what the policy says of that is done in the same transaction.

    Raises:
        errors.Conflict: it is not overdue, or said already.
    """
    model = promotion.model
    return Finding.objects.create(
        namespace_id=model.namespace_id, kind=Finding.Kind.REVIEW_DUE, promotion=promotion, owner_id=model.owner_id,
        text=_("The periodic review is overdue."), severity=Finding.Severity.HIGH, blocks=False,
    )  # fmt: skip
