"""Pages on profiles of dataset versions: those on record, a file to be profiled, and a profile drawn."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.api.principals import person_of, principal_of
from governance.api.views import readable
from governance.client.muniment_profile import Reading
from lineage.actions.profiles import PROFILERS
from lineage.forms import refuse
from lineage.models import DataProfile, DatasetVersion
from lineage.pages.paging import read_id
from lineage.pages.profiles import UploadForm, page_of_columns
from lineage.quality.files import readable_location
from lineage.quality.profiling import ask_for_profile, last_profiling
from lineage.quality.records import profile_of
from lineage.quality.uploads import DiskUpload

SHOWN = 100


@require_http_methods(["GET", "HEAD"])
@login_required
def profiles_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """The profiles of a version, newest first, and how to have another made."""
    reader = principal_of(request)
    return _profiles(request, reader, _version(request, id), UploadForm())


def _profiles(
    request: HttpRequest, reader: Principal, version: DatasetVersion, form: UploadForm, status: int = 200
) -> HttpResponse:
    rows = DataProfile.objects.filter(dataset_version=version).select_related("recorded_by").defer("columns")
    context = {
        "version": version,
        "dataset": version.dataset,
        "profiles": list(rows.order_by("-pk")[:SHOWN]),
        "job": last_profiling(version),
        "may": holds(reader, *PROFILERS, namespace=version.dataset.namespace),
        "reaches": readable_location(version),
        "form": form,
    }
    return render(request, "lineage/profiles.html", context, status=status)


@csrf_exempt  # the protection reads the form, and the form has to go to disk: `_upload` is protected
def upload_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Upload a version's file and have a worker profile it."""
    upload = DiskUpload(request)
    request.upload_handlers = [upload]
    try:
        return _upload(request, id, upload)
    finally:
        if not getattr(request, "taken_over", False):
            upload.discard()


@require_POST
@login_required
@csrf_protect
def _upload(request: HttpRequest, id: str, upload: DiskUpload) -> HttpResponse:
    person = person_of(request)
    version = _version(request, id)
    form = UploadForm(request.POST, request.FILES)
    status = 400
    if form.is_valid():
        given = form.cleaned_data
        reading = Reading(encoding=given["encoding"], nulls=("", given["null"]) if given["null"] else ("",))
        try:
            token = upload.take_over()
            _job, new = ask_for_profile(
                asked_by=person, reason=given["reason"], dataset_version=version, upload=token, reading=reading
            )
            if not new:
                raise errors.Conflict(_("A profile of this version is being made for you. Wait until it has ended."))
        except errors.Refused as refusal:
            refuse(form, refusal.errors, str(refusal.detail))
            status = refusal.status
        else:
            request.taken_over = True  # type: ignore[attr-defined]  # read by `upload_page`
            messages.success(request, _("A worker profiles it. Look again in a moment."))
            return redirect("dataset-version-profiles", version.pk)
    return _profiles(request, person, version, form, status)


@require_POST
@login_required
def read_location_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """Have a worker profile the file where the version lies."""
    person = person_of(request)
    version = _version(request, id)
    try:
        ask_for_profile(asked_by=person, reason=_("Asked for on the version's page"), dataset_version=version)
    except errors.Conflict as refusal:
        messages.error(request, str(refusal.detail))
    else:
        messages.success(request, _("A worker profiles it. Look again in a moment."))
    return redirect("dataset-version-profiles", version.pk)


@require_http_methods(["GET", "HEAD"])
@login_required
def profile_page(request: HttpRequest, id: str, judgements: Any) -> HttpResponse:
    """One profile: its columns drawn, and as tables."""
    found = readable(DataProfile, principal_of(request)).select_related("dataset_version__dataset", "recorded_by")
    row = found.filter(pk=read_id(id)).first()
    if row is None:
        raise Http404
    profile = profile_of(row)
    columns, before, after = page_of_columns(profile.columns, request.GET.get("from"))
    context = {
        "profile": row, "version": row.dataset_version, "dataset": row.dataset_version.dataset, "columns": columns,
        "before": before, "after": after, "found": [one for one in profile.columns if one.personal],
        "total": len(profile.columns),
    }  # fmt: skip
    return render(request, "lineage/profile.html", context)


def _version(request: HttpRequest, id: str) -> DatasetVersion:
    rows = readable(DatasetVersion, principal_of(request)).select_related("dataset__namespace")
    version: DatasetVersion | None = rows.filter(pk=read_id(id)).first()
    if version is None:
        raise Http404
    return version
