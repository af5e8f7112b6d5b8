"""What is observed of something live. Figures come from whoever observes; metrics and verdicts are worked out here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from approvals.actions._common import call, digest_of
from approvals.actions.evidence import checked_values
from approvals.models import Evidence, EvidenceValue, MoneyEntry, MonitoringWindow, Plan, Promotion
from approvals.monitoring.drift import measure_drift
from approvals.monitoring.truth import WORKED_OUT, Metric, read_truth
from governance import errors
from governance.accounts.models import Principal
from governance.accounts.permissions import require
from governance.accounts.roles import Role
from governance.unit_of_work import action
from lineage.actions.bulk import Faults

MAX_WINDOWS = 1_000
REPORTERS = (Role.PIPELINE, Role.VALIDATOR, Role.DATA_STEWARD, Role.MODEL_OWNER, Role.BUSINESS_OWNER)
#: Metrics that the server works out of money.
OF_MONEY = frozenset({"value", "running_cost", "net", "cumulative_net"})
Kind = MonitoringWindow.Kind


@dataclass(frozen=True, slots=True)
class Report:
    """What is handed in of one window of a promotion, under one plan. Exactly one of the parts after `end`.

    `values`: measured values as in evidence; beside `money` they are its key figures. `predictions`: how many were
    made. `profile`: of the window's inputs, see `monitoring.drift`. `truth`: counts known up to `known_until`, see
    `monitoring.truth`. `money`: {value, running, currency}.
    """

    promotion: Promotion
    plan: Plan
    start: datetime
    end: datetime
    kind: MonitoringWindow.Kind
    values: Sequence[Mapping[str, Any]] = ()
    predictions: int | None = None
    known_until: datetime | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    money: Mapping[str, Any] = field(default_factory=dict)
    tool: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what was handed in, whatever the order of its keys."""
        said = [self.kind, self.end.isoformat(), list(map(dict, self.values)), self.predictions, self.tool,
                self.known_until.isoformat() if self.known_until else "", self.truth, self.money,
                self.profile]  # fmt: skip
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=_plain).encode()).hexdigest()


class Reported(NamedTuple):
    """A window on record, and whether this call put it there."""

    window: MonitoringWindow
    created: bool


@action
def report_windows(*, actor: Principal, reason: str, reports: Sequence[Report]) -> list[Reported]:
    """Record windows of what is or was live, all of them or none; a report sent again is found again.

    What its verdict leads to (a finding, people told, the policy's answer) is done by the database in this transaction.

    Args:
        reports: 1 to 1,000, of any promotions and plans.

    Returns:
        a window for each report, in their order.

    Raises:
        errors.Forbidden: the actor reports nothing in a plan's namespace.
        errors.Refused: of the class of the first refused report; `errors` names each by its place: `windows[3].truth`.
    """
    if not 1 <= len(reports) <= MAX_WINDOWS:
        raise errors.Invalid(errors={"windows": [_("Send 1 to %(limit)d windows.") % {"limit": MAX_WINDOWS}]})
    for namespace in {report.plan.namespace for report in reports}:
        require(actor, *REPORTERS, namespace=namespace)
    for promotion in sorted({report.promotion.pk for report in reports}):
        call("lock_promotion", promotion)
    known = _on_record(actor, reports)
    # A window's predictions before its truth, and windows in their order in time: so a breach is found where it began.
    order = sorted(range(len(reports)), key=lambda n: (reports[n].start, reports[n].kind == Kind.TRUTH,
                                                       reports[n].known_until or reports[n].start))  # fmt: skip
    new = [(place, reports[place]) for place in order if _key(actor, reports[place]) not in known]
    made = _record(actor, new)
    if made:
        with connection.cursor() as cursor:  # a breach is answered now that all of the windows are there
            cursor.execute("SET CONSTRAINTS public.zz_answer_evidence IMMEDIATE")
            cursor.execute("SET CONSTRAINTS public.zz_answer_evidence DEFERRED")
    return [
        Reported(made[n], True) if n in made else Reported(known[_key(actor, report)], False)
        for n, report in enumerate(reports)
    ]


def _key(actor: Principal, report: Report) -> tuple[Any, ...]:
    return (report.promotion.pk, report.plan.pk, report.start, report.digest)


