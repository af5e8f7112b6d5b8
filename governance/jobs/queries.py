"""Which jobs a principal may see."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from governance.accounts.models import Principal
from governance.accounts.permissions import holds
from governance.accounts.roles import Role
from governance.errors import Forbidden
from governance.jobs.kinds import find_kind
from governance.jobs.models import Job, JobFilePart

OVERSIGHT = (Role.ADMINISTRATOR, Role.AUDITOR)


def oversees(reader: Principal) -> bool:
    """Whether the reader sees everyone's jobs: administrators and auditors of everything."""
    return holds(reader, *OVERSIGHT, namespace=None)


def jobs_of(reader: Principal) -> QuerySet[Job]:
    """The jobs a reader may see: their own, those of services they answer for, all with oversight of everything."""
    found = Job.objects.select_related("asked_by", "cancelled_by")
    if oversees(reader):
        return found
    return found.filter(Q(asked_by=reader) | Q(asked_by__responsible=reader))


def require_file(job: Job, reader: Principal) -> None:
    """Raises Forbidden unless the reader may still read what the job's file is about, and as much as whoever asked.

    A file was put together as they read: who answers for a service need not read what it reads.
    """
    if job.asked_by_id != reader.pk and not oversees(reader):
        raise Forbidden(_("The file was put together for whoever asked for it. Ask for one of your own."))
    try:
        kind = find_kind(job.kind)
    except LookupError:
        allowed = False
    else:
        allowed = kind.may_read(reader, job.params)
    if not allowed:
        raise Forbidden()


def file_of(job: Job) -> Iterator[bytes]:
    """The pieces of the job's file, each read when it is asked for."""
    number = 0
    while True:
        part = JobFilePart.objects.filter(job=job, number=number).values_list("content", flat=True).first()
        if part is None:
            return
        yield bytes(part)
        number += 1
