"""Recorded profiles, read."""

from __future__ import annotations

from lineage.models import DataProfile
from lineage.quality.documents import Profile, read_columns


def profile_of(row: DataProfile) -> Profile:
    """What a recorded profile says, whichever way it came."""
    return Profile(columns=read_columns(row.columns), rows=row.rows, bytes=row.bytes)
