"""Reminders before something runs out: once per thing, moment and stage (30, 7 and 1 days before; REMINDER_DAYS).

Worked out by the clock at each scan, from the records as they stand: a scheduler that was off for a week sends the
stage that is due now and none that has passed. A thing whose whole life is shorter than a stage skips that stage: a
trial of three days is told of a day before its end, not at its beginning. A moment that is moved is a new thing to be
reminded of.

A source is added by `@source(name, tell)` on what finds endings in a span of time, with a wording `reminder-<name>`.
The handler asks it again before anyone is told, so that what was renewed, ended or revoked meanwhile reminds nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import DateTimeField, Exists, Func, OuterRef, Q, Subquery
from django.db.models.functions import Least
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from approvals.audience import holders_of, live_downstream, name_for, owners, reads
from approvals.expiry import evidence_in_use
from approvals.gate.envelope import state_of, with_state
from approvals.models import (
    AsFound,
    ChangePlan,
    Environment,
    Evidence,
    Finding,
    FindingEvent,
    LiveSlot,
    ObserveOnlyChange,
    OnboardingWindow,
    Promotion,
    ServingNotice,
    Slot,
)
from approvals.telling import about, concerned
from governance.accounts.actions.system import SYSTEM
from governance.accounts.models import ApiKey, Principal, RoleGrant
from governance.accounts.permissions import in_force
from governance.accounts.roles import Role
from governance.outbox import Message, enqueue, handles, notify
from governance.unit_of_work import recorded_action
from lineage.models import CollectionTerms

TOPIC = "reminder.due"
BATCH = 500


@dataclass(frozen=True)
class Ending:
    """Something that runs out: the record, when, and since when it has been known that it would."""

    pk: int
    due: datetime
    began: datetime | None


Telling = tuple[Iterable[Principal], dict[str, Any], str]
"""Whom to tell, the values of the sentence, and the page to open."""


@dataclass(frozen=True)
class Source:
    """One kind of thing that runs out."""

    name: str
    candidates: Callable[[datetime, datetime], Iterable[Ending]]
    tell: Callable[[int], Iterable[Telling]]


SOURCES: dict[str, Source] = {}


def source(name: str, tell: Callable[[int], Iterable[Telling]]) -> Callable[[Any], Any]:
    """Register the decorated function as what finds endings in a span of time; `tell` says whom and in which words."""

    def register(candidates: Callable[[datetime, datetime], Iterable[Ending]]) -> Any:
        SOURCES[name] = Source(name, candidates, tell)
        return candidates

    return register


def stage_of(ending: Ending, now: datetime, stages: tuple[int, ...]) -> int | None:
    """The stage (days) that is due for it now, or None: the last one whose moment has come and lies within its life."""
    for days in sorted(stages):
        moment = ending.due - timedelta(days=days)
        if moment <= now:
            return days if ending.began is None or ending.began <= moment else None
    return None


def announce_reminders(now: datetime | None = None) -> int:
    """Put a message into the outbox for each reminder that is due and was not sent; how many there were.

    Safe to run at any time, anywhere, twice at once: the repeat key lets one message through.
    """
    moment, stages = now or timezone.now(), settings.REMINDER_DAYS
    if not stages:
        return 0
    found: dict[str, tuple[str, Ending, int]] = {}
    for one in SOURCES.values():
        for ending in one.candidates(moment, moment + timedelta(days=max(stages))):
            days = stage_of(ending, moment, stages)
            if days is not None:
                found[f"reminder:{one.name}:{ending.pk}:{ending.due.timestamp():.6f}:{days}"] = (one.name, ending, days)
    keys = list(found)
    told: set[str] = set()
    for start in range(0, len(keys), 5000):
        sent = Message.objects.filter(dedup_key__in=keys[start : start + 5000])
        told.update(key for key in sent.values_list("dedup_key", flat=True) if key)
    new = [key for key in keys if key not in told]
    for start in range(0, len(new), BATCH):
        system = Principal.objects.get(name=SYSTEM)
        with recorded_action(actor=system, reason=gettext("Remind of what is about to run out")):
            for key in new[start : start + BATCH]:
                name, ending, days = found[key]
                payload = {"what": name, "id": ending.pk, "stage": days, "due": ending.due.isoformat()}
                enqueue(TOPIC, payload, subject=f"reminder:{name}:{ending.pk}", dedup_key=key)
    return len(new)


@handles(TOPIC)
def remind(message: Message) -> None:
    """Those concerned, if it still runs out at that moment and that has not passed."""
    payload = message.payload
    one, due = SOURCES[payload["what"]], datetime.fromisoformat(payload["due"])
    now = timezone.now()
    if due <= now or not any(
        ending.pk == payload["id"] for ending in one.candidates(due - timedelta(microseconds=1), due)
    ):
        return
    left = due - now
    days = max(1, round(left / timedelta(days=1)))
    when = {
        "due": due.strftime("%Y-%m-%d %H:%M UTC"),
        "left": ngettext("in %(days)d day", "in %(days)d days", days) % {"days": days},
    }
    for people, params, url in one.tell(payload["id"]):
        notify(people, f"reminder-{one.name}", params | when, url, message)


def _named(*people: Principal | None) -> list[Principal]:
    return [person for person in people if person is not None]


def _holders(role: Role, namespace: int | None) -> list[Principal]:
    """The persons who hold a role in a namespace, or everywhere."""
    grants = RoleGrant.objects.filter(in_force(), Q(namespace=namespace) | Q(namespace=None), role=role)
    return list(Principal.objects.filter(kind=Principal.Kind.PERSON, pk__in=grants.values("principal")))


# --- What runs out ---------------------------------------------------------------------------------------------------


class KeptUntil(Func):
    """When retention of data is over; NULL: never."""

    function = "muniment.kept_until"
    output_field = DateTimeField(null=True)


def _about_terms(pk: int) -> Iterator[Telling]:
    terms = CollectionTerms.objects.select_related("dataset__steward", "dataset__owner").get(pk=pk)
    dataset = terms.dataset
    asked = _named(dataset.steward, dataset.owner) or _holders(Role.DATA_STEWARD, dataset.namespace_id)
    where = dict.fromkeys(asked, f"/datasets/{dataset.pk}")
    for promotion in live_downstream(dataset).order_by("pk"):
        for person in owners(promotion):
            page = f"/datasets/{dataset.pk}" if reads(person, dataset) else f"/promotions/{promotion.pk}"
            where.setdefault(person, page)
    for person, page in where.items():
        yield [person], {"dataset": name_for(person, dataset), "number": terms.number}, page


@source("terms", _about_terms)
def terms_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Terms that no later ones follow and nobody withdrew: the end of their period or of retention, the first."""
    newer = CollectionTerms.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    found = CollectionTerms.objects.filter(~Exists(newer), withdrawal=None)
    kept = KeptUntil("effective_from", "storage_duration_days")
    # LEAST leaves NULL out; where neither end is on record there is none.
    found = found.annotate(ends=Least("effective_to", kept)).filter(ends__gt=after, ends__lte=until)
    yield from _endings(found.values_list("pk", "ends", "recorded_at"))


