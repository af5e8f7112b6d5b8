"""Pages of oversight: findings and what becomes of them, and environments whose gate only observes."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals.actions.environments import confirm_observe_only, set_observe_only
from approvals.actions.findings import RAISING, answer_finding, close_finding, raise_finding, reopen_finding
from approvals.forms import EventForm, FindingForm, ObserveForm, PageForm, ReasonForm
from approvals.models import Environment, Finding, FindingEvent, ObserveOnlyChange, Promotion
from approvals.observed import report
from approvals.pages import oversight
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.accounts.roles import Role
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.models import Dataset, Model, ModelVersion
from lineage.pages.paging import page_of, read_id

ACTS = {
    FindingEvent.Kind.ANSWERED: answer_finding,
    FindingEvent.Kind.CLOSED: close_finding,
    FindingEvent.Kind.REOPENED: reopen_finding,
}
SUBJECTS = {"model": Model, "model_version": ModelVersion, "dataset": Dataset, "promotion": Promotion}
FILTERS = {"state": ("open", "closed", "all"), "severity": tuple(Finding.Severity.values), "owner": ("mine",),
           "overdue": ("yes",)}  # fmt: skip


@require_safe
@login_required
def findings_page(request: HttpRequest) -> HttpResponse:
    """The findings the reader may see, newest first, narrowed by state, severity, owner and lateness."""
    reader = principal_of(request)
    asked = {name: value for name, values in FILTERS.items() if (value := request.GET.get(name, "")) in values}
    page = page_of(oversight.filtered(oversight.findings_of(reader), reader, asked), request)
    context = {"page": page, "findings": oversight.shown(page.rows), "asked": asked, "severities": Finding.Severity}
    return render(request, "approvals/findings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def finding_page(request: HttpRequest, id: str) -> HttpResponse:
    """One finding: what happened to it, and what its reader may do. POST says something to it, as `kind`."""
    if request.method != "POST":
        return _finding(request, principal_of(request), id)
    person = person_of(request)
    finding = _found(person, id)
    kind = request.POST.get("kind", "")
    if kind not in ACTS:
        raise Http404
    form = EventForm(request.POST, kind=kind)
    if not form.is_valid():
        return _finding(request, person, id, form, status=400)
    text = form.cleaned_data["text"]
    try:
        ACTS[FindingEvent.Kind(kind)](actor=person, reason=text[:2000], finding=finding, text=text)
    except errors.Refused as refusal:
        return _finding(request, person, id, _told(form, refusal), status=refusal.status)
    messages.success(request, _("It is on record."))
    return redirect("finding", finding.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new_finding_page(request: HttpRequest) -> HttpResponse:
    """Raise a finding on what the address names: ?model=, ?model_version=, ?dataset= or ?promotion= an id."""
    person = person_of(request)
    name = next((one for one in SUBJECTS if one in request.GET), None)
    if name is None:
        raise Http404
    subject = readable(SUBJECTS[name], person).filter(pk=read_id(request.GET[name])).first()
    if subject is None:
        raise Http404
    namespace = subject.namespace if name in ("model", "dataset") else subject.model.namespace
    people = oversight.people_of(namespace)
    form = FindingForm(request.POST if request.method == "POST" else None, people=people)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                raised = _raise(person, subject, form)
            except errors.Refused as refusal:
                form, status = _told(form, refusal), refusal.status
            else:
                messages.success(request, _("The finding is raised and on record."))
                return redirect("finding", raised.pk)
        else:
            status = 400
    context = {"form": form, "subject": subject, "may_raise": holds(person, *RAISING, namespace=namespace),
               "raising": ", ".join(str(role.label) for role in RAISING)}  # fmt: skip
    return render(request, "approvals/finding_new.html", context, status=status)


@require_safe
@login_required
def environment_page(request: HttpRequest, id: str) -> HttpResponse:
    """One environment: whether its gate enforces, and what it would have refused while it did not."""
    return _environment(request, principal_of(request), id)


@require_POST
@login_required
def observe_page(request: HttpRequest, id: str) -> HttpResponse:
    """Ask that the gate observes only, until a day; or that it refuses again."""
    person = person_of(request)
    environment = _environment_of(person, id)
    form = ObserveForm(request.POST, marked="observe")
    if not form.is_valid():
        return _environment(request, person, id, form, status=400)
    try:
        change = set_observe_only(
            actor=person, reason=form.cleaned_data["reason"], environment=environment, until=form.end()
        )
    except errors.Refused as refusal:
        return _environment(request, person, id, _told(form, refusal), status=refusal.status)
    done = environment.observe_only_until == change.until
    messages.success(request, _("It is in effect.") if done else _("Asked for: another policy owner confirms it."))
    return redirect("environment", environment.pk)


@require_POST
@login_required
def confirm_page(request: HttpRequest, id: str) -> HttpResponse:
    """Confirm another policy owner's change to observe-only."""
    person = person_of(request)
    change = readable(ObserveOnlyChange, person).filter(pk=read_id(id)).first()
    if change is None:
        raise Http404
    form = ReasonForm(request.POST, marked="confirm")
    if not form.is_valid():
        return _environment(request, person, str(change.environment_id), form, status=400)
    try:
        confirm_observe_only(actor=person, reason=form.cleaned_data["reason"], change=change)
    except errors.Refused as refusal:
        return _environment(request, person, str(change.environment_id), _told(form, refusal), status=refusal.status)
    messages.success(request, _("Confirmed: the gate observes only, until then."))
    return redirect("environment", change.environment_id)


