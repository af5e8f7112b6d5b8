"""Records as they stood at a moment, for people: what was recorded then, with what belonged to it, and nothing to do.

Everything here is read inside `standing_at`: facts and judgements as they were, accounts and their names as they are.
What the gate would have answered is not worked out anew: what it did decide is on record, and shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import ForeignKey, Q
from django.db.models import Model as DjangoModel
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from approvals.audience import OF_ANOTHER
from approvals.models import (
    ChangePlan,
    Evidence,
    Finding,
    GateDecision,
    Policy,
    PolicyVersion,
    Promotion,
    PromotionEnd,
    RefusedAttempt,
    Release,
    ServingNotice,
    SignOff,
    Trial,
)
from approvals.pages.plans_then import on_change_plan, on_trial
from approvals.pages.policies import readable_policies
from approvals.pages.then import Section, Value, digest_of, fields_of, link, section
from approvals.queries import live
from governance.accounts.models import Principal
from governance.accounts.permissions import readable_namespaces
from governance.api.views import readable
from governance.history.moments import standing_at
from lineage.models import (
    CollectionTerms,
    Dataset,
    DatasetVersion,
    Model,
    ModelVersion,
    RunInput,
    RunOutput,
    SensitivityFlag,
)


@dataclass(slots=True)
class AsItWas:
    """The page. `existed` is false where the record was made later."""

    title: str
    existed: bool
    fields: list[tuple[Any, Value]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)


Reader = Callable[[Any, Principal, datetime], list[Section]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that has such a page."""

    model: type[DjangoModel]
    noun: Any
    page: str
    list_page: str
    list_name: Any
    sections: Reader


def find(kind: Kind, reader: Principal, id: int, moment: datetime) -> AsItWas | None:
    """The page of one record; None where there is none that the reader may read."""
    mine = readable_policies(reader) if kind.model is Policy else readable(kind.model, reader)
    relations = [f.name for f in kind.model._meta.concrete_fields if isinstance(f, ForeignKey)]
    today: Any = mine.select_related(*relations).filter(pk=id).first()
    if today is None:
        return None
    with standing_at(moment):
        record: Any = kind.model._default_manager.select_related(*relations).filter(pk=id).first()
        if record is None:
            return AsItWas(_title(kind, today), existed=False)
        return AsItWas(_title(kind, record), True, fields_of(record, reader), kind.sections(record, reader, moment))


def _title(kind: Kind, record: Any) -> str:
    if isinstance(record, ModelVersion):
        return _("%(model)s, version %(number)s") % {
            "model": record.model.title or record.model.name, "number": record.number,
        }  # fmt: skip
    named = record.plan if isinstance(record, Trial) else record
    name = getattr(named, "title", "") or getattr(named, "name", "")
    return str(name or f"{kind.noun} {record.pk}")


def _findings(about: Q, moment: datetime) -> Section:
    rows = Finding.objects.filter(about).select_related("recorded_by").prefetch_related("events")
    return section(
        _("Findings"), rows, what=lambda f: link(f.text[:80], "finding", f.pk, moment),
        severity=lambda f: f.get_severity_display(), blocks=lambda f: f.blocks, state=_finding_state,
        who=lambda f: f.recorded_by, at=lambda f: f.recorded_at,
    )  # fmt: skip


def _finding_state(finding: Finding) -> str:
    last = max(finding.events.all(), key=lambda event: event.pk, default=None)
    return last.get_kind_display() if last else _("open")


def _live(about: Q, reader: Principal, moment: datetime) -> Section:
    rows = live(reader, at=moment).filter(about).select_related("recorded_by")
    return section(
        _("Live then"), rows,
        what=lambda p: link(_("version %(n)s") % {"n": p.release.model_version.number}, "serving", p.pk, moment),
        environment=lambda p: p.environment, slot=lambda p: p.get_slot_display(), since=lambda p: p.started_at,
        who=lambda p: p.recorded_by,
    )  # fmt: skip


def _releases(about: Q, moment: datetime) -> Section:
    rows = Release.objects.filter(about).select_related("environment", "closure", "recorded_by", "model_version")
    return section(
        _("Releases"), rows, what=lambda r: link(_("release %(n)s") % {"n": r.pk}, "release", r.pk, moment),
        number=lambda r: r.model_version.number, environment=lambda r: r.environment,
        slot=lambda r: r.get_slot_display(),
        state=lambda r: r.closure.get_kind_display() if hasattr(r, "closure") else _("open"),
        who=lambda r: r.recorded_by, at=lambda r: r.recorded_at,
    )  # fmt: skip


