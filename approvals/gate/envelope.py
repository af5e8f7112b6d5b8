"""How the retraining envelope in force judges a release: asked of the database (envelope_of), said in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Func, JSONField, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from approvals.models import ChangePlan, LiveSlot, PlanKind, Release

Text = str | Promise

#: Why an envelope is not in force.
STATE_WORDINGS: dict[str, Text] = {
    "plan-not-in-force": _(
        "It is not in force: the release that carries it has not gone live on everyone's signature."
    ),
    "plan-revoked": _("It was revoked."),
    "plan-base-recalled": _("Its base version was recalled."),
    "plan-serving-ended": _(
        "It ended when a promotion of its base version, or of a retrain on it, was suspended, rolled back, recalled or"
        " retired."
    ),
    "plan-replaced": _("It ended when a release that is not of it went live in its place."),
    "plan-spent": _("Its uses are spent."),
    "plan-over": _("Its time is over."),
}
#: Why a signature that an envelope leaves out is asked for all the same, after the signature's own sentence.
NOTE_WORDINGS: dict[str, Text] = {
    **STATE_WORDINGS,
    "envelope-edge-crossed": _("The release crosses these edges of it: %(crossed)s."),
    "signature-asked-otherwise": _("The policy asks for this signature in other words than when it was approved."),
    "signature-rejected": _("A rejection stands, and an envelope passes over none."),
}
#: What an edge asks where it is crossed.
EDGE_WORDINGS: dict[str, Text] = {
    "not-a-retrain": _("The version is not newer than the base version."),
    "use-other": _("Purpose, risk tier, places or slot are not, or were meanwhile not, those that were approved."),
    "code-unsaid": _("No commit of its training code is on record."),
    "code-other": _("Its code is at %(found)s; allowed: %(allowed)s."),
    "supplier-other": _("It comes from another supplier: %(found)s."),
    "features-other": _("It uses other columns than the base version: %(found)s."),
    "parameter-unsaid": _("The parameter %(name)s is not on record."),
    "parameter-outside": _("The parameter %(name)s is, or was said to be, %(found)s; allowed: %(allowed)s."),
    "parameters-changed": _("Parameters that may not vary differ: %(found)s."),
    "data-other": _("It was trained on %(found)s; allowed are %(allowed)s and newer versions of the same datasets."),
    "data-not-the-same": _("It was trained on %(found)s; allowed: %(allowed)s."),
    "sources-new": _("Data that the base version was not made from lies above it: %(found)s."),
    "base-models-other": _("Models that the base version was not made from lie above it."),
    "schema-other": _("The columns of its training data are not on record as those of the base version's: %(found)s."),
    "terms-not-as-wide": _("Terms are, or were meanwhile, narrower than when it was approved: %(found)s."),
    "flags-unanswered": _("Nobody has said whether its data holds sensitive data: %(found)s."),
    "flags-new": _("Its data holds, or was said to hold, what the base version's did not: %(found)s."),
    "band-outside": _("%(metric)s is %(found)s; allowed: %(allowed)s."),
    "band-not-measured": _("%(metric)s was not measured under the plan “%(title)s”; allowed: %(allowed)s."),
    "band-not-counting": _(
        "%(metric)s is %(found)s, but no evidence on it counts: measured independently, on this artifact or data, after"
        " its plan was locked, and not too old."
    ),
    "band-without-base": _("%(metric)s of the base version was not on record when the envelope came into force."),
    "band-without-interval": _("%(metric)s was measured without an interval, and all of it must lie inside."),
    "comparison-failed": _("The comparison could not be made: %(found)s."),
}
EDGE_LABELS: dict[str, Text] = {
    "version": _("A retrain"), "use": _("Purpose, tier and places"), "code": _("Code"), "supplier": _("Supplier"),
    "features": _("Columns used"), "parameters": _("Other parameters"), "data": _("Training data"),
    "sources": _("What it was made from"), "schema": _("Schema"), "terms": _("Terms"), "flags": _("Sensitive data"),
    "comparison": _("Comparison"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edge:
    """One thing that may vary, or may not: what is allowed, what was found, whether it lies inside."""

    key: str
    inside: bool
    reason: str
    allowed: Any
    found: Any
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def is_band(self) -> bool:
        return self.key.startswith("band:")

    @property
    def label(self) -> str:
        """What it is about, for people."""
        if self.is_band:
            return _of_metric(self.params)
        if self.key.startswith("parameter:"):
            return self.key.removeprefix("parameter:")
        return str(EDGE_LABELS.get(self.key, self.key))

    @property
    def plan_kind(self) -> str:
        """Of a band: what its plan is on."""
        kind = self.params.get("kind")
        return str(PlanKind(kind).label) if kind in PlanKind.values else ""

    @property
    def message(self) -> str:
        """What is crossed, in the active language; "" where it lies inside."""
        if self.inside:
            return ""
        shown = {
            **self.params,
            "metric": _of_metric(self.params),
            "found": said(self.found),
            "allowed": said(self.allowed),
        }
        return str(EDGE_WORDINGS.get(self.reason, self.reason)) % shown

    def as_dict(self) -> dict[str, Any]:
        """As the API carries it."""
        return {
            "key": self.key, "inside": self.inside, "reason": "" if self.inside else self.reason,
            "allowed": self.allowed, "found": self.found, "params": self.params, "message": self.message,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """How an envelope stands. `ended`: why it is not in force, "" while it is."""

    plan: int
    title: str
    base: int
    uses: int
    used: int
    ends_at: datetime
    keeps: list[str]
    ended: str

    @property
    def in_force(self) -> bool:
        return not self.ended

    @property
    def why_ended(self) -> str:
        return str(STATE_WORDINGS.get(self.ended, self.ended))

    @property
    def next_use(self) -> int:
        """The number of the use that a retrain would be."""
        return self.used + 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A release as the envelope of its place judges it."""

    state: State
    inside: bool
    edges: list[Edge]

    @property
    def crossed(self) -> list[Edge]:
        return [one for one in self.edges if not one.inside]

    @property
    def bands(self) -> list[Edge]:
        return [one for one in self.edges if one.is_band]

    @property
    def fixed(self) -> list[Edge]:
        """What is no band."""
        return [one for one in self.edges if not one.is_band]


