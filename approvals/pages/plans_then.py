"""What belonged to a trial and to a retraining envelope at a moment. Read inside `standing_at`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from approvals.models import (
    Arm,
    ChangePlan,
    ChangePlanRevocation,
    Evidence,
    Release,
    Trial,
    TrialConclusion,
    TrialCount,
    TrialDeviation,
    TrialGuardrail,
    TrialLook,
)
from approvals.pages.then import Section, Value, link, section
from approvals.pages.trials import short
from approvals.queries import with_verdict
from governance.accounts.models import Principal


def on_trial(trial: Trial, reader: Principal, moment: datetime) -> list[Section]:
    """How far it was, what was seen of it, what went otherwise, and how it was concluded."""
    looks = TrialLook.objects.filter(trial=trial).select_related("recorded_by")
    ends = TrialConclusion.objects.filter(trial=trial).select_related("recorded_by")
    odd = TrialDeviation.objects.filter(trial=trial).select_related("recorded_by", "acceptance__recorded_by")
    guardrails = TrialGuardrail.objects.filter(trial=trial)
    releases = Release.objects.filter(trial_plan=trial.plan_id).select_related("model_version", "recorded_by")
    verdict = with_verdict(Evidence.objects.filter(plan=trial.plan_id)).values_list("verdict", flat=True).first()
    words = {"good": _("passed its plan"), "bad": _("did not pass its plan"), None: _("no evidence was on record yet")}
    return [
        section(_("How it was concluded"), ends, at=lambda c: c.recorded_at, who=lambda c: c.recorded_by,
                state=lambda c: words.get(verdict, verdict), **SEEN),
        _counted(trial),
        section(_("Looks at the result"), looks, at=lambda k: k.recorded_at, who=lambda k: k.recorded_by, **SEEN),
        section(_("Deviations from the plan"), odd, kind=lambda d: d.get_kind_display(), what=lambda d: d.text,
                since=lambda d: d.happened_at, who=lambda d: d.recorded_by, at=lambda d: d.recorded_at,
                state=_accepted),
        section(_("Guardrails"), guardrails, metric=lambda g: g.metric, better=lambda g: g.get_better_display(),
                margin=lambda g: g.margin.normalize()),
        section(_("Challengers under its plan"), releases, number=lambda r: r.model_version.number,
                what=lambda r: link(_("release %(n)s") % {"n": r.pk}, "release", r.pk, moment),
                who=lambda r: r.recorded_by, at=lambda r: r.recorded_at),
    ]  # fmt: skip


#: The figures of a look or conclusion, as they were kept.
SEEN: dict[str, Any] = {
    "units": lambda one: f"{one.champion_units} / {one.challenger_units}",
    "estimate": lambda one: short(one.result.get("estimate")),
    "interval": lambda one: " – ".join(short(one.result.get(end)) for end in ("low", "high") if one.result.get(end)),
    "p_value": lambda one: short(one.result.get("p_value"), digits=2),
}


def _counted(trial: Trial) -> Section:
    counts = TrialCount.objects.filter(trial=trial, guardrail=None).values("arm").order_by("arm")
    by_arm = {one["arm"]: one for one in counts.annotate(units=Sum("units"), windows=Count("pk"))}
    planned = {Arm.CHAMPION: trial.champion_units, Arm.CHALLENGER: trial.challenger_units}
    rows = [
        [Value(arm.label), Value(by_arm[arm]["units"]), Value(planned[arm]), Value(by_arm[arm]["windows"])]
        for arm in Arm
        if arm in by_arm
    ]
    return Section(_("Units counted by then"), [_("Arm"), _("Units"), _("Planned"), _("Windows")], rows)


def _accepted(deviation: TrialDeviation) -> str:
    if not hasattr(deviation, "acceptance"):
        return _("open")
    return _("accepted by %(who)s") % {"who": deviation.acceptance.recorded_by}


def on_change_plan(plan: ChangePlan, reader: Principal, moment: datetime) -> list[Section]:
    """What carried it, what had gone live on it, and whether it was revoked."""
    uses = plan.promotions.select_related("promotion__release__model_version", "recorded_by")
    revoked = ChangePlanRevocation.objects.filter(change_plan=plan).select_related("recorded_by")
    releases = Release.objects.filter(change_plan=plan).select_related("closure", "recorded_by")
    return [
        section(_("What went live on it"), uses, number=lambda u: u.number,
                what=lambda u: link(_("version %(n)s") % {"n": u.promotion.release.model_version.number}, "serving",
                                    u.promotion_id, moment),
                since=lambda u: u.promotion.started_at, who=lambda u: u.recorded_by),
        section(_("Revoked"), revoked, at=lambda r: r.recorded_at, who=lambda r: r.recorded_by, why=lambda r: r.reason),
        section(_("Releases that carried it"), releases,
                what=lambda r: link(_("release %(n)s") % {"n": r.pk}, "release", r.pk, moment),
                state=lambda r: r.closure.get_kind_display() if hasattr(r, "closure") else _("open"),
                who=lambda r: r.recorded_by, at=lambda r: r.recorded_at),
    ]  # fmt: skip
