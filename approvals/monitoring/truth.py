"""Metrics from ground truth, worked out from counts and sums: no single prediction is handed in.

Proportions carry their Wilson interval at 95 % (E. B. Wilson, 1927); what bins leave open carries the bounds between
which it certainly lies. Formulas are those of scikit-learn's `metrics`, which the tests compare with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from governance import errors

PLACES = Decimal("1e-12")
Z95 = Decimal("1.959963984540054")  # the 97.5 % quantile of the standard normal distribution
MAX_COUNT = 10**15
MAX_CLASSES = 100
MAX_BINS = 1000
#: Metrics that the server works out of truth: nobody else states them beside it.
WORKED_OUT = frozenset(
    {"accuracy", "precision", "recall", "specificity", "f1", "balanced_accuracy", "brier", "auc", "mae", "rmse",
     "mean_error", "r_squared", "coverage", "labelled", "label_delay_hours"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's value, and the interval or the bounds around it where there are any."""

    name: str
    value: Decimal
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str = ""

    def as_value(self) -> dict[str, Any]:
        """As a row of measured values."""
        return {"metric": self.name, "value": self.value, "slice": "", "dataset_role": "", "unit": self.unit,
                "ci_low": self.low, "ci_high": self.high}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a window: how many labels, and the metrics they yield."""

    labelled: int
    metrics: list[Metric]


def read_truth(counts: Mapping[str, Any], predictions: int) -> Truth:
    """The metrics of a window from what was handed in.

    Args:
        counts: at least one of `confusion`, `regression`, `scores`, all of the same labels; and `delay`.
        predictions: how many predictions the window holds.

    Raises:
        errors.Invalid: naming `truth.<part>`: a count that is none, sums that no errors have, parts that disagree.
    """
    readers: dict[str, Callable[[Mapping[str, Any]], tuple[int, list[Metric]]]] = {
        "confusion": _confusion, "regression": _regression, "scores": _scores,
    }  # fmt: skip
    given = [name for name in readers if counts.get(name) is not None]
    if not given:
        raise _wrong("truth", _("Give at least one of: %(known)s.") % {"known": ", ".join(readers)})
    with localcontext() as context:
        context.prec = 60
        parts = {name: readers[name](counts[name]) for name in given}
        totals = {total for total, _metrics in parts.values()}
        if len(totals) > 1:
            said = ", ".join(f"{name} {total}" for name, (total, _metrics) in parts.items())
            raise _wrong("truth", _("The parts count different numbers of labels: %(said)s.") % {"said": said})
        labelled = totals.pop()
        if labelled > predictions:
            sentence = _("%(labelled)d labels for %(predictions)d predictions: there cannot be more.")
            raise _wrong("truth", sentence % {"labelled": labelled, "predictions": predictions})
        metrics = [one for _total, found in parts.values() for one in found]
        metrics.append(Metric("labelled", Decimal(labelled)))
        if predictions:
            metrics.append(Metric("coverage", _cut(Decimal(labelled) / predictions)))
        if counts.get("delay") is not None:
            metrics.append(_delay(counts["delay"], labelled))
    return Truth(labelled, metrics)


def _confusion(given: Mapping[str, Any]) -> tuple[int, list[Metric]]:
    """Binary: {tp, fp, tn, fn}. Any number of classes: {labels, matrix}, a row per true class, macro averages."""
    if given.get("matrix") is not None:
        return _matrix(given)
    tp, fp, tn, fn = (_count(given.get(name), f"truth.confusion.{name}") for name in ("tp", "fp", "tn", "fn"))
    total = tp + fp + tn + fn
    found = [
        *_share("accuracy", tp + tn, total), *_share("precision", tp, tp + fp), *_share("recall", tp, tp + fn),
        *_share("specificity", tn, tn + fp),
    ]  # fmt: skip
    if 2 * tp + fp + fn:
        found.append(Metric("f1", _cut(Decimal(2 * tp) / (2 * tp + fp + fn))))
    if tp + fn and tn + fp:
        found.append(Metric("balanced_accuracy", _cut((Decimal(tp) / (tp + fn) + Decimal(tn) / (tn + fp)) / 2)))
    return total, found


def _matrix(given: Mapping[str, Any]) -> tuple[int, list[Metric]]:
    matrix = given["matrix"]
    size = len(matrix)
    if not 2 <= size <= MAX_CLASSES or any(len(row) != size for row in matrix):
        raise _wrong("truth.confusion.matrix", _("A square of 2 to %(most)d classes: a row per true class.")
                     % {"most": MAX_CLASSES})  # fmt: skip
    rows = [[_count(one, "truth.confusion.matrix") for one in row] for row in matrix]
    total, right = sum(map(sum, rows)), sum(rows[k][k] for k in range(size))
    found = list(_share("accuracy", right, total))
    recalls = [Decimal(rows[k][k]) / sum(rows[k]) for k in range(size) if sum(rows[k])]
    columns = [sum(row[k] for row in rows) for k in range(size)]
    precisions = [Decimal(rows[k][k]) / columns[k] if columns[k] else Decimal(0) for k in range(size)]
    f1 = [Decimal(2 * rows[k][k]) / (sum(rows[k]) + columns[k]) if sum(rows[k]) + columns[k] else Decimal(0)
          for k in range(size)]  # fmt: skip
    if total:
        found.append(Metric("balanced_accuracy", _cut(sum(recalls, Decimal(0)) / len(recalls))))
        every = [Decimal(rows[k][k]) / sum(rows[k]) if sum(rows[k]) else Decimal(0) for k in range(size)]
        for name, shares in (("precision", precisions), ("recall", every), ("f1", f1)):
            found.append(Metric(name, _cut(sum(shares, Decimal(0)) / size)))
    return total, found


def _regression(given: Mapping[str, Any]) -> tuple[int, list[Metric]]:
    """Of numbers predicted: n and sums of error (predicted minus true), |error|, error²; of truth and truth² for r²."""
    n = _count(given.get("n"), "truth.regression.n")
    names = ("sum_error", "sum_absolute_error", "sum_squared_error")
    plain, absolute, squared = (_number(given.get(name), f"truth.regression.{name}") for name in names)
    slack = Decimal("1e-9") * (1 + squared)  # sums of doubles come rounded
    if absolute < 0 or squared < 0 or absolute + slack < abs(plain) or absolute**2 > n * squared + n * slack:
        raise _wrong(
            "truth.regression", _("No %(n)d errors have these sums: |Σe| ≤ Σ|e| and (Σ|e|)² ≤ n·Σe².") % {"n": n}
        )
    if n == 0:
        return 0, []
    found = [Metric("mae", _cut(absolute / n)), Metric("rmse", _cut((squared / n).sqrt())),
             Metric("mean_error", _cut(plain / n))]  # fmt: skip
    if given.get("sum_truth") is not None and given.get("sum_truth_squared") is not None:
        truth = _number(given["sum_truth"], "truth.regression.sum_truth")
        square = _number(given["sum_truth_squared"], "truth.regression.sum_truth_squared")
        spread, slack = square - truth**2 / n, Decimal("1e-9") * (1 + abs(square))
        if spread < -slack:
            raise _wrong("truth.regression", _("No %(n)d values have these sums: (Σy)² ≤ n·Σy².") % {"n": n})
        if spread > slack:
            found.append(Metric("r_squared", _cut(1 - squared / spread)))
    return n, found


def _scores(given: Mapping[str, Any]) -> tuple[int, list[Metric]]:
    """Of probabilities: edges 0 … 1 and, per bin, positives and negatives; sum_squared_error makes Brier exact.

    Inside a bin nobody knows the order: the area lies between all pairs there wrong and all right, half is the value.
    """
    edges = [_number(one, "truth.scores.edges") for one in given.get("edges") or ()]
    if (
        not 2 <= len(edges) <= MAX_BINS + 1
        or edges[0] != 0
        or edges[-1] != 1
        or any(a >= b for a, b in pairwise(edges))
    ):
        raise _wrong("truth.scores.edges", _("Edges of 1 to %(most)d bins rise from 0 to 1.") % {"most": MAX_BINS})
    bins = list(zip(
        pairwise(edges), _counts(given, "positives", len(edges) - 1), _counts(given, "negatives", len(edges) - 1),
        strict=True,
    ))  # fmt: skip
    positives, negatives = sum(p for _e, p, _n in bins), sum(n for _e, _p, n in bins)
    total, found = positives + negatives, []
    if positives and negatives:
        below = across = within = 0
        for _edges, up, down in bins:
            across += up * below
            within += up * down
            below += down
        pairs = Decimal(positives * negatives)
        found.append(Metric("auc", _cut((across + Decimal(within) / 2) / pairs), _cut(across / pairs),
                            _cut((across + within) / pairs)))  # fmt: skip
    if total:
        low = sum((p * (1 - b) ** 2 + n * a**2 for (a, b), p, n in bins), Decimal(0)) / total
        high = sum((p * (1 - a) ** 2 + n * b**2 for (a, b), p, n in bins), Decimal(0)) / total
        exact = given.get("sum_squared_error")
        if exact is None:
            found.append(Metric("brier", _cut((low + high) / 2), _cut(low), _cut(high)))
        else:
            value = _number(exact, "truth.scores.sum_squared_error") / total
            if not low - PLACES <= value <= high + PLACES:
                raise _wrong("truth.scores.sum_squared_error", _("The bins do not allow this sum."))
            found.append(Metric("brier", _cut(value)))
    return total, found


def _delay(given: Mapping[str, Any], labelled: int) -> Metric:
    """The median time until a label came, in hours: as stated, or interpolated linearly inside its bucket."""
    if given.get("median_hours") is not None:
        return Metric("label_delay_hours", _least(given["median_hours"], "truth.delay.median_hours"), unit="h")
    edges = [_least(one, "truth.delay.edges_hours") for one in given.get("edges_hours") or ()]
    if not 2 <= len(edges) <= MAX_BINS + 1 or any(a >= b for a, b in pairwise(edges)):
        raise _wrong("truth.delay.edges_hours", _("Edges of 1 to %(most)d buckets, rising.") % {"most": MAX_BINS})
    counts = _counts(given, "counts", len(edges) - 1, where="truth.delay")
    if sum(counts) != labelled or not labelled:
        raise _wrong("truth.delay.counts", _("They add up to the labels: %(labelled)d.") % {"labelled": labelled})
    value, low, high = quantile(list(zip(edges[1:], counts, strict=True)), Decimal("0.5"), first=edges[0])
    return Metric("label_delay_hours", _cut(value), low, high, unit="h")


def quantile(
    buckets: Sequence[tuple[Decimal, int]], share: Decimal, *, first: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """A quantile of counts in buckets: interpolated linearly inside its bucket, and that bucket's edges.

    Args:
        buckets: (upper edge, count) in rising order, not all empty. share: 0 < share < 1. first: the lowest edge.
    """
    rank, seen, low = share * sum(count for _edge, count in buckets), Decimal(0), first
    for high, count in buckets:
        if count and seen + count >= rank:
            return low + (high - low) * (rank - seen) / count, low, high
        seen, low = seen + count, high
    raise AssertionError("unreachable: the last bucket holds the highest rank")


def _share(name: str, part: int, whole: int) -> Iterator[Metric]:
    """A proportion with its Wilson interval at 95 %; nothing where there is nothing to divide by."""
    if whole:
        p, n, z2 = Decimal(part) / whole, Decimal(whole), Z95**2
        middle, width = p + z2 / (2 * n), Z95 * (p * (1 - p) / n + z2 / (4 * n * n)).sqrt()
        low, high = (middle - width) / (1 + z2 / n), (middle + width) / (1 + z2 / n)
        yield Metric(name, _cut(p), min(_cut(max(low, Decimal(0))), _cut(p)), max(_cut(min(high, Decimal(1))), _cut(p)))


def _cut(value: Decimal) -> Decimal:
    return value.quantize(PLACES)


def _counts(given: Mapping[str, Any], name: str, length: int, *, where: str = "truth.scores") -> list[int]:
    counts = given.get(name) or ()
    if len(counts) != length:
        raise _wrong(f"{where}.{name}", _("One count per bin: %(length)d.") % {"length": length})
    return [_count(one, f"{where}.{name}") for one in counts]


def _count(value: Any, where: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise _wrong(where, _("A whole number from 0 to %(most)d.") % {"most": MAX_COUNT})
    return value


def _number(value: Any, where: str) -> Decimal:
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if number is None or not number.is_finite() or abs(number) > Decimal("1e24"):
        raise _wrong(where, _("A finite number, at most 1e24."))
    return number


def _least(value: Any, where: str) -> Decimal:
    number = _number(value, where)
    if number < 0:
        raise _wrong(where, _("Not below zero."))
    return number


def _wrong(where: str, sentence: Any) -> errors.Invalid:
    return errors.Invalid(sentence, errors={where: [sentence]})