def _about_found(pk: int) -> Iterator[Telling]:
    entry = AsFound.objects.select_related("model__owner", "model__decision_owner", "environment", "model_version").get(
        pk=pk
    )
    model = entry.model
    people = _named(model.owner, model.decision_owner) or _holders(Role.MODEL_OWNER, model.namespace_id)
    params = {"model": model.name, "version": entry.model_version.number, "environment": entry.environment.name}
    yield [*people, entry.recorded_by], params, f"/as-found/{pk}"


@source("as-found", _about_found)
def found_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """What serves as found and went through no gate yet, before it may serve no longer."""
    found = AsFound.objects.filter(end__isnull=True, govern_by__gt=after, govern_by__lte=until)
    yield from _endings(found.values_list("pk", "govern_by", "recorded_at"))


def _about_window(pk: int) -> Iterator[Telling]:
    window = OnboardingWindow.objects.select_related("namespace", "recorded_by", "confirmation__recorded_by").get(pk=pk)
    people = [window.recorded_by, window.confirmation.recorded_by, *_holders(Role.ADMINISTRATOR, window.namespace_id)]
    yield people, {"namespace": window.namespace.name}, "/imports"


@source("onboarding-window", _about_window)
def windows_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Onboarding windows that are open."""
    found = OnboardingWindow.objects.filter(confirmation__isnull=False, closure__isnull=True)
    found = found.filter(until__gt=after, until__lte=until)
    yield from _endings(found.values_list("pk", "until", "recorded_at"))


def _about_evidence(pk: int) -> Iterator[Telling]:
    found = Evidence.objects.select_related("plan__owner", "recorded_by", "model_version__model__owner")
    evidence = found.get(pk=pk)
    version = evidence.model_version
    assert version is not None  # evidence in use is found by its model version
    people = _named(evidence.recorded_by, evidence.plan.owner, version.model.owner)
    params = {"plan": evidence.plan.title, "model": version.model.name, "version": version.number}
    yield people, params, f"/model-versions/{version.pk}"


@source("evidence", _about_evidence)
def evidence_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Evidence that something open or live rests on."""
    found = evidence_in_use().filter(valid_until__gt=after, valid_until__lte=until)
    yield from _endings(found.values_list("pk", "valid_until", "recorded_at"))