def _on_dataset(dataset: Dataset, reader: Principal, moment: datetime) -> list[Section]:
    versions = DatasetVersion.objects.filter(dataset=dataset).select_related("recorded_by")
    terms = CollectionTerms.objects.filter(dataset=dataset).select_related("withdrawal", "recorded_by")
    flags = SensitivityFlag.objects.filter(dataset_version__dataset=dataset).select_related("dataset_version")
    return [
        section(_("Versions"), versions, label=lambda v: v.label, digest=digest_of, who=lambda v: v.recorded_by,
                at=lambda v: v.recorded_at),
        section(_("Terms"), terms, number=lambda t: t.number, licence=lambda t: t.licence,
                basis=lambda t: t.legal_basis, since=lambda t: t.effective_from, until=lambda t: t.effective_to,
                withdrawn=lambda t: t.withdrawal.recorded_at if hasattr(t, "withdrawal") else None,
                who=lambda t: t.recorded_by),
        section(_("Answers on sensitive data"), flags.select_related("recorded_by"),
                label=lambda f: f.dataset_version.label, column=lambda f: f.column or _("all"),
                category=lambda f: f.category, present=lambda f: f.get_present_display(),
                treatment=lambda f: f.get_treatment_display(), assessment=lambda f: f.get_assessment_display(),
                who=lambda f: f.recorded_by, at=lambda f: f.recorded_at),
        _findings(Q(dataset=dataset), moment),
    ]  # fmt: skip


def _on_model(model: Model, reader: Principal, moment: datetime) -> list[Section]:
    versions = ModelVersion.objects.filter(model=model).select_related("recorded_by")
    return [
        _live(Q(model=model), reader, moment),
        section(_("Versions"), versions, number=lambda v: link(v.number, "model-version", v.pk, moment),
                digest=digest_of, who=lambda v: v.recorded_by, at=lambda v: v.recorded_at),
        _releases(Q(model_version__model=model), moment),
        _findings(Q(model=model) | Q(model_version__model=model) | Q(promotion__model=model), moment),
    ]  # fmt: skip


def _is_in(link: RunInput, namespaces: set[int]) -> bool:
    return link.dataset_version is not None and link.dataset_version.dataset.namespace_id in namespaces


def _on_model_version(version: ModelVersion, reader: Principal, moment: datetime) -> list[Section]:
    # The runs first: "of this run, or of one with such an output" reads every input there is.
    runs = {version.source_run_id, *RunOutput.objects.filter(model_version=version).values_list("run", flat=True)}
    made_from = RunInput.objects.filter(run__in=runs - {None}, dataset_version__isnull=False).select_related(
        "dataset_version__dataset", "recorded_by"
    )
    evidence = Evidence.objects.filter(model_version=version).select_related("plan", "recorded_by")
    mine = set(readable_namespaces(reader).values_list("pk", flat=True))
    return [
        section(_("Made from"), made_from,
                what=lambda i: i.dataset_version.dataset.name if _is_in(i, mine) else OF_ANOTHER,
                label=lambda i: i.dataset_version.label if _is_in(i, mine) else "–",
                role=lambda i: i.get_role_display(),
                digest=lambda i: digest_of(i.dataset_version), at=lambda i: i.recorded_at),
        section(_("Evidence"), evidence, plan=lambda e: e.plan.title, who=lambda e: e.recorded_by,
                at=lambda e: e.recorded_at, until=lambda e: e.valid_until),
        _live(Q(release__model_version=version), reader, moment),
        _releases(Q(model_version=version), moment),
        _findings(Q(model_version=version) | Q(model=version.model_id), moment),
    ]  # fmt: skip


def _on_release(release: Release, reader: Principal, moment: datetime) -> list[Section]:
    votes = SignOff.objects.filter(release=release).select_related("requirement", "role_grant", "withdrawal", "lift")
    attempts = RefusedAttempt.objects.filter(release=release).select_related("recorded_by")
    decisions = GateDecision.objects.filter(release=release)
    promotions = Promotion.objects.filter(release=release).select_related("end", "recorded_by")
    return [
        section(_("Votes"), votes, who=lambda v: v.printed_name, vote=lambda v: v.get_vote_display(),
                requirement=lambda v: v.requirement.key, role=lambda v: v.role_grant.get_role_display(),
                at=lambda v: v.signed_at, state=_vote_state, comment=lambda v: v.comment),
        section(_("What the gate decided"), decisions, at=lambda d: d.decided_at,
                what=lambda d: ", ".join(f"{r['key']}: {r['status'].lower()}" for r in d.requirements)),
        section(_("Refused attempts"), attempts, at=lambda a: a.recorded_at, who=lambda a: a.recorded_by,
                what=lambda a: ", ".join(r["key"] for r in a.requirements if r["status"] == "UNSATISFIED")),
        section(_("Promotions"), promotions, what=lambda p: link(p.get_kind_display(), "serving", p.pk, moment),
                since=lambda p: p.started_at, until=lambda p: p.end.ended_at if hasattr(p, "end") else None,
                who=lambda p: p.recorded_by),
    ]  # fmt: skip


