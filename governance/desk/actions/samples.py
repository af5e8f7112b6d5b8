"""Samples: an auditor asks, the database draws."""

import uuid
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.desk import kinds
from governance.desk.models import Sample
from governance.unit_of_work import action

SEED_LENGTH = 100


@action
def draw_sample(
    *,
    actor: Principal,
    reason: str,
    namespace: Namespace | None,
    kind: str,
    from_at: datetime,
    until_at: datetime,
    size: int,
    seed: str = "",
) -> Sample:
    """Draw records at random from all of a kind recorded in a period; what is drawn is final (sql/20_samples.sql).

    Args:
        namespace: whose records; None: of all namespaces. kind: a governed table, or Sample.ACTS.
        from_at, until_at: aware; from inclusive, until exclusive and in the past.
        size: 1 to Sample.MOST. seed: any text; one is made up when left out. Every draw stays on record, so that
            nobody tries seeds until they like one.

    Raises:
        errors.Forbidden: the actor is no auditor there. errors.Invalid: by field.
    """
    require(actor, Role.AUDITOR, namespace=namespace)
    faults: dict[str, list[str]] = {}
    if kind not in dict(kinds.populations()):
        faults["kind"] = [_("There is no such population.")]
    if from_at >= until_at:
        faults["until_at"] = [_("The period ends before it begins.")]
    elif until_at > timezone.now():
        faults["until_at"] = [_("The period must be over: else its population is not all there.")]
    if not 1 <= size <= Sample.MOST:
        faults["size"] = [_("A whole number from 1 to %(max)d.") % {"max": Sample.MOST}]
    if len(seed) > SEED_LENGTH or "\x00" in seed:
        faults["seed"] = [_("At most %(max)d characters.") % {"max": SEED_LENGTH}]
    if faults:
        raise errors.Invalid(_("The sample cannot be drawn so."), errors=faults)
    sample = Sample.objects.create(
        namespace=namespace, kind=kind, from_at=from_at, until_at=until_at, size=size, seed=seed or uuid.uuid4().hex
    )
    sample.refresh_from_db()
    return sample