def envelope_of(release: Release) -> Judged | None:
    """How the envelope of its place judges a release; None where none does. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT muniment.envelope_of_release(%s)", [release.pk])
        return judged_from(cursor.fetchone()[0])


def judged_from(answer: Any) -> Judged | None:
    """The same from what muniment.envelope_of_release answered."""
    found = _json(answer)
    if found is None:
        return None
    return Judged(state_from(found), bool(found["inside"]), [Edge(**one) for one in found["edges"]])


class ChangePlanState(Func):
    """How an envelope stands now, as the database works it out."""

    function = "muniment.change_plan_state"
    output_field = JSONField()


def with_state(plans: QuerySet[ChangePlan]) -> QuerySet[Any]:
    """Envelopes with how each stands, for `state_of`."""
    return plans.annotate(stands=ChangePlanState(F("pk"), Now()))


def with_envelope(live: QuerySet[LiveSlot]) -> QuerySet[Any]:
    """What is live, with `envelope`: how the retraining envelope that came into force there last stands, or None."""
    return live.annotate(
        envelope=RawSQL(
            "SELECT muniment.change_plan_state(x.id, clock_timestamp()) FROM muniment.change_plan_at("
            "approvals_liveslot.model_id, approvals_liveslot.environment_id, approvals_liveslot.slot) AS x (id)"
            " WHERE x.id IS NOT NULL",
            [], output_field=JSONField(),
        )
    )  # fmt: skip


def state_of(plan: ChangePlan) -> State:
    """How an envelope stands now. One query, none for one read `with_state`."""
    if not hasattr(plan, "stands"):
        plan = with_state(ChangePlan.objects.filter(pk=plan.pk)).get()
    stands: Mapping[str, Any] = plan.stands  # type: ignore[attr-defined]  # annotated
    return state_from(stands)


def described(plan: ChangePlan) -> list[str]:
    """What an envelope allows, line by line in English: part of the statement that who approves it signs."""
    with override("en"):
        bands = [f"Band: {_of_metric(one)} under plan {one['plan']}: {limits(one)}" for one in plan.bands]
        varying = [f"parameter {name} {said(spec)}" for name, spec in sorted(plan.parameters.items())]
        code = f"code at {said(plan.code_commits)}" if plan.code_commits else "the same code"
        data = "newer versions of the same data" if plan.new_data else "the same data"
        return [
            f"Retraining envelope {plan.pk}: {plan.title}; {plan.uses} uses until {plan.ends_at.isoformat()}",
            f"May vary: {'; '.join([*varying, code, data])}",
            *bands,
            f"Signatures that remain: {said(plan.keeps) if plan.keeps else 'none'}",
        ]


def stated(judged: Judged) -> list[str]:
    """How an envelope judges a release, for the statement that is signed on the release, in English."""
    state = judged.state
    with override("en"):
        how = state.ended or (f"inside, use {state.next_use} of {state.uses}" if judged.inside else
                              f"crossed: {', '.join(one.key for one in judged.crossed)}")  # fmt: skip
    return [f"Retraining envelope {state.plan}: {how}"]


def limits(band: Mapping[str, Any]) -> str:
    """The limits of a band, for people."""
    parts = [said(band)] if "low" in band or "high" in band else []
    if "change_low" in band or "change_high" in band:
        change = said({"low": band.get("change_low"), "high": band.get("change_high")})
        parts.append(str(_("change against the base version %(change)s")) % {"change": change})
    if band.get("whole_interval"):
        parts.append(str(_("the whole interval")))
    return ", ".join(parts)


def note(envelope: Mapping[str, Any]) -> str:
    """Why an envelope does not pass over a signature, from the parameters of the gate's answer."""
    metrics = envelope.get("metrics") or {}
    edges = [Edge(str(key), False, "", None, None, metrics.get(key, {})) for key in envelope.get("crossed") or ()]
    crossed = ", ".join(edge.label for edge in edges)
    why = str(NOTE_WORDINGS.get(str(envelope.get("why")), envelope.get("why"))) % {"crossed": crossed or "?"}
    return str(_("The retraining envelope “%(title)s” does not pass over it. %(why)s")) % {
        "title": envelope.get("title", "?"), "why": why,
    }  # fmt: skip


