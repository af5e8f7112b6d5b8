"""Evidence as people look at it: each measured value beside its bound, with a small drawing of both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, JSONObject
from django.utils.translation import gettext as _

from approvals.models import Comparator, Evidence, EvidenceAnswer, EvidenceSource, EvidenceValue, PlanCriterion
from approvals.queries import with_verdict

BAR_WIDTH, BAR_PAD = 200, 6  # units of the drawing's own
SMALLEST_PLAIN = -6  # the power of ten below which a page writes an exponent


@dataclass(frozen=True, slots=True)
class Bar:
    """Places in the drawing of a value against its bound, in units of its viewBox (0 to BAR_WIDTH).

    Texts: SVG takes a point, whatever separates decimals in the reader's language.
    """

    value: str
    threshold: str
    good_from: str
    good_width: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One criterion or one value without one. `holds` is None where nothing bounds it."""

    metric: str
    slice: str
    value: str
    unit: str
    interval: str
    comparator: str
    threshold: str
    holds: bool | None
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class Answered:
    """One item of a checklist and its answer."""

    statement: str
    answer: str
    comment: str


@dataclass(slots=True)
class EvidenceItem:
    """One item of evidence with what it measured. `superseded`: a later one under the same plan stands beside it."""

    id: int
    plan: str
    plan_kind: str
    locked_at: datetime
    verdict: str
    claim: str
    reporter: str
    independence: str
    run_started_at: datetime
    recorded_at: datetime
    valid_until: datetime | None
    tool: str
    subject: tuple[str, int]
    measured: list[Measured]
    answers: list[Answered]
    superseded: bool = False
    evidence: Evidence | None = field(default=None, repr=False)


def read(wanted: Q) -> list[EvidenceItem]:
    """Evidence of a condition, newest first, with everything a page shows of it, in one query."""
    values = EvidenceValue.objects.filter(evidence=OuterRef("pk")).order_by("pk")
    bounds = PlanCriterion.objects.filter(plan=OuterRef("plan")).order_by("pk")
    answers = EvidenceAnswer.objects.filter(evidence=OuterRef("pk")).order_by("item")
    rows: QuerySet[Evidence] = with_verdict(
        Evidence.objects.filter(wanted).select_related("plan", "recorded_by")
    ).annotate(
        measured=ArraySubquery(
            values.values(
                one=JSONObject(
                    metric="metric", slice="slice", role="dataset_role", unit="unit", value=_text("value"),
                    low=_text("ci_low"), high=_text("ci_high"),
                )
            )
        ),
        bounds=ArraySubquery(
            bounds.values(
                one=JSONObject(
                    metric="metric", slice="slice", role="dataset_role", comparator="comparator",
                    threshold=_text("threshold"),
                )
            )
        ),
        handed_in=ArraySubquery(
            EvidenceSource.objects.filter(evidence=OuterRef("pk"))
            .order_by("principal__display_name")
            .values("principal__display_name")
            .distinct()
        ),
        answered=ArraySubquery(answers.values(one=JSONObject(item="item", answer="answer", comment="comment"))),
    )  # fmt: skip
    found = [_item(row) for row in rows.order_by("-pk")]
    later: set[tuple[str, tuple[str, int]]] = set()
    for item in found:
        assert item.evidence is not None
        place = (str(item.evidence.plan_id), item.subject)
        item.superseded = place in later
        later.add(place)
    return found


def _text(name: str) -> Cast:
    # As text: JSON numbers come back as floats, and 0.8999… would be shown, and judged, as 0.9.
    return Cast(F(name), TextField())


