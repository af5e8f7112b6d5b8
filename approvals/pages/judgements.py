"""What judgements say about facts, for the pages of lineage (`lineage.views.Judgements`)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from approvals.gate.envelope import state_from, with_envelope
from approvals.impact import live_below
from approvals.models import AsFound, Finding, FindingEvent, LiveSlot, Promotion, Release, ServingNotice, SignOff
from approvals.monitoring.overview import watched, with_standing
from approvals.pages import evidence, reviews
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import Dataset, DatasetVersion, Model, ModelVersion

RELEASES_SHOWN = 20


class PageJudgements:
    """The judgements' part of the pages on facts. Each method is a fixed number of queries."""

    def live_of_models(self, ids: Collection[int]) -> dict[int, list[LiveSlot]]:
        """What is live of each model, in the order of environments."""
        found: dict[int, list[LiveSlot]] = defaultdict(list)
        for slot in _live().filter(model__in=ids):
            found[slot.model_id].append(slot)
        return dict(found)

    def live_of_versions(self, ids: Collection[int]) -> dict[int, list[LiveSlot]]:
        """What is live of each model version, in the order of environments."""
        found: dict[int, list[LiveSlot]] = defaultdict(list)
        for slot in _live().filter(promotion__release__model_version__in=ids):
            found[slot.promotion.release.model_version_id].append(slot)
        return dict(found)

    def live_below(self, kind: str, pk: int, readable: Collection[int]) -> dict[str, Any]:
        """What is live that came from a record; what serves elsewhere is counted."""
        found = list(live_below(kind, pk))
        shown = [one for one in found if one.release.model_version.model.namespace_id in readable]
        return {"live_below": shown, "live_elsewhere": len(found) - len(shown)}

    def on_model(self, model: Model, versions: Sequence[ModelVersion]) -> dict[str, Any]:
        """What is live and how it does, releases with who signed them, findings on the model and its versions."""
        numbers = [v.pk for v in versions]
        live = list(with_envelope(with_standing(with_flag(_live().filter(model=model)))))
        releases = list(_releases().filter(model_version__model=model)[:RELEASES_SHOWN])
        return {
            "live": live,
            "watched": [(slot, watched(slot), state_from(slot.envelope) if slot.envelope else None) for slot in live],
            "found_live": found(Q(model=model)),
            "reviews": reviews.of_model(model),
            "releases": with_votes(releases),
            "findings": findings(Q(model=model) | Q(model_version__in=numbers) | Q(promotion__model=model)),
        }

    def on_model_version(self, version: ModelVersion) -> dict[str, Any]:
        """Where it is live, its releases, the evidence on it, and findings."""
        releases = list(_releases().filter(model_version=version)[:RELEASES_SHOWN])
        return {
            "live": list(_live().filter(promotion__release__model_version=version)),
            "found_live": found(Q(model_version=version)),
            "releases": with_votes(releases),
            "evidence": evidence.read(Q(model_version=version)),
            "findings": findings(Q(model_version=version) | Q(model=version.model_id)),
        }

    def on_dataset(
        self, dataset: Dataset, versions: Sequence[DatasetVersion], readable: Collection[int]
    ) -> dict[str, Any]:
        """Evidence on its quality, findings, and the live promotions made from it (those of others are counted)."""
        downstream = list(_live_downstream(dataset))
        shown = [p for p in downstream if p.release.model_version.model.namespace_id in readable]
        found = evidence.read(Q(dataset_version__in=[v.pk for v in versions]))
        return {
            "evidence": found,
            "last_shown": next((e for e in found if e.verdict == "good"), None),
            # A later failure outweighs an earlier success; that of an older version says nothing of this one.
            "quality_failed": any(e.verdict == "bad" and not e.superseded for e in found),
            "shown_for_newest": any(
                e.verdict == "good" and e.subject == ("dataset_version", v.pk) for e in found for v in versions[:1]
            ),
            "findings": findings(Q(dataset=dataset)),
            "live_downstream": shown,
            "live_elsewhere": len(downstream) - len(shown),
        }


