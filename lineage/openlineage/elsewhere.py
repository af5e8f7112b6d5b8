"""One run under two names: what an OpenLineage run read is what the MLflow run read, if they are the same run.

They are the same if a tag or the facet `mlflow` of the OpenLineage run names the other's key, or if the OpenLineage run
id, without hyphens, is that key: MLflow's ids are such. A model version that was registered with the MLflow run finds
its training data there. Links are only added, and only within one namespace.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from governance.accounts.models import Principal
from governance.unit_of_work import action, part
from lineage import actions
from lineage.actions import Link
from lineage.models import LinkCorrection, LinkMethod, ReportedFact, Run, RunInput, RunOutput, RunRole
from lineage.openlineage import artifacts

LOOKED_BACK = timedelta(days=2)
AT_ONCE = 500


def link_as_known(run: Run, *, actor: Principal, reason: str) -> list[RunInput | RunOutput]:
    """Give the other runs that this one is what this one read. Returns the links that are new."""
    keys = set(
        ReportedFact.objects.filter(run=run, kind="same-run", namespace=run.namespace).values_list("key", flat=True)
    )
    with contextlib.suppress(ValueError):
        keys.add(uuid.UUID(run.run_key).hex)
    keys.discard(run.run_key)
    made: list[RunInput | RunOutput] = []
    others = Run.objects.filter(namespace=run.namespace, run_key__in=keys).select_related("namespace")
    for other in others.order_by("id") if keys else ():
        read = _inputs_of(run).select_related("dataset_version__dataset__namespace", "model_version__model__namespace")
        links = [
            Link(item, one.role) for one in read.order_by("id") if (item := one.dataset_version or one.model_version)
        ]
        if links:
            made += part(actions.link_run)(
                actor=actor, reason=reason, run=other, inputs=links, link_method=LinkMethod.OPENLINEAGE
            )
    return made


def waiting_to_be_linked(now_minus: timedelta = LOOKED_BACK) -> list[Run]:
    """OpenLineage runs whose other name, or whose model, was registered lately, and lacks something that they say."""
    lately = Run.objects.filter(recorded_at__gte=timezone.now() - now_minus)
    found: dict[int, Run] = {}
    for other in lately.filter(run_key__regex=r"^[0-9a-f]{32}$").select_related("namespace").order_by("-id")[:AT_ONCE]:
        _note(found, other, Run.objects.filter(namespace=other.namespace_id, run_key=str(uuid.UUID(other.run_key))))
    named = ReportedFact.objects.filter(kind="same-run", namespace__in=lately.values("namespace")).values("key")
    for other in lately.filter(run_key__in=named).select_related("namespace").order_by("-id")[:AT_ONCE]:
        said = ReportedFact.objects.filter(kind="same-run", namespace=other.namespace_id, key=other.run_key)
        _note(found, other, Run.objects.filter(pk__in=said.values("run")))
    for run in artifacts.runs_that_wrote(now_minus, AT_ONCE):
        found[run.pk] = run
    return list(found.values())


def _note(found: dict[int, Run], other: Run, runs: Iterable[Run]) -> None:
    has = set(RunInput.objects.filter(run=other).values_list("dataset_version_id", "model_version_id"))
    for run in runs:
        read = set(_inputs_of(run).values_list("dataset_version_id", "model_version_id"))
        if run.pk != other.pk and not read <= has:
            found[run.pk] = run


def _inputs_of(run: Run) -> QuerySet[RunInput]:
    """What a run read, without the links that were voided as wrong."""
    newest = LinkCorrection.objects.filter(run_input=OuterRef("pk")).order_by("-id").values("kind")[:1]
    standing = Q(corrected=None) | Q(corrected="restore")
    return RunInput.objects.filter(run=run).annotate(corrected=Subquery(newest)).filter(standing)


@action
def link_late(*, actor: Principal, reason: str, run: Run) -> list[RunInput | RunOutput]:
    """Do what `link_as_known` does once the other run is there; and link what the run wrote, once that is a model.

    Raises:
        errors.Forbidden.
    """
    models = artifacts.came_out(run.run_key, run.namespace, artifacts.written_before(run))
    made = part(actions.link_run)(
        actor=actor, reason=reason, run=run, outputs=[Link(one, RunRole.OUTPUT) for one in models],
        link_method=LinkMethod.OPENLINEAGE,
    )  # fmt: skip
    return made + link_as_known(run, actor=actor, reason=reason)
