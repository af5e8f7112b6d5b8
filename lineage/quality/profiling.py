"""The worker that profiles a dataset version's file: the version's own bytes, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from governance import errors
from governance.accounts.actions.system import load_system_principal
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.client.muniment_profile import Limits, Reading, Unreadable, profile
from governance.jobs import Run, ask, job
from governance.jobs.models import Job
from lineage import queries
from lineage.actions.profiles import PROFILERS, record_measured_profile, record_profile
from lineage.actions.registering import Registered
from lineage.digests import Digest
from lineage.models import DataProfile, DatasetVersion, ExpectationSet
from lineage.quality.documents import read_profile
from lineage.quality.files import forget, lying, opened, place, readable_location
from lineage.quality.records import best_profile, profile_of
from lineage.tracking.hashing import ALGORITHMS

PROFILING = "data-profile"
COMPARED_WITH = 3
"""Versions before, whose edges are asked for besides its own."""
ORPHANED = 300.0
"""Seconds after which an upload that no open job asks for is nobody's."""
EDGES_ASKED, EDGES_OF_ALL = 1_500, 600_000  # of one column: with its own they stay below the document's limit; of all
STAGES = {
    "fetching": gettext_lazy("Fetching the file"),
    "hashing": gettext_lazy("Working out its digest"),
    "unpacking": gettext_lazy("Unpacking it"),
    "loading": gettext_lazy("Reading it"),
    "counting": gettext_lazy("Counting column by column"),
}


def ask_for_profile(
    *, asked_by: Principal, reason: str, dataset_version: DatasetVersion, upload: str = "", reading: Reading = Reading()  # noqa: B008  # frozen
) -> tuple[Job, bool]:  # fmt: skip
    """Ask for a version's file to be profiled; the job, and whether it is new.

    Args:
        upload: the token of what was uploaded; "": the version's own location is read.

    Raises:
        errors.Forbidden: who asks profiles nothing there. errors.Conflict: the version has no digest that a worker can
            work out, or no location it can go to.
    """
    require(asked_by, *PROFILERS, namespace=dataset_version.dataset.namespace)
    if dataset_version.digest_algorithm not in ALGORITHMS:
        raise errors.Conflict(
            _("The version has no digest that a worker can work out, so no file can be told to be its own. Hand in a"
              " profile instead, or register the data again with its SHA-256.")
        )  # fmt: skip
    if not upload and not readable_location(dataset_version):
        raise errors.Conflict(
            _("Where the version lies no worker can go: https: addresses, and file: under folders that the operator"
              " lists. Upload the file, or profile it where it lies: muniment profile FILE.")
        )  # fmt: skip
    if upload:
        forget_orphans()
    params = {"dataset_version": dataset_version.pk, "upload": upload, "reading": asdict(reading)}
    key = f"dataset_version:{dataset_version.pk}"
    return ask(PROFILING, asked_by=asked_by, reason=reason, params=params, key=key)


def forget_orphans() -> None:
    """Remove uploads that no open job asks for, such as those of cancelled ones: else they would lie for a day, and
    uploading and cancelling in turn would fill the disk."""
    if tokens := set(lying(ORPHANED)):
        asked = Job.objects.filter(kind=PROFILING, ended_at=None).values_list("params__upload", flat=True)
        for token in tokens - set(asked):
            forget(token)


def last_profiling(version: DatasetVersion) -> Job | None:
    """The newest job that profiled, or is to profile, a version."""
    return Job.objects.filter(kind=PROFILING, key=f"dataset_version:{version.pk}").order_by("-pk").first()