def _on_record(actor: Principal, reports: Sequence[Report]) -> dict[tuple[Any, ...], MonitoringWindow]:
    """What the actor reported before in the same words."""
    places = Q()
    for promotion, plan in {(report.promotion.pk, report.plan.pk) for report in reports}:
        places |= Q(promotion=promotion, plan=plan)
    found = MonitoringWindow.objects.filter(
        places, recorded_by=actor, window_start__in={report.start for report in reports}
    ).select_related("evidence")
    return {(one.promotion_id, one.plan_id, one.window_start, one.content_digest): one for one in found}


def _record(actor: Principal, new: Sequence[tuple[int, Report]]) -> dict[int, MonitoringWindow]:
    """Write them together; where something is refused, one by one, to say which.

    Raises:
        errors.Refused: with each refused window by its place.
    """
    faults = Faults("windows")
    drafts: list[tuple[int, Draft]] = []
    reports = [report for _place, report in new]
    counted, totals = _predictions(reports), _totals(reports)
    seen: dict[tuple[Any, ...], int] = {}
    for place, report in new:
        with faults.of(place):
            first = seen.setdefault((report.promotion.pk, report.plan.pk, report.start, report.digest), place)
            if first != place:
                raise errors.Invalid(_("The same window is sent twice, as number %(first)d too.") % {"first": first})
            drafts.append((place, _draft(actor, report, counted, totals)))
    faults.require_none(len(new))
    try:
        with transaction.atomic():
            return _write(drafts)
    except DatabaseError as error:
        refusal = errors.from_database(error)
        if refusal is None:
            raise
    made: dict[int, MonitoringWindow] = {}
    for place, draft in drafts:
        with faults.of(place), transaction.atomic():
            made |= _write([(place, draft)])
        if faults.enough:
            break
    faults.require_none(len(new))
    return made


class Draft(NamedTuple):
    """A report with what was worked out of it."""

    report: Report
    values: list[dict[str, Any]]
    labelled: int | None
    predictions: int | None
    counts: Mapping[str, Any]


def _predictions(reports: Sequence[Report]) -> dict[tuple[Any, ...], int]:
    """Predictions counted for the windows that truth is reported of: on record, or in the same call."""
    found = {(r.promotion.pk, r.plan.pk, r.start, r.end): r.predictions for r in reports if r.predictions is not None}
    asked = [r for r in reports if r.kind == Kind.TRUTH]
    if asked:
        rows = MonitoringWindow.objects.filter(
            kind=Kind.PREDICTIONS, promotion__in={r.promotion.pk for r in asked}, plan__in={r.plan.pk for r in asked},
            window_start__in={r.start for r in asked},
        )  # fmt: skip
        columns = ("promotion", "plan", "window_start", "window_end", "predictions")
        found |= {tuple(key): int(count or 0) for *key, count in rows.values_list(*columns)}
    return {key: count for key, count in found.items() if count is not None}


def _draft(
    actor: Principal,
    report: Report,
    counted: Mapping[tuple[Any, ...], int],
    totals: Mapping[tuple[int, datetime], Decimal],
) -> Draft:
    """Work a report out.

    Raises:
        errors.Invalid: figures that are none. errors.Conflict: truth without predictions to join.
    """
    if report.kind == Kind.PREDICTIONS:
        return Draft(report, [], None, report.predictions, {})
    if report.kind == Kind.TRUTH:
        predictions = counted.get((report.promotion.pk, report.plan.pk, report.start, report.end))
        if predictions is None:
            raise errors.Conflict(
                _("No predictions were counted for this window, so truth has nothing to join. Report them first;"
                  " both may come in one call."), params={"code": "no-predictions"},
            )  # fmt: skip
        truth = read_truth(report.truth, predictions)
        return Draft(report, [one.as_value() for one in truth.metrics], truth.labelled, predictions, report.truth)
    values = checked_values(report.values)
    reserved = OF_MONEY if report.kind == Kind.BUSINESS else WORKED_OUT & {"coverage", "labelled"}
    if stated := sorted({one["metric"] for one in values} & reserved):
        sentence = _("The server works these out; leave them out: %(names)s.") % {"names": ", ".join(stated)}
        raise errors.Invalid(sentence, errors={"values": [sentence]})
    if report.kind == Kind.BUSINESS:
        values += [one.as_value() for one in _money_metrics(report, totals)]
    counts: Mapping[str, Any] = {}
    if report.profile:
        drift, counts = measure_drift(report.profile, report.plan.criteria.all(), report.promotion, actor)
        names = {one.name for one in drift}
        values = [one for one in values if one["metric"] not in names] + [one.as_value() for one in drift]
    if not values:
        raise errors.Invalid(errors={"values": [_("A window holds at least one value.")]})
    return Draft(report, values, None, None, counts)


