"""Reading facts: what an actor may see, and how records hang together. The gate asks the same SQL functions."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import QuerySet

from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces
from governance.history.models import GovernedModel
from lineage.digests import Digest
from lineage.models import CollectionTerms, Dataset, DatasetVersion, Model, ModelVersion, Run, SensitivityFlag

R = TypeVar("R", bound=GovernedModel)


class Problem(NamedTuple):
    """What stands against a use: a stable reason code of the gate's, and what it takes to say it."""

    reason: str
    params: dict[str, Any]


class Use(NamedTuple):
    """Whether data may be used. `until`: from when on it is known not to be; None: no such moment is on record."""

    allowed: bool
    until: datetime | None
    problems: list[Problem]


class Provenance(NamedTuple):
    """What a dataset version says of where it comes from. `derived`: its origin is what it was made from."""

    version: DatasetVersion
    derived: bool
    missing: list[str]

    @property
    def required(self) -> int:
        """How many facts it owes: all of them, or its digest only."""
        return 1 if self.derived else len(REQUIRED_PROVENANCE)


REQUIRED_PROVENANCE = (
    "digest", "source", "origin", "origin_geography", "date", "generation_period", "generation_method",
)  # fmt: skip
"""What a version owes whose origin lies outside the record, as `muniment.provenance_gaps` names it [D&TA]."""


class Node(NamedTuple):
    """A record upstream or downstream: kind is dataset_version, model_version or run."""

    kind: str
    id: int


class Contributor(NamedTuple):
    """A person with a hand in a model version, and why: registered, trained, edited, owner, former owner."""

    person_id: int
    why: str


def readable(model: type[R], actor: Principal) -> QuerySet[R]:
    """The rows of a fact that the actor may read."""
    return model._default_manager.filter(**{f"{model.namespace_path}__in": readable_namespaces(actor)})


def dataset(namespace: Namespace, name: str) -> Dataset | None:
    """The dataset of that name."""
    return Dataset.objects.filter(namespace=namespace, name=name).select_related("namespace").first()


def model(namespace: Namespace, name: str) -> Model | None:
    """The model of that name."""
    return Model.objects.filter(namespace=namespace, name=name).select_related("namespace").first()


def run(namespace: Namespace, run_key: str) -> Run | None:
    """The run of that key."""
    return Run.objects.filter(namespace=namespace, run_key=run_key).select_related("namespace").first()


def dataset_versions_of(owner: Dataset, digest: Digest) -> QuerySet[DatasetVersion]:
    """The versions with that content, newest first (labels may differ)."""
    return DatasetVersion.objects.filter(
        dataset=owner, digest_algorithm=digest.algorithm, digest_value=digest.value
    ).order_by("-id")


def model_versions_of(owner: Model, digest: Digest) -> QuerySet[ModelVersion]:
    """The versions with that artifact, newest first (runs may differ)."""
    return ModelVersion.objects.filter(
        model=owner, digest_algorithm=digest.algorithm, digest_value=digest.value
    ).order_by("-id")


def upstream(version: ModelVersion) -> list[Node]:
    """Everything a model version was made from, itself first.

    Raises:
        errors.Invalid: more than 50,000 records.
    """
    return [Node(*row) for row in _rows("SELECT kind, id FROM muniment.closure_of_model_version(%s)", [version.pk])]


def downstream(version: DatasetVersion) -> list[Node]:
    """Everything made from a dataset version, itself first. Raises as `upstream`."""
    return [
        Node(*row) for row in _rows("SELECT kind, id FROM muniment.downstream_of_dataset_version(%s)", [version.pk])
    ]


def training_versions(version: ModelVersion) -> QuerySet[DatasetVersion]:
    """The dataset versions upstream of a model version, at any distance."""
    ids = [node.id for node in upstream(version) if node.kind == "dataset_version"]
    return DatasetVersion.objects.filter(pk__in=ids).select_related("dataset__namespace").order_by("pk")


def contributors(version: ModelVersion) -> list[Contributor]:
    """The persons who had a hand in it; whoever answers for a service account stands for it."""
    rows = _rows("SELECT person_id, why FROM muniment.contributors(%s) ORDER BY person_id, why", [version.pk])
    return [Contributor(*row) for row in rows]


def terms_in_force(of: Dataset, at: datetime | None = None) -> CollectionTerms | None:
    """The terms in force at a moment, now when left out."""
    rows = _rows("SELECT muniment.terms_in_force(%s, coalesce(%s, clock_timestamp()))", [of.pk, at])
    return CollectionTerms.objects.filter(pk=rows[0][0]).first() if rows[0][0] else None


def newest_version(of: Dataset, label: str | None = None) -> DatasetVersion | None:
    """The newest version of a dataset, or of those with a label."""
    versions = DatasetVersion.objects.filter(dataset=of, **({} if label is None else {"label": label}))
    return versions.order_by("-pk").first()


def use(
    of: Dataset, version: DatasetVersion | None, *, purpose: str, places: Sequence[str], storage: Sequence[str] = ()
) -> Use:
    """Whether terms permit using a dataset, and everything a version of it was made from, for a purpose.

    Args:
        version: whose sources count too; None: the dataset has none yet.
        purpose: dpv:Name. places: ISO 3166 codes or blocs where the model is to decide.
        storage: where the data is to be kept; not judged where left out.

    Raises:
        errors.Invalid: more than 50,000 records upstream.
    """
    rows = _rows(
        "SELECT p.problems, CASE WHEN p.problems = '[]' THEN muniment.use_until(d.ids, a.purpose, a.places, a.storage,"
        " a.at) END"
        " FROM (SELECT %s::bigint AS dataset, %s::bigint AS version, %s::text AS purpose, %s::text[] AS places,"
        "       %s::text[] AS storage, clock_timestamp() AS at) a"
        " CROSS JOIN LATERAL (SELECT ARRAY[a.dataset] || coalesce(muniment.datasets_above(a.version), '{}') AS ids) d"
        " CROSS JOIN LATERAL (SELECT muniment.use_problems(d.ids, a.purpose, a.places, a.storage, a.at) AS problems) p",
        [of.pk, version.pk if version else None, purpose, list(places), list(storage)],
    )
    problems, until = rows[0]
    found = json.loads(problems)
    return Use(allowed=found == [], until=until, problems=[Problem(p["reason"], p["params"]) for p in found])


def flags_in_force(version: DatasetVersion) -> list[SensitivityFlag]:
    """The newest answer per column and category."""
    ids = [row[0] for row in _rows("SELECT id FROM muniment.flags_in_force(%s)", [version.pk])]
    return list(SensitivityFlag.objects.filter(pk__in=ids).order_by("column", "category"))


def provenance_missing(version: DatasetVersion) -> list[str]:
    """Names of the required provenance fields that are blank."""
    return list(_rows("SELECT muniment.provenance_missing(%s)", [version.pk])[0][0] or [])


def completeness(version: DatasetVersion) -> list[Provenance]:
    """The provenance of a version and of everything it was made from, itself first, then by dataset.

    Raises:
        errors.Invalid: more than 50,000 records upstream.
    """
    rows = {
        row[0]: row[1:]
        for row in _rows("SELECT id, derived, missing FROM muniment.completeness_above(%s)", [version.pk])
    }
    found = DatasetVersion.objects.filter(pk__in=rows).select_related("dataset__namespace")
    ordered = sorted(found, key=lambda one: (one.pk != version.pk, one.dataset.name, one.pk))
    return [Provenance(one, rows[one.pk][0], list(rows[one.pk][1] or [])) for one in ordered]


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
