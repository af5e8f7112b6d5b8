"""The whole comparison of a release, for its page and for the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from approvals.comparison.data import MOST, DataCompared, data_compared, upstream_of
from approvals.comparison.measured import Measurements, measured, read
from approvals.comparison.sides import Side, Sides, sides_of
from approvals.models import Release
from governance.accounts.models import Principal
from lineage.exports.upstream import reads
from lineage.models import DatasetVersion, ModelVersion, ModelVersionCompletion


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter that is otherwise; None: it is not set."""

    name: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Comparison:
    """Everything the page shows. What data, terms, flags and code are compared with is `other`."""

    release: Release
    sides: Sides
    measurements: Measurements
    data: DataCompared
    commit: tuple[str, str] | None
    parameters: list[Setting]
    features_added: list[str]
    features_removed: list[str]
    not_compared: list[str]

    @property
    def other(self) -> Side | None:
        """What serves in the place asked for, else the baseline."""
        return self.sides.other

    @property
    def changes(self) -> int:
        """How many things other than values are otherwise."""
        data = self.data
        rows = len(data.added) + len(data.removed) + len(data.renewed) + len(data.terms) + len(data.flags)
        return rows + len(self.parameters) + bool(self.commit) + bool(self.features_added or self.features_removed)

    @property
    def drifted(self) -> int:
        """How many of the newest checks of drift of its data failed."""
        return sum(one.verdict == "bad" for one in self.measurements.drift)


def compare(release: Release, reader: Principal) -> Comparison:
    """Compare a release with what serves in its place and with its baseline, as far as the reader may read.

    Args:
        release: with its model version, that one's model and parent, and its environment.

    Where more than 50,000 records lie upstream of a version, of its data only what it was trained on is compared.
    """
    readable = reads(reader)
    sides = sides_of(release, readable)
    upstream, whole = upstream_of(sides)
    data = data_compared(sides, upstream, readable)
    # Drift of data the reader may not read is not theirs to see either.
    mine = DatasetVersion.objects.filter(
        pk__in=upstream[sides.candidate.role], dataset__namespace__in=readable
    ).values("pk")  # fmt: skip
    measurements = measured(sides, read(sides, mine))
    ours, theirs = _facts(sides)
    new, old = sides.candidate.version, sides.other.version if sides.other else None
    found = Comparison(
        release=release,
        sides=sides,
        measurements=measurements,
        data=data,
        commit=(old.code_commit, new.code_commit) if old and old.code_commit != new.code_commit else None,
        parameters=_settings(theirs, ours) if old else [],
        features_added=_missing_in(new.features_used, old),
        features_removed=[one for one in old.features_used if one not in new.features_used][:MOST] if old else [],
        not_compared=[*sides.missing, *([] if whole else [_too_much()]), *measurements.alone[:MOST], *data.cut],
    )
    found.not_compared += _unknown(found)
    return found


def _too_much() -> str:
    return _(
        "Data: more than 50,000 records lie upstream of one of these versions. Compared is what they were trained on,"
        " not what that was made from."
    )


def _missing_in(features: list[str], old: ModelVersion | None) -> list[str]:
    return [one for one in features if one not in old.features_used][:MOST] if old else []


def _facts(sides: Sides) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the candidate and of the other one, with what was filled in later; one query."""
    wanted = [sides.candidate, *([sides.other] if sides.other else [])]
    found = {one.role: dict(one.version.parameters) for one in wanted}
    roles = {one.version.pk: one.role for one in wanted}
    for later in ModelVersionCompletion.objects.filter(model_version__in=roles).order_by("pk"):
        mine = found[roles[later.model_version_id]]
        for name, value in later.parameters.items():
            mine.setdefault(name, value)  # what was said first stands
    return found[sides.candidate.role], found[sides.other.role] if sides.other else {}


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Setting]:
    return [
        Setting(name, _said(old, name), _said(new, name))
        for name in sorted(old.keys() | new.keys())
        if _said(old, name) != _said(new, name)
    ]


def _said(settings: Mapping[str, Any], name: str) -> str | None:
    if name not in settings:
        return None
    value = settings[name]
    return value if isinstance(value, str) else json.dumps(value)


def _unknown(found: Comparison) -> list[str]:
    """What is not on record, or not the reader's to read."""
    said = []
    here, other = found.sides.candidate, found.other
    if other is not None:
        for side in (here, other):
            if not side.version.code_commit:
                said.append(_("Code: no commit is on record for %(version)s.") % {"version": side.title})
            if not side.version.features_used:
                said.append(_("Features: none are on record for %(version)s.") % {"version": side.title})
        for side, count in zip((here, other), found.data.elsewhere, strict=True):
            if count:
                said.append(
                    _("Data: %(count)d dataset versions above %(version)s belong to namespaces you may not read.")
                    % {"count": count, "version": side.title}
                )
        for one in found.data.renewed:
            if not one.before.schema or not one.after.schema:
                said.append(
                    _("Schema of %(name)s: not on record for both versions.") % {"name": one.after.dataset.name}
                )
    if len(found.parameters) > MOST:
        said.append(_("%(count)d more parameters are not named here.") % {"count": len(found.parameters) - MOST})
        del found.parameters[MOST:]
    return said
