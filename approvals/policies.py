"""What a requirement's parameters are, per kind. Checked when a policy version is written; unknown ones are refused.

The SQL of each kind (approvals/gate) reads exactly these names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Any, ClassVar, get_args, get_origin

from django.utils.translation import gettext as _

from approvals.models import Aspect, Comparator, PlanKind, RequirementKind
from approvals.models.fields import NUMBER_LIMIT
from governance import errors
from governance.accounts.roles import VOTING_ROLES
from lineage import vocabularies

MAX_COUNT = 20  # persons; more is a mistake nobody could satisfy
MAX_AGE_DAYS = 3650
MAX_VETO_LIFT_HOURS = 8760  # a year


@dataclass(frozen=True, slots=True)
class Params:
    """Typed parameters of one kind; `check` answers what is wrong with their values."""

    kind: ClassVar[RequirementKind]

    def check(self) -> dict[str, str]:
        """Sentences per parameter; empty when all is well."""
        return {}


@dataclass(frozen=True, slots=True)
class Artifact(Params):
    """`code_commit`: the commit of the training code is asked for. `attestation`: an attached attestation is."""

    kind = RequirementKind.ARTIFACT
    code_commit: bool = False
    attestation: bool = False


@dataclass(frozen=True, slots=True)
class Provenance(Params):
    """No parameters: complete is what the records' own rules say."""

    kind = RequirementKind.PROVENANCE


@dataclass(frozen=True, slots=True)
class Terms(Params):
    """No parameters: the terms of each dataset decide."""

    kind = RequirementKind.TERMS


@dataclass(frozen=True, slots=True)
class Sensitivity(Params):
    """`forbidden_categories`: DPV categories that must be absent or treated, with all that are a case of one."""

    kind = RequirementKind.SENSITIVITY
    forbidden_categories: Sequence[str] = ()

    def check(self) -> dict[str, str]:
        if not all(isinstance(one, str) and ":" in one for one in self.forbidden_categories):
            return {"forbidden_categories": _("Name categories such as pd:Health.")}
        try:
            vocabularies.tokens(self.forbidden_categories, field="forbidden_categories", scheme="personal-data")
        except errors.Invalid as unknown:
            return {"forbidden_categories": str(unknown.detail)}
        return {}


@dataclass(frozen=True, slots=True)
class EvidenceAsked(Params):
    """`plan_kind`: kind of plan. `subject`: the model version, each training dataset, or a promotion in `environment`.

    `independent`: its reporter had no hand in the model. `max_age_days`: from the start of its run.
    `trusted_reporters`: names of principals whose reported claims count. `criteria`: bounds of the policy's own,
    [{metric, comparator, threshold, slice, dataset_role}], met whatever the plan asks; threshold as decimal text.
    """

    kind = RequirementKind.EVIDENCE
    plan_kind: str
    subject: str = "model"
    environment: str | None = None
    independent: bool = False
    max_age_days: int | None = None
    trusted_reporters: Sequence[str] = ()
    criteria: Sequence[Mapping[str, Any]] = ()

    def check(self) -> dict[str, str]:
        found = {}
        if self.plan_kind not in PlanKind.values:
            found["plan_kind"] = _("One of: %(known)s.") % {"known": ", ".join(PlanKind.values)}
        if self.subject not in ("model", "data", "promotion"):
            found["subject"] = _("One of: model, data, promotion.")
        if (self.subject == "promotion") != bool(self.environment):
            found["environment"] = _("Name it for subject promotion, and only then.")
        if self.max_age_days is not None and not 1 <= self.max_age_days <= MAX_AGE_DAYS:
            found["max_age_days"] = _("From 1 to %(most)d days.") % {"most": MAX_AGE_DAYS}
        if faults := [fault for one in self.criteria for fault in criterion_faults(one)]:
            found["criteria"] = " ".join(faults)
        elif contradicting(self.criteria):
            found["criteria"] = _("No value can meet all of these bounds.")
        return found


@dataclass(frozen=True, slots=True)
class SignOffAsked(Params):
    """`role`: of the signers. `count`: distinct persons, fixed. `veto`: one rejection closes the gate.

    `veto_lift_hours`: after so many hours the head of the role may lift a veto.
    """

    kind = RequirementKind.SIGNOFF
    role: str
    count: int = 1
    veto: bool = False
    veto_lift_hours: int = 72

    def check(self) -> dict[str, str]:
        found = {}
        if self.role not in {role.value for role in VOTING_ROLES}:
            found["role"] = _("A role that votes: %(known)s.") % {"known": ", ".join(sorted(VOTING_ROLES))}
        if not 1 <= self.count <= MAX_COUNT:
            found["count"] = _("From 1 to %(most)d persons.") % {"most": MAX_COUNT}
        if not 1 <= self.veto_lift_hours <= MAX_VETO_LIFT_HOURS:
            found["veto_lift_hours"] = _("From 1 to %(most)d hours.") % {"most": MAX_VETO_LIFT_HOURS}
        return found


