"""Reporting evidence. The verdict is the database's to work out; a claim is kept beside it as a claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from approvals.actions._common import digest_of
from approvals.models import Evidence, EvidenceAnswer, EvidenceSource, EvidenceValue, Plan, Promotion
from approvals.policies import number
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.models import DataProfile, DatasetVersion, ModelVersion

MAX_VALUES = 1000
NUMBERS = ("value", "ci_low", "ci_high")
VALUE = ("metric", *NUMBERS, "slice", "dataset_role", "unit")

Subject = ModelVersion | DatasetVersion | Promotion


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of a measurement, and what is said about it."""

    run_started_at: datetime
    values: Sequence[Mapping[str, Any]] = ()  # {metric, value, slice, dataset_role, ci_low, ci_high, unit}
    answers: Sequence[Mapping[str, Any]] = ()  # {item, answer, comment}, to the plan's checklist
    window_start: datetime | None = None
    window_end: datetime | None = None
    valid_until: datetime | None = None
    claim: str = ""
    tool: str = ""
    independence: str = ""
    attachments: Sequence[Mapping[str, Any]] = field(default_factory=list)


@action
def report_evidence(
    *, actor: Principal, reason: str, plan: Plan, subject: Subject, subject_digest: str, measured: Measured
) -> tuple[Evidence, bool]:
    """Record what was measured under a plan; the same report by the same reporter is found again.

    Args:
        subject_digest: digest of what was measured, `algorithm:hex`; must be the subject's own.

    Returns:
        the evidence, and whether it is new.

    Raises:
        errors.Forbidden: the actor reports no evidence there.
        errors.Invalid: another digest, a value that is no finite number, or a plan of another subject.
        errors.SeparationOfDuties: a checklist answered by someone who is no validator.
    """
    require(actor, Role.PIPELINE, Role.VALIDATOR, Role.DATA_STEWARD, Role.MODEL_OWNER, namespace=plan.namespace)
    _check_digest(subject, subject_digest)
    return _write(actor, plan, subject, subject_digest, measured)


@dataclass(frozen=True, slots=True)
class Source:
    """Who handed in figures that the server works with; in which profile, where they stand in one."""

    principal: Principal
    profile: DataProfile | None = None


@action
def record_worked_out(
    *, actor: Principal, reason: str, plan: Plan, subject: Subject, measured: Measured, sources: Sequence[Source]
) -> tuple[Evidence, bool]:
    """Record what the server worked out under a plan; exactly the same again, from the same sources, is found again.

    For acts of the system: `part(record_worked_out)(actor=load_system_principal(), …)` inside them.

    Args:
        sources: who handed in the figures it rests on; empty only where the server measured them itself, from bytes of
            the digest on record. They stand in the reporter's place when the gate asks who is independent.

    Raises:
        errors.Forbidden: the actor is not the system.
        errors.Invalid: a value that is no finite number, or a plan of another subject.
    """
    if actor.kind != Principal.Kind.SYSTEM:
        raise errors.Forbidden(_("Only the server records what it worked out. Report what you measured as evidence."))
    return _write(actor, plan, subject, digest_of(_artifact(subject)), measured, sources)


def _write(
    actor: Principal, plan: Plan, subject: Subject, digest: str, measured: Measured, sources: Sequence[Source] = ()
) -> tuple[Evidence, bool]:
    values = checked_values(measured.values)
    fixed: dict[str, Any] = {
        "plan": plan, **_place(subject), "subject_digest": digest, "run_started_at": measured.run_started_at,
        "window_start": measured.window_start, "window_end": measured.window_end, "valid_until": measured.valid_until,
        "claim": measured.claim, "tool": measured.tool, "independence": measured.independence,
        "attachments": [dict(one) for one in measured.attachments],
    }  # fmt: skip
    for found in Evidence.objects.filter(recorded_by=actor, **fixed).prefetch_related("values", "answers", "sources"):
        if _same(found, values, measured.answers, sources):
            return found, False
    evidence = Evidence.objects.create(namespace=plan.namespace, **fixed)
    # Before the values: whoever answers a failure asks whose it is.
    EvidenceSource.objects.bulk_create(
        EvidenceSource(evidence=evidence, principal=one.principal, profile=one.profile)
        for one in dict.fromkeys(sources)
    )
    EvidenceValue.objects.bulk_create(EvidenceValue(evidence=evidence, **one) for one in values)
    EvidenceAnswer.objects.bulk_create(
        EvidenceAnswer(evidence=evidence, **one) for one in _answers(plan, measured.answers)
    )
    with connection.cursor() as cursor:  # a failure under something live is answered now that its values are all there
        cursor.execute("SET CONSTRAINTS public.zz_answer_evidence IMMEDIATE")
        cursor.execute("SET CONSTRAINTS public.zz_answer_evidence DEFERRED")
    return evidence, True


