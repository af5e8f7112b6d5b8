"""Running a job: taking it, showing signs of life, going on where a killed worker stopped, ending it.

A try takes the row by counting itself: `attempts` is the fence. Whoever finds another number there than their own has
been taken for dead and stops. A thread of its own shows signs of life and progress on a second connection, since the
work may stand in a transaction for a minute.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from governance import logs
from governance.accounts.models import Principal
from governance.errors import Refused
from governance.jobs.kinds import find_kind, limits
from governance.jobs.models import Job, JobFilePart
from governance.outbox.messages import keep

logger = logging.getLogger(__name__)

ENDED = "job.ended"
PULSE_SECONDS = 1.0
SILENCE = timedelta(seconds=30)  # without a sign of life for so long, the worker is taken for dead
MAX_ATTEMPTS = 12  # workers that may die under one job
MAX_FAILURES = 3
FIRST_WAIT = timedelta(seconds=5)
PATIENCE = timedelta(hours=1)
PART_BYTES = 1 << 20
FILE_LIMIT = 1 << 30
MESSAGE_LIMIT = 500
FAULT_LIMIT = 2_000

Text = str | Promise


class JobLost(Exception):
    """Another worker has taken the job over, or it was cancelled: stop, and leave nothing uncommitted behind."""


class Later(Exception):
    """What the job needs is not there yet: try again after `seconds`. Raised by the work; counts as no failure."""

    def __init__(self, seconds: float, message: Text) -> None:
        super().__init__(str(message))
        self.seconds = seconds


class Run:
    """One try at a job, as its work sees it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.params: Mapping[str, Any] = job.params
        self.checkpoint: Mapping[str, Any] = job.checkpoint
        self.asked_by: Principal = job.asked_by
        self.reason = job.reason
        self.finished = False
        self._shown: tuple[int, int | None, str] = (job.done, job.total, "")
        self._lost = threading.Event()
        self._stop = threading.Event()

    def progress(self, done: int, total: int | None = None, message: Text = "") -> None:
        """Say how far it is; seen within a second. Raises JobLost when another worker has taken over."""
        if self._lost.is_set():
            raise JobLost(str(self.job))
        self._shown = (done, total, str(message)[:MESSAGE_LIMIT])

    def keep(self, checkpoint: Mapping[str, Any]) -> None:
        """Keep where the next try goes on, in the running transaction: call it last there. Raises JobLost."""
        done, total, message = self._shown
        self._write(checkpoint=dict(checkpoint), done=done, total=total, message=message, heartbeat_at=Now())
        self.checkpoint = dict(checkpoint)

    def attach(self, file: Path, name: str, media_type: str) -> None:
        """Keep a file for download under `name`; a second one replaces the first.

        Raises:
            JobLost: another worker has taken over. OSError: the file cannot be read.
            Refused: it is larger than a gigabyte.
        """
        if file.stat().st_size > FILE_LIMIT:
            raise Refused(_("The file would be larger than %(limit)d bytes.") % {"limit": FILE_LIMIT})
        digest, size = hashlib.sha256(), 0
        with transaction.atomic(), file.open("rb") as stream:
            JobFilePart.objects.filter(job=self.job).delete()
            number = 0
            while part := stream.read(PART_BYTES):
                JobFilePart.objects.create(job=self.job, number=number, content=part)
                digest.update(part)
                size += len(part)
                number += 1
            self._write(
                file_name=name, file_type=media_type, file_bytes=size, file_sha256=digest.hexdigest(),
                file_dropped_at=None,
            )  # fmt: skip

    def finish(self, message: Text = "", *, url: str = "", result: Mapping[str, Any] | None = None) -> None:
        """End it as done, in the running transaction if there is one. Raises JobLost."""
        done, total, _message = self._shown
        with transaction.atomic():
            self._write(
                state=Job.State.DONE, ended_at=Now(), message=str(message)[:MESSAGE_LIMIT], url=url,
                result=dict(result or {}), done=max(done, total or 0), total=total, fault="",
            )  # fmt: skip
            announce(self.job)
        self.finished = True

    def _write(self, **values: Any) -> None:
        if not _mine(self.job).update(**values):
            raise JobLost(str(self.job))

    # --- Signs of life ----------------------------------------------------------------------------------------------

    def _beat(self) -> None:
        try:
            while not self._stop.wait(PULSE_SECONDS):
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        done, total, message = self._shown
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    # The work holds the row while it commits a checkpoint; that is a sign of life in itself.
                    cursor.execute("SET LOCAL lock_timeout = '2s'")
                values: dict[str, Any] = {"done": done, "total": total, "heartbeat_at": Now()}
                if message:
                    values["message"] = message
                alive = _mine(self.job).update(**values)
        except DatabaseError as error:
            logger.warning("job %s: no sign of life this time: %s", self.job.pk, error)
            connection.close()
            return
        if not alive and not self.finished:
            self._lost.set()
            self._stop.set()

    def __enter__(self) -> Run:
        self._thread = threading.Thread(target=self._beat, name=f"job-{self.job.pk}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def due() -> QuerySet[Job]:
    """Open jobs that nobody works on: waiting and due, or silent for too long."""
    silent = Q(state=Job.State.RUNNING, heartbeat_at__lt=Now() - SILENCE)
    return Job.objects.filter(ended_at=None).filter(Q(state=Job.State.QUEUED, available_at__lte=Now()) | silent)


def startable(most: int) -> list[int]:
    """Ids of jobs to start now, at most so many of those without a limit, in their order.

    Of a kind with a limit only as many as there is room for, the askers in turn: who asked for twenty waits behind who
    asked for one.
    """
    known = limits()
    found = list(due().exclude(kind__in=known).order_by("available_at", "id").values_list("pk", flat=True)[:most])
    for kind in known:
        found += next_of(kind)
    return found


def next_of(kind: str) -> list[int]:
    """Ids of the jobs of a kind with a limit that there is room for."""
    room = limits().get(kind, 0) - _working(kind).count()
    if room <= 0:
        return []
    theirs = Job.objects.filter(kind=kind, asked_by=OuterRef("asked_by"), started_at__isnull=False)
    last = Subquery(theirs.order_by("-started_at").values("started_at")[:1])
    turn = due().filter(kind=kind).annotate(last=last).order_by(F("last").asc(nulls_first=True), "available_at", "id")
    return list(turn.values_list("pk", flat=True)[:room])


def _working(kind: str) -> QuerySet[Job]:
    return Job.objects.filter(kind=kind, ended_at=None, state=Job.State.RUNNING, heartbeat_at__gte=Now() - SILENCE)


def run(job_id: int) -> bool:
    """Work on the job, unless another worker does or it has ended; whether a try was made.

    Must not be called inside a transaction. Whatever the work raises is kept on the row, not raised; database errors
    of the frame around it are raised.
    """
    job = _take(job_id)
    if job is None:
        return False
    with logs.belonging(job_id=job.pk, principal_id=job.asked_by_id):
        _try(job)
    return True


def _try(job: Job) -> None:
    try:
        kind = find_kind(job.kind)
        with Run(job) as trying:
            kind.work(trying)
            if not trying.finished:
                trying.finish()
    except JobLost:
        logger.warning("job %s: cancelled, or another worker has taken over", job.pk)
    except Later as wait:
        _put_back(job, wait)
    except Refused as refusal:
        errors = {field: [str(one) for one in sentences] for field, sentences in refusal.errors.items()}
        _fail(job, str(refusal.detail), result={"errors": errors} if errors else {})
    except Exception as error:
        logger.exception("job %s: try %d failed", job.pk, job.attempts)
        _keep_fault(job, error)


def _take(job_id: int) -> Job | None:
    with transaction.atomic(durable=True):
        free = due().filter(pk=job_id).select_related("asked_by")
        job = free.select_for_update(skip_locked=True, of=("self",)).first()
        if job is None:
            return None
        if not _has_room(job.kind):
            return None
        if job.attempts >= MAX_ATTEMPTS:
            _end(job, _("It was given up: every process that worked on it died."), "Every worker that tried it died.")
            return None
        job.attempts += 1
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.RUNNING, attempts=job.attempts, heartbeat_at=Now(), started_at=Coalesce("started_at", Now())
        )
        return job