def _vote_state(vote: SignOff) -> str:
    if hasattr(vote, "withdrawal"):
        return _("taken back")
    return _("lifted") if hasattr(vote, "lift") else _("stood")


def _on_policy(policy: Policy, reader: Principal, moment: datetime) -> list[Section]:
    versions = PolicyVersion.objects.filter(policy=policy).select_related("publication__lapse", "recorded_by")
    newest = versions.filter(publication__isnull=False).order_by("-publication__pk").first()
    in_force = newest if newest is not None and not hasattr(newest.publication, "lapse") else None
    found = [
        section(_("Versions"), versions, number=lambda v: v.number, who=lambda v: v.recorded_by,
                at=lambda v: v.recorded_at,
                since=lambda v: v.publication.recorded_at if hasattr(v, "publication") else None,
                state=lambda v: _policy_state(v, in_force)),
    ]  # fmt: skip
    if in_force is not None:
        title = _("What version %(n)s asked, which was in force") % {"n": in_force.number}
        asked = sorted(in_force.requirements.all(), key=lambda r: r.position)
        rows = [
            [
                Value(r.key),
                Value(r.get_kind_display()),
                Value(json.dumps(r.params, ensure_ascii=False)),
            ]
            for r in asked
        ]
        found.append(Section(title, [_("Requirement"), _("Kind"), _("Parameters")], rows))
    return found


def _policy_state(version: PolicyVersion, in_force: PolicyVersion | None) -> str:
    if in_force is not None and version.pk == in_force.pk:
        return _("in force")
    return _("was in force before, or lapsed") if hasattr(version, "publication") else _("not published")


def _on_finding(finding: Finding, reader: Principal, moment: datetime) -> list[Section]:
    events = finding.events.select_related("recorded_by")
    return [
        section(_("What became of it by then"), events, kind=lambda e: e.get_kind_display(), what=lambda e: e.text,
                who=lambda e: e.recorded_by, at=lambda e: e.recorded_at),
    ]  # fmt: skip


def _on_promotion(promotion: Promotion, reader: Principal, moment: datetime) -> list[Section]:
    ends = PromotionEnd.objects.filter(promotion=promotion)
    notices = ServingNotice.objects.filter(promotion=promotion).select_related("end")
    decisions = GateDecision.objects.filter(promotion=promotion)
    return [
        section(_("Its end"), ends.select_related("recorded_by"), kind=lambda e: e.get_kind_display(),
                why=lambda e: e.reason, who=lambda e: e.recorded_by, at=lambda e: e.ended_at),
        section(_("Notices"), notices, what=lambda n: n.cause, at=lambda n: n.recorded_at, until=lambda n: n.due_at,
                state=lambda n: n.end.get_kind_display() if hasattr(n, "end") else _("standing")),
        section(_("What the gate decided"), decisions, at=lambda d: d.decided_at,
                what=lambda d: ", ".join(f"{r['key']}: {r['status'].lower()}" for r in d.requirements)),
    ]  # fmt: skip


_MODELS = gettext_lazy("Models")
#: By the first part of the address.
KINDS: dict[str, Kind] = {
    "datasets": Kind(Dataset, gettext_lazy("Dataset"), "dataset", "datasets", gettext_lazy("Datasets"), _on_dataset),
    "models": Kind(Model, gettext_lazy("Model"), "model", "models", _MODELS, _on_model),
    "model-versions": Kind(
        ModelVersion,
        gettext_lazy("Model version"),
        "model-version",
        "models",
        gettext_lazy("Models"),
        _on_model_version,
    ),
    "releases": Kind(
        Release, gettext_lazy("Release"), "release", "review-queue", gettext_lazy("Review queue"), _on_release
    ),
    "policies": Kind(Policy, gettext_lazy("Policy"), "policy", "policies", gettext_lazy("Policies"), _on_policy),
    "findings": Kind(Finding, gettext_lazy("Finding"), "finding", "findings", gettext_lazy("Findings"), _on_finding),
    "trials": Kind(Trial, gettext_lazy("Trial"), "trial", "trials", gettext_lazy("Trials"), on_trial),
    "change-plans": Kind(
        ChangePlan,
        gettext_lazy("Retraining envelope"),
        "change-plan",
        "change-plans",
        gettext_lazy("Retraining envelopes"),
        on_change_plan,
    ),
    "promotions": Kind(Promotion, gettext_lazy("Promotion"), "serving", "models", _MODELS, _on_promotion),
}
