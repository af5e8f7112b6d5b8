"""Long work on judgements: the evidence pack of a release."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.exports.evidence_pack import write_evidence_pack
from approvals.models import Release
from governance.accounts.models import Principal
from governance.api.views import readable
from governance.errors import Missing
from governance.jobs import Later, Run, ask, job
from governance.jobs.models import Job
from governance.ledger.pack import NotSealed

PACK = "evidence-pack"
SEAL_WAIT_SECONDS = 5


def ask_for_pack(*, actor: Principal, reason: str, release: Release) -> tuple[Job, bool]:
    """Ask for the evidence pack of a release; the job, and whether it is new. Whoever may read the release may ask."""
    return ask(PACK, asked_by=actor, reason=reason, params={"release": release.pk}, key=f"release:{release.pk}")


def may_read_pack(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Whoever may read the release."""
    return readable(Release, reader).filter(pk=params["release"]).exists()


@job(PACK, title=gettext_lazy("Evidence pack of a release"), may_read=may_read_pack)
def write_pack(run: Run) -> None:
    """Write the pack of the release as it stands now. Waits for the seal of what is too young."""
    found = readable(Release, run.asked_by).select_related("model_version__model__namespace", "environment")
    release = found.filter(pk=run.params["release"]).first()
    if release is None:  # whoever asked has lost their role since
        raise Missing(_("No such release, or none that you may read."))
    run.progress(0, 2, _("Collecting the records and their proofs"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pack.zip"
        try:
            packed = write_evidence_pack(release, file)
        except NotSealed as young:
            from governance.ledger.tasks import request_seal  # late: Celery costs 0.1 s, and pages import this module

            request_seal()
            waiting = _("Waiting for %(count)d entries to be sealed") % {"count": len(young.entries)}
            raise Later(SEAL_WAIT_SECONDS, waiting) from young
        run.progress(1, 2, _("Keeping the file"))
        version = release.model_version
        run.attach(file, f"release-{release.pk}-{version.model.name}-{version.number}.zip", "application/zip")
    run.progress(2, 2)
    run.finish(
        _("%(entries)d entries with their proofs, under a checkpoint of %(size)d")
        % {"entries": packed.entries, "size": packed.size},
        url=f"/releases/{release.pk}",
        result={"entries": packed.entries, "checkpoint_size": packed.size},
    )
