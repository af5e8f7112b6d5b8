"""Pages of intake: proposing a model, deciding on it, and signing another risk tier."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds, namespaces_held
from governance.accounts.reauthentication import verify_password
from governance.accounts.roles import Role
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage import actions, vocabularies
from lineage.actions.intake import DECIDERS, PROPOSERS
from lineage.actions.registering import REGISTRARS
from lineage.models import Intake, IntakeDecision, Model, RiskQuestionSet, TierOverride
from lineage.pages.intake import PROSE, IntakeForm, TierForm, TierSignForm, after_training, answered, people_of
from lineage.pages.paging import page_of, read_id

_FILTERS: dict[str, dict[str, Any]] = {"open": {"decision__isnull": True}, "accepted": {"decision__kind": "accepted"},
            "declined": {"decision__kind": "declined"}}  # fmt: skip


@require_safe
@login_required
def intakes_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Proposals the reader may see, newest first."""
    reader = principal_of(request)
    state = request.GET.get("state", "")
    rows = readable(Intake, reader).filter(**_FILTERS.get(state, {}))
    page = page_of(rows.select_related("namespace", "owner", "recorded_by", "decision"), request)
    context = {"page": page, "state": state if state in _FILTERS else "", "may_propose": bool(_where(reader))}
    return render(request, "lineage/intakes.html", context)


