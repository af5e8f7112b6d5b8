"""Which versions stand beside one another: the candidate, what serves in its place, and its baseline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Q
from django.utils.translation import gettext as _

from approvals.models import Promotion, Release, Slot
from lineage.models import ModelVersion, RunInput, RunRole

CANDIDATE, LIVE, BASELINE = "candidate", "live", "baseline"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the versions compared. `since`: from when what it rests on was as it is compared."""

    role: str
    version: ModelVersion
    why: str
    since: datetime
    model: str = ""

    @property
    def title(self) -> str:
        """Version 3, or with its model where that is another."""
        name = _("Version %(number)s") % {"number": self.version.number}
        return f"{self.model}, {name}" if self.model else name


@dataclass(slots=True)
class Sides:
    """The versions, and what is to be said where one is missing."""

    candidate: Side
    live: Side | None = None
    baseline: Side | None = None
    missing: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[Side]:
        """Those there are, the candidate first."""
        return [one for one in (self.candidate, self.live, self.baseline) if one is not None]

    @property
    def other(self) -> Side | None:
        """What data, terms, flags and code are compared with: what serves, else the baseline."""
        return self.live or self.baseline


def sides_of(release: Release, readable: frozenset[int]) -> Sides:
    """The versions to compare, in two queries.

    Args:
        release: with its model version, model and environment. readable: ids of the namespaces the reader may read.
    """
    version = release.model_version
    found = Sides(Side(CANDIDATE, version, _("asks for a place in %(environment)s")
                       % {"environment": release.environment}, release.recorded_at))  # fmt: skip
    found.live = _serving(release, found)
    baseline, why = _baseline(version)
    if baseline is None:
        found.missing.append(
            _("No baseline: no parent version is on record, and no run compared it with one.")
        )  # fmt: skip
    elif baseline.model.namespace_id not in readable:
        digest = f"{baseline.digest_algorithm}:{baseline.digest_value}" if baseline.digest_value else _("no digest")
        found.missing.append(
            _("The baseline belongs to a namespace you may not read (%(digest)s).") % {"digest": digest}
        )
    elif found.live is None or baseline.pk != found.live.version.pk:
        other = baseline.model.name if baseline.model_id != version.model_id else ""
        found.baseline = Side(BASELINE, baseline, why, baseline.recorded_at, other)
    return found


def beside_live(release: Release, live: Promotion | None) -> Sides | None:
    """The candidate and what serves in its place, without a query; None where nothing else serves.

    Args:
        live: with its release and that one's model version.
    """
    if live is None or live.release.model_version_id == release.model_version_id:
        return None
    candidate = Side(CANDIDATE, release.model_version, "", release.recorded_at)
    return Sides(candidate, Side(LIVE, live.release.model_version, "", live.started_at))


def _serving(release: Release, found: Sides) -> Side | None:
    """What serves in the place asked for, or what the promotion replaced; for a challenger else the champion."""
    places = Q(
        live_slot__environment=release.environment_id, live_slot__model=release.model_version.model_id,
        live_slot__slot__in=[release.slot, Slot.CHAMPION],
    )  # fmt: skip
    promotions = list(
        Promotion.objects.filter(places | Q(release=release))
        .select_related("release__model_version__model", "replaces__release__model_version__model")
        .order_by("pk")
    )
    own = [one for one in promotions if one.release_id == release.pk]
    if own:
        before = own[0].replaces
        if before is None:
            found.missing.append(_("Nothing served in its place before it."))
            return None
        return Side(LIVE, before.release.model_version, _("served before it"), before.started_at)
    here = next((one for one in promotions if one.slot == release.slot), None)
    place = {"environment": release.environment, "slot": release.get_slot_display()}
    if here is None:
        here = next(iter(promotions), None)
        if here is None:
            found.missing.append(_("Nothing serves in %(environment)s, slot %(slot)s.") % place)
            return None
        why = _("serves in %(environment)s as champion; the slot asked for is empty") % place
    else:
        why = _("serves in %(environment)s, slot %(slot)s") % place
    if here.release.model_version_id == release.model_version_id:
        found.missing.append(_("It is this version that serves: there is no other to compare it with."))
        return None
    return Side(LIVE, here.release.model_version, why, here.started_at)


def _baseline(version: ModelVersion) -> tuple[ModelVersion | None, str]:
    """The version its run was compared with, else its parent."""
    runs = Q(run__model_versions=version) | Q(run__outputs__model_version=version)
    link = (
        RunInput.objects.filter(runs, role=RunRole.BASELINE, model_version__isnull=False)
        .select_related("model_version__model")
        .order_by(F("pk").desc())
        .first()
    )
    if link is not None and link.model_version is not None:
        return link.model_version, _("the baseline of its run")
    return version.parent_version, _("its parent version")