def may_read(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Whoever may read the version."""
    return queries.readable(DatasetVersion, reader).filter(pk=params["dataset_version"]).exists()


@job(PROFILING, title=gettext_lazy("Profile of a data file"), may_read=may_read, at_once=1)
def profile_file(run: Run) -> None:
    """Profile the file if its digest is the version's; nothing of it is kept. Done again, it is the same profile.

    A reading that somebody chose is on that one's word: what counts as blank, or where a value ends, decides what is
    counted, and the bytes do not say it.
    """
    version = DatasetVersion.objects.select_related("dataset__namespace").get(pk=run.params["dataset_version"])
    upload = run.params["upload"]
    given = dict(run.params["reading"])
    reading = Reading(**{**given, "nulls": tuple(given["nulls"])})

    def told(fetched: int) -> None:
        run.progress(fetched, None, STAGES["fetching"])

    try:
        with opened(version, upload, told) as file:
            document, digest = _measured(run, version, file, reading)
        done = _recorded(run, version, document, digest, reading)
    except (errors.Refused, Unreadable) as refusal:
        forget(upload)  # no other try makes anything else of it
        if isinstance(refusal, Unreadable):
            raise _refusal(refusal) from refusal
        raise
    record = done.record
    said = _("Profiled: %(what)s.") % {"what": record}
    if not record.complete:
        said += " " + _("It is of the beginning only: a limit of %(limit)s ended it.") % {"limit": record.stopped_by}
    if record.how != DataProfile.How.MEASURED:
        who = run.asked_by.display_name
        said += " " + _("It stands on the word of %(who)s, who said how it is read.") % {"who": who}
    result = {"data_profile": record.pk, "rows": record.rows, "columns": len(record.columns),
              "complete": record.complete}  # fmt: skip
    run.finish(said, url=f"/profiles/{record.pk}", result=result)
    forget(upload)


def _recorded(
    run: Run, version: DatasetVersion, document: Mapping[str, Any], digest: Digest, reading: Reading
) -> Registered[DataProfile]:
    profile = read_profile(document)
    if reading == Reading():
        return record_measured_profile(
            actor=load_system_principal(), reason=run.reason, dataset_version=version, profile=profile, digest=digest
        )
    return record_profile(actor=run.asked_by, reason=run.reason, dataset_version=version, profile=profile)


def _measured(run: Run, version: DatasetVersion, file: int, reading: Reading) -> tuple[Mapping[str, Any], Digest]:
    own = Digest(version.digest_algorithm, version.digest_value)
    algorithm = ALGORITHMS[own.algorithm]
    limits = Limits(
        seconds=settings.PROFILE_SECONDS, memory=settings.PROFILE_MEMORY_MIB * 2**20,
        bytes=settings.PROFILE_MAX_MIB * 2**20, temporary=settings.PROFILE_MAX_MIB * 2**20 + 2**20, threads=1,
    )  # fmt: skip

    def progress(stage: str, done: int, total: int) -> None:
        run.progress(done, total or None, STAGES.get(stage, ""))

    document = profile(
        file, limits=limits, reading=reading, folder=place(), progress=progress, expected={algorithm: own.value},
        rules=rules_asked(version), against=edges_before(version),
    )  # fmt: skip
    return document, own


def rules_asked(version: DatasetVersion) -> list[str]:
    """The rules between columns that are expected of it now: evaluated while the file is there, never afterwards."""
    asked = ExpectationSet.objects.filter(dataset=version.dataset_id).order_by("-pk").first()
    return [one["rule"] for one in asked.items if one.get("rule")] if asked else []


def edges_before(version: DatasetVersion) -> dict[str, list[float]]:
    """The edges of the profiles of the versions before it: counted at them too, drift against any of those is exact."""
    earlier = DatasetVersion.objects.filter(dataset=version.dataset_id, pk__lt=version.pk).order_by("-pk")
    found: dict[str, list[float]] = {}
    for one in earlier[:COMPARED_WITH]:
        row = best_profile(DataProfile.objects.filter(dataset_version=one))
        for column in profile_of(row).columns if row else ():
            found.setdefault(column.name, []).extend(column.edges)
    most = min(EDGES_ASKED, EDGES_OF_ALL // max(len(found), 1))  # the newest version's first
    return {name: sorted(set(edges[:most])) for name, edges in found.items() if edges}


def _refusal(fault: Unreadable) -> errors.Refused:
    """What was found wrong with the file, for the page and the API."""
    if fault.slug == "digest":
        sentence = _("The file has another digest than the version, so it is other data. Nothing was recorded.")
        return errors.Conflict(f"{sentence} {fault}", errors={"digest": [str(fault)]})
    return errors.Invalid(str(fault), errors={"file": [str(fault)]}, params={"why": fault.slug})
