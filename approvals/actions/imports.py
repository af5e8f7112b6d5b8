"""Bringing in an inventory: looked at first, confirmed in one act."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from approvals.imports import live
from approvals.imports.live import LiveRow
from approvals.models import AsFound
from approvals.onboarding import open_window
from governance import errors
from governance.accounts.api.views import readable_principals
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import readable_namespaces, require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.registering import REGISTRARS
from lineage.imports.columns import people_named
from lineage.imports.layouts import OWN, LaidOut, laid_out, named
from lineage.imports.plan import Plan, plan, settle
from lineage.imports.reading import Fault, Reading, read
from lineage.imports.remainder import remainder
from lineage.imports.writing import write
from lineage.models import ImportDraft, ImportFormat, InventoryImport

#: Who brings inventories in. An administrator never votes: who imports has a hand in all of it and judges none of it.
IMPORTERS = (*REGISTRARS, Role.ADMINISTRATOR)
FAULTS_NAMED = 200
DRAFTS_KEPT = 50
"""Of one person; the oldest unconfirmed go first."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A file, looked at."""

    reading: Reading
    laid: LaidOut
    plan: Plan
    live: dict[int, LiveRow]


def look(
    content: bytes, *, actor: Principal, namespace: Namespace, format: str, layout: str = OWN, encoding: str = "utf-8"
) -> Looked:
    """What would come of a file. Writes nothing.

    Raises:
        errors.Invalid, errors.TooLarge: the file cannot be read as rows; `errors` names each place.
    """
    if format not in ImportFormat.values:
        raise errors.Invalid(errors={"format": [_("One of %(known)s.") % {"known": ", ".join(ImportFormat.values)}]})
    as_written = ImportFormat.JSON_LINES if format == ImportFormat.MLFLOW else format
    reading = read(content, as_written, encoding=encoding)
    laid = laid_out(reading, layout, more=live.NAMES)
    addresses = {row.cells.get(name, "") for row in laid.rows for name in ("owner", "decision_owner")}
    people = people_named(addresses, readable_principals(actor))
    planned = plan(laid, namespace=namespace, people=people, more=live.readers())
    serving = live.check_live(planned, namespace=namespace, actor=actor)
    settle(planned)
    good = {row.number for row in planned.rows if not row.faults}
    return Looked(reading, laid, planned, {number: one for number, one in serving.items() if number in good})


def prepare_import(
    *,
    actor: Principal,
    namespace: Namespace,
    content: bytes,
    name: str,
    format: str,
    layout: str = OWN,
    encoding: str = "utf-8",
) -> ImportDraft:
    """Keep a file that was sent, with what would come of it. Nothing of it is on record.

    Raises:
        errors.Forbidden: nobody who imports there. errors.Invalid, errors.TooLarge: see `look`.
    """
    require(actor, *IMPORTERS, namespace=namespace)
    looked = look(content, actor=actor, namespace=namespace, format=format, layout=layout, encoding=encoding)
    with transaction.atomic():
        old = timezone.now() - timedelta(days=ImportDraft.KEPT_DAYS)
        mine = ImportDraft.objects.filter(principal=actor)
        mine.filter(created_at__lt=old).delete()
        keep = list(mine.order_by("-id").values_list("pk", flat=True)[: DRAFTS_KEPT - 1])
        mine.exclude(pk__in=keep).delete()
        return ImportDraft.objects.create(
            principal=actor, namespace=namespace, name=_shown(name, 500), format=format, layout=layout,
            encoding=encoding, content=content, report=report_of(looked, layout),
        )  # fmt: skip


def report_of(looked: Looked, layout: str) -> dict[str, Any]:
    """What was found, as the draft keeps it: counts, columns left out, and each row with its verdict and faults."""
    return {
        "counts": looked.plan.counts(),
        "left_out": [_shown(one) for one in looked.laid.left_out],
        "rows": [
            {
                "row": row.number,
                "name": _shown(row.name),
                "verdict": row.verdict,
                "makes": row.makes,
                "faults": [{"field": one.field, "message": one.sentence} for one in _named(row.faults, layout)],
            }
            for row in looked.plan.rows
        ],
    }


def _shown(text: str, length: int = 300) -> str:
    """A name as the database can hold it, however broken it was."""
    return text[:length].replace("\x00", "�").encode("utf-8", "replace").decode()


def _named(faults: Sequence[Fault], layout: str) -> list[Fault]:
    return [Fault(_shown(one.field), one.sentence) for one in (named(fault, layout) for fault in faults)]


Progress = Callable[[int, int, Any], None]
STEPS = 4


def _no_progress(done: int, total: int, message: Any) -> None:
    """For who does not look."""


