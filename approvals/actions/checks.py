"""Putting a check of data on record: the server's act, with the evidence its figures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from approvals.actions.evidence import Measured, Source, record_worked_out
from approvals.models import BaselineReason, DataCheck, Evidence, ExpectationPlan
from governance import errors
from governance.accounts.models import Principal
from governance.unit_of_work import action, part
from lineage.actions.registering import lock_roots
from lineage.models import DataProfile, ExpectationSet
from lineage.quality.checks import Figure, rounded
from lineage.quality.expectations import BLOCKING, DRIFT, QUALITY, plain

TOOL = "Muniment data checks 1"
BINS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Compared:
    """What a profile was held against: the profile of another version, and why that one."""

    profile: DataProfile | None
    reason: BaselineReason


@action
def record_check(
    *,
    actor: Principal,
    reason: str,
    expectation_set: ExpectationSet,
    profile: DataProfile,
    baseline: Compared,
    figures: Sequence[Figure],
    note: str,
) -> tuple[DataCheck, bool]:
    """Record what came of a check; the same check again is the one on record.

    The figures of blocking items become evidence under the plans of the expectations. Where nothing fails and some of
    it cannot be told, the evidence has no values: nobody is told that data is bad which nobody knows to be.

    Args:
        note: why nothing of it can be judged, such as an incomplete profile; "" where it can.

    Raises:
        errors.Forbidden: the actor is not the system.
    """
    if actor.kind != Principal.Kind.SYSTEM:
        raise errors.Forbidden(_("Checks are worked out by the server. Record a profile: its check follows by itself."))
    version = profile.dataset_version
    assert version is not None  # data_profile_of_a_version
    lock_roots(("dataset", version.dataset_id))
    found = DataCheck.objects.filter(
        expectation_set=expectation_set, profile=profile, baseline=baseline.profile
    ).first()
    if found is not None:
        return found, False
    evidence: dict[str, Evidence | None] = {QUALITY: None, DRIFT: None}
    for link in ExpectationPlan.objects.filter(expectation_set=expectation_set).select_related("plan__namespace"):
        kind = str(link.plan.kind)
        if kind == DRIFT and baseline.profile is None:
            continue
        sources = _sources(profile, baseline.profile if kind == DRIFT else None)
        setter = expectation_set.recorded_by
        if profile.recorded_at < expectation_set.recorded_at and setter not in {one.principal for one in sources}:
            # Whoever says what counts as good when the figures are there to be read vouches for what comes out.
            sources.append(Source(setter))
        mine = [one for one in figures if one.item.kind.plan == kind and one.item.severity == BLOCKING]
        measured = Measured(
            run_started_at=timezone.now(), values=[] if note else _values(mine), tool=TOOL,
            independence=_standing(sources), attachments=_attachments(profile, baseline),
        )  # fmt: skip
        evidence[kind] = part(record_worked_out)(
            actor=actor, reason=reason, plan=link.plan, subject=version, measured=measured,
            sources=sources,
        )[0]  # fmt: skip
    check = DataCheck.objects.create(
        expectation_set=expectation_set, dataset_version=version, profile=profile, baseline=baseline.profile,
        baseline_reason=baseline.reason, quality=evidence[QUALITY], drift=evidence[DRIFT], note=note,
        figures=[_shown(one) for one in figures],
    )  # fmt: skip
    return check, True


def _sources(*profiles: DataProfile | None) -> list[Source]:
    """Who handed the profiles in; what the server measured itself has nobody to vouch for it but the bytes."""
    return [Source(p.recorded_by, p) for p in profiles if p is not None and p.recorded_by.kind != Principal.Kind.SYSTEM]


def _standing(sources: Sequence[Source]) -> str:
    if not sources:
        return _("Measured by the server from bytes of the digest on record.")
    return _("Worked out by the server from what was handed in; whoever did so vouches for it.")


def _attachments(profile: DataProfile, baseline: Compared) -> list[dict[str, str]]:
    """The profiles, by their address in the API and the digest of what they say."""
    return [
        {"uri": f"/api/v1/data-profiles/{one.pk}", "digest": f"sha256:{one.content_digest}", "type": kind}
        for one, kind in ((profile, "profile"), (baseline.profile, "baseline"))
        if one is not None
    ]


def _values(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """The figures as evidence: each at the end that is worse for its bound, with both ends as the interval.

    None while nothing fails and something cannot be told: without values the evidence is not judged. A column that is
    missing has no figure, which fails its criterion; that it is missing is a value of its own.
    """
    states = [one.holds for one in figures]
    if False not in states and None in states:
        return []
    values: dict[tuple[str, str], dict[str, Any]] = {}
    for one in figures:
        if one.found is None:
            continue
        low, high = rounded(one.found.low, up=False), rounded(one.found.high, up=True)
        values[one.metric, one.item.slice] = {
            "metric": one.metric, "slice": one.item.slice, "value": one.value(one.bounds[0]), "ci_low": low,
            "ci_high": high, "unit": one.unit,
        }  # fmt: skip
    if missing := sum(one.missing for one in figures):
        values["not_there", ""] = {"metric": "not_there", "value": Decimal(missing), "unit": "items"}
    return list(values.values())


def _shown(one: Figure) -> Mapping[str, Any]:
    """A figure as the record keeps it: plain values, numbers as text."""
    found: dict[str, Any] = {
        "key": one.item.key, "check": one.item.check, "metric": one.metric, "slice": one.item.slice,
        "severity": one.item.severity, "unit": one.unit, "holds": one.holds, "why": one.why,
        "bounds": [{"comparator": b.comparator, "threshold": format(b.threshold, "f")} for b in one.bounds],
    }  # fmt: skip
    if one.found is not None:
        low, high = rounded(one.found.low, up=False), rounded(one.found.high, up=True)
        found |= {"value": plain(one.value(one.bounds[0])), "low": plain(low), "high": plain(high)}
    if one.binned is not None:
        binned, total, base = one.binned, one.binned.total or 1, one.binned.base_total or 1
        rows = zip(binned.labels, binned.base, binned.ranges(), strict=True)
        found["bins"] = [
            [label, round(b / base, 6), round(low / total, 6), round(high / total, 6)] for label, b, (low, high) in rows
        ][:BINS_SHOWN]
    return found
