"""Pages on terms: one of them with what it changed, new ones, and their withdrawal."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage import actions, vocabularies
from lineage.actions.registering import REGISTRARS
from lineage.actions.terms import KEEPERS
from lineage.forms import TermsForm, WithdrawForm, refuse
from lineage.models import CollectionTerms, Dataset
from lineage.pages.paging import read_id
from lineage.terms import ending
from lineage.terms.difference import difference


def _terms(reader: Principal, id: str) -> CollectionTerms:
    found = (
        readable(CollectionTerms, reader)
        .select_related("dataset__namespace", "recorded_by", "withdrawal__recorded_by")
        .filter(pk=read_id(id))
        .first()
    )
    if found is None:
        raise Http404
    return found  # type: ignore[no-any-return]  # readable is of any model


@require_safe
@login_required
def terms_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Terms in full: whether they hold, until when, and what they changed."""
    reader = principal_of(request)
    return _shown(request, reader, _terms(reader, id), WithdrawForm())


@require_http_methods(["POST"])
@login_required
def withdraw_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Withdraw terms from now on."""
    person = person_of(request)
    terms = _terms(person, id)
    form = WithdrawForm(request.POST)
    if not form.is_valid():
        return _shown(request, person, terms, form, status=400)
    try:
        actions.withdraw_terms(actor=person, reason=form.cleaned_data["reason"], terms=terms)
    except errors.Refused as refusal:
        refuse(form, refusal.errors, str(refusal.detail))
        return _shown(request, person, _terms(person, id), form, status=refusal.status)
    said = _("The terms are withdrawn. Nothing made from the data can be promoted until new ones hold.")
    messages.success(request, said)
    return redirect("dataset", terms.dataset_id)


def _shown(
    request: HttpRequest, reader: Principal, terms: CollectionTerms, form: WithdrawForm, *, status: int = 200
) -> HttpResponse:
    others = list(CollectionTerms.objects.filter(dataset=terms.dataset_id).order_by("-number"))
    chosen = request.GET.get("against", "")
    before = next((one for one in others if str(one.pk) == chosen), None) or next(
        (one for one in others if one.number == terms.number - 1), None
    )
    labels = vocabularies.labels("purpose")
    keeper = holds(reader, *KEEPERS, namespace=terms.dataset.namespace)
    context = {
        "terms": terms,
        "dataset": terms.dataset,
        "ending": ending(terms),
        "newest": others[0].pk == terms.pk,
        "others": [one for one in others if one.pk != terms.pk],
        "before": before,
        "changes": difference(before, terms) if before else [],
        "permitted": [(one, labels.get(one, "")) for one in terms.permitted_purposes],
        "forbidden": [(one, labels.get(one, "")) for one in terms.forbidden_purposes],
        "original": labels.get(terms.original_purpose, ""),
        "keeper": keeper,
        "form": form,
    }
    return render(request, "lineage/terms_page.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_terms_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Record new terms of a dataset, beginning with what the newest say."""
    person = person_of(request)
    dataset = readable(Dataset, person).select_related("namespace").filter(pk=read_id(id)).first()
    if dataset is None:
        raise Http404
    newest = CollectionTerms.objects.filter(dataset=dataset).order_by("-number").first()
    form = TermsForm(
        request.POST if request.method == "POST" else None, initial=TermsForm.as_typed(newest) if newest else None
    )
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                recorded = actions.record_terms(
                    actor=person, reason=form.cleaned_data["reason"], dataset=dataset, **form.terms()
                )
            except errors.Refused as refusal:
                refuse(form, refusal.errors, str(refusal.detail))
                status = refusal.status
            else:
                said = _("The terms are on record.") if recorded.created else _(
                    "These are the newest terms word for word: nothing new was recorded.")  # fmt: skip
                messages.success(request, said)
                return redirect("terms", recorded.record.pk)
        else:
            status = 400
    may = holds(person, *(KEEPERS if newest else (*REGISTRARS, *KEEPERS)), namespace=dataset.namespace)
    context = {
        "dataset": dataset,
        "newest": newest,
        "form": form,
        "may": may,
        "purposes": vocabularies.search("purpose", limit=vocabularies.SEARCHED_AT_MOST),
        "licences": vocabularies.licences().items(),
    }
    return render(request, "lineage/terms_new.html", context, status=status)