def _place(subject: Subject) -> dict[str, Subject]:
    match subject:
        case ModelVersion():
            return {"model_version": subject}
        case DatasetVersion():
            return {"dataset_version": subject}
        case _:
            return {"promotion": subject}


def _artifact(subject: Subject) -> ModelVersion | DatasetVersion:
    return subject.release.model_version if isinstance(subject, Promotion) else subject


def _check_digest(subject: Subject, given: str) -> None:
    known = digest_of(_artifact(subject))
    if given != known:
        raise errors.Invalid(
            _("What was measured is not what is on record."),
            errors={"subject_digest": [_("On record is %(digest)s.") % {"digest": known or _("no digest")}]},
        )


def checked_values(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The measured values as they will be kept: exact, finite numbers.

    Raises:
        errors.Invalid: naming the metric that is no number, or is given twice.
    """
    kept: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    if len(given) > MAX_VALUES:
        raise errors.Invalid(errors={"values": [_("At most %(most)d values.") % {"most": MAX_VALUES}]})
    for one in given:
        if one.keys() - set(VALUE) or not str(one.get("metric") or "").strip():
            raise errors.Invalid(errors={"values": [_("A value has: %(known)s.") % {"known": ", ".join(VALUE)}]})
        numbers: dict[str, Decimal | None] = {name: number(one.get(name)) for name in NUMBERS}
        if numbers["value"] is None or any(numbers[n] is None and one.get(n) is not None for n in NUMBERS):
            raise errors.Invalid(errors={"values": [_("%(metric)s: a finite number is asked for.") % one]})
        place = (one["metric"], one.get("slice") or "", one.get("dataset_role") or "")
        if place in seen:
            raise errors.Invalid(errors={"values": [_("%(metric)s is given twice.") % one]})
        seen.add(place)
        text = {name: one.get(name) or "" for name in ("slice", "dataset_role", "unit")}
        kept.append({"metric": one["metric"], **text, **numbers})
    return kept


def _answers(plan: Plan, given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = set(range(1, len(plan.checklist) + 1))
    items = [one.get("item") for one in given]
    if len(items) != len(set(items)) or not set(items) <= known:
        raise errors.Invalid(errors={"answers": [_("Answer each item of the checklist once, by its number.")]})
    return [{"item": one["item"], "answer": one["answer"], "comment": one.get("comment") or ""} for one in given]


def _same(
    found: Evidence, values: list[dict[str, Any]], answers: Sequence[Mapping[str, Any]], sources: Sequence[Source]
) -> bool:
    if {(s.principal_id, s.profile_id) for s in found.sources.all()} != {
        (s.principal.pk, s.profile and s.profile.pk) for s in sources
    }:
        return False
    held = {(v.metric, v.slice, v.dataset_role, v.unit, v.value, v.ci_low, v.ci_high) for v in found.values.all()}
    given = {
        (v["metric"], v["slice"], v["dataset_role"], v["unit"], v["value"], v["ci_low"], v["ci_high"]) for v in values
    }
    said = {(a.item, a.answer, a.comment) for a in found.answers.all()}
    return held == given and said == {(a["item"], a["answer"], a.get("comment") or "") for a in answers}
