"""The columns of an inventory that say what serves already, and whether it may come in as found.

The database has the last word (sql/80_as_found.sql); what is asked here only says so row by row, and before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.models import AsFound, Environment, OnboardingWindow, Release, Slot
from approvals.onboarding import open_window
from governance.accounts.models import Namespace, Principal
from governance.accounts.permissions import holds
from governance.accounts.roles import Role
from lineage.imports.columns import Column, Wrong, moment
from lineage.imports.plan import Plan, PlannedRow
from lineage.imports.reading import Fault

LONGEST = timedelta(days=180)
"""From being brought in to the day it must have gone through the gate."""
COLUMNS: tuple[Column, ...] = (
    Column("live_in", gettext_lazy("Environment in which the version serves already. It comes in as found.")),
    Column("live_slot", gettext_lazy("champion (if left empty), challenger or shadow.")),
    Column("live_since", gettext_lazy("Since when, as a day or a moment with its offset; before the window opened.")),
    Column("govern_by", gettext_lazy("The day by which it must have gone through the gate, at most 180 days ahead.")),
)  # fmt: skip
NAMES = tuple(column.name for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class LiveRow:
    """Where a row's version serves, read and checked."""

    environment: Environment
    slot: str
    since: datetime
    govern_by: datetime


def readers() -> dict[str, Callable[[str], Any]]:
    """How the cells of these columns are read."""
    environments = {one.name: one for one in Environment.objects.all()}

    def environment(cell: str) -> Environment:
        found = environments.get(cell.strip().lower())
        if found is None:
            raise Wrong(_("There is no such environment. Known: %(known)s.") % {"known": ", ".join(environments)})
        return found

    def slot(cell: str) -> str:
        if cell.strip().lower() not in Slot.values:
            raise Wrong(_("One of %(known)s.") % {"known": ", ".join(Slot.values)})
        return cell.strip().lower()

    return {"live_in": environment, "live_slot": slot, "live_since": moment, "govern_by": moment}


def check_live(plan: Plan, *, namespace: Namespace, actor: Principal) -> dict[int, LiveRow]:
    """What the rows say to serve already, by row. Adds to the faults of those that cannot come in as found."""
    asking = [row for row in plan.rows if row.read is not None and row.read.more and not row.faults]
    if not asking:
        return {}
    window = open_window(namespace)
    known = _on_record(namespace)
    judged = _asked_at_the_gate(namespace)
    barred = _barred(actor, namespace, window)
    taken: dict[tuple[str, int, str], int] = {}
    found: dict[int, LiveRow] = {}
    for row in asking:
        live = _read(row, barred)
        if live is None or window is None:
            continue
        place = (row.name, live.environment.pk, live.slot)
        first = taken.setdefault(place, row.number)
        entry = known.get(place)
        if first != row.number:
            row.faults.append(Fault("live_in", _("Row %(first)d is live in the same place.") % {"first": first}))
        elif live.since >= window.recorded_at:
            row.faults.append(
                Fault("live_since", _("What began after the window was asked for goes through the gate."))
            )
        elif (row.name, live.environment.pk) in judged:
            row.faults.append(
                Fault("live_in", _("The gate was asked about this model there: nothing of it is found any more."))
            )
        elif entry is not None and (entry.since != live.since or not _same_version(row, entry)):
            row.faults.append(Fault("live_in", _("Something else was found in this place before; it comes in once.")))
        elif entry is None:
            row.makes.append("as_found")
            found[row.number] = live
    return found


def _read(row: PlannedRow, barred: str | None) -> LiveRow | None:
    assert row.read is not None
    said, now = row.read.more, timezone.now()
    if "live_in" not in said:
        row.faults.append(Fault("live_in", _("Say in which environment, or leave the other columns of it empty.")))
    elif barred:
        row.faults.append(Fault("live_in", barred))
    if row.read.version is None:
        row.faults.append(
            Fault("version_digest", _("Say which version is live: its digest, or its artifact's address."))
        )
    for name in ("live_since", "govern_by"):
        if name not in said:
            row.faults.append(Fault(name, _("What is live needs it.")))
    if "govern_by" in said and not now < said["govern_by"] <= now + LONGEST:
        sentence = _("Give a day in the future, at most %(days)d days ahead.") % {"days": LONGEST.days}
        row.faults.append(Fault("govern_by", sentence))
    if row.faults:
        return None
    return LiveRow(said["live_in"], said.get("live_slot", Slot.CHAMPION), said["live_since"], said["govern_by"])


def _barred(actor: Principal, namespace: Namespace, window: OnboardingWindow | None) -> str | None:
    """Why nothing may come in as found by this actor here; None: it may."""
    if window is None:
        return _("No onboarding window is open in %(name)s. Two policy owners open one.") % {"name": namespace.name}
    if actor.kind != Principal.Kind.PERSON or not holds(actor, Role.ADMINISTRATOR, namespace=namespace):
        return _("An administrator of the namespace says what is found there.")
    if actor.pk in (window.recorded_by_id, window.confirmation.recorded_by_id):
        return _("Whoever opened the window brings nothing in through it. Another administrator does.")
    return None


def _on_record(namespace: Namespace) -> dict[tuple[str, int, str], AsFound]:
    entries: Iterable[AsFound] = AsFound.objects.filter(model__namespace=namespace).select_related(
        "model", "model_version"
    )
    return {(one.model.name, one.environment_id, one.slot): one for one in entries}


def _asked_at_the_gate(namespace: Namespace) -> set[tuple[str, int]]:
    asked = Release.objects.filter(model_version__model__namespace=namespace)
    return set(asked.values_list("model_version__model__name", "environment").distinct())


def _same_version(row: PlannedRow, entry: AsFound) -> bool:
    assert row.read is not None
    said, kept = row.read.version or {}, entry.model_version
    digest = said.get("version_digest")
    if digest is not None:
        return (digest.algorithm, digest.value) == (kept.digest_algorithm, kept.digest_value)
    by_address = not kept.digest_value or "digest" in kept.filled_later
    return by_address and said.get("version_artifact_uri") == kept.artifact_uri
