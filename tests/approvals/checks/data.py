"""Versions of a dataset with profiles of raw values, and the checks that follow them as a worker runs them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from django.utils import timezone

from approvals.actions.expectations import record_expectations
from approvals.checks import check_profile, newest_expectations
from approvals.models import DataCheck
from governance.accounts.models import Principal
from governance.unit_of_work import recorded_action
from lineage.models import DataProfile, DatasetVersion, ExpectationSet
from lineage.quality.documents import ColumnProfile, to_json
from tests.approvals.world import WHY, World, sha
from tests.lineage.quality.raw import numbers

_counter = itertools.count(1)

ALIKE = {"key": "income-alike", "check": "distribution", "column": "income", "method": "psi", "at_most": "0.25"}
THERE = {"key": "income-there", "check": "completeness", "column": "income", "at_most": "0.05"}
ENOUGH = {"key": "enough", "check": "volume", "at_least": "100"}


def income(seed: int = 1, *, mean: float = 0.0, missing: float = 0.0, size: int = 400) -> ColumnProfile:
    """The profile of a column of so many values."""
    r = np.random.default_rng(seed)
    drawn = r.normal(mean, 1, size)
    return numbers([None if r.random() < missing else float(v) for v in drawn], name="income")


def expect(
    w: World, *items: Mapping[str, Any], dataset: str = "features", by: Principal | None = None
) -> ExpectationSet:
    """Record what is expected."""
    return record_expectations(
        actor=by or w.cast.steward, dataset=w.datasets[dataset], items=list(items) or [ALIKE, THERE, ENOUGH], **WHY
    )[0]


def version(w: World, dataset: str = "features") -> DatasetVersion:
    """Another version of a dataset."""
    number = next(_counter)
    with recorded_action(actor=w.cast.pipeline, **WHY):
        return DatasetVersion.objects.create(
            dataset=w.datasets[dataset], label=f"v{number}", digest_algorithm="sha256",
            digest_value=sha(f"{dataset} {number}"),
        )  # fmt: skip


def profile(
    w: World, of: DatasetVersion, columns: Sequence[ColumnProfile], *, by: Principal | None = None, **more: Any
) -> DataProfile:
    """A profile as somebody hands it in, or as the server measured it: then `by` is the system."""
    by = by or w.cast.pipeline
    fields: dict[str, Any] = {
        "namespace": of.dataset.namespace, "dataset_version": of, "said_at": timezone.now(),
        "how": "measured" if by.kind == Principal.Kind.SYSTEM else "handed-in", "engine": "test", "format": "csv",
        "rows": (columns[0].count or 0) + (columns[0].nulls or 0), "columns": [to_json(one) for one in columns],
        "content_digest": sha(f"profile {next(_counter)}"), "file_digest": f"sha256:{of.digest_value}", **more,
    }  # fmt: skip
    with recorded_action(actor=by, **WHY):
        return DataProfile.objects.create(**fields)


def check(of: DataProfile) -> DataCheck:
    """What a worker makes of it."""
    assert of.dataset_version is not None
    asked = newest_expectations(of.dataset_version.dataset_id)
    assert asked is not None
    return check_profile(of, asked, reason="A profile was recorded")


def verdicts(of: DataCheck) -> tuple[str | None, str | None]:
    """Of its evidence on quality and on drift."""
    from approvals.checks import checks_with_verdicts

    found = checks_with_verdicts(DataCheck.objects.filter(pk=of.pk)).get()
    return found.quality_verdict, found.drift_verdict


def figures(of: DataCheck) -> dict[str, dict[str, Any]]:
    """By item."""
    return {one["key"]: one for one in of.figures}
