"""Asking for a job, and cancelling one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.accounts.roles import Role
from governance.jobs.kinds import find_kind
from governance.jobs.models import Job
from governance.jobs.runner import MESSAGE_LIMIT, announce
from governance.outbox.messages import keep
from governance.unit_of_work import REASON_LIMIT

ASKED = "job.asked"
OPEN_LIMIT = 20
"""Open jobs of one principal; a limit against loops, not a rule on record."""


def ask(kind: str, *, asked_by: Principal, reason: str, params: Mapping[str, Any], key: str) -> tuple[Job, bool]:
    """Ask for a long piece of work; it starts once the running transaction is committed.

    Args:
        kind: as registered with `governance.jobs.job`.
        asked_by: who may see it, and in whose name its work acts.
        reason: why, 1 to 2000 characters; the reason of the acts it does.
        params: ids and plain JSON values.
        key: what it is about, for example "release:12".

    Returns:
        the job, and whether it is new: the same kind about the same thing, still open, is the same job.

    Raises:
        errors.Invalid: no reason, or one too long. errors.Conflict: too many open jobs.
        LookupError: nobody does this kind.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT:
        raise errors.Invalid(_("Give a reason of 1 to %(limit)d characters.") % {"limit": REASON_LIMIT})
    find_kind(kind)
    with transaction.atomic():
        mine = Job.objects.filter(asked_by=asked_by, ended_at=None)
        while True:
            standing = mine.filter(kind=kind, key=key).first()
            if standing is not None:
                return standing, False
            # Of its own work the system asks as much as there is: one job for each of many records.
            if asked_by.kind != Principal.Kind.SYSTEM and mine.count() >= OPEN_LIMIT:
                raise errors.Conflict(
                    _("You have %(count)d jobs open. Wait until some of them have ended.") % {"count": OPEN_LIMIT}
                )
            new = Job(kind=kind, key=key, params=dict(params), reason=reason, asked_by=asked_by)
            Job.objects.bulk_create([new], ignore_conflicts=True)
            # With a conflict ignored no id comes back: what stands under the key now is ours or another's.
            made = mine.filter(kind=kind, key=key).first()
            if made is not None:
                keep(ASKED, {"job": made.pk}, subject=f"job:{made.pk}", action_id=None, dedup_key=f"{ASKED}:{made.pk}")
                return made, True


def may_cancel(job: Job, principal: Principal) -> bool:
    """Whether a principal may cancel a job: who asked, who answers for that account, administrators of everything."""
    mine = principal.pk in (job.asked_by_id, job.asked_by.responsible_id)
    return job.is_open and (mine or holds(principal, Role.ADMINISTRATOR, namespace=None))


def cancel(*, actor: Principal, reason: str, job: Job) -> Job:
    """Cancel a job that waits or runs. What it committed stays; running work stops at its next step, which rolls back.

    Raises:
        errors.Forbidden: as `may_cancel`. errors.Conflict: it has ended. errors.Invalid: no reason, or one too long.
    """
    reason = reason.strip()
    if not reason or len(reason) > REASON_LIMIT:
        sentence = _("Give a reason of 1 to %(limit)d characters.") % {"limit": REASON_LIMIT}
        raise errors.Invalid(sentence, errors={"reason": [sentence]})
    if job.is_open and not may_cancel(job, actor):
        raise errors.Forbidden(_("Who asked for a job cancels it, or an administrator of everything."))
    said = _("Cancelled by %(name)s: %(reason)s") % {"name": actor.display_name, "reason": reason}
    with transaction.atomic():
        # Whoever works on it finds it so at the next sign of life, and may not end or go on with it any more.
        ended = Job.objects.filter(pk=job.pk, ended_at=None).update(
            state=Job.State.CANCELLED, ended_at=Now(), cancelled_by=actor, message=said[:MESSAGE_LIMIT]
        )
        if not ended:
            raise errors.Conflict(_("This job has ended already. Look at what came of it."))
        announce(job)
    job.refresh_from_db()
    return job
