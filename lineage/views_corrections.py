"""The page of a run's links, where one that was wrong is voided, or restored."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds, readable_namespaces
from governance.api.principals import person_of, principal_of
from lineage import actions, queries
from lineage.actions.corrections import CORRECTORS
from lineage.models import LinkCorrection, Run
from lineage.pages.links import ShownLink, links_of
from lineage.pages.paging import read_id


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def run_links_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """What a run was said to read, write and make of columns. A data steward or model owner corrects it here."""
    reader = person_of(request) if request.method == "POST" else principal_of(request)
    run = queries.readable(Run, reader).select_related("namespace").filter(pk=read_id(id)).first()
    if run is None:
        raise Http404
    links = _links(run, reader)
    if request.method != "POST":
        return _shown(request, reader, run, links)
    try:
        link = _chosen(links, request.POST.get("link", ""))
        kind = LinkCorrection.Kind.VOID if link.stands else LinkCorrection.Kind.RESTORE
        # What the page showed is what is meant: a link that another voided meanwhile is not restored by a second click.
        if request.POST.get("kind") != kind:
            raise errors.Conflict(_("This link was corrected meanwhile. Look at it again."))
        actions.correct_link(actor=reader, reason=request.POST.get("reason", ""), link=link.link, kind=kind)
    except errors.Refused as refusal:
        return _shown(request, reader, run, _links(run, reader), refusal=refusal, status=refusal.status)
    messages.success(request, _("The correction is on record. Votes on the data of what lies below are void."))
    return redirect("run-links", run.pk)


def _links(run: Run, reader: Principal) -> list[ShownLink]:
    return links_of(run, set(readable_namespaces(reader).values_list("pk", flat=True)))


def _chosen(links: list[ShownLink], key: str) -> ShownLink:
    found = next((one for one in links if one.key == key), None)
    if found is None:
        raise errors.Invalid(_("Choose a link of this run."))
    return found


def _shown(
    request: HttpRequest,
    reader: Principal,
    run: Run,
    links: list[ShownLink],
    *,
    refusal: errors.Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    said = [str(one) for sentences in refusal.errors.values() for one in sentences] if refusal else []
    context = {
        "run": run,
        "links": links,
        "may": holds(reader, *CORRECTORS, namespace=run.namespace),
        "refusal": refusal,
        "said": [one for one in said if one not in str(refusal)],
        "chosen": request.POST.get("link", ""),
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "lineage/run_links.html", context, status=status)