def said(value: Any) -> str:
    """What was allowed or found, for people."""
    if isinstance(value, Mapping):
        if "value" in value:
            return _measured(value)
        if "one_of" in value:
            return said(value["one_of"])
        low, high = value.get("low", value.get("min")), value.get("high", value.get("max"))
        if low is not None and high is not None:
            return str(_("%(low)s to %(high)s")) % {"low": low, "high": high}
        if low is None and high is None:
            return "–"
        return f"≥ {low}" if high is None else f"≤ {high}"
    if isinstance(value, list):
        return ", ".join(said(one) for one in value) or "–"
    if isinstance(value, bool):
        return str(_("yes")) if value else str(_("no"))
    return "–" if value in (None, "") else str(value)


def _measured(value: Mapping[str, Any]) -> str:
    low, high = value.get("ci_low"), value.get("ci_high")
    return f"{value['value']} ({low} – {high})" if low is not None and high is not None else str(value["value"])


def _of_metric(params: Mapping[str, Any]) -> str:
    where = f" ({params['slice']})" if params.get("slice") else ""
    return f"{params.get('metric', '?')}{where}"


def state_from(answer: Mapping[str, Any]) -> State:
    """How an envelope stands, from what muniment.change_plan_state answered."""
    return State(
        plan=answer["plan"], title=answer["title"], base=answer["base"], uses=answer["uses"], used=answer["used"],
        ends_at=datetime.fromisoformat(answer["ends_at"]), keeps=list(answer["keeps"]), ended=answer["ended"] or "",
    )  # fmt: skip


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
