"""Long work on judgements: the evidence pack of a release, the import of an inventory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.actions.imports import IMPORTERS, STEPS, import_inventory, my_drafts
from approvals.exports.evidence_pack import write_evidence_pack
from approvals.models import Release
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.api.views import readable
from governance.errors import Conflict, Missing
from governance.jobs import Later, Run, ask, job
from governance.jobs.models import Job
from governance.ledger.pack import NotSealed
from lineage.models import ImportDraft, InventoryImport

PACK = "evidence-pack"
IMPORT = "inventory-import"
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
            packed = write_evidence_pack(release, file, reader=run.asked_by)
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


def ask_for_import(*, actor: Principal, reason: str, draft: ImportDraft, whole: bool) -> tuple[Job, bool]:
    """Ask for what was looked at to be brought in; the job, and whether it is new.

    Raises:
        errors.Forbidden: nobody who imports there. errors.Conflict: it was brought in already.
    """
    require(actor, *IMPORTERS, namespace=draft.namespace)
    if draft.record_id is not None:
        raise Conflict(_("This import was confirmed already."), params={"import": draft.record_id})
    params = {"import": draft.pk, "whole": whole}
    return ask(IMPORT, asked_by=actor, reason=reason, params=params, key=import_key(draft))


def import_key(draft: ImportDraft) -> str:
    """What the job of a file is about."""
    return f"import:{draft.pk}"


def may_read_import(reader: Principal, params: Mapping[str, Any]) -> bool:
    """Whoever sent the file."""
    return bool(my_drafts(reader).filter(pk=params["import"]).exists())


@job(IMPORT, title=gettext_lazy("Import of an inventory"), may_read=may_read_import)
def bring_in(run: Run) -> None:
    """Bring the file in, in one act; whoever follows a worker that died after it finds it done."""
    draft = ImportDraft.objects.select_related("namespace", "record").filter(pk=run.params["import"]).first()
    if draft is None:
        raise Missing(_("The file is not kept any more. Send it again."))
    made: InventoryImport | None = draft.record
    if made is None:
        made = import_inventory(
            actor=run.asked_by, reason=run.reason, draft=draft, whole=run.params["whole"], progress=run.progress
        )
    run.progress(STEPS, STEPS)
    run.finish(
        _("%(models)d models and %(versions)d versions are on record, in one act.")
        % {"models": made.models_made, "versions": made.versions_made},
        url=f"/imports/{draft.pk}",
        result={
            "import": made.pk, "models": made.models_made, "versions": made.versions_made,
            "as_found": made.as_found_made, "faulty": made.rows_faulty,
        },
    )  # fmt: skip
