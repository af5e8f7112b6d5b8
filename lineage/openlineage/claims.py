"""Reading an event as what it claims. Never fails on what an event holds: what is not understood is noted by its path.

Only what names the event must be there (spec 2-0-2): its time, and the run and job, the job, or the dataset. Everything
else is read as far as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from governance.errors import Invalid
from lineage.models.openlineage import NAME_LENGTH, SOURCE_LENGTH, EventKind
from lineage.models.runs import OWN_KEYS, kept_key

RUN_KEY_LENGTH = 256
DATASETS_AT_MOST = 1_000
"""Inputs or outputs of one event that are read; the rest is noted."""

EVENT_TYPES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
#: The state of a run after an event [OL eventType]; the other types leave it running.
ENDS = {"COMPLETE": "complete", "FAIL": "failed", "ABORT": "aborted"}


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was not understood, or not taken: where it stands, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class DatasetClaim:
    """A dataset that an event names, with its facets as they came."""

    path: str
    source: str
    name: str
    facets: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return (self.source, self.name)


@dataclass(frozen=True, slots=True)
class Claim:
    """What an event says, before any facet is read."""

    kind: EventKind
    at: datetime
    event_type: str = ""
    run_key: str = ""
    run_facets: dict[str, Any] = field(default_factory=dict)
    job_source: str = ""
    job_name: str = ""
    job_facets: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[DatasetClaim, ...] = ()
    outputs: tuple[DatasetClaim, ...] = ()
    sender: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def subject(self) -> str:
        """Namespace and name of the job, or of the dataset where there is none."""
        if self.job_name:
            return f"{self.job_source} {self.job_name}"
        return " ".join(self.outputs[0].key)


def read(event: Any) -> Claim:
    """What an event claims.

    Raises:
        Invalid: it is no OpenLineage event: no object, no time, nothing that it is about. `errors` names each field.
    """
    if not isinstance(event, dict):
        raise Invalid(_("An event is an object: {…}."), errors={"(body)": [_("Send an object.")]})
    faults: dict[str, list[str]] = {}
    at = _moment(event.get("eventTime"))
    if at is None:
        faults["eventTime"] = [_("Send a moment with its time zone, such as 2026-11-22T17:58:40Z.")]
    run, job, dataset = (event.get(name) for name in ("run", "job", "dataset"))
    kind = EventKind.RUN if run is not None else EventKind.JOB if job is not None else EventKind.DATASET
    if kind is EventKind.DATASET:
        faults |= _unnamed("dataset", dataset)
    else:
        faults |= _unnamed("job", job)
    if kind is EventKind.RUN and not _is_name(run.get("runId") if isinstance(run, dict) else None, RUN_KEY_LENGTH):
        faults["run.runId"] = [_("Send the run's id, a UUID.")]
    elif isinstance(run, dict) and run["runId"].startswith(OWN_KEYS):
        faults["run.runId"] = [kept_key()]
    if faults:
        raise Invalid(_("This is no OpenLineage event: it does not say when, or of what."), errors=faults)
    assert at is not None
    notes: list[Note] = []
    run, job = run or {}, job or {}
    inputs = tuple(_datasets("inputs", event.get("inputs"), notes)) if job else ()
    outputs = tuple(
        _datasets("outputs", event.get("outputs"), notes) if job else _datasets("dataset", [dataset], notes)
    )
    return Claim(
        kind=kind,
        at=at,
        event_type=_type_of(event, kind, notes),
        run_key=run.get("runId", ""),
        run_facets=_facets("run", run, notes),
        job_source=job.get("namespace", ""),
        job_name=job.get("name", ""),
        job_facets=_facets("job", job, notes),
        inputs=inputs,
        outputs=outputs,
        sender=_text(event.get("producer"))[:500],
        notes=tuple(notes),
    )


def _moment(given: Any) -> datetime | None:
    """A moment in UTC; None: it is none, or lies where no clock points."""
    if not isinstance(given, str) or len(given) > 64:
        return None
    try:
        found = parse_datetime(_to_microseconds(given))
    except ValueError:
        return None
    if found is None or found.tzinfo is None:
        return None
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        return None
    return found if 1970 <= found.year <= 2200 else None


def _to_microseconds(given: str) -> str:
    """Java writes nanoseconds; Django reads six digits and ignores the rest, but not more than nine of them."""
    head, dot, tail = given.partition(".")
    if not dot:
        return given
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return head + dot + tail[: min(digits, 6)] + tail[digits:]


def _unnamed(path: str, given: Any) -> dict[str, list[str]]:
    if not isinstance(given, dict):
        return {path: [_("Send an object with namespace and name.")]}
    limits = {"namespace": SOURCE_LENGTH, "name": NAME_LENGTH}
    return {
        f"{path}.{part}": [_("1 to %(limit)d characters, none of them a control character.") % {"limit": limit}]
        for part, limit in limits.items()
        if not _is_name(given.get(part), limit)
    }


def _is_name(given: Any, limit: int) -> bool:
    """Whether it can name something on record: text, not blank, without control characters or halves of pairs."""
    return (
        isinstance(given, str)
        and 0 < len(given) <= limit
        and given == given.strip()
        and given.isprintable()
        and not any("\ud800" <= one <= "\udfff" for one in given)
    )


def _type_of(event: dict[str, Any], kind: EventKind, notes: list[Note]) -> str:
    if kind is not EventKind.RUN:
        return ""
    given = event.get("eventType")
    if given in EVENT_TYPES:
        return str(given)
    if given is not None:
        notes.append(Note("eventType", _("None of %(known)s.") % {"known": ", ".join(EVENT_TYPES)}))
    return "OTHER"


def _datasets(path: str, given: Any, notes: list[Note]) -> Iterable[DatasetClaim]:
    """The datasets of a list, each key once: facets of a repeated one are read together, the first one's first."""
    if given is None:
        return ()
    if not isinstance(given, list):
        notes.append(Note(path, _("No list.")))
        return ()
    if len(given) > DATASETS_AT_MOST:
        sentence = _("%(count)d of them; the first %(limit)d were read.")
        notes.append(Note(path, sentence % {"count": len(given), "limit": DATASETS_AT_MOST}))
    found: dict[tuple[str, str], DatasetClaim] = {}
    for place, one in enumerate(given[:DATASETS_AT_MOST]):
        here = path if path == "dataset" else f"{path}[{place}]"
        faults = _unnamed(here, one)
        if faults:
            notes += [Note(where, sentences[0]) for where, sentences in faults.items()]
            continue
        facets: dict[str, Any] = {}
        for part in ("facets", "inputFacets", "outputFacets"):
            facets |= _facets(here, one, notes, part)
        claim = DatasetClaim(here, one["namespace"], one["name"], facets)
        before = found.get(claim.key)
        found[claim.key] = (
            DatasetClaim(before.path, *claim.key, {**facets, **before.facets}) if before is not None else claim
        )
    return found.values()


def _facets(path: str, holder: Any, notes: list[Note], part: str = "facets") -> dict[str, Any]:
    given = holder.get(part) if isinstance(holder, dict) else None
    if given is None:
        return {}
    if not isinstance(given, dict):
        notes.append(Note(f"{path}.{part}", _("No object.")))
        return {}
    return given


def _text(given: Any) -> str:
    return given.encode("utf-8", "replace").decode().replace("\x00", "") if isinstance(given, str) else ""
