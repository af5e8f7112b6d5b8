"""Reading facts for the pages: each function is one query or a fixed few, however many rows there are."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import JSONObject, Now
from django.utils.translation import gettext_lazy as _

from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force, readable_namespaces
from governance.api.views import readable
from lineage.actions.terms import KEEPERS
from lineage.models import (
    CollectionTerms,
    Dataset,
    DatasetVersion,
    Model,
    ModelAlias,
    ModelTag,
    ModelVersion,
    ModelVersionArchival,
    ModelVersionCompletion,
    ModelVersionDescription,
    ModelVersionTag,
    PersonalDataFind,
    Presence,
    Run,
    RunRole,
    SensitivityFlag,
    TermsWithdrawal,
    TrackingServer,
)

#: Versions listed on the page of their dataset or model; older ones are counted.
VERSIONS_SHOWN = 20
#: Patterns shown with an answer, each as it was seen last; all finds are told by API.
FINDS_SHOWN = 5
FIND_SAYS = JSONObject(
    pattern="pattern", matched="matched", looked_at="looked_at", by_name="by_name",
    examples=Func(F("examples"), function="to_jsonb"),
)  # fmt: skip


# One array of ids, worked out first: "either … or …" over two tables reads every run there is.
_OF_EITHER = (
    "lineage_run.id = ANY (%s::bigint[]"
    " || ARRAY(SELECT o.run_id FROM lineage_runoutput o WHERE o.model_version_id = ANY (%s::bigint[])))"
)


class TermsInForce(Func):
    """Id of the terms in force for a dataset now; NULL where none are."""

    function = "muniment.terms_in_force"
    output_field = IntegerField(null=True)


class ProvenanceMissing(Func):
    """Names of the provenance fields that a dataset version lacks."""

    function = "to_jsonb"
    template = "to_jsonb(muniment.provenance_missing(%(expressions)s))"
    output_field = JSONField()


class ProvenanceAbove(Func):
    """What a dataset version and each it was made from lack of provenance, as `muniment.completeness_above` says."""

    template = """(SELECT jsonb_agg(jsonb_build_object('version', v.id, 'label', v.label, 'dataset', d.id,
        'name', d.name, 'namespace', d.namespace_id, 'derived', c.derived, 'missing', to_jsonb(c.missing))
        ORDER BY d.name, v.id)
        FROM muniment.completeness_above(%(expressions)s) c
        JOIN lineage_datasetversion v ON v.id = c.id JOIN lineage_dataset d ON d.id = v.dataset_id)"""
    output_field = JSONField()


class Hands(Func):
    """Who had a hand in a model version, as [{"person": name, "why": [code, …]}] by name; NULL where nobody did."""

    template = """(SELECT jsonb_agg(jsonb_build_object('person', h.display_name, 'why', h.why) ORDER BY h.display_name)
        FROM (SELECT p.id, p.display_name, jsonb_agg(c.why ORDER BY c.why) AS why
          FROM muniment.contributors(%(expressions)s) c JOIN governance_principal p ON p.id = c.person_id
          GROUP BY p.id) h)"""
    output_field = JSONField()


HANDS = {
    "registered": _("registered this version"),
    "trained": _("recorded the run that trained it"),
    "edited": _("edited the model's record"),
    "owner": _("owns the model"),
    "former owner": _("owned the model before"),
}


@dataclass(frozen=True, slots=True)
class Hand:
    """Someone who had a hand in a model version, and how (the codes of `muniment.contributors`)."""

    person: str
    why: tuple[str, ...]

    @property
    def words(self) -> str:
        return ", ".join(str(HANDS.get(one, one)) for one in self.why)


def datasets(principal: Principal, wanted: str = "") -> QuerySet[Dataset]:
    """Datasets the principal may read, with their newest version, terms in force and whether terms were withdrawn."""
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-pk")
    found: QuerySet[Dataset] = readable(Dataset, principal)
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(title__icontains=wanted))
    return found.select_related("namespace", "steward").annotate(
        version_count=Count("versions"),
        newest_label=Subquery(newest.values("label")[:1]),
        newest_at=Subquery(newest.values("recorded_at")[:1]),
        licence=Subquery(CollectionTerms.objects.filter(pk=TermsInForce(OuterRef("pk"), Now())).values("licence")[:1]),
        withdrawn=Exists(TermsWithdrawal.objects.filter(terms__dataset=OuterRef("pk"))),
    )


def dataset(principal: Principal, pk: int) -> Dataset | None:
    """One dataset the principal may read, with the terms in force; None: there is none, or none for them."""
    found: QuerySet[Dataset] = readable(Dataset, principal)
    return (
        found.select_related("namespace", "steward", "owner", "recorded_by")
        .annotate(
            terms_in_force=TermsInForce(F("pk"), Now()),
            keeps_terms=Exists(
                grants_in_force(principal)
                .filter(role__in=[*KEEPERS])
                .filter(Q(namespace=OuterRef("namespace")) | Q(namespace__isnull=True))
            ),
        )
        .filter(pk=pk)
        .first()
    )


def versions_of_dataset(dataset: Dataset) -> list[DatasetVersion]:
    """The newest versions of a dataset, newest first, each with the provenance it lacks and its flags in force."""
    # By column and category, not by flag: what was seen stays beside the answer that a steward gave to it.
    finds = ArraySubquery(
        PersonalDataFind.objects.filter(
            dataset_version=OuterRef("dataset_version"), column=OuterRef("column"), category=OuterRef("category")
        )
        .order_by("pattern", "-pk")
        .distinct("pattern")
        .values(one=FIND_SAYS)[:FINDS_SHOWN]
    )
    flags = (
        SensitivityFlag.objects.filter(dataset_version=OuterRef("pk"))
        .order_by("column", "category", "-pk")
        .distinct("column", "category")
        .values(
            one=JSONObject(
                id="pk",
                column="column",
                category="category",
                present="present",
                special="special_category",
                treatment="treatment",
                assessment="assessment",
                excluded="excluded_from_training",
                regulation_sets=Func(F("regulation_sets"), function="to_jsonb"),
                subjects=Func(F("data_subjects"), function="to_jsonb"),
                by="recorded_by__display_name",
                at="recorded_at",
                finds=Func(finds, function="to_jsonb"),
            )
        )
    )
    newest = DatasetVersion.objects.filter(dataset=dataset).order_by("-pk").values("pk")[:1]
    return list(
        DatasetVersion.objects.filter(dataset=dataset)
        .select_related("recorded_by")
        .annotate(
            missing=ProvenanceMissing(F("pk")),
            answers=ArraySubquery(flags),
            # Up to the source for the newest alone: PostgreSQL works no other branch out.
            above=Case(When(pk=Subquery(newest), then=ProvenanceAbove(F("pk"))), default=Value(None, JSONField())),
        )
        .order_by("-pk")[:VERSIONS_SHOWN]
    )


def terms_of(dataset: Dataset) -> list[CollectionTerms]:
    """Every terms of a dataset, newest first, with their withdrawals."""
    return list(
        CollectionTerms.objects.filter(dataset=dataset)
        .select_related("recorded_by", "withdrawal__recorded_by")
        .order_by("-number")
    )


def models(principal: Principal, wanted: str = "") -> QuerySet[Model]:
    """Models the principal may read, with the number of their newest version."""
    newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
    found: QuerySet[Model] = readable(Model, principal)
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(title__icontains=wanted))
    return found.select_related("namespace", "owner").annotate(
        newest_number=Subquery(newest.values("number")[:1]), newest_at=Subquery(newest.values("recorded_at")[:1])
    )


def model(principal: Principal, pk: int) -> Model | None:
    """One model the principal may read; None: there is none, or none for them."""
    found: QuerySet[Model] = readable(Model, principal)
    return (
        found.select_related("namespace", "owner", "decision_owner", "recorded_by")
        .annotate(
            tags_said=ArraySubquery(
                ModelTag.objects.filter(model=OuterRef("pk"), removed=False)
                .order_by("key")
                .values(one=JSONObject(key="key", value="value"))
            ),
            aliases_said=ArraySubquery(
                ModelAlias.objects.filter(model=OuterRef("pk"), model_version__isnull=False)
                .order_by("alias")
                .values(one=JSONObject(alias="alias", version="model_version", number="model_version__number"))
            ),
        )
        .filter(pk=pk)
        .first()
    )


def versions_of_model(model: Model) -> list[ModelVersion]:
    """The newest versions of a model, newest first."""
    newest = ModelVersion.objects.filter(model=model).select_related("recorded_by").order_by("-number")
    return list(newest.annotate(hands=Hands(F("pk")))[:VERSIONS_SHOWN])


def _newest(of: type[ModelVersionDescription] | type[ModelVersionArchival]) -> QuerySet[Any]:
    """The rows said of the outer version, newest first."""
    return of._default_manager.filter(model_version=OuterRef("pk")).order_by("-pk")


def model_version(principal: Principal, pk: int) -> ModelVersion | None:
    """One model version the principal may read; None: there is none, or none for them."""
    found: QuerySet[ModelVersion] = readable(ModelVersion, principal)
    return (
        found.select_related(
            "model__namespace",
            "model__owner",
            "recorded_by",
            "source_run__recorded_by",
            "parent_version__model",
            "mlflow_registration",
        )
        .annotate(
            hands=Hands(F("pk")),
            said=Subquery(_newest(ModelVersionDescription).values("text")[:1]),
            put_away=Subquery(_newest(ModelVersionArchival).values("archived")[:1]),
            aliases_said=ArraySubquery(
                ModelAlias.objects.filter(model_version=OuterRef("pk")).order_by("alias").values("alias")
            ),
            tags_said=ArraySubquery(
                ModelVersionTag.objects.filter(model_version=OuterRef("pk"))
                .order_by("key", "-pk")
                .distinct("key")
                .values(one=JSONObject(key="key", value="value", removed="removed"))
            ),
            server_uri=Subquery(
                TrackingServer.objects.filter(namespace=OuterRef("model__namespace")).order_by("-pk").values("uri")[:1]
            ),
            reads_parent=Exists(readable_namespaces(principal).filter(pk=OuterRef("parent_version__model__namespace"))),
            roles_there=ArraySubquery(
                grants_in_force(principal)
                .filter(Q(namespace=OuterRef("model__namespace")) | Q(namespace__isnull=True))
                .values("role")
            ),
        )
        .filter(pk=pk)
        .first()
    )


def run_data(versions: Collection[ModelVersion], reader: Principal) -> list[dict[str, Any]]:
    """What went into the runs that model versions came out of: one entry per version, dataset version and role.

    What lies in a namespace that the reader does not read is named by its digest alone; `dataset` is None then.
    """
    runs = {v.source_run_id: v.pk for v in versions if v.source_run_id}
    numbers = {v.pk: v.number for v in versions}
    rows = (
        Run.objects.extra(where=[_OF_EITHER], params=[list(runs), list(numbers)])
        .filter(inputs__dataset_version__isnull=False)
        .values(
            "id",
            "inputs__role",
            "outputs__model_version",
            link_method=F("inputs__link_method"),
            linked_at=F("inputs__recorded_at"),
            version=F("inputs__dataset_version"),
            label=F("inputs__dataset_version__label"),
            rows=F("inputs__dataset_version__rows"),
            digest_algorithm=F("inputs__dataset_version__digest_algorithm"),
            digest_value=F("inputs__dataset_version__digest_value"),
            dataset=F("inputs__dataset_version__dataset"),
            name=F("inputs__dataset_version__dataset__name"),
            reads=Exists(
                readable_namespaces(reader).filter(pk=OuterRef("inputs__dataset_version__dataset__namespace"))
            ),
        )
        .distinct()
    )
    found: dict[tuple[int, int, str], dict[str, Any]] = {}
    order = {"training": 0, "validation": 1, "test": 2, "baseline": 3}
    for row in map(dict[str, Any], rows):
        of = row.pop("outputs__model_version") or runs.get(row["id"])
        role = row.pop("inputs__role")
        if not row.pop("reads"):
            row |= {"name": str(_("(of another namespace)")), "label": "", "rows": None, "dataset": None}
        if of in numbers:
            found[(of, row["version"], role)] = {
                **row, "number": numbers[of], "role": role, "role_name": RunRole(role).label
            }  # fmt: skip
    return sorted(found.values(), key=lambda r: (-r["number"], order.get(r["role"], 9), r["name"]))


def later_facts(version: ModelVersion) -> list[ModelVersionCompletion]:
    """What became known of a version after its registration, oldest first."""
    return list(
        ModelVersionCompletion.objects.filter(model_version=version).select_related("recorded_by", "tracking_server")
    )


def hands_in(model_version: ModelVersion) -> list[Hand]:
    """Who had a hand in a model version or in its evidence, with how: they do not judge it.

    Args:
        model_version: read with `Hands`, as the readers here do.
    """
    said: list[dict[str, Any]] = model_version.hands or []  # type: ignore[attr-defined]  # annotated
    return [Hand(one["person"], tuple(one["why"])) for one in said]


def personal_data(version: DatasetVersion | None) -> str:
    """What is known of sensitive data in a version: yes, no or unknown; nobody asked is unknown."""
    answers = {one["present"] for one in getattr(version, "answers", [])}
    if not answers or Presence.UNKNOWN in answers:
        return str(Presence.UNKNOWN)
    return str(Presence.YES if Presence.YES in answers else Presence.NO)
