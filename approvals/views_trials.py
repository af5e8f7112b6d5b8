"""Pages of trials: the list, one of them, the form that plans one, and what is done to them."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals.actions.trial_conclusions import conclude_trial
from approvals.actions.trials import PLANNING, accept_deviation, lock_trial, look_at_trial, record_deviation
from approvals.forms import PageForm, ReasonForm
from approvals.models import Environment, Trial, TrialDeviation
from approvals.pages.trials import page_for, shown
from approvals.trial_forms import AcceptForm, DeviationForm, TrialForm
from approvals.trials.design import Sizes, faults, sizes
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.models import Model
from lineage.pages.paging import page_of, read_id

RELATED = (
    "plan__model__namespace", "plan__owner", "plan__namespace", "environment", "recorded_by", "conclusion__recorded_by",
)  # fmt: skip


@require_safe
@login_required
def trials_page(request: HttpRequest) -> HttpResponse:
    """The trials the reader may see, newest first, of one model where `?model=` names it."""
    reader = principal_of(request)
    found = readable(Trial, reader).select_related(*RELATED)
    model = None
    if "model" in request.GET:
        model = _model(reader, request.GET["model"])
        found = found.filter(plan__model=model)
    page = page_of(found, request)
    context = {"page": page, "trials": shown(page.rows), "model": model}
    return render(request, "approvals/trials.html", context)


@require_safe
@login_required
def trial_page(request: HttpRequest, id: str) -> HttpResponse:
    """One trial: its plan, how far it is, what was seen, and what its reader may do."""
    return _trial(request, principal_of(request), _found(principal_of(request), id))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_trial_page(request: HttpRequest) -> HttpResponse:
    """Plan a trial of the model that `?model=` names. POST shows the sample size; with `lock` it locks the trial."""
    person = person_of(request)
    model = _model(person, request.GET.get("model", ""))
    environments = list(Environment.objects.order_by("order"))
    form = TrialForm(request.POST if request.method == "POST" else None, environments=environments)
    planned: Sizes | None = None
    status = 200
    if request.method == "POST":
        planned = _planned(form)
        status = 400 if form.errors else 200
        if planned is not None and "lock" in request.POST:
            try:
                trial = _lock(person, model, environments, form)
            except errors.Refused as refusal:
                form.add_error(None, str(refusal.detail))
                status = refusal.status
            else:
                messages.success(request, _("The trial is locked and on record."))
                return redirect("trial", trial.pk)
    may = holds(person, *PLANNING, namespace=model.namespace)
    context = {
        "form": form, "model": model, "planned": planned, "may": may,
        "planning": ", ".join(str(role.label) for role in PLANNING),
    }  # fmt: skip
    return render(request, "approvals/trial_new.html", context, status=status)


def _planned(form: TrialForm) -> Sizes | None:
    """The sizes of what was typed; None, with the form's errors, where it cannot be."""
    if not form.is_valid():
        return None
    design = form.design()
    if found := faults(design):
        form.tell(found)
        return None
    return sizes(design)


def _lock(person: Principal, model: Model, environments: list[Environment], form: TrialForm) -> Trial:
    (environment,) = (one for one in environments if one.name == form.cleaned_data["environment"])
    trial, _created = lock_trial(
        actor=person, reason=_("Planned on its page"), model=model, environment=environment,
        title=form.cleaned_data["title"], design=form.design(),
    )  # fmt: skip
    return trial


def _look(person: Principal, trial: Trial, form: Any) -> None:
    look_at_trial(actor=person, reason=form.cleaned_data["reason"], trial=trial)


def _conclude(person: Principal, trial: Trial, form: Any) -> None:
    conclude_trial(actor=person, reason=form.cleaned_data["reason"], trial=trial)


def _deviate(person: Principal, trial: Trial, form: Any) -> None:
    data = form.cleaned_data
    record_deviation(
        actor=person, reason=data["text"], trial=trial, kind=TrialDeviation.Kind(data["kind"]), text=data["text"],
        happened_at=data["happened_at"].replace(tzinfo=UTC),
    )  # fmt: skip


ACTS: dict[str, tuple[type[PageForm], Callable[[Principal, Trial, Any], None]]] = {
    "look": (ReasonForm, _look), "conclude": (ReasonForm, _conclude), "deviate": (DeviationForm, _deviate),
}  # fmt: skip


@require_POST
@login_required
def act_page(request: HttpRequest, id: str, act: str) -> HttpResponse:
    """Look at a trial, conclude it, or record a deviation."""
    person = person_of(request)
    trial = _found(person, id)
    kind, do = ACTS[act]
    form = kind(request.POST, marked=act)
    return _done(request, person, trial, form, act, lambda: do(person, trial, form))


@require_POST
@login_required
def accept_page(request: HttpRequest, id: str) -> HttpResponse:
    """Accept a deviation."""
    person = person_of(request)
    deviation = readable(TrialDeviation, person).filter(pk=read_id(id)).first()
    if deviation is None:
        raise Http404
    trial = _found(person, str(deviation.trial_id))
    form = AcceptForm(request.POST, marked=f"accept_{deviation.pk}")
    return _done(
        request, person, trial, form, f"accept-{deviation.pk}",
        lambda: accept_deviation(actor=person, reason=form.cleaned_data["reason"], deviation=deviation),
    )  # fmt: skip


def _done(
    request: HttpRequest, person: Principal, trial: Trial, form: Any, act: str, do: Callable[[], object]
) -> HttpResponse:
    """Do it and go back to the page; or show the page again with what was refused."""
    status = 400
    if form.is_valid():
        try:
            do()
        except errors.Refused as refusal:
            form.add_error(None, str(refusal.detail))
            status = refusal.status
        else:
            messages.success(request, _("It is on record."))
            return redirect("trial", trial.pk)
    return _trial(request, person, trial, tried=form, act=act, status=status)


def _trial(
    request: HttpRequest, reader: Principal, trial: Trial, *, tried: Any = None, act: str = "", status: int = 200
) -> HttpResponse:
    page = page_for(trial, reader)
    context = {
        "page": page, "one": page.shown, "trial": trial, "plan": trial.plan, "tried": tried, "act": act,
        "look_form": tried if act == "look" else ReasonForm(marked="look"),
        "conclude_form": tried if act == "conclude" else ReasonForm(marked="conclude"),
        "deviation_form": tried if act == "deviate" else DeviationForm(marked="deviate"),
        "deviations": [
            (one, tried if act == f"accept-{one.pk}" else AcceptForm(marked=f"accept_{one.pk}"))
            for one in page.deviations
        ],
    }  # fmt: skip
    return render(request, "approvals/trial.html", context, status=status)


def _model(reader: Principal, id: str) -> Model:
    found: Model | None = readable(Model, reader).select_related("namespace").filter(pk=read_id(id)).first()
    if found is None:
        raise Http404
    return found


def _found(reader: Principal, id: str) -> Trial:
    found: Trial | None = (
        readable(Trial, reader).select_related(*RELATED).prefetch_related("guardrails").filter(pk=read_id(id)).first()
    )
    if found is None:
        raise Http404
    return found