@dataclass(frozen=True, slots=True)
class Findings(Params):
    """No parameters: whether a finding blocks stands in the finding."""

    kind = RequirementKind.FINDINGS


KINDS: dict[str, type[Params]] = {
    cls.kind.value: cls for cls in (Artifact, Provenance, Terms, Sensitivity, EvidenceAsked, SignOffAsked, Findings)
}


def checked_params(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a requirement, as they will be kept.

    Raises:
        errors.Invalid: an unknown kind or parameter, one missing, of another type, or out of range.
    """
    if kind not in KINDS:
        raise errors.Invalid(errors={"kind": [_("One of: %(known)s.") % {"known": ", ".join(KINDS)}]})
    cls = KINDS[kind]
    known = {f.name: f for f in fields(cls)}
    faults: dict[str, list[Any]] = {}
    for name in params.keys() - known.keys():
        faults[name] = [_("There is no such parameter. Known: %(known)s.") % {"known": ", ".join(known) or "–"}]
    for name, one in known.items():
        if name not in params:
            if one.default is MISSING:
                faults[name] = [_("This parameter is required.")]
        elif not _fits(one.type, params[name]):
            faults[name] = [_("A value of another type is asked for.")]
    if not faults:
        faults = {name: [sentence] for name, sentence in cls(**params).check().items()}
    if faults:
        raise errors.Invalid(_("The parameters of a requirement are wrong."), errors=faults)
    return dict(params)


def _fits(hint: Any, value: Any) -> bool:
    """Whether a JSON value is of an annotation's type; true is no number here."""
    if isinstance(hint, UnionType):
        return any(_fits(option, value) for option in get_args(hint))
    origin = get_origin(hint)
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(_fits(get_args(hint)[0], one) for one in value)
    if origin is Mapping:
        return isinstance(value, dict)
    return type(value) is hint


def number(value: Any) -> Decimal | None:
    """A finite decimal from decimal text or an exact number; None where it is none ("0x1A", "0.9 ", true, NaN)."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str) and (value != value.strip() or "_" in value or not value.isascii()):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and -NUMBER_LIMIT < found < NUMBER_LIMIT else None


def criterion_faults(criterion: Mapping[str, Any]) -> list[str]:
    """What is wrong with one bound {metric, comparator, threshold, slice, dataset_role}."""
    faults = []
    for name in sorted(criterion.keys() - {"metric", "comparator", "threshold", "slice", "dataset_role"}):
        faults.append(_("There is no %(name)s in a criterion.") % {"name": name})
    if not str(criterion.get("metric") or "").strip():
        faults.append(_("A criterion names its metric."))
    if criterion.get("comparator") not in Comparator.values:
        faults.append(_("A comparator is one of: %(known)s.") % {"known": ", ".join(Comparator.values)})
    if not isinstance(criterion.get("threshold"), str) or number(criterion.get("threshold")) is None:
        faults.append(_("A threshold is a finite decimal number, as text."))
    return faults


def contradicting(criteria: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the bounds on one metric and slice leave no value (each bound valid by itself)."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in criteria:
        place = (str(one["metric"]), str(one.get("slice", "")), str(one.get("dataset_role", "")))
        groups.setdefault(place, []).append(one)
    return any(_empty(group) for group in groups.values())


def _empty(bounds: Sequence[Mapping[str, Any]]) -> bool:
    low, low_open, high, high_open = -NUMBER_LIMIT, True, NUMBER_LIMIT, True
    for bound in bounds:
        limit, comparator = Decimal(str(bound["threshold"])), bound["comparator"]
        if comparator in ("ge", "gt", "eq") and (limit, comparator == "gt") > (low, low_open):
            low, low_open = limit, comparator == "gt"
        if comparator in ("le", "lt", "eq") and (-limit, comparator == "lt") > (-high, high_open):
            high, high_open = limit, comparator == "lt"
    return low > high or (low == high and (low_open or high_open))


def checked_binds(kind: str, binds: Sequence[str]) -> list[str]:
    """The aspects a sign-off binds to; none for the other kinds.

    Raises:
        errors.Invalid: an unknown aspect, none for a sign-off, or any for another kind.
    """
    if set(binds) - set(Aspect.values):
        raise errors.Invalid(errors={"binds": [_("One of: %(known)s.") % {"known": ", ".join(Aspect.values)}]})
    if bool(binds) != (kind == RequirementKind.SIGNOFF):
        raise errors.Invalid(errors={"binds": [_("A sign-off binds to something, and nothing else does.")]})
    return sorted(set(binds))
