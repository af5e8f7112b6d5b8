"""A profile's document as a measured file gives it."""

from __future__ import annotations

import hashlib
from typing import Any

DIGEST = "sha256:" + "1" * 64


def key_of(value: str) -> str:
    """What names a value in every profile."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def amounts(**other: Any) -> dict[str, Any]:
    """A column of numbers: 10, 20, 20, 30 and a null."""
    return {
        "name": "amount", "type": "number", "declared": "DOUBLE", "count": 4, "nulls": 1, "non_finite": 0,
        "distinct": 3, "distinct_exact": True, "min": 10.0, "max": 30.0, "sum": 80.0, "mean": 20.0, "stddev": 7.07,
        "edges": [10.0, 20.0, 30.0], "before": [0, 1, 3], "upto": [1, 3, 4], **other,
    }  # fmt: skip


def grades(**other: Any) -> dict[str, Any]:
    """A column of texts: five times a."""
    return {
        "name": "grade", "type": "string", "declared": "VARCHAR", "count": 5, "nulls": 0, "distinct": 1,
        "distinct_exact": True, "top": [{"value": "a", "key": key_of("a"), "count": 5}],
        "other": {"count": 0, "distinct": 0}, "lengths": {"min": 1, "max": 1, "mean": 1.0}, **other,
    }  # fmt: skip


def document(*columns: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A profile of five rows."""
    return {
        "profile": 1, "engine": "duckdb 1.0.0", "format": "csv", "digest": DIGEST, "bytes": 60, "rows": 5,
        "complete": True, "duplicate_rows": 1, "columns": list(columns) or [amounts(), grades()], **other,
    }  # fmt: skip
