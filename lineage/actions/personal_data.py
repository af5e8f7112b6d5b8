"""Finds of personal data raise flags: in the act that records the profile, so that no gate is asked in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lineage.actions.registering import lock_roots
from lineage.models import (
    Assessment,
    DataProfile,
    DatasetVersion,
    PersonalDataFind,
    Presence,
    SensitivityFlag,
    Treatment,
)
from lineage.quality.finds import Found

MOST_COLUMNS = 500
"""Columns and categories flagged one by one; where more are found, the whole version is flagged, once per category."""

Place = tuple[str, str]


def record_finds(profile: DataProfile, version: DatasetVersion, found: Sequence[Found]) -> list[PersonalDataFind]:
    """Record finds with the profile they were seen in, each with the flag it raises or meets.

    Part of an act: called inside one, by whoever may record the profile. A flag that says "yes" or "unknown" already
    is met; one that a steward answered otherwise is raised anew, unless the steward answered knowing of this pattern
    in this column.

    Args:
        profile: of the version, recorded in this act.

    Raises:
        errors.Refused: what the database refuses.
    """
    if not found:
        return []
    lock_roots(("dataset", version.dataset_id))
    wanted = _by_place(found)
    standing: dict[Place, SensitivityFlag] = {}
    for flag in SensitivityFlag.objects.filter(dataset_version=version).order_by("pk"):
        standing[flag.column, flag.category] = flag
    asked: dict[tuple[str, str], list[PersonalDataFind]] = defaultdict(list)
    for one in PersonalDataFind.objects.filter(dataset_version=version):
        asked[one.column, one.pattern].append(one)
    raised = [
        _flag(version, place, standing.get(place), by_value=any(one.matched for one in finds))
        for place, finds in wanted.items()
        if any(_is_new(one, place, standing.get(place), asked[place[0], one.pattern]) for one in finds)
    ]
    standing |= {(one.column, one.category): one for one in SensitivityFlag.objects.bulk_create(raised)}
    rows = {
        (place[0], one.pattern): PersonalDataFind(
            dataset_version=version, profile=profile, flag=standing[place], column=place[0], category=place[1],
            pattern=one.pattern, looked_at=one.looked_at, matched=one.matched, by_name=one.by_name,
            examples=list(one.examples),
        )
        for place, finds in wanted.items()
        for one in finds
    }  # fmt: skip
    return PersonalDataFind.objects.bulk_create(rows.values())


def _by_place(found: Iterable[Found]) -> dict[Place, list[Found]]:
    """The finds by column and category; by category alone where they are too many to be told one by one."""
    wanted: dict[Place, list[Found]] = defaultdict(list)
    for one in found:
        wanted[one.column, one.category].append(one)
    if len(wanted) <= MOST_COLUMNS:
        return dict(wanted)
    whole: dict[Place, dict[str, Found]] = defaultdict(dict)
    for (_column, category), finds in wanted.items():
        for one in finds:
            most = whole["", category].get(one.pattern)
            if most is None or one.matched > most.matched:
                whole["", category][one.pattern] = one
    return {place: list(by_pattern.values()) for place, by_pattern in whole.items()}


def _is_new(one: Found, place: Place, flag: SensitivityFlag | None, before: Sequence[PersonalDataFind]) -> bool:
    """Whether nobody has answered this yet.

    `before`: earlier finds of the pattern in the column. What was seen in values outweighs what a name alone said.
    """
    if flag is None:
        return True
    if flag.assessment == Assessment.REVIEWED:
        if any(earlier.flag_id < flag.pk and (earlier.matched or not one.matched) for earlier in before):
            return False  # the steward knew of it
        if flag.present != Presence.NO and flag.treatment != Treatment.NONE:
            return one.matched > 0  # said to be masked or gone, and there it is
    return flag.present == Presence.NO


def _flag(version: DatasetVersion, place: Place, before: SensitivityFlag | None, *, by_value: bool) -> SensitivityFlag:
    """The flag to raise: unknown, and no milder in anything than the answer it supersedes."""
    column, category = place
    kept = before if before is not None and before.present != Presence.NO else None
    return SensitivityFlag(
        dataset_version=version,
        column=column,
        category=category,
        present=Presence.YES if kept is not None and kept.present == Presence.YES else Presence.UNKNOWN,
        assessment=Assessment.DETECTED,
        supersedes=before,
        regulation_sets=list(kept.regulation_sets) if kept else [],
        special_category=kept.special_category if kept else False,
        data_subjects=list(kept.data_subjects) if kept else [],
        excluded_from_training=kept.excluded_from_training if kept else False,
    )