def _about_grant(pk: int) -> Iterator[Telling]:
    grant = RoleGrant.objects.select_related("principal", "on_behalf_of", "namespace", "recorded_by").get(pk=pk)
    params = {
        "person": grant.principal.display_name,
        "role": grant.get_role_display(),
        "namespace": grant.namespace.name if grant.namespace else gettext("all namespaces"),
    }
    yield _named(grant.principal, grant.on_behalf_of, grant.recorded_by), params, ""


@source("role", _about_grant)
def grants_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Role grants in force that were given an end."""
    found = RoleGrant.objects.filter(
        effective_to__gt=after, effective_to__lte=until, ended_at=None, effective_from__isnull=False,
        principal__is_active=True,
    )  # fmt: skip
    yield from _endings(found.values_list("pk", "effective_to", "effective_from"))


def _about_key(pk: int) -> Iterator[Telling]:
    key = ApiKey.objects.select_related("principal__responsible").get(pk=pk)
    yield [key.principal], {"account": key.principal.name, "prefix": key.prefix}, ""


@source("api-key", _about_key)
def keys_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """API keys that expire and were not revoked, unless the account has a newer one that lasts longer."""
    newer = ApiKey.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=OuterRef("expires_at")),
        principal=OuterRef("principal"), revoked_at=None, id__gt=OuterRef("id"),
    )  # fmt: skip
    found = ApiKey.objects.filter(~Exists(newer), revoked_at=None, principal__is_active=True)
    found = found.filter(expires_at__gt=after, expires_at__lte=until)
    yield from _endings(found.values_list("pk", "expires_at", "created_at"))


def _about_finding(pk: int) -> Iterator[Telling]:
    finding = Finding.objects.select_related("owner", "recorded_by").get(pk=pk)
    what = {"block": gettext("It then blocks releases."), "suspend": gettext("What is live is then suspended.")}
    params = {
        "finding": finding.text[:200],
        "kind": finding.get_kind_display(),
        "consequence": what.get(finding.when_overdue, ""),
    }
    yield _named(finding.owner or finding.recorded_by), params, f"/findings/{finding.pk}"


@source("finding", _about_finding)
def findings_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Open findings, conditions among them, that are to be answered by a moment."""
    last = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"]).order_by("-id")
    found = Finding.objects.alias(state=Subquery(last.values("kind")[:1])).filter(Q(state=None) | ~Q(state="closed"))
    found = found.filter(due__gt=after, due__lte=until)
    yield from _endings(found.values_list("pk", "due", "recorded_at"))


