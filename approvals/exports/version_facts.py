"""What the documents about a model version have in common, read once: as the reader may, now or as of a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject

from approvals.models import Evidence, Promotion, SignOff
from approvals.queries import with_verdict
from governance.accounts.models import Principal
from lineage.exports.dataset_facts import flags_of, terms_of
from lineage.exports.upstream import Upstream, above, reads
from lineage.models import (
    CollectionTerms,
    DatasetVersion,
    Model,
    ModelVersion,
    ModelVersionCompletion,
    ModelVersionDescription,
    ModelVersionTag,
    SensitivityFlag,
)


@dataclass(slots=True)
class Data:
    """A dataset version that the reader may read, with its terms and answers. `roles`: in the runs that trained."""

    version: DatasetVersion
    terms: CollectionTerms | None
    flags: list[SensitivityFlag]
    roles: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Later:
    """What was said of a version after its registration."""

    metrics: dict[str, Any]
    parameters: dict[str, Any]
    recorded_at: datetime


@dataclass(slots=True)
class VersionFacts:
    """A model version, what it was made from, what was measured, who signed, where it serves or served."""

    version: ModelVersion
    description: str
    tags: dict[str, str]
    above: Upstream
    data: list[Data]
    evidence: list[Any]
    votes: list[SignOff]
    promotions: list[Promotion]
    later: list[Later]

    @property
    def metrics(self) -> dict[str, Any]:
        """As registered, then what came later under other names."""
        return _first([self.version.metrics, *(one.metrics for one in self.later)])

    @property
    def parameters(self) -> dict[str, Any]:
        """As `metrics`."""
        return _first([self.version.parameters, *(one.parameters for one in self.later)])

    @property
    def model(self) -> Model:
        """Its model."""
        return self.version.model

    @property
    def told_until(self) -> datetime:
        """The newest moment of anything told here: the document's own, since it says nothing of later ones."""
        rows: list[Any] = [self.version, *self.evidence, *self.votes, *self.promotions, *self.later]
        rows += [one.version for one in self.data] + [one.terms for one in self.data if one.terms]
        rows += [flag for one in self.data for flag in one.flags]
        moments: list[datetime] = [row.recorded_at for row in rows]
        moments += [vote.withdrawal.recorded_at for vote in self.votes if hasattr(vote, "withdrawal")]
        moments += [one.end.recorded_at for one in self.promotions if hasattr(one, "end")]
        return max(moments)


def to_be_told(versions: QuerySet[ModelVersion]) -> QuerySet[Any]:
    """Versions with what was said of each beside its own row: `said`, `tagged` and `completed`, in the same query."""
    of = {"model_version": OuterRef("pk")}
    tags = ModelVersionTag.objects.filter(**of).order_by("key", "-pk").distinct("key")
    return versions.select_related("model__namespace", "model__owner", "model__decision_owner").annotate(
        said=Subquery(ModelVersionDescription.objects.filter(**of).order_by("-pk").values("text")[:1]),
        tagged=ArraySubquery(tags.values(one=JSONObject(key="key", value="value", removed="removed"))),
        completed=ArraySubquery(
            ModelVersionCompletion.objects.filter(**of)
            .order_by("pk")
            .values(one=JSONObject(metrics="metrics", parameters="parameters", recorded_at="recorded_at"))
        ),
    )


def version_facts(version: Any, reader: Principal, at: datetime) -> VersionFacts:
    """Read them: ten queries, however much lies above.

    Args:
        version: one of `to_be_told`. at: the moment whose terms are told.

    Raises:
        errors.Invalid: too many records lie upstream for one document.
    """
    up = above(version, reads(reader))
    roles: dict[int, set[str]] = {}
    own = {version.source_run_id} | {one.run_id for one in up.outputs if one.model_version_id == version.pk}
    for link in up.inputs:
        if link.run_id in own and link.dataset_version_id:
            roles.setdefault(link.dataset_version_id, set()).add(link.role)
    promotions = Promotion.objects.filter(release__model_version=version)
    terms = terms_of({one.dataset_id for one in up.dataset_versions}, at)
    flags = flags_of([one.pk for one in up.dataset_versions])
    return VersionFacts(
        version=version,
        description=version.said or "",
        tags={one["key"]: one["value"] for one in version.tagged if not one["removed"]},
        above=up,
        data=[
            Data(one, terms.get(one.dataset_id), flags[one.pk], sorted(roles.get(one.pk, ())))
            for one in up.dataset_versions
        ],
        evidence=list(_evidence(version)),
        votes=list(_votes(version)),
        promotions=list(promotions.select_related("environment", "end", "release").order_by("pk")),
        later=[
            Later(one["metrics"], one["parameters"], datetime.fromisoformat(one["recorded_at"]))
            for one in version.completed
        ],
    )


def _first(said: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What was said first of each name stands."""
    found: dict[str, Any] = {}
    for one in said:
        found = {**one, **found}
    return found


def _evidence(version: ModelVersion) -> QuerySet[Any]:
    rows = Evidence.objects.filter(model_version=version).select_related("plan", "recorded_by")
    return with_verdict(rows).prefetch_related("values").order_by("pk")


def _votes(version: ModelVersion) -> QuerySet[SignOff]:
    related = (
        "release__environment",
        "requirement__policy_version__policy__environment",
        "role_grant",
        "withdrawal",
        "lift",
    )
    return SignOff.objects.filter(release__model_version=version).select_related(*related).order_by("pk")


def serving(facts: VersionFacts) -> Sequence[str]:
    """Where it serves, each as `production, champion, since 2026-03-03T14:00:00Z`."""
    return [
        f"{one.environment.name}, {one.release.slot}, since {moment(one.started_at)}"
        for one in facts.promotions
        if not hasattr(one, "end")
    ]


def moment(at: datetime) -> str:
    """In UTC, as ISO 8601 with Z."""
    return at.isoformat().replace("+00:00", "Z")


def plain(value: Any) -> str:
    """A number or text of the record as text: no exponent for whole numbers, nothing rounded."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
