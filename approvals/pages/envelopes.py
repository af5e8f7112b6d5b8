"""Retraining envelopes as pages show them: what may vary, each band with the measured value in it, what was used."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from approvals.gate.envelope import Edge, Judged, State, limits, said, state_of
from approvals.models import ChangePlan, ChangePlanUse, Plan, Release
from approvals.policies import number
from governance.accounts.models import Principal
from governance.api.views import readable

WIDTH, PAD = 200, 10  # units of the drawing's own


@dataclass(frozen=True, slots=True)
class BandBar:
    """Places in the drawing of a band, in units of its viewBox (0 to WIDTH); "" for what is not there.

    Texts: SVG takes a point, whatever separates decimals in the reader's language.
    """

    allowed_from: str
    allowed_width: str
    value: str
    low: str
    high: str
    base: str


@dataclass(frozen=True, slots=True)
class BandShown:
    """One band: what it asks, what was measured, and the drawing of both."""

    edge: Edge
    bar: BandBar | None

    @property
    def found(self) -> str:
        return said(self.edge.found)

    @property
    def allowed(self) -> str:
        return said(self.edge.allowed)

    @property
    def base(self) -> str:
        return said(self.edge.params.get("base"))


@dataclass(frozen=True, slots=True)
class EnvelopeShown:
    """How an envelope judges a release."""

    state: State
    inside: bool
    fixed: list[Edge]
    bands: list[BandShown]

    @property
    def crossed(self) -> list[Edge]:
        return [one for one in [*self.fixed, *(band.edge for band in self.bands)] if not one.inside]

    @property
    def kept(self) -> str:
        return ", ".join(self.state.keeps)


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Everything the page of an envelope shows."""

    plan: ChangePlan
    state: State
    varying: list[tuple[str, str]]
    bands: list[tuple[str, str, str]]  # metric, plan, limits
    uses: Sequence[ChangePlanUse]
    releases: Sequence[Release]


def shown(judged: Judged) -> EnvelopeShown:
    """A judgement for people."""
    return EnvelopeShown(
        judged.state, judged.inside, judged.fixed, [BandShown(edge, bar_of(edge)) for edge in judged.bands]
    )


def bar_of(edge: Edge) -> BandBar | None:
    """The drawing of a band; None where nothing was measured, or nothing can be drawn."""
    found, allowed = edge.found or {}, edge.allowed or {}
    value = number(found.get("value"))
    low, high = number(allowed.get("low")), number(allowed.get("high"))
    if value is None or (low is None and high is None):
        return None
    ends = [number(found.get("ci_low")), number(found.get("ci_high")), number(edge.params.get("base"))]
    marks = [mark for mark in (value, low, high, *ends) if mark is not None]
    first, last = min(marks), max(marks)
    span = (last - first) or abs(value) or Decimal(1)

    def place(mark: Decimal | None) -> float:
        return 0.0 if mark is None else float(PAD + (mark - first) / span * (WIDTH - 2 * PAD))

    start = 0.0 if low is None else place(low)
    end = float(WIDTH) if high is None else place(high)
    texts = [f"{place(mark):.1f}" if mark is not None else "" for mark in (value, *ends)]
    return BandBar(f"{start:.1f}", f"{max(end - start, 0.0):.1f}", *texts)


def find(reader: Principal, pk: int) -> ChangePlan | None:
    """An envelope the reader may read; None: there is none, or none for them."""
    found: ChangePlan | None = (
        readable(ChangePlan, reader)
        .select_related("model_version__model__namespace", "environment", "recorded_by", "revocation__recorded_by")
        .filter(pk=pk)
        .first()
    )
    return found


def page_of_plan(plan: ChangePlan) -> PlanPage:
    """The page of an envelope; four queries."""
    plans = Plan.objects.in_bulk([band["plan"] for band in plan.bands])
    return PlanPage(
        plan=plan,
        state=state_of(plan),
        varying=[(name, said(spec)) for name, spec in sorted(plan.parameters.items())],
        bands=[(_metric(band), str(plans.get(band["plan"], "?")), limits(band)) for band in plan.bands],
        uses=list(
            plan.promotions.select_related("promotion__release__model_version", "recorded_by").order_by("number")
        ),
        releases=list(plan.releases.select_related("closure").order_by("-pk")),
    )


def _metric(band: dict[str, Any]) -> str:
    return f"{band['metric']} ({band['slice']})" if band.get("slice") else str(band["metric"])
