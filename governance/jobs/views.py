"""Pages of jobs: the list, one of them with its progress, and its file."""

from django.contrib import messages as flashes
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from governance import errors
from governance.accounts.models import Principal
from governance.api.principals import person_of, principal_of
from governance.jobs.actions import cancel, may_cancel
from governance.jobs.kinds import title_of
from governance.jobs.models import Job
from governance.jobs.queries import file_of, jobs_of, oversees, require_file
from governance.paging import page_of, read_id

REFRESH_SECONDS = 2


@require_safe
@login_required
def jobs_page(request: HttpRequest) -> HttpResponse:
    """The reader's jobs, newest first; with oversight of everything everyone's where they ask for it."""
    reader = principal_of(request)
    overseer = oversees(reader)
    everyone = overseer and request.GET.get("whose") == "all"
    found = jobs_of(reader) if everyone else jobs_of(reader).filter(asked_by=reader)
    state = request.GET.get("state", "")
    if state in Job.State.values:
        found = found.filter(state=state)
    page = page_of(found, request)
    context = {"page": page, "jobs": [(job, title_of(job.kind)) for job in page.rows], "overseer": overseer,
               "everyone": everyone, "state": state, "states": Job.State.choices}  # fmt: skip
    return render(request, "governance/jobs.html", context)


@require_safe
@login_required
def job_page(request: HttpRequest, id: str) -> HttpResponse:
    """One job. While it is open the page loads itself anew, unless it is told to stand still."""
    return _job(request, _found(principal_of(request), id))


@require_POST
@login_required
def job_cancel(request: HttpRequest, id: str) -> HttpResponse:
    """Cancel a job."""
    person = person_of(request)
    job = _found(person, id)
    try:
        cancel(actor=person, reason=request.POST.get("reason", ""), job=job)
    except errors.Refused as refusal:
        return _job(request, _found(person, id), refusal=refusal, status=refusal.status)
    flashes.success(request, _("The job is cancelled. What it had committed stays."))
    return redirect("job", job.pk)


def _job(request: HttpRequest, job: Job, *, refusal: errors.Refused | None = None, status: int = 200) -> HttpResponse:
    reader = principal_of(request)
    still = "still" in request.GET or refusal is not None
    context = {
        "job": job,
        "title": title_of(job.kind),
        "percent": _percent(job),
        "still": still,
        "refresh": REFRESH_SECONDS if job.is_open and not still else None,
        "faults": _faults(job),
        "figures": [(name, value) for name, value in job.result.items() if isinstance(value, int | str)],
        "shows_fault": bool(job.fault) and oversees(reader),
        "may_cancel": may_cancel(job, reader),
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "governance/job.html", context, status=status)


@require_safe
@login_required
def job_file(request: HttpRequest, id: str) -> HttpResponseBase:
    """The job's file, piece by piece."""
    return file_answer(_found(principal_of(request), id), principal_of(request))


def file_answer(job: Job, reader: Principal) -> HttpResponseBase:
    """The answer that carries a job's file.

    Raises:
        errors.Missing: it has none, or none any more. errors.Forbidden: the reader may not read what it is about.
    """
    if not job.has_file:
        raise errors.Missing(
            _("The file was removed after some days. Ask for the job again.")
            if job.file_dropped_at
            else _("This job has no file.")
        )
    require_file(job, reader)
    answer = StreamingHttpResponse(file_of(job), content_type=job.file_type)
    answer["Content-Length"] = str(job.file_bytes)
    answer["Content-Disposition"] = f'attachment; filename="{get_valid_filename(job.file_name)}"'
    answer["X-Content-SHA256"] = job.file_sha256
    return answer


def _found(reader: Principal, id: str) -> Job:
    job = jobs_of(reader).filter(pk=read_id(id)).first()
    if job is None:
        raise Http404
    return job


def _percent(job: Job) -> int | None:
    return min(100, job.done * 100 // job.total) if job.total else None


def _faults(job: Job) -> list[tuple[str, str]]:
    given = job.result.get("errors")
    if not isinstance(given, dict):
        return []
    return [(str(field), str(sentence)) for field, sentences in given.items() for sentence in sentences]