def _money_metrics(report: Report, totals: Mapping[tuple[int, datetime], Decimal]) -> list[Metric]:
    """Value and running cost of the window, what is left, and what is left of all that is on record up to its end."""
    money = report.money
    if not money:
        return []
    value, running = Decimal(money.get("value") or 0), Decimal(money.get("running") or 0)
    unit, total = str(money["currency"]), totals[report.promotion.model_id, report.end]
    return [Metric("value", value, unit=unit), Metric("running_cost", running, unit=unit),
            Metric("net", value - running, unit=unit), Metric("cumulative_net", total, unit=unit)]  # fmt: skip


def _totals(reports: Sequence[Report]) -> dict[tuple[int, datetime], Decimal]:
    """Value less cost of a model up to the end of each window: on record, and in this call."""
    found: dict[tuple[int, datetime], Decimal] = {}
    earning = [report for report in reports if report.money]
    for model in {report.promotion.model_id for report in earning}:
        mine = [report for report in earning if report.promotion.model_id == model]
        first, last = min(report.end for report in mine), max(report.end for report in mine)
        entries = MoneyEntry.objects.filter(model=model)
        sums = entries.filter(period_end__lt=first).aggregate(
            value=Sum("amount", filter=Q(kind="value")), cost=Sum("amount", filter=~Q(kind="value"))
        )
        steps = [
            (end, amount if kind == "value" else -amount)
            for end, kind, amount in entries.filter(period_end__range=(first, last)).values_list(
                "period_end", "kind", "amount"
            )
        ] + [
            (report.end, Decimal(report.money.get("value") or 0) - Decimal(report.money.get("running") or 0))
            for report in mine
        ]
        total = (sums["value"] or Decimal(0)) - (sums["cost"] or Decimal(0))
        for end, amount in sorted(steps, key=lambda step: step[0]):
            total += amount
            found[model, end] = total
    return found


def _write(drafts: Sequence[tuple[int, Draft]]) -> dict[int, MonitoringWindow]:
    """Evidence, its values, its window, its money: in this order, since each says what the next rests on."""
    measured = [(place, draft) for place, draft in drafts if draft.report.kind != Kind.PREDICTIONS]
    evidence = Evidence.objects.bulk_create([_evidence(draft.report) for _place, draft in measured])
    of = {place: item for (place, _draft), item in zip(measured, evidence, strict=True)}
    EvidenceValue.objects.bulk_create(
        EvidenceValue(evidence=of[place], **one) for place, draft in measured for one in draft.values
    )
    windows = MonitoringWindow.objects.bulk_create([_window(draft, of.get(place)) for place, draft in drafts])
    made = {place: window for (place, _draft), window in zip(drafts, windows, strict=True)}
    MoneyEntry.objects.bulk_create(entry for place, draft in drafts for entry in _entries(draft.report, made[place]))
    return made


def _evidence(report: Report) -> Evidence:
    return Evidence(
        namespace_id=report.plan.namespace_id, plan=report.plan, promotion=report.promotion,
        subject_digest=digest_of(report.promotion.release.model_version), run_started_at=report.start,
        window_start=report.start, window_end=report.end, tool=report.tool,
    )  # fmt: skip


def _window(draft: Draft, evidence: Evidence | None) -> MonitoringWindow:
    report = draft.report
    return MonitoringWindow(
        promotion=report.promotion, plan=report.plan, evidence=evidence, kind=report.kind, window_start=report.start,
        window_end=report.end, known_until=report.known_until, predictions=draft.predictions, labelled=draft.labelled,
        counts=json.loads(json.dumps(draft.counts, default=_plain)), content_digest=report.digest,
    )  # fmt: skip


def _entries(report: Report, window: MonitoringWindow) -> list[MoneyEntry]:
    given = [(kind, Decimal(report.money[kind])) for kind in ("value", "running") if report.money.get(kind) is not None]
    return [
        MoneyEntry(
            model_id=report.promotion.model_id, window=window, kind=kind, amount=amount,
            currency=report.money["currency"], period_start=report.start, period_end=report.end,
        )
        for kind, amount in given
    ]  # fmt: skip


def _plain(value: Any) -> Any:
    """What JSON has no form for: exact numbers as text, moments as ISO 8601."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value.is_finite() else str(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