@action
def import_inventory(
    *, actor: Principal, reason: str, draft: ImportDraft, whole: bool, progress: Progress = _no_progress
) -> InventoryImport:
    """Bring in what was looked at, compared once more with the record as it is now. One act, all of it or nothing.

    Args:
        whole: refuse if any row is faulty; else the good rows come in, and the others stay in the remainder file.
        progress: told of each step: how many of STEPS are done, and what is done next.

    Raises:
        errors.Forbidden: nobody who imports there, or not the one who sent it.
        errors.Conflict: it was brought in already, or a row cannot be kept by the record as it is now.
        errors.Invalid: a row is faulty and it was to be all or nothing (`errors` names rows and fields); or nothing is
            new.
    """
    require(actor, *IMPORTERS, namespace=draft.namespace)
    held = ImportDraft.objects.select_for_update().select_related("namespace").filter(pk=draft.pk).first()
    if held is None or held.principal_id != actor.pk:
        raise errors.Forbidden(_("Whoever sent the file confirms it."))
    if held.record_id is not None:
        raise errors.Conflict(_("This import was confirmed already."), params={"import": held.record_id})
    content = bytes(held.content)
    progress(0, STEPS, _("Comparing its rows with the record as it is now"))
    looked = look(
        content, actor=actor, namespace=held.namespace, format=held.format, layout=held.layout, encoding=held.encoding
    )
    counts = looked.plan.counts()
    if whole and counts["faulty"]:
        raise _faulty(looked, held.layout)
    if not counts["models"] + counts["versions"] + counts["as_found"]:
        raise errors.Invalid(
            _("Nothing in it is new and without fault, so there is nothing to bring in."),
            errors={"file": [_("No row.")]},
        )
    n = counts["models"] + counts["versions"]
    progress(
        1,
        STEPS,
        ngettext("Putting %(n)d model or version on record", "Putting %(n)d models and versions on record", n)
        % {"n": n},
    )
    written = write(looked.plan, namespace=held.namespace)
    window = open_window(held.namespace)
    entries = [
        AsFound(
            window=window, model=written.version_of_row[number].model, model_version=written.version_of_row[number],
            environment=one.environment, slot=one.slot, since=one.since, govern_by=one.govern_by,
        )
        for number, one in looked.live.items()
    ]  # fmt: skip
    progress(2, STEPS, _("Marking what serves already"))
    AsFound.objects.bulk_create(entries, batch_size=1_000)
    record = InventoryImport.objects.create(
        namespace=held.namespace, source=held.name, format=held.format, layout=held.layout,
        content_digest=hashlib.sha256(content).hexdigest(), content_bytes=len(content), rows=counts["rows"],
        rows_faulty=counts["faulty"], rows_unchanged=counts["unchanged"], models_made=written.models,
        versions_made=written.versions, as_found_made=len(entries), whole=whole,
    )  # fmt: skip
    progress(3, STEPS, _("Keeping what came of each row"))
    held.record = record
    held.report = report_of(looked, held.layout)
    held.save(update_fields=["record", "report"])
    draft.record, draft.report = held.record, held.report
    return record


def _faulty(looked: Looked, layout: str) -> errors.Invalid:
    faults: dict[str, list[Any]] = {}
    for row in looked.plan.faulty[:FAULTS_NAMED]:
        for fault in _named(row.faults, layout):
            faults.setdefault(f"rows[{row.number}].{fault.field}", []).append(fault.sentence)
    n = len(looked.plan.faulty)
    sentence = ngettext(
        "%(n)d row is faulty, and it was to be all or nothing: nothing was brought in.",
        "%(n)d rows are faulty, and it was to be all or nothing: nothing was brought in.",
        n,
    ) % {"n": n}
    return errors.Invalid(sentence, errors=faults, params={"faulty": n})


def remainder_of(draft: ImportDraft) -> bytes:
    """The rows that were found faulty, as a file to mend and send again; nothing left: b""."""
    faulty = {
        row["row"]: [Fault(one["field"], one["message"]) for one in row["faults"]]
        for row in draft.report["rows"]
        if row["faults"]
    }
    if not faulty:
        return b""
    as_written = ImportFormat.JSON_LINES if draft.format == ImportFormat.MLFLOW else draft.format
    reading = read(bytes(draft.content), as_written, encoding=draft.encoding)
    return remainder(reading, faulty, as_written)


def my_drafts(principal: Principal) -> Any:
    """What a principal sent, newest first, of namespaces they still read, without the files themselves."""
    return (
        ImportDraft.objects.filter(principal=principal, namespace__in=readable_namespaces(principal))
        .select_related("namespace", "record")
        .defer("content")
        .order_by("-id")
    )
