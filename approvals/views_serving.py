"""Pages on what serves: whether it may, and the acts on it, each with a page of its own that says what will happen."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from approvals.actions.promotions import end_promotion
from approvals.actions.serving import clear_notice, confirm_notice, reinstate, roll_back
from approvals.forms import ReasonForm
from approvals.models import Promotion, PromotionEnd, ServingNotice
from approvals.pages.serving import find, may_act, page_for
from approvals.serving import last_good
from governance import errors
from governance.accounts.models import Principal
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.actions import recall
from lineage.pages.paging import read_id


@require_safe
@login_required
def serving_page(request: HttpRequest, id: str) -> HttpResponse:
    """One promotion: may it serve, why not, until when, who can confirm, and by which way a change reaches it."""
    reader = principal_of(request)
    promotion = _promotion(reader, id)
    return render(request, "approvals/serving.html", {"page": page_for(promotion, reader), "promotion": promotion})


def _suspend(person: Principal, promotion: Promotion, reason: str) -> Promotion:
    end_promotion(actor=person, reason=reason, promotion=promotion, kind=PromotionEnd.Kind.SUSPENDED)
    return promotion


def _retire(person: Principal, promotion: Promotion, reason: str) -> Promotion:
    end_promotion(actor=person, reason=reason, promotion=promotion, kind=PromotionEnd.Kind.RETIRED)
    return promotion


def _rollback(person: Principal, promotion: Promotion, reason: str) -> Promotion:
    return roll_back(actor=person, reason=reason, promotion=promotion)


def _reinstate(person: Principal, promotion: Promotion, reason: str) -> Promotion:
    return reinstate(actor=person, reason=reason, promotion=promotion)


def _recall(person: Principal, promotion: Promotion, reason: str) -> Promotion:
    version = promotion.release.model_version
    recall(actor=person, reason=reason, digest=f"{version.digest_algorithm}:{version.digest_value}")
    return promotion


ACTS: dict[str, Callable[[Principal, Promotion, str], Promotion]] = {
    "suspend": _suspend, "retire": _retire, "rollback": _rollback, "reinstate": _reinstate, "recall": _recall,
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def act_page(request: HttpRequest, id: str, act: str) -> HttpResponse:
    """What an act on a promotion will do, and the form that does it."""
    person = person_of(request)
    promotion = _promotion(person, id)
    form = ReasonForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                shown = ACTS[act](person, promotion, form.cleaned_data["reason"])
            except errors.Refused as refusal:
                form.add_error(None, _said(refusal))
                status = refusal.status
            else:
                messages.success(request, _("Done, and on record."))
                return redirect("serving", shown.pk)
    version = promotion.release.model_version
    context: dict[str, Any] = {
        "promotion": promotion, "act": act, "form": form, "may": act in may_act(promotion, person),
        "ended": getattr(promotion, "end", None),
        "stead": last_good(promotion) if act == "rollback" else None,
        "reach": reach_of(version.digest_algorithm, version.digest_value) if act == "recall" else 0,
    }  # fmt: skip
    return render(request, "approvals/serving_act.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def notice_page(request: HttpRequest, id: str, act: str) -> HttpResponse:
    """Confirm that something keeps serving, or say that the cause of a notice is gone."""
    person = person_of(request)
    notice = readable(ServingNotice, person).filter(pk=read_id(id)).first()
    if notice is None:
        raise Http404
    promotion = _promotion(person, str(notice.promotion_id))
    form = ReasonForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            do = confirm_notice if act == "confirm" else clear_notice
            try:
                do(actor=person, reason=form.cleaned_data["reason"], notice=notice)
            except errors.Refused as refusal:
                form.add_error(None, _said(refusal))
                status = refusal.status
            else:
                messages.success(request, _("Done, and on record."))
                return redirect("serving", promotion.pk)
    card = next(card for card in page_for(promotion, person).cards if card.notice.pk == notice.pk)
    context = {"promotion": promotion, "notice": notice, "card": card, "act": act, "form": form}
    return render(request, "approvals/serving_act.html", context, status=status)


def _promotion(reader: Principal, id: str) -> Promotion:
    promotion = find(reader, read_id(id))
    if promotion is None:
        raise Http404
    return promotion


def reach_of(algorithm: str, value: str) -> int:
    """How many live promotions a recall of a digest would end, in all namespaces."""
    return Promotion.objects.filter(
        live_slot__isnull=False, release__model_version__digest_algorithm=algorithm,
        release__model_version__digest_value=value,
    ).count()  # fmt: skip


def _said(refusal: errors.Refused) -> str:
    requirements = getattr(refusal, "requirements", [])
    gaps = [str(r["message"]) for r in requirements if r["status"] not in ("SATISFIED", "NOT_APPLICABLE", "WAIVED")]
    return " ".join([str(refusal.detail), *gaps])
