"""What went into two versions: data added, removed and renewed, its schema, its terms and its flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.comparison.sides import Sides
from lineage.models import CollectionTerms, Dataset, DatasetVersion, SensitivityFlag
from lineage.terms.difference import Change, difference

MOST = 50
"""Entries of each list that are named; the rest is counted."""
MOST_FLAGS = 5_000
MOST_TERMS = 2_000


@dataclass(frozen=True, slots=True)
class Renewed:
    """A dataset of which another version went in. `columns`: what is otherwise in its schema, in words."""

    before: DatasetVersion
    after: DatasetVersion
    columns: list[str]


@dataclass(frozen=True, slots=True)
class TermsChanged:
    """A dataset whose terms are not those of then. None: none in force."""

    dataset: Dataset
    before: CollectionTerms | None
    after: CollectionTerms | None
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class FlagChanged:
    """A column and category whose answer is otherwise. None: nobody said anything of it."""

    version: DatasetVersion
    column: str
    category: str
    before: SensitivityFlag | None
    after: SensitivityFlag | None


@dataclass(slots=True)
class DataCompared:
    """All of it. `elsewhere`: versions of namespaces the reader may not read, of the candidate and of the other."""

    added: list[DatasetVersion] = field(default_factory=list)
    removed: list[DatasetVersion] = field(default_factory=list)
    renewed: list[Renewed] = field(default_factory=list)
    same: int = 0
    terms: list[TermsChanged] = field(default_factory=list)
    flags: list[FlagChanged] = field(default_factory=list)
    elsewhere: tuple[int, int] = (0, 0)
    cut: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> bool:
        """Whether the data is the same, as far as it can be read."""
        return not (self.added or self.removed or self.renewed)


def upstream_of(sides: Sides) -> tuple[dict[str, set[int]], bool]:
    """Ids of the dataset versions each version was made from, at any distance, by role, and whether that is all of
    them: where one has more upstream than is walked, what it was trained on. One query.
    """
    by_version = {one.version.pk: one.role for one in sides.all}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.id, d.* FROM unnest(%s::bigint[]) v (id) CROSS JOIN LATERAL muniment.data_above(v.id) d",
            [list(by_version)],
        )
        rows = cursor.fetchall()
    found: dict[str, set[int]] = {one.role: set() for one in sides.all}
    for version, data, _whole in rows:
        found[by_version[version]].update(data)
    return found, all(whole for _version, _data, whole in rows)


def data_compared(sides: Sides, upstream: Mapping[str, set[int]], readable: Collection[int]) -> DataCompared:
    """Compare what went in with what went into the other version; three queries.

    Args:
        upstream: from `upstream_of`. readable: ids of the namespaces the reader may read.
    """
    other = sides.other
    if other is None:
        return DataCompared()
    ours, theirs = upstream[sides.candidate.role], upstream[other.role]
    versions = {
        one.pk: one
        for one in DatasetVersion.objects.filter(pk__in=ours | theirs).select_related("dataset__namespace")
        if one.dataset.namespace_id in readable
    }
    found = DataCompared(elsewhere=(len(ours - versions.keys()), len(theirs - versions.keys())))
    after, before = _newest(versions, ours), _newest(versions, theirs)
    for dataset in sorted(after.keys() | before.keys(), key=lambda pk: (after.get(pk) or before[pk]).dataset.name):
        _sort_in(found, before.get(dataset), after.get(dataset))
    found.terms = _terms(after, other.since)
    found.flags = _flags(before, after, other.since)
    for name in ("added", "removed", "renewed", "terms", "flags"):
        rows = getattr(found, name)
        if len(rows) > MOST:
            said = {"added": _("datasets added"), "removed": _("datasets removed"), "renewed": _("renewed datasets"),
                    "terms": _("changed terms"), "flags": _("changed flags")}[name]  # fmt: skip
            found.cut.append(
                _("%(count)d more %(what)s are not named here.") % {"count": len(rows) - MOST, "what": said}
            )
            del rows[MOST:]
    return found


def _newest(versions: Mapping[int, DatasetVersion], ids: Iterable[int]) -> dict[int, DatasetVersion]:
    """Per dataset the newest version among those."""
    found: dict[int, DatasetVersion] = {}
    for pk in sorted(ids):
        if (one := versions.get(pk)) is not None:
            found[one.dataset_id] = one
    return found


def _sort_in(found: DataCompared, before: DatasetVersion | None, after: DatasetVersion | None) -> None:
    if before is None and after is not None:
        found.added.append(after)
    elif after is None and before is not None:
        found.removed.append(before)
    elif before is not None and after is not None and before.pk != after.pk:
        found.renewed.append(Renewed(before, after, columns_changed(before, after)))
    else:
        found.same += 1


def columns_changed(before: DatasetVersion, after: DatasetVersion) -> list[str]:
    """What is otherwise in the schema, in words; nothing where either has none on record."""
    if not before.schema or not after.schema:
        return []
    old, new = ({one["name"]: one.get("type", "") for one in v.schema} for v in (before, after))
    said = [_("%(column)s came") % {"column": name} for name in new if name not in old]
    said += [_("%(column)s went") % {"column": name} for name in old if name not in new]
    said += [
        _("%(column)s is %(new)s, was %(old)s") % {"column": name, "new": new[name] or "–", "old": old[name] or "–"}
        for name in new
        if name in old and old[name] != new[name]
    ]
    more = len(said) - MOST
    return [*said[:MOST], _("and %(count)d more") % {"count": more}] if more > 0 else said


def _terms(after: Mapping[int, DatasetVersion], then: datetime) -> list[TermsChanged]:
    """Terms in force now that were not then, of all data that goes in."""
    now = timezone.now()
    rows = CollectionTerms.objects.filter(dataset__in=after).select_related("withdrawal").order_by("dataset", "number")
    by_dataset: dict[int, list[CollectionTerms]] = defaultdict(list)
    for one in rows[:MOST_TERMS]:
        by_dataset[one.dataset_id].append(one)
    found = []
    for dataset, version in after.items():
        known = [one for one in by_dataset[dataset] if one.recorded_at <= then]
        old, new = in_force(known, then), in_force(by_dataset[dataset], now)
        if (old and old.pk) != (new and new.pk):
            changes = difference(old, new) if old and new else []
            found.append(TermsChanged(version.dataset, old, new, changes))
    return found


def in_force(terms: Iterable[CollectionTerms], at: datetime) -> CollectionTerms | None:
    """Those of one dataset in force at a moment, as `muniment.terms_standing` has it: older ones do not come back."""
    begun = [one for one in terms if one.effective_from <= at]
    newest = max(begun, key=lambda one: one.number, default=None)
    if newest is None or (newest.effective_to is not None and newest.effective_to <= at):
        return None
    withdrawal = getattr(newest, "withdrawal", None)
    return None if withdrawal is not None and withdrawal.recorded_at <= at else newest


def _flags(
    before: Mapping[int, DatasetVersion], after: Mapping[int, DatasetVersion], then: datetime
) -> list[FlagChanged]:
    """Answers on the data that goes in that differ from those on what went in then, as they stood then."""
    ids = {one.pk for one in (*before.values(), *after.values())}
    standing: dict[int, dict[tuple[str, str], SensitivityFlag]] = defaultdict(dict)
    stood: dict[int, dict[tuple[str, str], SensitivityFlag]] = defaultdict(dict)
    for flag in SensitivityFlag.objects.filter(dataset_version__in=ids).order_by("pk")[:MOST_FLAGS]:
        standing[flag.dataset_version_id][flag.column, flag.category] = flag
        if flag.recorded_at <= then:
            stood[flag.dataset_version_id][flag.column, flag.category] = flag
    found = []
    for dataset, version in after.items():
        old = stood[before[dataset].pk] if dataset in before else {}
        new = standing[version.pk]
        for column, category in sorted(old.keys() | new.keys()):
            was, is_now = old.get((column, category)), new.get((column, category))
            if _says(was) != _says(is_now):
                found.append(FlagChanged(version, column, category, was, is_now))
    return found


def _says(flag: SensitivityFlag | None) -> tuple[object, ...]:
    """What an answer says. No answer and a reviewed "no" differ: nobody has looked."""
    if flag is None:
        return ()
    return (flag.present, flag.special_category, flag.treatment, flag.excluded_from_training,
            flag.assessment == "reviewed", *sorted(flag.regulation_sets))  # fmt: skip