def _item(row: Any) -> EvidenceItem:
    given = {(v["metric"], v["slice"], v["role"]): v for v in row.measured}
    bounded: set[tuple[str, str, str]] = set()
    measured = []
    for bound in row.bounds:
        matching = [
            key for key in given
            if key[:2] == (bound["metric"], bound["slice"]) and bound["role"] in ("", key[2])
        ]  # fmt: skip
        bounded.update(matching)
        measured += [_measured(given[key], bound) for key in matching] or [_measured({**bound, "value": None}, bound)]
    measured += [_measured(value, None) for key, value in given.items() if key not in bounded]
    answers = {a["item"]: a for a in row.answered}
    labels = dict(EvidenceAnswer.Answer.choices)
    return EvidenceItem(
        id=row.pk,
        plan=row.plan.title,
        plan_kind=row.plan.get_kind_display(),
        locked_at=row.plan.locked_at,
        verdict=row.verdict,
        claim=row.claim,
        reporter=_reporter(row),
        independence=row.independence,
        run_started_at=row.run_started_at,
        recorded_at=row.recorded_at,
        valid_until=row.valid_until,
        tool=row.tool,
        subject=(
            ("model_version", row.model_version_id) if row.model_version_id
            else ("dataset_version", row.dataset_version_id) if row.dataset_version_id
            else ("promotion", row.promotion_id)
        ),
        measured=measured,
        answers=[
            Answered(
                statement,
                str(labels.get(answers[n]["answer"], "")) if n in answers else "",
                answers[n]["comment"] if n in answers else "",
            )
            for n, statement in enumerate(row.plan.checklist, 1)
        ],
        evidence=row,
    )  # fmt: skip


def _reporter(row: Any) -> str:
    """Who reported it; of what the server worked out, also from whose figures."""
    name = str(row.recorded_by.display_name)
    if not row.handed_in:
        return name
    return _("%(server)s, from figures of %(names)s") % {"server": name, "names": ", ".join(row.handed_in)}


def _measured(value: Mapping[str, Any], bound: Mapping[str, Any] | None) -> Measured:
    number = _decimal(value.get("value"))
    low, high = _decimal(value.get("low")), _decimal(value.get("high"))
    threshold = _decimal(bound["threshold"]) if bound else None
    comparator = str(bound["comparator"]) if bound else ""
    holds = None
    if threshold is not None:
        holds = number is not None and _holds(number, comparator, threshold)
    bar = None
    if number is not None and threshold is not None:
        bar = bar_of(
            number, comparator, threshold, low if low is not None else number, high if high is not None else number
        )
    return Measured(
        metric=str(value["metric"]).replace("_", " "),
        slice=str(value["slice"]),
        value=legible(number),
        unit=str(value.get("unit") or ""),
        interval=f"{plain(low)} – {plain(high)}" if low is not None and high is not None else "",
        comparator=Comparator(comparator).label if comparator else "",
        threshold=plain(threshold),
        holds=holds,
        bar=bar,
    )


def _decimal(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def _holds(value: Decimal, comparator: str, threshold: Decimal) -> bool:
    """For the drawing alone; the verdict is the database's (muniment.holds_against)."""
    return {
        "ge": value >= threshold, "gt": value > threshold, "le": value <= threshold, "lt": value < threshold,
        "eq": value == threshold,
    }[comparator]  # fmt: skip


def plain(number: Decimal | None) -> str:
    """A number as it was given, without trailing zeros and without an exponent; "" for none."""
    if number is None:
        return ""
    return format(number.normalize() + 0, "f")


def legible(number: Decimal | None) -> str:
    """The same for a page: nobody counts the zeros of a p value, so below a millionth it has an exponent."""
    if number and number.adjusted() < SMALLEST_PLAIN:
        return f"{float(number):.3g}"
    return plain(number)


def bar_of(value: Decimal, comparator: str, threshold: Decimal, low: Decimal, high: Decimal) -> Bar:
    """The drawing of a value against its bound: the scale holds both with room on each side."""
    places = [value, threshold, low, high]
    first, last = min(places), max(places)
    room = (last - first) * Decimal("0.35") or abs(threshold) * Decimal("0.1") or Decimal(1)
    start, span = first - room, last - first + 2 * room

    def at(place: Decimal) -> float:
        return BAR_PAD + float((place - start) / span) * (BAR_WIDTH - 2 * BAR_PAD)

    edge = at(threshold)
    if comparator in ("ge", "gt"):
        good = (edge, BAR_WIDTH - edge)
    elif comparator in ("le", "lt"):
        good = (0.0, edge)
    else:
        good = (edge - 2, 4.0)
    return Bar(*(f"{place:.1f}" for place in (at(value), edge, *good, at(low), at(high))))


def by_id(items: Iterable[EvidenceItem]) -> dict[int, EvidenceItem]:
    """The items by their ids."""
    return {item.id: item for item in items}
