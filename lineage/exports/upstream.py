"""What a model version was made from, as an export names it: in full where the reader may read, else by digest alone.

Walked in one question of its own rather than with `muniment.closure_of_model_version`, so that it can be read as of a
moment too (governance/history/moments.py: it begins with SELECT and names tables alone); a test holds the two equal.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from lineage.models import DatasetVersion, LinkCorrection, ModelVersion, Run, RunInput, RunOutput

V = TypeVar("V", DatasetVersion, ModelVersion)
L = TypeVar("L", RunInput, RunOutput)
MOST = 2_000
"""Records upstream that one document names; what has more is told by the lineage end points, page by page."""


def _standing(link: str) -> str:
    """That the link `l` stands, as `standing_links` has it."""
    return (
        f"(SELECT c.kind FROM lineage_linkcorrection c WHERE c.{link}_id = l.id ORDER BY c.id DESC LIMIT 1)"
        " IS DISTINCT FROM 'void'"
    )


#: The nodes, each with its kind and id, and the links between them. A baseline was compared with, and is not gone to.
_WALK = f"""
SELECT w.* FROM (
  WITH RECURSIVE up (kind, id) AS (
    SELECT 'model_version', %(start)s::bigint
    UNION
    SELECT n.kind, n.id FROM up CROSS JOIN LATERAL (
      SELECT 'run', v.source_run_id FROM lineage_modelversion v
        WHERE up.kind = 'model_version' AND v.id = up.id AND v.source_run_id IS NOT NULL
      UNION ALL
      SELECT 'model_version', v.parent_version_id FROM lineage_modelversion v
        WHERE up.kind = 'model_version' AND v.id = up.id AND v.parent_version_id IS NOT NULL
      UNION ALL
      SELECT 'run', l.run_id FROM lineage_runoutput l
        WHERE up.kind = 'model_version' AND l.model_version_id = up.id AND {_standing("run_output")}
      UNION ALL
      SELECT 'run', l.run_id FROM lineage_runoutput l
        WHERE up.kind = 'dataset_version' AND l.dataset_version_id = up.id AND {_standing("run_output")}
      UNION ALL
      SELECT CASE WHEN l.model_version_id IS NULL THEN 'dataset_version' ELSE 'model_version' END,
          coalesce(l.model_version_id, l.dataset_version_id) FROM lineage_runinput l
        WHERE up.kind = 'run' AND l.run_id = up.id AND (l.model_version_id IS NULL OR l.role <> 'baseline')
          AND {_standing("run_input")}
    ) AS n (kind, id)
  ), found AS MATERIALIZED (SELECT up.kind, up.id FROM up LIMIT %(most)s)
  SELECT f.kind, f.id, NULL::bigint AS run, NULL::bigint AS dataset, NULL::bigint AS model, '' AS role FROM found f
  UNION ALL
  SELECT 'input', l.id, l.run_id, l.dataset_version_id, l.model_version_id, l.role
    FROM found f JOIN lineage_runinput l ON f.kind = 'run' AND l.run_id = f.id WHERE {_standing("run_input")}
  UNION ALL
  SELECT 'output', l.id, l.run_id, l.dataset_version_id, l.model_version_id, l.role
    FROM found f JOIN lineage_runoutput l ON f.kind = 'dataset_version' AND l.dataset_version_id = f.id
    WHERE {_standing("run_output")}
  UNION ALL
  SELECT 'output', l.id, l.run_id, l.dataset_version_id, l.model_version_id, l.role
    FROM found f JOIN lineage_runoutput l ON f.kind = 'model_version' AND l.model_version_id = f.id
    WHERE {_standing("run_output")}
) w ORDER BY w.id
"""


@dataclass(frozen=True, slots=True)
class Link:
    """What a run read or wrote: a dataset version or a model version, by their ids."""

    run_id: int
    dataset_version_id: int | None
    model_version_id: int | None
    role: str


@dataclass(slots=True)
class Upstream:
    """Everything above a version, each list by id; only `records` holds what the reader may not read, for its links."""

    dataset_versions: list[DatasetVersion] = field(default_factory=list)
    model_versions: list[ModelVersion] = field(default_factory=list)
    inputs: list[Link] = field(default_factory=list)
    outputs: list[Link] = field(default_factory=list)
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


def above(start: ModelVersion, readable: Collection[int]) -> Upstream:
    """Everything a version was made from, at any distance, without itself. Loops are met once. Three queries.

    Raises:
        errors.Invalid: more than `MOST` records.
    """
    nodes, links = _walked(start)
    found = Upstream(inputs=links["input"], outputs=links["output"])
    models = ModelVersion.objects.filter(pk__in=nodes["model_version"]).select_related("model__namespace")
    data = DatasetVersion.objects.filter(pk__in=nodes["dataset_version"]).select_related(
        "dataset__namespace", "dataset__owner", "dataset__steward"
    )
    for version in models.order_by("pk"):
        found.records["model_version", version.pk] = version
    for dataset in data.order_by("pk"):
        found.records["dataset_version", dataset.pk] = dataset
    shown_models = [one for one in found.records.values() if isinstance(one, ModelVersion)]
    shown_data = [one for one in found.records.values() if isinstance(one, DatasetVersion)]
    _sort_out(found, shown_models, found.model_versions, readable, lambda one: one.model.namespace_id)
    _sort_out(found, shown_data, found.dataset_versions, readable, lambda one: one.dataset.namespace_id)
    found.hidden_digests = sorted(set(found.hidden_digests))
    return found


def runs_above(start: ModelVersion, readable: Collection[int]) -> list[Run]:
    """The readable runs that a version came from, at any distance, by id. Raises errors.Invalid as `above`."""
    nodes, _links = _walked(start)
    runs = Run.objects.filter(pk__in=nodes["run"], namespace__in=readable)
    return list(runs.select_related("namespace").order_by("pk"))


def _walked(start: ModelVersion) -> tuple[dict[str, list[int]], dict[str, list[Link]]]:
    """The ids above a version by kind, itself left out, and the links by whether they were read or written."""
    nodes: dict[str, list[int]] = {"model_version": [], "dataset_version": [], "run": []}
    links: dict[str, list[Link]] = {"input": [], "output": []}
    with connection.cursor() as cursor:
        cursor.execute(_WALK, {"start": start.pk, "most": MOST + 1})
        for kind, id, *link in cursor.fetchall():
            if kind in links:
                links[kind].append(Link(*link))
            else:
                nodes[kind].append(id)
    if sum(map(len, nodes.values())) > MOST:
        raise errors.Invalid(
            _("More than %(most)d records lie upstream: too many for one document. Ask the lineage end points.")
            % {"most": MOST}
        )
    nodes["model_version"].remove(start.pk)
    return nodes, links


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