def _live_downstream(dataset: Dataset) -> QuerySet[Promotion]:
    """Live promotions of versions that any version of a dataset went into, however far downstream."""
    made = RawSQL(
        "SELECT d.id FROM lineage_datasetversion v, LATERAL muniment.downstream_of_dataset_version(v.id) d"
        " WHERE v.dataset_id = %s AND d.kind = 'model_version'",
        [dataset.pk],
    )
    return (
        Promotion.objects.filter(live_slot__isnull=False, release__model_version__in=made)
        .select_related("release__model_version__model", "environment")
        .order_by("pk")
    )


def _live() -> QuerySet[LiveSlot]:
    return LiveSlot.objects.select_related(
        "environment", "model__namespace", "promotion__release__model_version", "promotion__recorded_by"
    ).order_by("model__name", "environment__order", "slot")


def found(wanted: Q, *, most: int = 50) -> list[Any]:
    """What serves as found, of a condition, what is past its date first, with `late`."""
    entries: list[Any] = list(
        AsFound.objects.filter(wanted, end__isnull=True)
        .select_related("model", "model_version", "environment")
        .order_by("govern_by", "id")[:most]
    )
    now = timezone.now()
    for one in entries:
        one.late = one.govern_by <= now
    return entries


def with_flag(live: QuerySet[LiveSlot]) -> QuerySet[LiveSlot]:
    """What is live with `flagged`, whether something has changed under it that nobody has answered, and `breached`."""
    standing = ServingNotice.objects.filter(promotion=OuterRef("promotion"), end__isnull=True)
    return live.annotate(flagged=Exists(standing), breached=_open_breach())


def in_breach(live: QuerySet[LiveSlot]) -> QuerySet[LiveSlot]:
    """Of what is live that of which a breach of a monitoring plan is open."""
    return live.filter(_open_breach())


def _open_breach() -> Exists:
    closing = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"]).order_by("-pk")
    last = Subquery(closing.values("kind")[:1])
    breaches = Finding.objects.filter(promotion=OuterRef("promotion"), kind=Finding.Kind.MONITORING_BREACH)
    return Exists(breaches.alias(last=last).filter(Q(last=None) | ~Q(last="closed")))


def live_for(reader: Principal) -> QuerySet[LiveSlot]:
    """What is live in the namespaces a principal may read."""
    return _live().filter(model__namespace__in=readable_namespaces(reader))


def _releases() -> QuerySet[Release]:
    return Release.objects.select_related("environment", "model_version__model", "recorded_by", "closure").order_by(
        "-pk"
    )


def with_votes(releases: Sequence[Release]) -> list[dict[str, Any]]:
    """Releases with the votes that were not taken back, and the promotion that came of them."""
    ids = [r.pk for r in releases]
    votes: dict[int, list[SignOff]] = defaultdict(list)
    signed = SignOff.objects.filter(release__in=ids, withdrawal__isnull=True).select_related(
        "requirement", "role_grant"
    )
    for vote in signed.order_by("pk"):
        votes[vote.release_id].append(vote)
    made = Promotion.objects.filter(release__in=ids).select_related("end", "live_slot")
    promotions = {p.release_id: p for p in made.order_by("pk")}  # the newest of each: one may be brought back
    return [{"release": r, "votes": votes[r.pk], "promotion": promotions.get(r.pk)} for r in releases]


def findings(wanted: Q) -> Sequence[Finding]:
    """Findings of a condition, newest first, with `is_open` and `is_overdue`."""
    last = FindingEvent.objects.filter(finding=OuterRef("pk"), kind__in=["closed", "reopened"]).order_by("-pk")
    found: Sequence[Any] = list(
        Finding.objects.filter(wanted)
        .select_related("owner", "recorded_by")
        .annotate(
            last_event=Subquery(last.values("kind")[:1]),
            answered=Exists(FindingEvent.objects.filter(finding=OuterRef("pk"), kind="answered")),
        )
        .order_by("-pk")[:50]
    )
    now = timezone.now()
    for one in found:
        is_open = one.last_event != "closed"
        one.is_open = is_open
        one.is_overdue = bool(is_open and one.due and one.due <= now)
    return found
