"""Trials as people look at them: how far they are, what was seen when somebody looked, and what has to be decided."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, Q, Sum
from django.utils import timezone

from approvals.actions.trial_conclusions import CONCLUDING
from approvals.actions.trials import ACCEPTING, DEVIATING, LOOKING
from approvals.models import (
    Arm,
    Better,
    Evidence,
    Promotion,
    Trial,
    TrialCount,
    TrialDeviation,
    TrialGuardrail,
    TrialLook,
)
from approvals.pages.evidence import EvidenceItem
from approvals.pages.evidence import read as read_evidence
from approvals.queries import involved_persons, with_verdict
from approvals.trials.design import ALARM
from approvals.trials.reading import Span, unevenness_of
from approvals.trials.statistics import sample_ratio
from governance.accounts.models import Principal
from governance.accounts.permissions import grants_in_force
from lineage.models import ModelVersion

WIDTH, LEFT, RIGHT, ROW, TOP = 640, 130, 16, 30, 26  # units of the drawing's own


@dataclass(slots=True)
class ArmShown:
    """An arm's units as counted and as planned; `part` is the width of its bar, of 200."""

    arm: str
    label: str
    units: int
    planned: int
    covered: str  # per cent of the trial's time so far; "" before it begins

    @property
    def part(self) -> str:
        return f"{200 * min(self.units / self.planned, 1):.1f}"

    @property
    def enough(self) -> bool:
        return self.units >= self.planned


@dataclass(slots=True)
class TrialShown:
    """A trial and how far it is: planned, running, over (its time, not its counting) or concluded."""

    trial: Trial
    span: Span | None
    arms: list[ArmShown]
    verdict: str = ""

    @property
    def state(self) -> str:
        if hasattr(self.trial, "conclusion"):
            return "concluded"
        if self.span is None:
            return "planned"
        return "running" if self.span.ended_at > timezone.now() else "over"

    @property
    def enough(self) -> bool:
        """Whether both arms have their units."""
        return all(arm.enough for arm in self.arms)

    @property
    def ratio_p(self) -> float:
        return sample_ratio(self.arms[0].units, self.arms[1].units, self.trial.challenger_share)[1]

    @property
    def ratio_alarm(self) -> bool:
        """Whether the split is not the planned one. It may be looked at any time: it says nothing of the effect."""
        return self.ratio_p < ALARM

    @property
    def ratio_text(self) -> str:
        return f"{self.ratio_p:.2g}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look saw, with its place in the drawing (texts: SVG takes a point in every language)."""

    at: datetime
    who: str
    final: bool
    through: datetime
    result: dict[str, Any]
    estimate: str
    interval: str
    p_value: str
    y: str = ""
    low_x: str = ""
    high_x: str = ""
    estimate_x: str = ""

    @property
    def text_y(self) -> str:
        return f"{float(self.y) + 4:.1f}" if self.y else ""

    @property
    def champion(self) -> str:
        return short(self.result["arms"]["champion"]["mean"])

    @property
    def challenger(self) -> str:
        return short(self.result["arms"]["challenger"]["mean"])


@dataclass(frozen=True, slots=True)
class EffectDrawing:
    """The effect with its interval, look by look."""

    seen: list[Seen]
    zero_x: str
    target_x: str
    height: int
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class GuardedShown:
    """A guardrail as last seen; `holds` None: nobody has looked."""

    guardrail: TrialGuardrail
    estimate: str
    harm: str
    holds: bool | None


@dataclass(slots=True)
class TrialPage:
    """Everything the page shows."""

    shown: TrialShown
    promotions: dict[int, Promotion]
    seen: list[Seen]
    drawing: EffectDrawing | None
    deviations: list[TrialDeviation]
    evidence: list[EvidenceItem]
    may_look: bool
    may_conclude: bool
    may_deviate: bool
    uneven: str
    acceptable: set[int] = field(default_factory=set)

    @property
    def looks_taken(self) -> int:
        return len(self.seen)

    @property
    def final(self) -> Seen | None:
        """What the conclusion says; None while there is none."""
        return self.seen[-1] if self.seen and self.seen[-1].final else None

    @property
    def guarded(self) -> list[GuardedShown]:
        """The guardrails in the plan's order, as last seen. One whose counts never came does not hold."""
        last = {one["metric"]: one for one in self.seen[-1].result["guardrails"]} if self.seen else {}
        return [
            GuardedShown(
                one, short(last.get(one.metric, {}).get("estimate")), short(last.get(one.metric, {}).get("harm")),
                last.get(one.metric, {}).get("holds", False) if self.seen else None,
            )
            for one in self.shown.trial.guardrails.all()
        ]  # fmt: skip

    @property
    def peeked(self) -> bool:
        """Whether the result was looked at more often than planned."""
        return self.looks_taken > self.shown.trial.looks

    @property
    def open_deviations(self) -> int:
        return sum(not hasattr(one, "acceptance") for one in self.deviations)


