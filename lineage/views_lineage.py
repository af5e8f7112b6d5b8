"""The lineage page: a drawing that opens on any dataset version, run or model version, and goes up and down."""

from collections.abc import Collection
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from governance.accounts.permissions import readable_namespaces
from governance.api.principals import principal_of
from lineage import neighbourhood, queries, travel
from lineage.models import DatasetVersion, ModelVersion, Run
from lineage.pages import drawn
from lineage.pages.paging import read_id
from lineage.views import Judgements

STEPS = (0, 2, 4, 6, 10)
DEFAULT = 4
ARRIVALS_SHOWN = 60
MODELS: dict[str, tuple[type[DatasetVersion | Run | ModelVersion], tuple[str, ...]]] = {
    "dataset_version": (DatasetVersion, ("dataset__namespace",)),
    "run": (Run, ("namespace", "recorded_by")),
    "model_version": (ModelVersion, ("model__namespace",)),
}


@require_safe
@login_required
def lineage_page(request: HttpRequest, id: str, kind: str, judgements: Judgements) -> HttpResponse:
    """What a record was made from, and what was made from it: sources, datasets, runs, models, and what is live."""
    reader = principal_of(request)
    model, related = MODELS[kind]
    pk = read_id(id)
    record = queries.readable(model, reader).select_related(*related).filter(pk=pk).first()
    if record is None:
        raise Http404
    steps = {way: _steps(request.GET, way) for way in ("up", "down")}
    around = neighbourhood.around((kind, pk), limit=drawn.NODES, **steps)
    readable = set(readable_namespaces(reader).values_list("pk", flat=True))
    live = judgements.live_of_versions([key[1] for key in around.steps if key[0] == "model_version"])
    arrivals = _arrivals(record, readable)
    drawing = drawn.draw((kind, pk), around, readable, live)
    return render(
        request,
        "lineage/lineage.html",
        {
            "record": record,
            "kind": kind,
            "drawing": drawing,
            "choices": [(way, _choices(kind, pk, steps, way)) for way in ("up", "down")],
            "arrivals": arrivals[:ARRIVALS_SHOWN],
            "arrivals_more": max(0, len(arrivals) - ARRIVALS_SHOWN),
            "serving": [n for n in drawing.nodes if n.kind == "promotion" and n.step > 0],
            **judgements.live_below(kind, pk, readable),
            **_titles(record),
        },
    )


def _steps(given: QueryDict, way: str) -> int:
    """How far to go; what is no number, or too far, is as far as the page goes by itself."""
    text = given.get(way, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 and int(text) <= STEPS[-1] else DEFAULT


def _choices(kind: str, pk: int, steps: dict[str, int], way: str) -> list[tuple[int, str, bool]]:
    """How far one may go: steps, address, whether that is shown now."""
    address = reverse(drawn.PAGES[kind], args=[pk])
    return [(n, "{}?up={up}&down={down}#drawing".format(address, **{**steps, way: n}), steps[way] == n) for n in STEPS]


def _arrivals(record: DatasetVersion | Run | ModelVersion, readable: Collection[int]) -> list[dict[str, Any]]:
    """Flags that reach a dataset version, with their way; of a way through elsewhere only that it leads there."""
    if not isinstance(record, DatasetVersion):
        return []
    return [
        {
            "arrival": one,
            "way": drawn.said_way([step for step in one.way if step.version.dataset.namespace_id in readable]),
            "elsewhere": any(step.version.dataset.namespace_id not in readable for step in one.way),
        }
        for one in travel.arrivals([record.pk])
    ]


def _titles(record: DatasetVersion | Run | ModelVersion) -> dict[str, Any]:
    """What the page calls the record, where its own page is, and its namespace."""
    if isinstance(record, DatasetVersion):
        return {
            "name": record.dataset.name, "detail": record.label, "namespace": record.dataset.namespace,
            "page": reverse("dataset", args=[record.dataset_id]),
        }  # fmt: skip
    if isinstance(record, ModelVersion):
        return {
            "name": record.model.name, "detail": record.number, "namespace": record.model.namespace,
            "page": reverse("model-version", args=[record.pk]),
        }  # fmt: skip
    return {"name": record.job_name, "detail": record.run_key, "namespace": record.namespace, "page": ""}
