"""What ran out by time is announced. The gate needs none of this: it compares with the clock when it is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext

from approvals.actions.serving import carry_out_notice, clear_notice
from approvals.models import Evidence, Finding, FindingEvent, Release, ServingNotice
from governance.accounts.actions.system import SYSTEM
from governance.accounts.models import Principal, RoleGrant
from governance.errors import Conflict
from governance.outbox import Message, enqueue
from governance.unit_of_work import recorded_action
from lineage.models import CollectionTerms

LOOK_BACK = timedelta(days=30)  # longer than any stop of the scheduler that nobody notices
BATCH = 500


@dataclass(frozen=True)
class Expired:
    """One thing that ran out: the topic that tells of it, and the record."""

    topic: str
    record: int

    @property
    def key(self) -> str:
        """The repeat key: each thing runs out once."""
        return f"{self.topic}:{self.record}"


def announce_expired(now: datetime | None = None) -> int:
    """Put a message into the outbox for whatever ran out and was not announced yet; how many there were.

    Safe to run at any time, anywhere, twice at once: the repeat key lets one message through.
    """
    moment = now or timezone.now()
    found = list(_expired(moment))
    for start in range(0, len(found), BATCH):
        system = Principal.objects.get(name=SYSTEM)
        with recorded_action(actor=system, reason=gettext("Announce what ran out by time")):
            for one in found[start : start + BATCH]:
                enqueue(one.topic, {"id": one.record}, subject=one.key, dedup_key=one.key)
    return len(found)


def carry_out_overdue(now: datetime | None = None) -> int:
    """Carry out each serving notice that is over, or clear it where its cause is gone; how many were ended.

    For tidiness: a notice that is over reads as "may not serve" at once, whether or not this has run. Safe to run at
    any time, anywhere, twice at once: the database ends a notice once.
    """
    moment = now or timezone.now()
    system, ended = Principal.objects.get(name=SYSTEM), 0
    over = ServingNotice.objects.filter(end__isnull=True, due_at__lte=moment, promotion__live_slot__isnull=False)
    for notice in over.select_related("promotion").order_by("due_at", "id")[:BATCH]:
        try:
            carry_out_notice(actor=system, reason=gettext("The notice is over"), notice=notice)
        except Conflict as refusal:
            if refusal.params.get("code") != "cause-gone":
                continue  # somebody was quicker: confirmed, superseded, ended
            clear_notice(actor=system, reason=gettext("Its cause is gone"), notice=notice)
        ended += 1
    return ended


def _expired(now: datetime) -> Iterator[Expired]:
    since = now - LOOK_BACK
    grants = RoleGrant.objects.filter(effective_to__gt=since, effective_to__lte=now, ended_at=None)
    yield from _unannounced("grant.expired", grants.exclude(effective_from=None))
    yield from _unannounced("evidence.expired", evidence_in_use().filter(valid_until__gt=since, valid_until__lte=now))
    newer = CollectionTerms.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    terms = CollectionTerms.objects.filter(~Exists(newer), effective_to__gt=since, effective_to__lte=now)
    yield from _unannounced("terms.expired", terms.filter(withdrawal=None))
    last = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"]).order_by("-id")
    # A finding without any event has no state at all: NULL is neither closed nor not closed.
    findings = Finding.objects.alias(state=Subquery(last.values("kind")[:1]))
    findings = findings.filter(Q(state=None) | ~Q(state="closed"))
    yield from _unannounced("finding.overdue", findings.filter(due__gt=since, due__lte=now))


def evidence_in_use() -> "QuerySet[Evidence]":
    """Evidence that something open or live rests on: the newest of its plan and model version.

    By the versions first, which are few, and not by `valid_until` over all evidence there ever was.
    """
    in_use = Release.objects.filter(Q(closure=None) | Q(promotions__live_slot__isnull=False))
    newer = Evidence.objects.filter(
        plan=OuterRef("plan"), model_version=OuterRef("model_version"), id__gt=OuterRef("id")
    )
    return Evidence.objects.filter(~Exists(newer), model_version__in=in_use.values("model_version"))


def _unannounced(topic: str, records: "QuerySet[Any]") -> Iterator[Expired]:
    key = Concat(Value(f"{topic}:"), Cast(OuterRef("pk"), CharField()))
    told = Message.objects.filter(dedup_key=key)
    for number in records.filter(~Exists(told)).order_by("pk").values_list("pk", flat=True):
        yield Expired(topic, number)
