"""OpenLineage: events are kept as they come, names belong to producers, and what was not understood is tried again."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import Receipt, action, receipts
from lineage.actions.registering import Registered, get_or_register, may_register
from lineage.models import (
    Dataset,
    OpenLineageDataset,
    OpenLineageEvent,
    OpenLineageIntake,
    OpenLineageNamespace,
    OpenLineageReplay,
)
from lineage.openlineage.bodies import canonical
from lineage.openlineage.claims import Claim, read
from lineage.openlineage.hints import hint_after_commit
from lineage.openlineage.redaction import redacted
from lineage.openlineage.together import Together

#: Who says whose an OpenLineage name is, and has events worked off again.
ARRANGERS = (Role.DATA_STEWARD, Role.ADMINISTRATOR)
REPLAYS_AT_ONCE = 500


class Received(NamedTuple):
    """An event that can be kept: what it claims, what recognises it, and its text without what must not be kept."""

    claim: Claim
    claim_digest: str
    body: str


class Kept(NamedTuple):
    """An event on record, and whether it came in now for the first time."""

    id: int
    new: bool


class KeptWithReceipt(NamedTuple):
    """The same with where it stands on record."""

    id: int
    new: bool
    receipt: Receipt


def recognised(event: Any) -> Received:
    """An event that came in, ready to be kept. Raises errors.Invalid when it is none."""
    kept = redacted(event) if isinstance(event, dict) else event
    claim = read(kept)
    key = settings.SECRET_KEY.encode()
    return Received(claim, hmac.digest(key, canonical(event).encode(), "sha256").hex(), canonical(kept))


def keep_events(*, actor: Principal, reason: str, events: Sequence[Received]) -> list[Kept]:
    """Keep events in one act. One that the account sent before is that one, whichever way it came.

    Raises:
        errors.Forbidden: no service account that registers facts in its home namespace.
    """
    for left in (2, 1, 0):
        try:
            return _keep(actor=actor, reason=reason, events=events)
        except errors.Conflict:
            # The same event came in twice at once; the other one is committed now, and found.
            if not left:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def keep_event(*, actor: Principal, event: Received) -> KeptWithReceipt:
    """Keep one event. Those that an account sends at the same moment are one act (lineage/openlineage/together.py).

    Raises:
        errors.Forbidden: as keep_events. errors.Unavailable: the act of another event did not come to its end.
    """
    return _together(actor.pk, (actor, event))


def _keep_together(parts: Sequence[tuple[Principal, Received]]) -> list[KeptWithReceipt]:
    """Parts of one account; the newest knows best who that is."""
    count = len(parts)
    kept = keep_events(
        actor=parts[-1][0], reason=f"{count} OpenLineage event(s) came in", events=[event for _actor, event in parts]
    )
    stand = {record.pk: told for record, told in receipts([OpenLineageEvent(pk=one.id) for one in kept]).items()}
    return [KeptWithReceipt(one.id, one.new, stand[one.id]) for one in kept]


_together: Together[tuple[Principal, Received], KeptWithReceipt] = Together(_keep_together)


@action
def _keep(*, actor: Principal, reason: str, events: Sequence[Received]) -> list[Kept]:
    home = home_of(actor)
    may_register(actor, home)
    digests = [one.claim_digest for one in events]
    known = dict(
        OpenLineageEvent.objects.filter(recorded_by=actor, claim_digest__in=digests).values_list("claim_digest", "id")
    )
    new = {one.claim_digest: one for one in events if one.claim_digest not in known}
    made = OpenLineageEvent.objects.bulk_create([_row(home, one) for one in new.values()])
    OpenLineageIntake.objects.bulk_create(
        [OpenLineageIntake(event=event, namespace_id=home.pk, body=new[event.claim_digest].body) for event in made]
    )
    if made:
        hint_after_commit()
    ids = known | {event.claim_digest: event.pk for event in made}
    kept: list[Kept] = []
    for digest in digests:
        kept.append(Kept(ids[digest], digest in new))
        new.pop(digest, None)  # a second one of the same call is a repetition
    return kept


def _row(home: Namespace, one: Received) -> OpenLineageEvent:
    body = one.body.encode()
    return OpenLineageEvent(
        namespace=home,
        kind=one.claim.kind,
        event_type=one.claim.event_type,
        event_time=one.claim.at,
        run_key=one.claim.run_key,
        subject=one.claim.subject,
        sender=one.claim.sender,
        claim_digest=one.claim_digest,
        body_digest=hashlib.sha256(body).hexdigest(),
        body_bytes=len(body),
    )


def home_of(actor: Principal) -> Namespace:
    """Where an account's events belong. Raises errors.Forbidden for a person: a producer is a service account."""
    if actor.kind != Principal.Kind.SERVICE or actor.home_namespace is None:
        raise errors.Forbidden(
            _("OpenLineage events are sent with the key of a service account, one for each producer. Have one made.")
        )
    return actor.home_namespace


