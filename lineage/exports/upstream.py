"""What a record was made from, as an export names it: in full where the reader may read, by digest alone elsewhere.

Walked with the ORM rather than with `muniment.closure_of_model_version`, so that it can be read as of a moment too; a
test holds the two equal.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import DatasetVersion, LinkCorrection, ModelVersion, Run, RunInput, RunOutput, RunRole

V = TypeVar("V", DatasetVersion, ModelVersion)
L = TypeVar("L", RunInput, RunOutput)
MOST = 2_000
"""Records upstream that one document names; what has more is told by the lineage end points, page by page."""


@dataclass(slots=True)
class Upstream:
    """Everything above a record, each list by id; only `records` holds what the reader may not read, for its links."""

    dataset_versions: list[DatasetVersion] = field(default_factory=list)
    model_versions: list[ModelVersion] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    inputs: list[RunInput] = field(default_factory=list)
    outputs: list[RunOutput] = field(default_factory=list)
    records: dict[tuple[str, int], DatasetVersion | ModelVersion] = field(default_factory=dict)
    hidden_digests: list[str] = field(default_factory=list)
    hidden_unnamed: int = 0


def digest_of(record: DatasetVersion | ModelVersion) -> str:
    """algorithm:hex, or nothing."""
    return f"{record.digest_algorithm}:{record.digest_value}" if record.digest_value else ""


def reads(principal: Principal) -> frozenset[int]:
    """Ids of the namespaces whose records are named in full to this reader."""
    return frozenset(readable_namespaces(principal).values_list("pk", flat=True))


def standing_links(of: type[L]) -> QuerySet[L]:
    """Links of runs that no correction has voided; the newest correction of each is in force."""
    newest = LinkCorrection.objects.filter(
        **{"run_input" if of is RunInput else "run_output": OuterRef("pk")}
    ).order_by("-pk")
    links = of._default_manager.alias(corrected=Subquery(newest.values("kind")[:1]))
    return links.filter(Q(corrected=None) | Q(corrected=LinkCorrection.Kind.RESTORE))


def above(start: DatasetVersion | ModelVersion, readable: Collection[int]) -> Upstream:
    """Everything a record was made from, at any distance, without the record itself. Loops are met once.

    Raises:
        errors.Invalid: more than `MOST` records.
    """
    found = Upstream()
    seen_data: set[int] = {start.pk} if isinstance(start, DatasetVersion) else set()
    seen_models: set[int] = {start.pk} if isinstance(start, ModelVersion) else set()
    seen_runs: set[int] = set()
    data, models = set(seen_data), set(seen_models)
    versions: list[ModelVersion] = [start] if isinstance(start, ModelVersion) else []
    while data or models:
        made = list(standing_links(RunOutput).filter(Q(dataset_version__in=data) | Q(model_version__in=models)))
        runs = ({one.run_id for one in made} | {v.source_run_id for v in versions if v.source_run_id}) - seen_runs
        seen_runs |= runs
        found.outputs += made
        read = list(standing_links(RunInput).filter(run__in=runs)) if runs else []
        found.inputs += read
        data = {one.dataset_version_id for one in read if one.dataset_version_id} - seen_data
        models = {one.model_version_id for one in read if one.model_version_id and one.role != RunRole.BASELINE}
        models = (models | {v.parent_version_id for v in versions if v.parent_version_id}) - seen_models
        seen_data |= data
        seen_models |= models
        if len(seen_data) + len(seen_models) + len(seen_runs) > MOST:
            raise errors.Invalid(
                _("More than %(most)d records lie upstream: too many for one document. Ask the lineage end points.")
                % {"most": MOST}
            )
        versions = list(ModelVersion.objects.filter(pk__in=models).select_related("model__namespace"))
        found.records |= {("model_version", one.pk): one for one in versions}
        _sort_out(found, versions, found.model_versions, readable, lambda one: one.model.namespace_id)
        batch = list(
            DatasetVersion.objects.filter(pk__in=data).select_related(
                "dataset__namespace", "dataset__owner", "dataset__steward"
            )
        )
        found.records |= {("dataset_version", one.pk): one for one in batch}
        _sort_out(found, batch, found.dataset_versions, readable, lambda one: one.dataset.namespace_id)
    all_runs = Run.objects.filter(pk__in=seen_runs).select_related("namespace").order_by("pk")
    found.runs = [one for one in all_runs if one.namespace_id in readable]
    for rows in (found.dataset_versions, found.model_versions, found.inputs, found.outputs):
        rows.sort(key=lambda one: one.pk)
    found.hidden_digests = sorted(set(found.hidden_digests))
    return found


def _sort_out(
    found: Upstream, batch: Iterable[V], shown: list[V], readable: Collection[int], namespace_of: Callable[[V], int]
) -> None:
    for one in batch:
        if namespace_of(one) in readable:
            shown.append(one)
        elif digest := digest_of(one):
            found.hidden_digests.append(digest)
        else:
            found.hidden_unnamed += 1