def _has_room(kind: str) -> bool:
    """Whether another job of this kind may run; who asks holds the answer until their transaction ends."""
    most = limits().get(kind)
    if most is None:
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"jobs of kind {kind}"])
    return _working(kind).count() < most


def _mine(job: Job) -> QuerySet[Job]:
    return Job.objects.filter(pk=job.pk, attempts=job.attempts, state=Job.State.RUNNING)


def _put_back(job: Job, wait: Later) -> None:
    if timezone.now() - job.asked_at > PATIENCE:
        _fail(job, str(wait))
        return
    _mine(job).update(
        state=Job.State.QUEUED, available_at=Now() + timedelta(seconds=wait.seconds), message=str(wait)[:MESSAGE_LIMIT],
        attempts=job.attempts - 1,  # only who holds this number gives it back, so it still fences
    )  # fmt: skip


def _keep_fault(job: Job, error: Exception) -> None:
    fault = f"{type(error).__name__}: {error}".replace("\x00", "")[:FAULT_LIMIT]
    failures = job.failures + 1
    if failures >= MAX_FAILURES:
        _fail(job, _("It failed for a reason on our side. An administrator finds the reason on this page."), fault)
        return
    wait = FIRST_WAIT * (1 << job.failures) * random.uniform(0.5, 1.0)
    _mine(job).update(state=Job.State.QUEUED, failures=failures, fault=fault, available_at=Now() + wait)


def _fail(job: Job, sentence: str, fault: str = "", *, result: Mapping[str, Any] | None = None) -> None:
    with transaction.atomic(durable=True):
        if _mine(job).select_for_update().exists():
            _end(job, sentence, fault, result)


def _end(job: Job, sentence: str, fault: str, result: Mapping[str, Any] | None = None) -> None:
    Job.objects.filter(pk=job.pk, ended_at=None).update(
        state=Job.State.FAILED, ended_at=Now(), message=sentence[:MESSAGE_LIMIT], fault=fault, result=dict(result or {})
    )
    announce(job)


def announce(job: Job) -> None:
    """Have who asked told that a job has ended, in the running transaction."""
    keep(ENDED, {"job": job.pk}, subject=f"job:{job.pk}", action_id=None, dedup_key=f"{ENDED}:{job.pk}")


def drop_old_files(days: int) -> int:
    """Remove the files of jobs that ended more than `days` days ago; how many. The job itself stays."""
    old = Job.objects.filter(ended_at__lt=Now() - timedelta(days=days), file_dropped_at=None).exclude(file_name="")
    dropped = 0
    for job in old.order_by("pk")[:100]:
        with transaction.atomic():
            JobFilePart.objects.filter(job=job).delete()
            dropped += Job.objects.filter(pk=job.pk, file_dropped_at=None).update(file_dropped_at=Now())
    return dropped


def wait_until_ended(job: Job, seconds: float) -> Job:
    """For commands and tests that run the work in their own process: try until it has ended. Raises TimeoutError."""
    limit = time.monotonic() + seconds
    while True:
        run(job.pk)
        job.refresh_from_db()
        if not job.is_open:
            return job
        if time.monotonic() > limit:
            raise TimeoutError(f"job {job.pk} is {job.state} after {seconds} s: {job.message}")
        time.sleep(0.1)
