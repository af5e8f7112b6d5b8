"""Pages on vocabularies: search them, add a term of the house's own, and take one out of use."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance import errors
from governance.accounts.permissions import holds
from governance.api.principals import person_of, principal_of
from lineage import actions, vocabularies
from lineage.actions.vocabulary import LEXICOGRAPHERS
from lineage.forms import VocabularyTermForm, refuse
from lineage.models import VocabularyTerm
from lineage.pages.paging import read_id

SHOWN = 100
OWN_SHOWN = 500


@require_safe
@login_required
def vocabularies_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """What may be written, with what it means; searched by words, one vocabulary or all."""
    return _shown(request)


@require_http_methods(["POST"])
@login_required
def retire_term_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Take a term of the house's own out of use, or back into it."""
    person = person_of(request)
    term = VocabularyTerm.objects.filter(pk=read_id(id)).first()
    if term is None:
        raise Http404
    retired = request.POST.get("retired") == "yes"
    try:
        actions.retire_vocabulary_term(actor=person, reason=request.POST.get("reason", ""), term=term, retired=retired)
    except errors.Refused as refusal:
        return _shown(request, refusal=refusal, chosen=term.pk)
    said = _("%(term)s is retired: what bears it keeps it.") if retired else _("%(term)s may be used again.")
    messages.success(request, said % {"term": term.term})
    return redirect(reverse("vocabularies-page") + "#own")


def _shown(request: HttpRequest, *, refusal: errors.Refused | None = None, chosen: int = 0) -> HttpResponse:
    reader = principal_of(request)
    scheme = request.GET.get("scheme", "")
    scheme = scheme if scheme in vocabularies.SCHEMES else ""
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    found = vocabularies.search(scheme, wanted, limit=SHOWN + 1)
    context = {
        "found": found[:SHOWN],
        "more": len(found) > SHOWN,
        "schemes": vocabularies.SCHEMES,
        "scheme": scheme,
        "wanted": wanted,
        "may_add": holds(reader, *LEXICOGRAPHERS, namespace=None),
        "own": VocabularyTerm.objects.select_related("recorded_by").order_by("scheme", "term")[:OWN_SHOWN],
        "refusal": refusal,
        "chosen": chosen,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "lineage/vocabularies.html", context, status=refusal.status if refusal else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_term_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Add a term of the house's own to a published vocabulary."""
    person = person_of(request)
    asked = request.GET.get("scheme", "")
    form = VocabularyTermForm(request.POST if request.method == "POST" else None, initial={"scheme": asked})
    status = 200
    if request.method == "POST":
        if form.is_valid():
            told = {name: value for name, value in form.cleaned_data.items() if name != "reason"}
            try:
                added = actions.add_vocabulary_term(actor=person, reason=form.cleaned_data["reason"], **told)
            except errors.Refused as refusal:
                refuse(form, refusal.errors, str(refusal.detail))
                status = refusal.status
            else:
                messages.success(request, _("%(term)s is on record.") % {"term": added.record.term})
                query = urlencode({"scheme": added.record.scheme, "q": added.record.term})
                return redirect(f"{reverse('vocabularies-page')}?{query}")
        else:
            status = 400
    offered = [
        one
        for scheme in vocabularies.EXTENSIBLE
        for one in vocabularies.search(scheme, limit=vocabularies.SEARCHED_AT_MOST)
    ]
    context = {"form": form, "terms": offered, "may": holds(person, *LEXICOGRAPHERS, namespace=None)}
    return render(request, "lineage/vocabulary_new.html", context, status=status)