def shown(trials: Sequence[Trial]) -> list[TrialShown]:
    """How far trials are, in three queries however many they are."""
    ids = [trial.pk for trial in trials]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, s.* FROM unnest(%s::bigint[]) AS t (id) CROSS JOIN LATERAL muniment.trial_span(t.id) s", [ids]
        )
        spans = {row[0]: Span(*row[1:]) for row in cursor.fetchall()}
    length = ExpressionWrapper(F("window_end") - F("window_start"), output_field=DurationField())
    counted = {
        (row["trial"], row["arm"]): row
        for row in TrialCount.objects.filter(trial__in=ids, guardrail=None)
        .values("trial", "arm").annotate(counted=Sum("units"), covered=Sum(length))
    }  # fmt: skip
    found = with_verdict(Evidence.objects.filter(plan__trial__in=ids))
    verdicts = dict(found.values_list("plan__trial", "verdict"))
    return [
        TrialShown(
            trial,
            spans.get(trial.pk),
            [_arm(trial, arm, counted.get((trial.pk, arm.value)), spans.get(trial.pk)) for arm in Arm],
            verdicts.get(trial.pk, ""),
        )
        for trial in trials
    ]


def _arm(trial: Trial, arm: Arm, row: Any, span: Span | None) -> ArmShown:
    planned = trial.champion_units if arm == Arm.CHAMPION else trial.challenger_units
    covered = ""
    if span is not None:
        passed = min(timezone.now(), span.ended_at) - span.started_at
        ratio = (row["covered"] if row else timedelta()) / passed if passed > timedelta() else 0.0
        covered = f"{100 * min(ratio, 1):.0f}"
    return ArmShown(arm.value, str(arm.label), int(row["counted"]) if row else 0, planned, covered)


def page_for(trial: Trial, reader: Principal) -> TrialPage:
    """The page of a trial for a reader. `trial` comes with its plan, environment, guardrails and conclusion."""
    (one,) = shown([trial])
    roles = {grant.role for grant in grants_in_force(reader) if grant.namespace_id in (None, trial.plan.namespace_id)}
    looks = list(TrialLook.objects.filter(trial=trial).select_related("recorded_by").order_by("pk"))
    readings: list[Any] = [*looks, *([trial.conclusion] if one.state == "concluded" else [])]
    seen = [_seen(reading) for reading in readings]
    deviations = list(
        TrialDeviation.objects.filter(trial=trial)
        .select_related("recorded_by", "acceptance__recorded_by").order_by("pk")
    )  # fmt: skip
    live = [] if one.span is None else [one.span.champion, one.span.challenger]
    promotions = Promotion.objects.select_related("release__model_version").in_bulk(live)
    going = one.state != "concluded"
    counted = any(arm.units for arm in one.arms)
    page = TrialPage(
        shown=one, promotions=promotions, seen=seen, drawing=drawing_of(trial, seen), deviations=deviations,
        evidence=read_evidence(Q(plan=trial.plan_id)) if not going else [],
        may_look=going and counted and bool(roles & set(LOOKING)),
        may_conclude=going and counted and bool(roles & set(CONCLUDING)),
        may_deviate=going and bool(roles & set(DEVIATING)),
        uneven=unevenness_of(trial) if going and counted else "",
    )  # fmt: skip
    if going and page.open_deviations and roles & set(ACCEPTING) and not _own(one, reader):
        page.acceptable = {d.pk for d in deviations if not hasattr(d, "acceptance") and d.recorded_by_id != reader.pk}
    return page


def _own(one: TrialShown, reader: Principal) -> bool:
    return one.span is not None and reader.pk in involved_persons(ModelVersion(pk=one.span.model_version))


def _seen(reading: Any) -> Seen:
    result = reading.result
    low, high = short(result["low"]), short(result["high"])
    return Seen(
        at=reading.recorded_at, who=str(reading.recorded_by), final=not isinstance(reading, TrialLook),
        through=reading.through, result=result, estimate=short(result["estimate"]),
        interval=f"{low} – {high}" if low and high else "", p_value=short(result["p_value"], digits=2),
    )  # fmt: skip


def short(text: str | None, *, digits: int = 4) -> str:
    """A kept figure for the eye; "" for none."""
    if text is None:
        return ""
    number = Decimal(text)
    if number != 0 and abs(number) < Decimal("0.0001"):
        return f"{number:.1e}"
    return format(Decimal(f"{number:.{digits}g}"), "f")


def drawing_of(trial: Trial, seen: Sequence[Seen]) -> EffectDrawing | None:
    """The drawing of the effect over the looks; None where there is nothing to draw."""
    drawn = [one for one in seen if one.interval and one.estimate]
    if not drawn:
        return None
    target = float(trial.minimum_effect) * (1 if trial.better == Better.HIGHER else -1)
    places = [0.0, target, *(float(one.result[name]) for one in drawn for name in ("low", "high"))]
    first, last = min(places), max(places)
    room = (last - first) * 0.06 or 1.0

    def at(place: float) -> str:
        share = (place - first + room) / (last - first + 2 * room)
        return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"

    return EffectDrawing(
        seen=[
            Seen(
                one.at, one.who, one.final, one.through, one.result, one.estimate, one.interval, one.p_value,
                y=f"{TOP + ROW * n + ROW / 2:.1f}", low_x=at(float(one.result["low"])),
                high_x=at(float(one.result["high"])), estimate_x=at(float(one.result["estimate"])),
            )
            for n, one in enumerate(drawn)
        ],
        zero_x=at(0.0), target_x=at(target), height=TOP + ROW * len(drawn) + 10,
    )  # fmt: skip
