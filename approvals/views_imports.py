"""Pages of bringing in what exists: send a file, look at what would come of it, confirm; windows for what serves."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals.actions.imports import IMPORTERS, my_drafts, prepare_import
from approvals.actions.onboarding import CLOSING, ENDS, ask_for_window, close_window, confirm_window, end_as_found
from approvals.api.imports import remainder_answer, shown
from approvals.forms import PageForm, ReasonForm, end_of
from approvals.imports import live
from approvals.imports.mlflow import prepare_from_server
from approvals.jobs import IMPORT, ask_for_import, import_key
from approvals.models import AsFound, AsFoundEnd, OnboardingWindow
from governance import errors
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import holds, namespaces_held
from governance.accounts.roles import Role
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from governance.jobs.models import Job
from lineage.imports import columns
from lineage.imports.layouts import LAYOUTS, OWN
from lineage.imports.reading import ENCODINGS, MAX_BYTES, MAX_ROWS
from lineage.models import ImportDraft, ImportFormat
from lineage.pages.paging import read_id

LAYOUT_NAMES = {OWN: gettext_lazy("The columns below"), "us-federal-2024": gettext_lazy("US federal inventory, 2024")}
FORMATS = [one for one in ImportFormat.choices if one[0] != ImportFormat.MLFLOW]


class UploadForm(PageForm):
    """A file to send, or a server to read."""

    namespace = forms.ChoiceField(label=gettext_lazy("Namespace"))
    file = forms.FileField(label=gettext_lazy("File"), required=False, allow_empty_file=True)
    format = forms.ChoiceField(label=gettext_lazy("Format"), choices=FORMATS, required=False)
    layout = forms.ChoiceField(
        label=gettext_lazy("Columns"),
        choices=[(name, LAYOUT_NAMES.get(name, name)) for name in LAYOUTS],
        required=False,
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"), choices=[(one, one) for one in ENCODINGS], required=False
    )
    server = forms.ChoiceField(label=gettext_lazy("Or an MLflow server"), required=False)
    as_found = forms.BooleanField(
        label=gettext_lazy("What has an environment's alias or stage there comes as found"), required=False
    )
    govern_by = forms.DateField(
        label=gettext_lazy("To be governed by"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, namespaces: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("namespace", [(one, one) for one in namespaces]),
            ("server", [("", gettext_lazy("none: the file")), *((one, one) for one in settings.MLFLOW_SERVERS)]),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = choices
        if not settings.MLFLOW_SERVERS:
            for name in ("server", "as_found", "govern_by"):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """A file, or a server."""
        data: dict[str, Any] = super().clean() or {}
        file = data.get("file")
        if not file and not data.get("server"):
            self.add_error("file", gettext_lazy("Choose a file."))
        elif file and file.size > MAX_BYTES:
            self.add_error(
                "file", gettext_lazy("It has more than %(limit)d MiB. Split it.") % {"limit": MAX_BYTES // 2**20}
            )
        return data


class ConfirmForm(ReasonForm):
    """How it is brought in, and why."""

    mode = forms.ChoiceField(
        label=gettext_lazy("Bring in"),
        choices=[
            ("all_or_nothing", gettext_lazy("All of it, or nothing")),
            ("good_rows", gettext_lazy("The good rows; the others stay out")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one.")},
    )


class WindowForm(ReasonForm):
    """An onboarding window to ask for."""

    namespace = forms.ChoiceField(label=gettext_lazy("Namespace"))
    until = forms.DateField(
        label=gettext_lazy("Open until"), widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("By the end of that day, UTC; at most 92 days ahead."),
    )  # fmt: skip
    field_order = ("namespace", "until", "reason")

    def __init__(self, *args: Any, namespaces: list[str], **kwargs: Any) -> None:
        super().__init__(*args, marked="window", **kwargs)
        field = self.fields["namespace"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one, one) for one in namespaces]


def _where(person: Principal, *roles: Role) -> list[str]:
    """Names of the namespaces in which a person holds one of the roles."""
    return list(namespaces_held(person, *roles).order_by("name").values_list("name", flat=True))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def imports_page(request: HttpRequest) -> HttpResponse:
    """Send a file to look at; what was sent before; which windows are open."""
    person = person_of(request)
    namespaces = _where(person, *IMPORTERS)
    form = UploadForm(
        request.POST if request.method == "POST" else None, request.FILES or None, namespaces=namespaces
    )  # fmt: skip
    status = 200
    if request.method == "POST":
        status = 403 if not namespaces else 400
        if namespaces and form.is_valid():
            try:
                draft = _prepare(person, form.cleaned_data)
            except errors.Refused as refusal:
                _told(form, refusal)
                status = refusal.status
            else:
                return redirect("import", draft.pk)
    return _imports(request, person, namespaces, form, status)


def _imports(
    request: HttpRequest,
    person: Principal,
    namespaces: list[str],
    form: UploadForm,
    status: int = 200,
    window_form: WindowForm | None = None,
) -> HttpResponse:
    owners = _where(person, Role.POLICY_OWNER)
    windows = list(
        readable(OnboardingWindow, person)
        .select_related("namespace", "recorded_by", "confirmation__recorded_by", "closure__recorded_by")
        .order_by("-id")[:20]
    )
    closing = set(_where(person, *CLOSING))
    now = timezone.now()
    context = {
        "form": form,
        "may": bool(namespaces),
        "roles": ", ".join(str(one.label) for one in IMPORTERS),
        "drafts": list(my_drafts(person)[:20]),
        "columns": [*columns.COLUMNS, *live.COLUMNS],
        "limits": {"mib": MAX_BYTES // 2**20, "rows": f"{MAX_ROWS:,}"},
        "windows": [
            {
                "window": one,
                "state": _state(one, now),
                "may_confirm": _state(one, now) == "asked"
                and one.namespace.name in owners
                and one.recorded_by_id != person.pk,
                "may_close": _state(one, now) in ("asked", "open") and one.namespace.name in closing,
            }
            for one in windows
        ],
        "window_form": window_form or (WindowForm(namespaces=owners) if owners else None),
        "reason_form": ReasonForm(),
    }
    return render(request, "approvals/imports.html", context, status=status)


def _state(window: OnboardingWindow, now: Any) -> str:
    if hasattr(window, "closure"):
        return "closed"
    if window.until <= now:
        return "over"
    return "open" if hasattr(window, "confirmation") else "asked"


def _prepare(person: Principal, data: dict[str, Any]) -> ImportDraft:
    namespace = Namespace.objects.get(name=data["namespace"])
    if data.get("server"):
        return prepare_from_server(
            actor=person, namespace=namespace, server=data["server"], as_found=data["as_found"],
            govern_by=data["govern_by"],
        )  # fmt: skip
    file = data["file"]
    return prepare_import(
        actor=person, namespace=namespace, content=file.read(), name=file.name or "inventory",
        format=data["format"] or ImportFormat.CSV, layout=data["layout"] or OWN, encoding=data["encoding"] or "utf-8",
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def import_page(request: HttpRequest, id: str) -> HttpResponse:
    """What would come of a file, row by row; POST brings it in."""
    person = person_of(request)
    draft = my_drafts(person).filter(pk=read_id(id)).first()
    if draft is None:
        raise Http404
    form = ConfirmForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            whole = form.cleaned_data["mode"] == "all_or_nothing"
            try:
                job, _new = ask_for_import(actor=person, reason=form.cleaned_data["reason"], draft=draft, whole=whole)
            except errors.Refused as refusal:
                form.add_error(None, str(refusal.detail))
                status = refusal.status
            else:
                return redirect("job", job.pk)
    given = request.GET.get("after", "0")
    after = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    asked = request.GET.get("verdict", "")
    verdict = asked if asked in ("new", "unchanged", "faulty") else ""
    page = shown(draft, after=after, verdict=verdict)
    asked_for = Job.objects.filter(kind=IMPORT, key=import_key(draft)).order_by("-pk").first()
    context = {
        "draft": page,
        "form": form,
        "job": None if draft.record else asked_for,
        "verdict": verdict,
        "after": after,
        "counts": draft.report["counts"],
    }
    return render(request, "approvals/import.html", context, status=status)


@require_safe
@login_required
def import_remainder_page(request: HttpRequest, id: str) -> HttpResponse:
    """The faulty rows, to download."""
    draft = my_drafts(principal_of(request)).filter(pk=read_id(id)).first()
    if draft is None:
        raise Http404
    return remainder_answer(draft)


@require_POST
@login_required
def window_page(request: HttpRequest) -> HttpResponse:
    """Ask for an onboarding window."""
    person = person_of(request)
    form = WindowForm(request.POST, namespaces=_where(person, Role.POLICY_OWNER))
    status = 400 if _where(person, Role.POLICY_OWNER) else 403
    if form.is_valid():
        until = end_of(form.cleaned_data["until"])
        assert until is not None
        try:
            ask_for_window(
                actor=person, reason=form.cleaned_data["reason"], until=until,
                namespace=Namespace.objects.get(name=form.cleaned_data["namespace"]),
            )  # fmt: skip
        except errors.Refused as refusal:
            _told(form, refusal)
            status = refusal.status
        else:
            messages.success(request, _("Asked for: another policy owner confirms it."))
            return redirect("imports")
    namespaces = _where(person, *IMPORTERS)
    return _imports(request, person, namespaces, UploadForm(namespaces=namespaces), status, form)


@require_POST
@login_required
def window_act_page(request: HttpRequest, id: str, act: str) -> HttpResponse:
    """Confirm a window, or close it."""
    person = person_of(request)
    window = readable(OnboardingWindow, person).select_related("namespace").filter(pk=read_id(id)).first()
    if window is None:
        raise Http404
    form = ReasonForm(request.POST)
    status = 400
    said = str(form.errors.get("reason", [""])[0]) if not form.is_valid() else ""
    if not said:
        try:
            do: Any = confirm_window if act == "confirm" else close_window
            do(actor=person, reason=form.cleaned_data["reason"], window=window)
        except errors.Refused as refusal:
            said, status = str(refusal.detail), refusal.status
        else:
            messages.success(request, _("The window is open.") if act == "confirm" else _("The window is closed."))
            return redirect("imports")
    messages.error(request, said)
    namespaces = _where(person, *IMPORTERS)
    return _imports(request, person, namespaces, UploadForm(namespaces=namespaces), status)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def as_found_page(request: HttpRequest, id: str) -> HttpResponse:
    """One entry as found: since when, until when, what became of it; POST ends it."""
    reader = principal_of(request)
    entry = (
        readable(AsFound, reader)
        .select_related("model__namespace", "model_version", "environment", "recorded_by", "end__recorded_by",
                        "window__recorded_by", "window__confirmation__recorded_by")
        .filter(pk=read_id(id)).first()
    )  # fmt: skip
    if entry is None:
        raise Http404
    kinds = [kind for kind, roles in ENDS.items() if holds(reader, *roles, namespace=entry.model.namespace)]
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 400
        kind = request.POST.get("kind", "")
        if kind not in ENDS:
            raise Http404
        if form.is_valid():
            try:
                end_as_found(
                    actor=person_of(request),
                    reason=form.cleaned_data["reason"],
                    entry=entry,
                    kind=AsFoundEnd.Kind(kind),
                )
            except errors.Refused as refusal:
                form.add_error(None, str(refusal.detail))
                status = refusal.status
            else:
                messages.success(request, _("It is on record."))
                return redirect("as-found", entry.pk)
    now = timezone.now()
    context = {
        "entry": entry, "form": form, "ended": getattr(entry, "end", None), "late": entry.govern_by <= now,
        "kinds": [(kind.value, kind.label) for kind in kinds],
        "near": now < entry.govern_by <= now + timedelta(days=30),
    }  # fmt: skip
    return render(request, "approvals/as_found.html", context, status=status)


def _told(form: Any, refusal: errors.Refused) -> None:
    for name, sentences in refusal.errors.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, str(sentence))
    if not refusal.errors:
        form.add_error(None, str(refusal.detail))
