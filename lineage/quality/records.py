"""Recorded profiles, read."""

from __future__ import annotations

from typing import cast

from lineage.models import DataProfile, DatasetVersion
from lineage.quality.documents import Format, Limit, Profile, RuleCount, read_columns


def profile_of(row: DataProfile) -> Profile:
    """What a recorded profile says, whichever way it came.

    `digest` is of the bytes read: in the algorithm of the version's own where a worker measured it.
    """
    return Profile(
        columns=read_columns(row.columns), rows=row.rows, bytes=row.bytes, engine=row.engine,
        format=cast(Format, row.format), digest=row.file_digest, complete=row.complete,
        stopped_by=cast(Limit, row.stopped_by), duplicate_rows=row.duplicate_rows,
        rules=tuple(RuleCount(**one) for one in row.rules),
    )  # fmt: skip


def newest_profile(version: DatasetVersion) -> DataProfile | None:
    """The profile that says most of a version: one measured by the product, else handed in, else reported; the newest.

    Complete ones come before those that a limit stopped.
    """
    rows = DataProfile.objects.filter(dataset_version=version).select_related("recorded_by").order_by("-pk")
    order = {DataProfile.How.MEASURED: 0, DataProfile.How.HANDED_IN: 1, DataProfile.How.REPORTED: 2}
    found = sorted(rows.defer("columns")[:200], key=lambda one: (not one.complete, order[DataProfile.How(one.how)]))
    return found[0] if found else None
