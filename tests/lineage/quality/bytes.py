"""A dataset version that is a file of some bytes, profiled by a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from governance.jobs import runner
from governance.jobs.models import Job
from governance.outbox import drain
from lineage.models import DatasetVersion
from tests.lineage.conftest import WHY, Facts
from tests.lineage.quality.documents import document

Door = Callable[[str], Any]
TEXT = b"grade,amount\n" + b"a,1.5\nb,2\n" * 30


def of_bytes(facts: Facts, text: bytes = TEXT, **content: Any) -> DatasetVersion:
    """A version that is these bytes."""
    return facts.version(digest=f"sha256:{hashlib.sha256(text).hexdigest()}", **content)


def described(version: DatasetVersion, **other: Any) -> dict[str, Any]:
    """A document of the version's bytes."""
    return document(digest=f"sha256:{version.digest_value}", **other)


def work() -> Job:
    """Work on the newest job until it has ended."""
    drain()
    job = Job.objects.order_by("-pk")[0]
    Job.objects.filter(ended_at=None).update(available_at=timezone.now())
    runner.run(job.pk)
    job.refresh_from_db()
    return job


def sent(text: bytes = TEXT, name: str = "loans.csv", **other: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile(name, text, "text/csv"), "reason": WHY, **other}
