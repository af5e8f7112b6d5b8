"""What a plan's metric asks of an exposition. The plan says it, locked beforehand; whoever posts picks nothing.

| metric of the plan | value |
|---|---|
| `process_resident_memory_bytes` | the sum of its samples: a gauge as it stands, a counter as it grew |
| `requests_total{code="500"}` | of the samples with these labels; `=~` and `!=` are not taken |
| `max(memory_bytes)`, `min(…)` | the largest or smallest sample |
| `ratio(requests_total{code="500"}, requests_total)` | the one divided by the other |
| `p95(request_seconds)` | of a histogram: interpolated linearly inside its bucket, whose edges are the interval |
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from django.utils.translation import gettext as _

from approvals.models.fields import NUMBER_LIMIT
from approvals.monitoring.exposition import NUMBER, Exposition, Labels
from approvals.monitoring.truth import Metric, quantile
from governance import errors

PLACES = Decimal("1e-12")
SELECTOR = r"[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{[^{}]*\})?"
PLAIN = re.compile(rf"\s*(?P<selector>{SELECTOR})\s*")
CALL = re.compile(rf"\s*(?P<call>max|min|p[0-9]{{1,2}}(?:\.[0-9]{{1,3}})?)\(\s*(?P<selector>{SELECTOR})\s*\)\s*")
RATIO = re.compile(rf"\s*ratio\(\s*(?P<part>{SELECTOR})\s*,\s*(?P<whole>{SELECTOR})\s*\)\s*")
MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"([^"\\]*)"\s*')


@dataclass(frozen=True, slots=True)
class Scrapes:
    """What the window's exposition says: as it stands, or as it grew since the one at the window's start."""

    end: Exposition
    start: Exposition | None = None

    def samples(self, selector: str) -> list[tuple[Labels, Decimal]]:
        """The samples that a selector names, counters as what they grew by.

        Raises:
            errors.Invalid: a number that is none, or a counter that went down.
        """
        name, _brace, inside = selector.partition("{")
        wanted = dict(_matchers(inside.removesuffix("}")))
        found = []
        for labels, value in self.end.of(name):
            if wanted.items() <= dict(labels).items():
                found.append((labels, self._grown(name, labels, value)))
        return found

    def _grown(self, name: str, labels: Labels, value: Decimal) -> Decimal:
        if not value.is_finite() or abs(value) >= NUMBER_LIMIT:
            raise _wrong(_("%(name)s is %(value)s, which is no finite number.") % {"name": name, "value": value})
        if self.start is None or not self.end.counts_up(name):
            return value
        before = self.start.samples.get((name, labels), Decimal(0))
        if not before.is_finite() or before > value:
            sentence = _("%(name)s went down: its process began anew. Report the window since then by itself.")
            raise _wrong(sentence % {"name": name})
        return value - before


def measure(metrics: Iterable[str], scrapes: Scrapes) -> list[Metric]:
    """What an exposition says of the metrics that a plan names; metrics that it does not hold are left out.

    Raises:
        errors.Invalid: it holds none of them, or one cannot be told: nothing was counted, a histogram that shrinks.
    """
    wanted = list(dict.fromkeys(metrics))
    with localcontext() as context:
        context.prec = 60
        found = [one for one in (_told(metric, scrapes) for metric in wanted) if one is not None]
    if not found:
        raise _wrong(_("The exposition holds none of the plan's metrics: %(names)s.") % {"names": ", ".join(wanted)})
    return found


def _told(metric: str, scrapes: Scrapes) -> Metric | None:
    """Raises Invalid too where its numbers lie too far apart to divide: a hundred digits are no measurement."""
    try:
        return _measure(metric, scrapes)
    except ArithmeticError:
        raise _wrong(_("%(metric)s cannot be worked out of numbers like these.") % {"metric": metric}) from None


def _measure(metric: str, scrapes: Scrapes) -> Metric | None:
    if ratio := RATIO.fullmatch(metric):
        whole = scrapes.samples(ratio["whole"])
        part = sum((value for _labels, value in scrapes.samples(ratio["part"])), Decimal(0))
        if not whole:
            return None
        total = sum((value for _labels, value in whole), Decimal(0))
        if total == 0:
            raise _nothing_counted(metric)
        return Metric(metric, (part / total).quantize(PLACES))
    if call := CALL.fullmatch(metric):
        if call["call"].startswith("p"):
            return _percentile(metric, Decimal(call["call"][1:]) / 100, call["selector"], scrapes)
        values = [value for _labels, value in scrapes.samples(call["selector"])]
        return Metric(metric, {"max": max, "min": min}[call["call"]](values)) if values else None
    if plain := PLAIN.fullmatch(metric):
        samples = scrapes.samples(plain["selector"])
        return Metric(metric, sum((value for _labels, value in samples), Decimal(0))) if samples else None
    return None  # a metric of another source: this plan is not reported by Prometheus alone


def _percentile(metric: str, share: Decimal, selector: str, scrapes: Scrapes) -> Metric | None:
    """A percentile of a histogram, its interval the bucket it lies in; `… is above` where that has no upper edge."""
    name, brace, rest = selector.partition("{")
    samples = scrapes.samples(f"{name}_bucket{brace}{rest}")
    if not samples:
        return None
    if not 0 < share < 1:
        raise _wrong(_("%(metric)s: a percentile lies between p0 and p100.") % {"metric": metric})
    cumulative = _by_edge(metric, samples)
    edges = sorted(cumulative)
    if edges[-1] != Decimal("Infinity") or len(edges) < 2:
        raise _wrong(_('%(metric)s: the histogram has no bucket le="+Inf", or no other.') % {"metric": metric})
    counts, before = [], 0
    for edge in edges:
        if cumulative[edge] < before:
            raise _wrong(_("%(metric)s: the buckets do not grow with le.") % {"metric": metric})
        counts.append((edge, cumulative[edge] - before))
        before = cumulative[edge]
    if before == 0:
        raise _nothing_counted(metric)
    if share * before > cumulative[edges[-2]]:
        # Where it lies nobody knows, and a limit that asks for it is not met: the metric itself is missing then.
        return Metric(f"{metric[:150]} is above", edges[-2])
    finite = counts[:-1]
    rank = share * before / sum(count for _edge, count in finite)
    value, low, high = quantile(finite, rank, first=min(Decimal(0), finite[0][0]))
    return Metric(metric, value.quantize(PLACES), low, high)


def _by_edge(metric: str, samples: Iterable[tuple[Labels, Decimal]]) -> Mapping[Decimal, int]:
    """Cumulative counts by upper edge, summed over all series."""
    found: dict[Decimal, int] = {}
    for labels, value in samples:
        edge = dict(labels).get("le", "")
        upper = Decimal("Infinity") if edge in ("+Inf", "Inf") else Decimal(edge) if NUMBER.fullmatch(edge) else None
        if upper is None or NUMBER_LIMIT <= abs(upper) < Decimal("Infinity"):
            raise _wrong(_("%(metric)s: le is no number: %(edge)s.") % {"metric": metric, "edge": edge[:40]})
        if value < 0 or value != value.to_integral_value():
            raise _wrong(_("%(metric)s: a bucket counts in whole numbers.") % {"metric": metric})
        found[upper] = found.get(upper, 0) + int(value)
    return found


def _matchers(text: str) -> Iterable[tuple[str, str]]:
    for one in text.split(",") if text.strip() else ():
        found = MATCHER.fullmatch(one)
        if found is None:
            raise _wrong(_('A plan\'s selector has labels name="value", divided by commas: %(text)s') % {"text": one})
        yield found[1], found[2]


def _nothing_counted(metric: str) -> errors.Invalid:
    sentence = _("%(metric)s: nothing was counted in this window, so there is nothing to judge. Report a longer one.")
    return _wrong(sentence % {"metric": metric})


def _wrong(sentence: str) -> errors.Invalid:
    return errors.Invalid(sentence, errors={"(body)": [sentence]})