@action
def claim_openlineage_namespace(
    *, actor: Principal, reason: str, namespace: Namespace, source: str
) -> Registered[OpenLineageNamespace]:
    """Take an OpenLineage namespace for oneself that nobody reports for: the first who writes there has it.

    Raises:
        errors.Forbidden. errors.Conflict: another account reports for it (the database says so).
    """
    may_register(actor, namespace)
    return get_or_register(
        OpenLineageNamespace, identity={"namespace": namespace, "source": source, "producer": actor}, content={},
    )  # fmt: skip


@action
def assign_openlineage_namespace(
    *, actor: Principal, reason: str, namespace: Namespace, source: str, producer: Principal, active: bool = True
) -> Registered[OpenLineageNamespace]:
    """Say whether an account may report for an OpenLineage namespace, whoever came first. Several may.

    Raises:
        errors.Forbidden: neither data steward nor administrator there.
        errors.Invalid: no service account at home there.
    """
    require(actor, *ARRANGERS, namespace=namespace)
    if producer.kind != Principal.Kind.SERVICE or producer.home_namespace_id != namespace.pk:
        raise errors.Invalid(errors={"producer": [_("Name a service account whose home this namespace is.")]})
    found = get_or_register(
        OpenLineageNamespace,
        identity={"namespace": namespace, "source": source, "producer": producer},
        content={"active": active},
        compare={},
    )
    if found.record.active == active:
        return found
    current = OpenLineageNamespace.objects.select_for_update().get(pk=found.record.pk)
    current.active = active
    current.save(update_fields=["active"])
    return Registered(current, False)


@action
def name_openlineage_dataset(
    *, actor: Principal, reason: str, source: str, name: str, dataset: Dataset
) -> Registered[OpenLineageDataset]:
    """Say which dataset an OpenLineage name means: for good, before its first event comes in.

    Raises:
        errors.Forbidden: neither data steward nor administrator, and not the account that made the dataset.
        errors.AlreadyDifferent: the name means another dataset.
    """
    if dataset.recorded_by_id == actor.pk:
        may_register(actor, dataset.namespace)
    else:
        require(actor, *ARRANGERS, namespace=dataset.namespace)
    return get_or_register(
        OpenLineageDataset,
        identity={"namespace": dataset.namespace, "source": source, "name": name},
        content={"dataset": dataset},
    )


@action
def replay_events(*, actor: Principal, reason: str, events: Sequence[OpenLineageEvent]) -> list[OpenLineageReplay]:
    """Have events worked off once more; all of them or none. What they made stays, and is not made twice.

    Raises:
        errors.Forbidden: neither data steward nor administrator there.
        errors.Invalid: none, or more than 500. errors.Conflict: one of them waits already.
    """
    if not 0 < len(events) <= REPLAYS_AT_ONCE:
        raise errors.Invalid(errors={"events": [_("Name 1 to %(limit)d events.") % {"limit": REPLAYS_AT_ONCE}]})
    for namespace in {event.namespace for event in events}:
        require(actor, *ARRANGERS, namespace=namespace)
    made = [OpenLineageReplay.objects.create(event=one) for one in sorted(events, key=lambda one: one.pk)]
    hint_after_commit()
    return made
