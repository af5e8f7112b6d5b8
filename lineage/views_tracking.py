"""Pages on tracking servers, and on completing a version by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from governance import errors
from governance.accounts.models import Namespace
from governance.accounts.permissions import namespaces_held, readable_namespaces, require
from governance.accounts.roles import Role
from governance.api.principals import person_of, principal_of
from governance.unit_of_work import REASON_LIMIT
from lineage import actions, queries
from lineage.actions.annotations import DESCRIBERS
from lineage.actions.carriers import named_at_once
from lineage.forms import refuse
from lineage.models import FactOrigin, ModelVersion, TrackingServer
from lineage.pages.paging import read_id
from lineage.tracking.reading import ask_for_reading


class ServerForm(forms.Form):
    """The server of a namespace."""

    error_css_class = "error"
    namespace = forms.ChoiceField(label=gettext_lazy("Namespace"))
    uri = forms.CharField(
        label=gettext_lazy("Address"), max_length=500, required=False,
        help_text=gettext_lazy("As people write it in MLFLOW_TRACKING_URI; blank: none any more."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It goes on record."),
        error_messages={"required": gettext_lazy("Give a reason: it goes on record.")},
    )  # fmt: skip

    def __init__(self, *args: Any, namespaces: list[Namespace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["namespace"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.name, one.title or one.name) for one in namespaces]


class CompletionForm(forms.Form):
    """What a model owner knows of a version."""

    error_css_class = "error"
    digest = forms.CharField(
        label=gettext_lazy("Digest"), max_length=160, required=False,
        help_text=gettext_lazy("sha256: and 64 hexadecimal digits; of a folder, what muniment digest FOLDER says."),
    )  # fmt: skip
    code_commit = forms.CharField(label=gettext_lazy("Code commit"), max_length=128, required=False)
    training_data = forms.CharField(
        label=gettext_lazy("Training data"), max_length=5_000, required=False,
        help_text=gettext_lazy("Dataset versions, separated by commas: loans@2025, ids or digests."),
    )  # fmt: skip
    came_from = forms.CharField(
        label=gettext_lazy("Where you know it from"), max_length=2_000, required=False,
        help_text=gettext_lazy("An address or a document."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=REASON_LIMIT, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It goes on record, and you had a hand in the version then: you do not judge it."),
        error_messages={"required": gettext_lazy("Give a reason: it goes on record.")},
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def tracking_servers_page(request: HttpRequest, judgements: Any) -> HttpResponse:
    """Which MLflow server workers read for which namespace; administrators name another."""
    reader = principal_of(request)
    namespaces = list(readable_namespaces(reader).order_by("name"))
    mine = list(namespaces_held(reader, Role.ADMINISTRATOR).order_by("name"))
    form = ServerForm(request.POST if request.method == "POST" else None, namespaces=mine)
    status = 200
    if request.method == "POST":
        person = person_of(request)
        if not mine:
            raise errors.Forbidden(_("An administrator of the namespace names its tracking server."))
        status = 400
        if form.is_valid():
            where = next(one for one in mine if one.name == form.cleaned_data["namespace"])
            try:
                actions.name_tracking_server(
                    actor=person, reason=form.cleaned_data["reason"], namespace=where, uri=form.cleaned_data["uri"]
                )
            except errors.Refused as refusal:
                refuse(form, refusal.errors, str(refusal.detail))
                status = refusal.status
            else:
                messages.success(request, _("On record. Versions without a digest are read now."))
                return redirect("tracking-servers-page")
    named = TrackingServer.objects.filter(namespace__in=namespaces).select_related("namespace", "recorded_by")
    rows = list(named.order_by("-pk")[:100])
    in_force = {one.namespace_id: one.pk for one in reversed(rows)}
    context = {"rows": [(one, in_force[one.namespace_id] == one.pk) for one in rows], "form": form, "may": bool(mine)}
    return render(request, "lineage/tracking_servers.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def complete_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """What a model owner knows of a version later: its digest, commit, training data."""
    person = person_of(request)
    version = _version(request, id)
    require(person, Role.MODEL_OWNER, namespace=version.model.namespace)
    form = CompletionForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            told = dict(form.cleaned_data)
            names = [one for one in map(str.strip, told.pop("training_data").split(",")) if one]
            try:
                told["training"] = named_at_once(person, version.model.namespace, names, "training_data")
                done = actions.complete_model_version(actor=person, model_version=version, how=FactOrigin.OWNER, **told)
            except errors.Refused as refusal:
                refuse(form, refusal.errors, str(refusal.detail))
                status = refusal.status
            else:
                said = _("That stands on record already.") if done.record is None else _("On record, with how it came.")
                messages.success(request, said)
                return redirect("model-version", version.pk)
    return render(
        request, "lineage/complete.html", {"version": version, "model": version.model, "form": form}, status=status
    )


@require_POST
@login_required
def read_tracking_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Ask for a version's tracking server to be read again."""
    person = person_of(request)
    version = _version(request, id)
    require(person, *DESCRIBERS, namespace=version.model.namespace)
    try:
        ask_for_reading(asked_by=person, reason=_("Asked for on the version's page"), model_version=version)
    except errors.Conflict as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("A worker reads the tracking server. Look again in a moment."))
    return redirect("model-version", version.pk)


def _version(request: HttpRequest, id: str) -> ModelVersion:
    found = queries.readable(ModelVersion, principal_of(request)).select_related("model__namespace", "source_run")
    version = found.filter(pk=read_id(id)).first()
    if version is None:
        raise Http404
    return version
