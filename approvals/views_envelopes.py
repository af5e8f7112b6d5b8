"""Pages on retraining envelopes: all, one, revoking it, opening a release with one. They parse and present."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import envelope_drafts, envelope_forms, strict_yaml
from approvals.actions.change_plans import PROPOSERS, REVOKERS, open_release_with_envelope, revoke_change_plan
from approvals.forms import ReasonForm
from approvals.gate.envelope import state_of, with_state
from approvals.models import ChangePlan, Environment, Release, Slot
from approvals.pages import envelopes
from approvals.strict_yaml import MAX_BYTES
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds, require
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.models import Model, ModelVersion
from lineage.pages.paging import page_of, read_id

SHOWN_PLANS = 200  # to choose from for a band


@require_safe
@login_required
def change_plans_page(request: HttpRequest) -> HttpResponse:
    """The envelopes the reader may see, newest first, of one model where `?model=` names it; how each stands."""
    reader = principal_of(request)
    found = with_state(readable(ChangePlan, reader)).select_related("model_version__model__namespace", "environment")
    model = None
    if "model" in request.GET:
        model = readable(Model, reader).filter(pk=read_id(request.GET["model"])).first()
        if model is None:
            raise Http404
        found = found.filter(model_version__model=model)
    page = page_of(found, request)
    context = {"page": page, "rows": [(plan, state_of(plan)) for plan in page.rows], "model": model}
    return render(request, "approvals/change_plans.html", context)


@require_safe
@login_required
def change_plan_page(request: HttpRequest, id: str) -> HttpResponse:
    """One envelope: what may vary, how it stands, what went live on it."""
    reader = principal_of(request)
    return _shown(request, reader, _found(reader, id))


@require_POST
@login_required
def revoke_page(request: HttpRequest, id: str) -> HttpResponse:
    """Revoke an envelope, for good."""
    person = person_of(request)
    plan = _found(person, id)
    form = ReasonForm(request.POST, marked="revoke")
    if not form.is_valid():
        return _shown(request, person, plan, form, status=400)
    try:
        revoke_change_plan(actor=person, reason=form.cleaned_data["reason"], change_plan=plan)
    except errors.Refused as refusal:
        form.add_error(None, str(refusal.detail))
        return _shown(request, person, _found(person, id), form, status=refusal.status)
    messages.success(request, _("Revoked: no retrain goes live on it any more. What did stays live."))
    return redirect("change-plan", plan.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def propose_page(request: HttpRequest, id: str) -> HttpResponse:
    """Open a release of a version with an envelope, as a form that begins with what the version is; buttons add and
    remove its rows, or show what was typed as YAML."""
    person = person_of(request)
    version = _version(person, id)
    if request.method != "POST":
        document = envelope_drafts.draft_of(version) | {"parameters": {}}  # what is not named stays as it is
        return _form(request, version, envelope_forms.data_of(document, version.parameters))
    data = request.POST.copy()
    if envelope_forms.changed_rows(data):
        return _form(request, version, data)
    try:
        document = envelope_forms.document_from(data)
        if data.get("do") == "yaml":
            return _yaml(request, version, strict_yaml.write(document), reason=data.get("reason") or "")
        draft = envelope_drafts.checked_draft(document, version)
        return _opened(request, _open(person, version, draft, data.get("reason") or ""))
    except errors.Refused as refusal:
        return _form(request, version, data, refusal)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def propose_yaml_page(request: HttpRequest, id: str) -> HttpResponse:
    """The same as YAML, pasted or from a file; what can be read is shown as the form on request."""
    person = person_of(request)
    version = _version(person, id)
    if request.method != "POST":
        return _yaml(request, version, strict_yaml.write(envelope_drafts.draft_of(version)))
    upload = request.FILES.get("file")
    given = upload.read(MAX_BYTES + 1) if upload else request.POST.get("text", "").replace("\r\n", "\n")
    reason = request.POST.get("reason", "")
    try:
        draft = envelope_drafts.read_draft(given, version)
        if request.POST.get("do") == "form":
            data = envelope_forms.data_of(strict_yaml.read(given).value, version.parameters)
            data["reason"] = draft.reason or reason
            return _form(request, version, data)
        return _opened(request, _open(person, version, draft, reason))
    except errors.Refused as refusal:
        text = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
        return _yaml(request, version, text, refusal, reason)


def _open(person: Principal, version: ModelVersion, draft: envelope_drafts.Draft, reason: str) -> Release:
    return open_release_with_envelope(
        actor=person, reason=draft.reason or reason, model_version=version, environment=draft.environment,
        slot=draft.slot, envelope=draft.envelope,
    )  # fmt: skip


def _opened(request: HttpRequest, release: Release) -> HttpResponse:
    messages.success(request, _("The release is open. Its envelope is in force once it goes live on every signature."))
    return redirect("release", release.pk)


def _form(
    request: HttpRequest, version: ModelVersion, data: Any, refusal: errors.Refused | None = None
) -> HttpResponse:
    faults = refusal.errors if refusal else {}
    environments = list(Environment.objects.order_by("-order"))
    names, slots = envelope_forms.places(data, environments)
    chosen = next((one for one in environments if one.name == data.get("environment")), None)
    slot = data.get("slot") if data.get("slot") in Slot.values else Slot.CHAMPION
    plans = envelope_drafts.plans_of(version)[:SHOWN_PLANS]
    context = {
        "version": version, "data": data, "refusal": refusal, "environments": names, "slots": slots,
        "parameters": envelope_forms.parameter_rows(data, version.parameters, faults),
        "bands": envelope_forms.band_rows(data, plans, faults),
        "keeps": envelope_forms.signatures(data, envelope_drafts.signatures_asked(version, chosen, slot)),
    }  # fmt: skip
    return render(request, "approvals/change_plan_new.html", context, status=refusal.status if refusal else 200)


def _yaml(
    request: HttpRequest, version: ModelVersion, text: str, refusal: errors.Refused | None = None, reason: str = ""
) -> HttpResponse:
    context = {"version": version, "text": text, "refusal": refusal, "reason": reason}
    return render(request, "approvals/change_plan_yaml.html", context, status=refusal.status if refusal else 200)


def _version(person: Principal, id: str) -> ModelVersion:
    """Raises Http404, or Forbidden for who proposes none there."""
    found = readable(ModelVersion, person).select_related("model__namespace", "source_run").filter(pk=read_id(id))
    version: ModelVersion | None = found.first()
    if version is None:
        raise Http404
    require(person, *PROPOSERS, namespace=version.model.namespace)
    return version


def _found(reader: Principal, id: str) -> ChangePlan:
    plan = envelopes.find(reader, read_id(id))
    if plan is None:
        raise Http404
    return plan


def _shown(
    request: HttpRequest, reader: Principal, plan: ChangePlan, tried: ReasonForm | None = None, *, status: int = 200
) -> HttpResponse:
    may = holds(reader, *REVOKERS, namespace=plan.model_version.model.namespace) and not hasattr(plan, "revocation")
    revoke = (tried or ReasonForm(marked="revoke")) if may or tried else None
    context = {"page": envelopes.page_of_plan(plan), "plan": plan, "revoke": revoke, "tried": tried}
    return render(request, "approvals/change_plan.html", context, status=status)
