"""Pages on facts: datasets, models, their versions. What judgements say of them comes in through `Judgements`."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.accounts.permissions import readable_namespaces
from governance.accounts.roles import Role
from governance.api.principals import principal_of
from lineage.actions.annotations import DESCRIBERS
from lineage.models import Dataset, DatasetVersion, Model, ModelVersion
from lineage.openlineage.queries import reported_of
from lineage.pages import cards, facts, graph, provenance
from lineage.pages.intake import of_model as intakes_of
from lineage.pages.metrics import compared
from lineage.pages.origins import origins
from lineage.pages.paging import page_of, read_id
from lineage.terms import ending
from lineage.tracking.reading import last_reading
from lineage.tracking.servers import leads_there

SEARCH_LENGTH = 100  # characters; a name is no longer than 256, and nobody types more than this


class Judgements(Protocol):
    """What the room above knows of facts. `governance.urls` passes it in: lineage itself knows no judgements."""

    def live_of_models(self, ids: Collection[int]) -> dict[int, Any]:
        """What is live, per model."""

    def live_of_versions(self, ids: Collection[int]) -> dict[int, Any]:
        """What is live, per model version."""

    def live_below(self, kind: str, pk: int, readable: Collection[int]) -> dict[str, Any]:
        """What is live that came from a record, more of the lineage page's context."""

    def on_model(self, model: Model, versions: Sequence[ModelVersion]) -> dict[str, Any]:
        """More of the model page's context."""

    def on_model_version(self, version: ModelVersion) -> dict[str, Any]:
        """More of the model version page's context."""

    def on_dataset(
        self, dataset: Dataset, versions: Sequence[DatasetVersion], readable: Collection[int]
    ) -> dict[str, Any]:
        """More of the dataset page's context; `readable`: ids of namespaces the reader may read."""


def _wanted(request: HttpRequest) -> str:
    # PostgreSQL's text holds no NUL; a search for one finds nothing rather than failing.
    return request.GET.get("q", "").replace("\x00", "").strip()[:SEARCH_LENGTH]


@require_safe
@login_required
def datasets_page(request: HttpRequest, judgements: Judgements) -> HttpResponse:
    """The datasets the reader may see, newest first."""
    wanted = _wanted(request)
    page = page_of(facts.datasets(principal_of(request), wanted), request)
    return render(request, "lineage/datasets.html", {"page": page, "wanted": wanted})


@require_safe
@login_required
def dataset_page(request: HttpRequest, id: str, judgements: Judgements) -> HttpResponse:
    """One dataset: where from, under which terms, how good, what personal data; and what it went into."""
    reader = principal_of(request)
    dataset = facts.dataset(reader, read_id(id))
    if dataset is None:
        raise Http404
    versions = facts.versions_of_dataset(dataset)
    terms = facts.terms_of(dataset)
    newest = versions[0] if versions else None
    readable = set(readable_namespaces(reader).values_list("pk", flat=True))
    in_force = next((t for t in terms if t.pk == dataset.terms_in_force), None)  # type: ignore[attr-defined]  # annotated
    return render(
        request,
        "lineage/dataset.html",
        {
            "dataset": dataset,
            "versions": versions,
            "newest": newest,
            "terms": terms,
            "in_force": in_force,
            "terms_shown": in_force or next(iter(terms), None),
            "withdrawn": [t for t in terms if hasattr(t, "withdrawal")],
            "personal": facts.personal_data(newest),
            "origin": provenance.origin_of(newest.above or [], readable) if newest else None,  # type: ignore[attr-defined]  # annotated
            "ending": ending(in_force) if in_force else None,
            "may_record_terms": dataset.keeps_terms,  # type: ignore[attr-defined]  # annotated
            "unreviewed": [a for a in getattr(newest, "answers", []) if a["assessment"] != "reviewed"],
            "graph": graph.around(dataset, readable),
            "reported": reported_of(dataset.pk),
            **judgements.on_dataset(dataset, versions, readable),
        },
    )


@require_safe
@login_required
def models_page(request: HttpRequest, judgements: Judgements) -> HttpResponse:
    """The models the reader may see, newest first, with what is live of each."""
    wanted = _wanted(request)
    page = page_of(facts.models(principal_of(request), wanted), request)
    live = judgements.live_of_models([model.pk for model in page.rows])
    rows = [(model, live.get(model.pk, [])) for model in page.rows]
    return render(request, "lineage/models.html", {"page": page, "rows": rows, "wanted": wanted})


@require_safe
@login_required
def model_page(request: HttpRequest, id: str, judgements: Judgements) -> HttpResponse:
    """One model: what is live, its versions with their metrics side by side, releases and who signed them, findings."""
    model = facts.model(principal_of(request), read_id(id))
    if model is None:
        raise Http404
    versions = facts.versions_of_model(model)
    return render(
        request,
        "lineage/model.html",
        {
            "model": model,
            "versions": [(v, facts.hands_in(v)) for v in versions],
            "metrics": compared(versions),
            "data": facts.run_data(versions, principal_of(request)),
            "intakes": intakes_of(model),
            **judgements.on_model(model, versions),
        },
    )


@require_safe
@login_required
def model_version_page(request: HttpRequest, id: str, judgements: Judgements) -> HttpResponse:
    """One model version: its artifact, what it was made from and by whom, its evidence, releases and findings."""
    version = facts.model_version(principal_of(request), read_id(id))
    if version is None:
        raise Http404
    data = facts.run_data([version], principal_of(request))
    roles = set(version.roles_there)  # type: ignore[attr-defined]  # annotated
    return render(
        request,
        "lineage/model_version.html",
        {
            "version": version,
            "model": version.model,
            "hands": facts.hands_in(version),
            "data": data,
            "origins": origins(version, facts.later_facts(version), data),
            "reading": last_reading(version),
            "leads_there": leads_there(version),
            "may_read_again": bool(roles & set(DESCRIBERS)),
            "may_complete": Role.MODEL_OWNER in roles,
            "metrics": compared([version]),
            "card": cards.shown(version.model_card),
            "tags": {tag["key"]: tag["value"] for tag in version.tags_said if not tag["removed"]},  # type: ignore[attr-defined]  # annotated
            "description": version.said,  # type: ignore[attr-defined]  # annotated
            "archived": version.put_away,  # type: ignore[attr-defined]  # annotated
            **judgements.on_model_version(version),
        },
    )
