"""Pages on retraining envelopes: one envelope, revoking it, opening a release with one. They parse and present."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import envelope_drafts
from approvals.actions.change_plans import PROPOSERS, REVOKERS, open_release_with_envelope, revoke_change_plan
from approvals.forms import ReasonForm
from approvals.models import ChangePlan
from approvals.pages import envelopes
from approvals.strict_yaml import MAX_BYTES
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds, require
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from lineage.models import ModelVersion
from lineage.pages.paging import read_id


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
    """Open a release of a version with an envelope, written as YAML; it begins with what the version is."""
    person = person_of(request)
    version = (
        readable(ModelVersion, person).select_related("model__namespace", "source_run").filter(pk=read_id(id)).first()
    )
    if version is None:
        raise Http404
    require(person, *PROPOSERS, namespace=version.model.namespace)
    context: dict[str, Any] = {"version": version}
    if request.method != "POST":
        return render(request, "approvals/change_plan_new.html", {**context, "text": envelope_drafts.draft_of(version)})
    upload = request.FILES.get("file")
    given = upload.read(MAX_BYTES + 1) if upload else request.POST.get("text", "").replace("\r\n", "\n")
    reason = request.POST.get("reason", "")
    try:
        draft = envelope_drafts.read_draft(given, version)
        release = open_release_with_envelope(
            actor=person, reason=draft.reason or reason, model_version=version, environment=draft.environment,
            slot=draft.slot, envelope=draft.envelope,
        )  # fmt: skip
    except errors.Refused as refusal:
        text = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
        again = {**context, "text": text, "refusal": refusal, "reason": reason}
        return render(request, "approvals/change_plan_new.html", again, status=refusal.status)
    messages.success(request, _("The release is open. Its envelope is in force once it goes live on every signature."))
    return redirect("release", release.pk)


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