def _live(pk: int) -> Telling:
    promotion = Promotion.objects.select_related("environment", "release__model_version__model").get(pk=pk)
    version = promotion.release.model_version
    params = {"model": version.model.name, "version": version.number, "environment": promotion.environment.name}
    return owners(promotion), params, f"/promotions/{promotion.pk}"


def _about_live(pk: int) -> Iterator[Telling]:
    yield _live(pk)


@source("review", _about_live)
def reviews_due(after: datetime, until: datetime) -> Iterator[Ending]:
    """Periodic reviews of what is live, before they fall due."""
    live = list(LiveSlot.objects.exclude(slot=Slot.CHALLENGER).values_list("promotion_id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.promotion_id, v.due_at, p.started_at FROM muniment.reviews_of(%s) v"
            " JOIN approvals_promotion p ON p.id = v.promotion_id WHERE v.due_at > %s AND v.due_at <= %s",
            [live, after, until],
        )
        yield from _endings(cursor.fetchall())


@source("trial", _about_live)
def trials_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Challengers whose trial ends."""
    found = Promotion.objects.filter(
        live_slot__slot=Slot.CHALLENGER, release__trial_ends_at__gt=after, release__trial_ends_at__lte=until
    )
    yield from _endings(found.values_list("pk", "release__trial_ends_at", "started_at"))


def _about_envelope(pk: int) -> Iterator[Telling]:
    found = ChangePlan.objects.select_related("model_version__model__owner", "model_version__model__decision_owner")
    plan = found.select_related("environment", "recorded_by").get(pk=pk)
    left = plan.uses - plan.promotions.filter(number__gt=0).count()
    yield concerned(plan), {**about(plan), "unused": left, "uses": plan.uses}, f"/change-plans/{pk}"


@source("envelope", _about_envelope)
def envelopes_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Retraining envelopes in force, before retrains are judged in full again."""
    ending = ChangePlan.objects.filter(promotions__number=0, ends_at__gt=after, ends_at__lte=until)
    yield from _endings(
        (plan.pk, plan.ends_at, plan.recorded_at) for plan in with_state(ending) if state_of(plan).in_force
    )


def _about_notice(pk: int) -> Iterator[Telling]:
    notice = ServingNotice.objects.select_related("promotion__release").get(pk=pk)
    people, params, url = _live(notice.promotion_id)
    role = notice.response["confirm"]
    if role is not None:
        promotion = notice.promotion
        people = [*people, *holders_of(role, promotion.model.namespace_id, besides=promotion.release.model_version_id)]
    yield people, params | {"cause": str(notice.get_cause_display())}, url


@source("serving-notice", _about_notice)
def notices_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Notices to what is live, not answered yet."""
    found = ServingNotice.objects.filter(end__isnull=True, promotion__live_slot__isnull=False)
    found = found.filter(due_at__gt=after, due_at__lte=until)
    yield from _endings(found.values_list("pk", "due_at", "recorded_at"))


def _about_environment(pk: int) -> Iterator[Telling]:
    yield (
        _holders(Role.POLICY_OWNER, None),
        {"environment": Environment.objects.get(pk=pk).name},
        f"/environments/{pk}",
    )


@source("observe-only", _about_environment)
def observing_ending(after: datetime, until: datetime) -> Iterator[Ending]:
    """Environments whose gate only observes, before it refuses again."""
    found = Environment.objects.filter(observe_only_until__gt=after, observe_only_until__lte=until)
    asked = ObserveOnlyChange.objects.filter(environment=OuterRef("pk"), until=OuterRef("observe_only_until"))
    found = found.annotate(began=Subquery(asked.order_by("-id").values("recorded_at")[:1]))
    yield from _endings(found.values_list("pk", "observe_only_until", "began"))


def _endings(rows: Iterable[tuple[int, datetime | None, datetime | None]]) -> Iterator[Ending]:
    for pk, due, began in rows:
        if due is not None:  # for the type checker: each query asked for a moment
            yield Ending(pk, due, began)