def _where(person: Principal) -> list[Any]:
    """Namespaces in which a person proposes."""
    if person.kind != Principal.Kind.PERSON:
        return []
    return list(namespaces_held(person, *PROPOSERS).order_by("name"))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_intake_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Propose a model: what for, on which data, at which risk."""
    person = person_of(request)
    namespaces = _where(person)
    asked = actions.questions_asked()
    people = people_of(namespaces)
    form = IntakeForm(
        request.POST if request.method == "POST" else None,
        namespaces=[one.name for one in namespaces], people=people, asked=asked,
    )  # fmt: skip
    status = 200
    if request.method == "POST":
        status = 400 if namespaces else 403
        if namespaces and form.is_valid():
            try:
                made = _propose(person, namespaces, form)
            except errors.Refused as refusal:
                _told(form, refusal)
                status = refusal.status
            else:
                messages.success(request, _("Proposed, and on record. Somebody else decides on it."))
                return redirect("intake", made.pk)
    context = {
        "form": form, "asked": asked, "may": bool(namespaces),
        "purposes": vocabularies.search("purpose", limit=vocabularies.SEARCHED_AT_MOST),
        "roles": ", ".join(str(one.label) for one in PROPOSERS),
    }  # fmt: skip
    return render(request, "lineage/intake_new.html", context, status=status)


def _propose(person: Principal, namespaces: list[Any], form: IntakeForm) -> Intake:
    data = form.cleaned_data
    people = Principal.objects.in_bulk([int(data[field]) for field in ("owner", "decision_owner") if data[field]])
    return actions.propose_model(
        actor=person, reason=data["reason"], namespace=next(n for n in namespaces if n.name == data["namespace"]),
        name=data["name"], title=data["title"], intended_purpose=data["intended_purpose"],
        deployment_geography=[one for one in re.split(r"[;,\s]+", data["deployment_geography"]) if one],
        owner=people.get(int(data["owner"])) if data["owner"] else None,
        decision_owner=people.get(int(data["decision_owner"])) if data["decision_owner"] else None,
        question_set=RiskQuestionSet.objects.filter(pk=data["question_set"]).first(), risk_answers=form.answers(),
        **{name: data[name] for name in PROSE},
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def intake_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """One proposal: what was asked and answered, what follows, what was decided. POST decides, or registers."""
    reader = principal_of(request)
    intake = (
        readable(Intake, reader)
        .select_related("namespace", "owner", "decision_owner", "recorded_by", "decision__recorded_by", "question_set")
        .filter(pk=read_id(id)).first()
    )  # fmt: skip
    if intake is None:
        raise Http404
    said, status = "", 200
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()
        kind = request.POST.get("kind", "")
        if kind not in ("accepted", "declined", "register"):
            raise Http404
        try:
            if not reason:
                raise errors.Invalid(_("Give a reason: it goes on record."))
            if kind == "register":
                model = actions.register_accepted(actor=person_of(request), reason=reason, intake=intake).record
                messages.success(request, _("The model is registered."))
                return redirect("model", model.pk)
            actions.decide_intake(
                actor=person_of(request), reason=reason, intake=intake, kind=IntakeDecision.Kind(kind)
            )
        except errors.Refused as refusal:
            said, status = str(refusal.detail), refusal.status
        else:
            messages.success(request, _("The decision is on record."))
            return redirect("intake", intake.pk)
    model_made = Model.objects.filter(namespace=intake.namespace, name=intake.name).first()
    decision = getattr(intake, "decision", None)
    own = reader.pk in (intake.recorded_by_id, intake.owner_id, intake.decision_owner_id)
    context = {
        "intake": intake, "answers": answered(intake), "decision": decision, "model": model_made, "said": said,
        "after_training": after_training(intake, model_made), "typed": request.POST.get("reason", ""),
        "may_decide": decision is None and not own and holds(reader, *DECIDERS, namespace=intake.namespace),
        "may_register": decision is not None and decision.kind == "accepted" and model_made is None
        and holds(reader, *REGISTRARS, namespace=intake.namespace),
    }  # fmt: skip
    return render(request, "lineage/intake.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
@login_required
def tier_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """The risk tier of a model: what it follows from, what was signed; a risk manager reads a statement and signs."""
    reader = principal_of(request)
    model = readable(Model, reader).select_related("namespace").filter(pk=read_id(id)).first()
    if model is None:
        raise Http404
    form: TierForm = TierForm()
    shown = None
    status = 200
    if request.method == "POST":
        signing = "statement_digest" in request.POST
        form = TierSignForm(request.POST) if signing else TierForm(request.POST)
        status = 400
        tier, reason = request.POST.get("tier", ""), request.POST.get("reason", "").strip()
        try:
            if form.is_valid():
                if isinstance(form, TierSignForm):
                    return _sign(request, model, form)
                status = 200
            shown = actions.override_statement(actor=person_of(request), model=model, tier=tier, reason=reason)
        except errors.Refused as refusal:
            _told(form, refusal)
            status = refusal.status
            if signing and refusal.status == 403 and "password" in refusal.errors:
                shown = actions.override_statement(actor=person_of(request), model=model, tier=tier, reason=reason)
    if shown is not None and not isinstance(form, TierSignForm):
        form = TierSignForm(initial={**request.POST.dict(), "statement_digest": shown.digest})
    questions = actions.questions_asked().questions
    overrides = list(TierOverride.objects.filter(model=model).select_related("recorded_by").order_by("-id")[:20])
    context = {
        "model": model, "form": form, "shown": shown, "overrides": overrides,
        "answers": [(one["text"], model.risk_answers.get(one["key"])) for one in questions],
        "may": holds(reader, Role.RISK_MANAGER, namespace=model.namespace),
    }  # fmt: skip
    return render(request, "lineage/tier.html", context, status=status)


def _sign(request: HttpRequest, model: Model, form: TierSignForm) -> HttpResponse:
    data = form.cleaned_data
    person = person_of(request)
    at, method = verify_password(request, data["password"])
    actions.override_tier(
        actor=person, reason=data["reason"].strip(), model=model, tier=data["tier"],
        statement_digest=data["statement_digest"], reauthenticated_at=at, reauthentication_method=method,
    )  # fmt: skip
    messages.success(request, _("Signed, and in effect."))
    return redirect("model-tier", model.pk)


def _told(form: Any, refusal: errors.Refused) -> None:
    """What was refused, in the form: beside its field, or above it."""
    form.is_valid()
    for path, sentences in refusal.errors.items():
        name = path.replace("risk_answers.", "answer_")
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, str(sentence))
    if not refusal.errors:
        form.add_error(None, str(refusal.detail))
