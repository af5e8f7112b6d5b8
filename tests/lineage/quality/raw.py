"""Profiles of columns straight from raw values, by the definition of the document: what the engine is to measure too."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lineage.quality.documents import ColumnProfile, ColumnType, Other, TopValue

EDGES = 200


def numbers(
    values: Iterable[float | None], *, name: str = "x", kind: ColumnType = "number", edges: int = EDGES,
    against: Sequence[float] = (),
) -> ColumnProfile:  # fmt: skip
    """The profile of a column of numbers; None is null. `against`: edges of a baseline that are asked for besides."""
    given = list(values)
    there = [v for v in given if v is not None]
    finite = np.sort(np.array([v for v in there if math.isfinite(v)], dtype=float))
    nulls, non_finite = len(given) - len(there), len(there) - len(finite)
    known: dict[str, Any] = {"name": name, "type": kind, "count": len(there), "nulls": nulls, "non_finite": non_finite}
    if not len(finite):
        return ColumnProfile(**known, distinct=0 if not there else None, distinct_exact=True)
    apart = np.unique(finite)
    chosen = apart if len(apart) <= edges else np.unique(np.quantile(finite, np.linspace(0, 1, edges), method="lower"))
    chosen = np.unique(np.concatenate([chosen, np.array(against, dtype=float)]))
    with np.errstate(over="ignore"):
        mean, spread = float(finite.mean()), float(finite.std())
    return ColumnProfile(
        **known, distinct=len(apart), distinct_exact=True, min=float(finite[0]), max=float(finite[-1]),
        mean=mean if math.isfinite(mean) else None, stddev=spread if math.isfinite(spread) else None,
        edges=tuple(chosen.tolist()), before=tuple(np.searchsorted(finite, chosen, "left").tolist()),
        upto=tuple(np.searchsorted(finite, chosen, "right").tolist()),
    )  # fmt: skip


def texts(values: Iterable[str | None], *, name: str = "x", top: int = 100, least: int = 5) -> ColumnProfile:
    """The profile of a column of texts: the most frequent listed, those in fewer than `least` rows among the others."""
    given = list(values)
    counts = Counter(v for v in given if v is not None)
    listed = [(v, n) for v, n in counts.most_common(top) if n >= least]
    rest = sum(counts.values()) - sum(n for _v, n in listed)
    return ColumnProfile(
        name=name, type="string", count=sum(counts.values()), nulls=sum(v is None for v in given),
        distinct=len(counts), distinct_exact=True, other=Other(rest, len(counts) - len(listed)),
        top=tuple(TopValue(v, key(v), n) for v, n in listed),
    )  # fmt: skip


def key(value: str) -> str:
    """As a profile names a value."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]
