"""Recorded profiles, read."""

from __future__ import annotations

from typing import cast

from django.db.models import Case, QuerySet, When

from lineage.models import DataProfile
from lineage.quality.documents import Format, Limit, Profile, RuleCount, read_columns

NEEDED = ("dataset_version__dataset__namespace", "recorded_by")


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


def best_profile(profiles: QuerySet[DataProfile]) -> DataProfile | None:
    """Of profiles of one version the one to rely on; its version, dataset, namespace and author come with it.

    Complete ones come before those that a limit stopped; then those measured by the product, handed in, reported; then
    the newest. The database picks it, however many there are.
    """
    how = Case(When(how=DataProfile.How.MEASURED, then=0), When(how=DataProfile.How.HANDED_IN, then=1), default=2)
    return profiles.select_related(*NEEDED).order_by("-complete", how, "-pk").first()