# --- What the views share ------------------------------------------------------------------------------------------


def _told(form: Any, refusal: errors.Refused) -> Any:
    """The form with what was refused, so that it is shown again as it was typed."""
    for name, sentences in refusal.errors.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, str(sentence))
    if not refusal.errors or str(refusal.detail) != str(refusal.title):
        form.add_error(None, str(refusal.detail))
    return form


def _found(reader: Principal, id: str) -> Any:
    found = oversight.findings_of(reader).filter(pk=read_id(id)).first()
    if found is None:
        raise Http404
    return found


def _finding(
    request: HttpRequest, reader: Principal, id: str, tried: EventForm | None = None, *, status: int = 200
) -> HttpResponse:
    (one,) = oversight.shown([_found(reader, id)])
    may = oversight.may_do(one, reader)
    kinds = [
        kind
        for kind, permitted in (
            (FindingEvent.Kind.ANSWERED, may.answer),
            (FindingEvent.Kind.CLOSED, may.close),
            (FindingEvent.Kind.REOPENED, may.reopen),
        )
        if permitted
    ]
    context = {
        "one": one,
        "finding": one.finding,
        "may": may,
        "tried": tried,
        "events": one.finding.events.select_related("recorded_by").order_by("pk"),
        "forms": [tried if tried is not None and tried.kind == kind else EventForm(kind=kind) for kind in kinds],
    }
    return render(request, "approvals/finding.html", context, status=status)


def _raise(person: Principal, subject: Any, form: FindingForm) -> Finding:
    data = form.cleaned_data
    owner = Principal.objects.filter(pk=data["owner"]).first() if data["owner"] else None
    return raise_finding(
        actor=person, reason=data["text"][:2000], subject=subject, kind=Finding.Kind(data["kind"]), text=data["text"],
        severity=Finding.Severity(data["severity"]), blocks=data["blocks"], owner=owner, due=form.end(),
        when_overdue=Finding.WhenOverdue(data["when_overdue"]),
    )  # fmt: skip


def _environment_of(reader: Principal, id: str) -> Environment:
    found: Environment | None = readable(Environment, reader).filter(pk=read_id(id)).first()
    if found is None:
        raise Http404
    return found


def _environment(
    request: HttpRequest, reader: Principal, id: str, tried: PageForm | None = None, *, status: int = 200
) -> HttpResponse:
    environment = _environment_of(reader, id)
    observed = report(environment, reader)
    changes = list(
        ObserveOnlyChange.objects.filter(environment=environment)
        .select_related("recorded_by", "confirmation__recorded_by").order_by("-pk")[:10]
    )  # fmt: skip
    newest = changes[0] if changes else None
    awaits = newest if newest and _awaits(newest, environment) else None
    decides = reader.kind == Principal.Kind.PERSON and holds(reader, Role.POLICY_OWNER, namespace=None)
    most = max((one.promotions for one in observed.reasons), default=1)
    context = {
        "environment": environment,
        "observed": observed,
        "bars": [(one, f"{200 * one.promotions / most:.1f}") for one in observed.reasons],
        "changes": changes,
        "awaits": awaits,
        "decides": decides,
        "may_confirm": decides and awaits is not None and awaits.recorded_by_id != reader.pk,
        "observe_form": tried if isinstance(tried, ObserveForm) else ObserveForm(marked="observe"),
        "confirm_form": (
            tried
            if isinstance(tried, ReasonForm) and not isinstance(tried, ObserveForm)
            else ReasonForm(marked="confirm")
        ),
        "tried": tried,
    }
    return render(request, "approvals/environment.html", context, status=status)


def _awaits(change: ObserveOnlyChange, environment: Environment) -> bool:
    """Whether the newest change waits for its second policy owner: it asks for longer than what is in effect."""
    if hasattr(change, "confirmation") or change.until is None:
        return False
    return environment.observe_only_until is None or change.until > environment.observe_only_until
