"""Reading judgements: what is live, what is awaited, who judges. Doors read through here."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField

from approvals.audience import live_downstream
from approvals.gate.gate import Verdict, ask, no_release
from approvals.models import (
    Environment,
    Evidence,
    LiveSlot,
    PolicyVersion,
    Promotion,
    Release,
    ReleaseClosure,
    Requirement,
    RequirementKind,
    SignOff,
    Slot,
    Vote,
)
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force, readable_namespaces
from governance.outbox.models import Notice
from lineage.models import Dataset, Model, ModelVersion


class EvidenceVerdict(Func):
    """The database's verdict on a row of Evidence."""

    function = "muniment.evidence_verdict"
    output_field = TextField()


def with_verdict(evidence: QuerySet[Evidence]) -> QuerySet[Any]:
    """Evidence with `verdict`: good, bad or reported."""
    return evidence.annotate(verdict=EvidenceVerdict(F("pk")))


def open_releases(principal: Principal) -> QuerySet[Release]:
    """Releases that are open, of namespaces the principal may read; oldest first."""
    closed = Exists(ReleaseClosure.objects.filter(release=OuterRef("pk")))  # a join would be planned for a few rows
    return (
        Release.objects.filter(~closed, model_version__model__namespace__in=readable_namespaces(principal))
        .select_related("model_version__model__namespace", "environment", "recorded_by")
        .order_by("id")
    )


def release_of(model_version: ModelVersion, environment: Environment, slot: str = Slot.CHAMPION) -> Release | None:
    """The open release of a version there, else the newest; None where nobody ever asked."""
    found = Release.objects.filter(model_version=model_version, environment=environment, slot=slot)
    return found.order_by(F("closure").desc(nulls_first=True), "-id").first()


def may_be_promoted(model_version: ModelVersion, environment: Environment, slot: str = Slot.CHAMPION) -> Verdict:
    """The gate's answer for a version whose release is open or live.

    A release that was rejected or withdrawn, or whose promotion has ended, permits nothing any more, however many votes
    it once had.
    """
    release = release_of(model_version, environment, slot)
    nothing = no_release(model_version.model.name, model_version.number, environment.name)
    if release is None:
        return nothing
    if ReleaseClosure.objects.filter(release=release).exists() and not is_live(model_version, environment, slot):
        return Verdict([*nothing.requirements, *ask(release).requirements])
    return ask(release)


def is_live(model_version: ModelVersion, environment: Environment, slot: str = Slot.CHAMPION) -> bool:
    """Whether a version serves there now."""
    return LiveSlot.objects.filter(
        environment=environment, slot=slot, promotion__release__model_version=model_version
    ).exists()


def active_policy_version(release: Release) -> PolicyVersion | None:
    """The policy version a release is judged by now; None: no policy, the gate is closed."""
    model = release.model_version.model
    with connection.cursor() as cursor:
        # Read the tier anew: the caller's instance may be older than the last change of it.
        cursor.execute(
            "SELECT muniment.active_policy_version(%s, risk_tier, namespace_id, %s) FROM lineage_model WHERE id = %s",
            [release.environment_id, release.slot, model.pk],
        )
        row = cursor.fetchone()
    return PolicyVersion.objects.select_related("policy").filter(pk=row[0]).first() if row else None


def policy_version_in(environment: Environment, model: Model, slot: str = Slot.CHAMPION) -> int | None:
    """Id of the policy version that a release of a model would be judged by there now; None: no policy."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT muniment.active_policy_version(%s, risk_tier, namespace_id, %s) FROM lineage_model WHERE id = %s",
            [environment.pk, slot, model.pk],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def sign_offs_of(release: Release) -> QuerySet[SignOff]:
    """All votes on a release, withdrawn ones too, oldest first."""
    return (
        SignOff.objects.filter(release=release)
        .select_related("requirement", "recorded_by", "role_grant", "withdrawal")
        .order_by("id")
    )


def involved_persons(model_version: ModelVersion) -> set[int]:
    """Ids of persons who had a hand in a version or reported evidence on it: they do not judge it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT person_id FROM muniment.involved(%s)", [model_version.pk])
        return {row[0] for row in cursor.fetchall()}


def awaiting(person: Principal) -> list[tuple[Release, list[Requirement]]]:
    """A person's review queue: open releases, each with the requirements they could sign; oldest first.

    A vote of theirs that counts no more, because what it was given on has changed, is asked for again.
    """
    roles: dict[str, set[int | None]] = {}
    for grant in grants_in_force(person):
        roles.setdefault(grant.role, set()).add(grant.namespace_id)
    queue = []
    for release in open_releases(person):
        namespace = release.model_version.model.namespace_id
        asked = Requirement.objects.filter(policy_version=active_policy_version(release), kind=RequirementKind.SIGNOFF)
        mine = [r for r in asked.order_by("position") if roles.get(r.params["role"], set()) & {None, namespace}]
        if not mine or person.pk in involved_persons(release.model_version):
            continue
        missing = ask(release).missing
        stands = SignOff.objects.filter(release=release, recorded_by=person, withdrawal__isnull=True).exclude(
            pk__in=[vote["sign_off"] for row in missing for vote in row.params.get("ignored", ())], vote=Vote.APPROVE
        )
        open_keys = {row.key for row in missing} - set(stands.values_list("requirement__key", flat=True))
        if wanted := [r for r in mine if r.key in open_keys]:
            queue.append((release, wanted))
    return queue


def signatures_no_longer_awaited(notices: Collection[Notice]) -> set[int]:
    """Of notices that ask for a signature: ids of those whose release has ended since. One query."""
    found = {one.pk: re.fullmatch(r"/releases/(\d{1,18})", one.url) for one in notices}
    releases = {pk: int(release[1]) for pk, release in found.items() if release}
    closed = set(ReleaseClosure.objects.filter(release__in=releases.values()).values_list("release_id", flat=True))
    return {pk for pk, release in releases.items() if release in closed}


def live(
    principal: Principal,
    *,
    model: Model | None = None,
    environment: Environment | None = None,
    at: datetime | None = None,
) -> QuerySet[Promotion]:
    """What may serve now, or what was live at a moment, in namespaces the principal may read."""
    found = Promotion.objects.filter(model__namespace__in=readable_namespaces(principal))
    if at is None:
        found = found.filter(Exists(LiveSlot.objects.filter(promotion=OuterRef("pk"))))
    else:
        found = found.filter(started_at__lte=at).filter(Q(end__isnull=True) | Q(end__ended_at__gt=at))
    if model is not None:
        found = found.filter(model=model)
    if environment is not None:
        found = found.filter(environment=environment)
    return (
        found.select_related("release__model_version", "model__namespace", "environment", "end")
        .prefetch_related("release__sign_offs__requirement", "release__decisions")
        .order_by("model__name", "environment__order", "slot", "id")
    )


def find_live_downstream(dataset: Dataset) -> list[Promotion]:
    """Live promotions of model versions that any version of a dataset went into, however far downstream."""
    return list(live_downstream(dataset).select_related("model__namespace").order_by("id"))


def versions_with_digest(principal: Principal, digest: str, namespace: str | None = None) -> Sequence[ModelVersion]:
    """Readable model versions whose artifact has a digest (`algorithm:hex`, or hex alone); two at most."""
    algorithm, _colon, value = digest.rpartition(":")
    found = ModelVersion.objects.filter(digest_value=value, model__namespace__in=readable_namespaces(principal))
    if algorithm:
        found = found.filter(digest_algorithm=algorithm)
    if namespace is not None:
        found = found.filter(model__namespace__name=namespace)
    return list(found.select_related("model__namespace")[:2])
