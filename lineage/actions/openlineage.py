"""OpenLineage: events are kept as they come, names belong to producers, and what was not understood is tried again."""

import hmac
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import Receipt, action, action_at_once, carry_out
from lineage.actions.registering import REGISTRARS, Registered, get_or_register, may_register
from lineage.models import (
    Dataset,
    OpenLineageDataset,
    OpenLineageEvent,
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
    """An event on record, whether it came in now for the first time, and where it stands."""

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


def keep_event(*, actor: Principal, event: Received) -> Kept:
    """Keep one event. Those that an account sends at the same moment are one act (lineage/openlineage/together.py).

    Raises:
        errors.Forbidden: as keep_events. errors.Unavailable: the act of another event did not come to its end.
    """
    return _together(actor.pk, (actor, event))


def _keep_together(parts: Sequence[tuple[Principal, Received]]) -> list[Kept]:
    """Parts of one account; the newest knows best who that is."""
    count = len(parts)
    return keep_events(
        actor=parts[-1][0], reason=f"{count} OpenLineage event(s) came in", events=[event for _actor, event in parts]
    )


_together: Together[tuple[Principal, Received], Kept] = Together(_keep_together)


@action_at_once
def _keep(*, actor: Principal, reason: str, events: Sequence[Received]) -> list[Kept]:
    home = home_of(actor)
    # As one document: arrays of texts full of quotation marks would be escaped one by one.
    each = [
        {"kind": one.claim.kind.value, "type": one.claim.event_type, "at": one.claim.at.isoformat(),
         "run_key": one.claim.run_key, "subject": one.claim.subject, "sender": one.claim.sender,
         "claim": one.claim_digest, "body": one.body}
        for one in {one.claim_digest: one for one in events}.values()
    ]  # fmt: skip
    rows = carry_out(
        "SELECT * FROM muniment.keep_events(%s, %s::jsonb)", [home.pk, json.dumps(each)], *REGISTRARS, namespace=home
    )
    stand: dict[str, Kept] = {}
    for claim, pk, new, history_id, entry, action_id, at in rows:
        stand[claim] = Kept(pk, new, {"id": pk, "history_id": history_id, "ledger_entry": entry,
                                      "action_id": str(action_id), "recorded_at": at.isoformat()})  # fmt: skip
    if any(one.new for one in stand.values()):
        hint_after_commit()
    kept: list[Kept] = []
    for one in events:
        kept.append(stand[one.claim_digest])
        stand[one.claim_digest] = kept[-1]._replace(new=False)  # a second one of the same call is a repetition
    return kept


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
